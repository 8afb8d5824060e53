// Keys declared in the page: data-key="a" on a link, button or field; data-key="g i" is two in a row.
// '?' lists them. Single letters can be switched off in that list (WCAG 2.1.4).
import { OFF, enabled } from "./keys-state.js";

const SEQUENCE_MS = 1200;
let begun = "";
let begunAt = 0;

const typing = (target) =>
  target.isContentEditable || target.matches?.("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=file])");

function scope() {
  const dialogs = [...document.querySelectorAll("dialog[open]:modal")];
  return dialogs.at(-1) ?? document;
}

const shown = (element) => element.checkVisibility?.({ visibilityProperty: true }) ?? true;

function press(element) {
  if (element.matches("input, textarea, select")) element.focus();
  else element.click();
}

function words(element) {
  const copy = element.cloneNode(true);
  for (const part of copy.querySelectorAll(".count, kbd, svg")) part.remove();
  return (element.dataset.keyLabel ?? element.getAttribute("aria-label") ?? copy.textContent).replace(/\s+/g, " ").trim() || element.dataset.tip || "";
}

function list() {
  const dialog = document.getElementById("shortcuts");
  const rows = new Map([["Ctrl K", "Find anything"]]);
  for (const element of document.querySelectorAll("[data-key]")) rows.set(element.dataset.key, words(element));
  const box = dialog.querySelector("#shortcuts-list");
  box.replaceChildren(
    ...[...rows].map(([key, label]) => {
      const row = document.createElement("div");
      const name = document.createElement("span");
      name.textContent = label;
      const keys = document.createElement("span");
      keys.append(...key.split(" ").flatMap((part) => [Object.assign(document.createElement("kbd"), { textContent: part }), " "]));
      row.append(name, keys);
      return row;
    }),
  );
  const choice = dialog.querySelector("#shortcuts-on");
  choice.checked = enabled();
  choice.onchange = () => localStorage.setItem(OFF, choice.checked ? "no" : "yes");
  const back = document.activeElement;
  dialog.showModal();
  dialog.addEventListener("close", () => back?.focus?.(), { once: true });
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-shortcuts]") && document.getElementById("shortcuts")) list();
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !enabled()) return;
  if (event.key.length !== 1) return;
  const now = Date.now();
  const both = now - begunAt < SEQUENCE_MS && begun ? `${begun} ${event.key}` : "";
  // The page's own keys go before those of the shell around it.
  const own = (element) => Number(Boolean(element.closest("main")));
  const all = [...scope().querySelectorAll("[data-key]")].filter(shown).sort((one, other) => own(other) - own(one));
  const hit = all.find((element) => element.dataset.key === both) ?? all.find((element) => element.dataset.key === event.key);
  begun = all.some((element) => element.dataset.key.startsWith(`${event.key} `)) ? event.key : "";
  begunAt = now;
  if (!hit) return;
  begun = "";
  event.preventDefault();
  press(hit);
});
// The one primary act of a page: data-key="Ctrl+Enter". It works while one types, with Command as well.
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
  const hit = [...scope().querySelectorAll('[data-key="Ctrl+Enter"]')].find(shown);
  if (!hit) return;
  event.preventDefault();
  press(hit);
});
for (const element of document.querySelectorAll("[data-key]")) element.setAttribute("aria-keyshortcuts", element.dataset.key.replace("Ctrl", "Control"));
document.addEventListener("htmx:load", (event) => {
  for (const element of event.detail.elt.querySelectorAll?.("[data-key]") ?? []) element.setAttribute("aria-keyshortcuts", element.dataset.key.replace("Ctrl", "Control"));
});
