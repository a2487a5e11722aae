"use strict";
// Keyboard shortcuts and their help. Single keys can be switched off, and never act while somebody writes.

(() => {
  const root = document.body.dataset.root;
  const help = document.getElementById("help");
  if (!help) return;
  const opener = document.getElementById("help-open");
  const on = document.getElementById("keys-on");
  const KEY = "safety-keys";
  let waiting = 0; // until when a "g" waits for its second key

  const remembered = () => {
    try { return window.localStorage.getItem(KEY) !== "off"; } catch { return true; }
  };
  const remember = (value) => {
    try { window.localStorage.setItem(KEY, value ? "on" : "off"); } catch { /* private window */ }
  };

  on.checked = remembered();
  on.addEventListener("change", () => remember(on.checked));
  opener.hidden = false;
  opener.addEventListener("click", () => help.showModal());

  const writes = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  const step = (by) => {
    const items = [...document.querySelectorAll("[data-item]")];
    if (!items.length) return;
    const at = items.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(Math.max(at + by, 0), items.length - 1);
    items[next].focus();
  };

  const search = () => {
    const form = document.getElementById("search");
    if (form) form.querySelector("input").focus();
    else window.location.assign(`${root}/events`);
  };

  const plain = {
    "?": () => help.showModal(),
    "/": search,
    "j": () => step(1),
    "k": () => step(-1),
    "p": () => { const pause = document.getElementById("pause"); if (pause && !pause.hidden) pause.click(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === "Escape" && writes(event.target)) { event.target.blur(); return; }
    if (!on.checked || writes(event.target)) return;
    if (waiting > event.timeStamp) {
      waiting = 0;
      const to = document.querySelector(`nav a[data-go="${CSS.escape(event.key)}"]`);
      if (to) { event.preventDefault(); to.click(); }
      return;
    }
    if (event.key === "g") { waiting = event.timeStamp + 1500; return; }
    if (Object.hasOwn(plain, event.key)) { event.preventDefault(); plain[event.key](); }
  });
})();
