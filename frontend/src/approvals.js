// The approval queue: j and k walk it, and after a decision the next item is opened by the server's answer.
// What it expects of the page: <ul data-queue> of <a class="row-link" id=…>, decisions as data-key in the page.
import { enabled } from "./modules/keys-state.js";

const rows = () => [...document.querySelectorAll("[data-queue] .row-link")];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !enabled() || document.querySelector("dialog[open]:modal")) return;
  if (event.target.matches?.("textarea, select, input") || !["j", "k"].includes(event.key)) return;
  const all = rows();
  const focused = all.indexOf(document.activeElement);
  const at = focused >= 0 ? focused : all.findIndex((row) => row.hasAttribute("aria-current"));
  all[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), all.length - 1)]?.focus();
  event.preventDefault();
});
document.addEventListener("htmx:afterSwap", (event) => {
  event.detail.target.querySelector?.("[data-item-title]")?.focus();
});
