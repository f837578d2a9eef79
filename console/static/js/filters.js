/* A list's filters take effect when they are chosen; their button is for whoever has no script. */
(() => {
  "use strict";
  for (const form of document.querySelectorAll("form[data-auto]")) {
    form.querySelector("button[type=submit]")?.setAttribute("hidden", "");
    form.addEventListener("change", () => form.requestSubmit());
    // What is not asked for does not stand in the address.
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    });
  }
})();
