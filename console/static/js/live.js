/*
 * Keeps what is marked id="live" as it is now: the stream says that something changed, the page asks
 * for that part again and puts it in place.  Without a stream it asks once a minute.  What comes with
 * it marked data-live-part goes to its own place, unless somebody has begun to fill it in.
 */
(() => {
  "use strict";
  const state = document.getElementById("live-state");
  if (!state || !document.getElementById("live")) return;
  // Changes come in bursts; one fetch answers all of a second.  The wait differs from page to page.
  const settle = 700 + Math.random() * 800;
  const quiet = 60000;
  let due = 0;
  let busy = false;
  let last = Date.now();

  const marks = (root) => new Map([...root.querySelectorAll("[data-mark]")].map((one) => [one.id, one.dataset.mark]));

  const typing = (root) => root.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

  function changed(field) {
    if (field.type === "file") return field.files.length > 0;
    if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
    if (field.matches("select")) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
    return field.value !== field.defaultValue;
  }

  const begun = (root) => typing(root) || [...root.querySelectorAll("input, textarea, select")].some(changed);

  function place(parts) {
    for (const part of parts) {
      const here = document.getElementById(part.id);
      const same = part.dataset.mark !== undefined && here?.dataset.mark === part.dataset.mark;
      if (here && !same && !begun(here)) here.replaceWith(document.importNode(part, true));
    }
  }

  async function refresh() {
    due = 0;
    const old = document.getElementById("live");
    if (busy || !old || typing(old)) return;
    busy = true;
    try {
      const answer = await fetch(old.dataset.fetch, { headers: { "X-Part": "live" }, redirect: "error" });
      if (!answer.ok) return;
      const whole = new DOMParser().parseFromString(await answer.text(), "text/html");
      const made = whole.getElementById("live");
      if (!made) return;
      const before = marks(old);
      const fresh = document.importNode(made, true);
      for (const [id, mark] of marks(fresh)) {
        if (before.get(id) !== mark) fresh.querySelector(`#${CSS.escape(id)}`).classList.add("changed");
      }
      old.replaceWith(fresh);
      place(whole.querySelectorAll("[data-live-part]"));
      last = Date.now();
      document.dispatchEvent(new CustomEvent("live:swapped"));
    } catch {
      say(false);
    } finally {
      busy = false;
    }
  }

  function say(on) {
    state.dataset.state = on ? "on" : "lost";
    state.textContent = on ? state.dataset.on : state.dataset.lost;
  }

  function soon() {
    if (!due) due = setTimeout(refresh, settle);
  }

  const stream = new EventSource(state.dataset.stream);
  stream.addEventListener("open", () => say(true));
  stream.addEventListener("error", () => say(false));
  stream.addEventListener("changed", soon);
  // What was missed while there was no stream is fetched at once.
  stream.addEventListener("hello", () => { say(true); if (Date.now() - last > settle) soon(); });
  addEventListener("pagehide", () => stream.close());
  setInterval(() => { if (Date.now() - last > quiet && !document.hidden) soon(); }, quiet / 4);

  const clock = document.getElementById("clock");
  if (clock) {
    setInterval(() => { clock.textContent = new Date().toTimeString().slice(0, 5); }, 10000);
  }
})();
