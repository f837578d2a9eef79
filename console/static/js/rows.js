/*
 * Lists of rows by keyboard: once a row's link has the focus, up and down (k and j) go to the next
 * one, Home and End to the ends.  Keys do nothing elsewhere, so that nothing is in the way of those
 * who speak or who read with a screen reader.
 */
(() => {
  "use strict";
  const links = () => [...document.querySelectorAll("[data-rows] > li .alarm-what a")];
  const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, Home: -Infinity, End: Infinity };
  let held = "";

  const rowOf = (link) => link.closest("[data-rows] > li")?.id ?? "";

  document.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    const link = document.activeElement?.closest?.("[data-rows] a");
    if (!link) return;
    const all = links();
    const at = all.findIndex((one) => rowOf(one) === rowOf(link));
    if (at < 0) return;
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, at + steps[event.key]))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("focusin", (event) => {
    const link = event.target.closest?.("[data-rows] a");
    held = link ? rowOf(link) : "";
  });
  document.addEventListener("pointerdown", () => { held = ""; });
  // A list that is put in anew keeps the row that somebody stands on.
  document.addEventListener("live:swapped", () => {
    if (held) document.getElementById(held)?.querySelector(".alarm-what a")?.focus({ preventScroll: true });
  });
})();
