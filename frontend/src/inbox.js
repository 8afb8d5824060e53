// The inbox by keyboard, news without a reload, and words that are not lost. What it expects of the page:
//
//   <ul data-inbox-list> of <li><a class="inbox-row" id="conversation-7" hx-get=… hx-target="#conversation">
//   <div data-inbox-news hx-get=… hx-trigger="desk:poll" hx-swap="none" data-quiet>  sent while the tab is seen
//   <textarea data-draft="reply-7">       kept while one looks elsewhere, forgotten once its form was taken
//   <details data-focus-inside>           opening it takes the cursor to its field
//   j and k walk the rows, Enter or o opens, Escape goes back; the actions are data-key in the page.
import { enabled } from "./modules/keys-state.js";

const POLL_MS = 4000;
const list = () => document.querySelector("[data-inbox-list]");
const rows = () => [...(list()?.querySelectorAll(".inbox-row") ?? [])];
const typing = (target) => target.isContentEditable || target.matches?.("textarea, select, input");
let lastAt = -1;

function current() {
  const all = rows();
  const focused = all.indexOf(document.activeElement);
  return focused >= 0 ? focused : all.findIndex((row) => row.hasAttribute("aria-current"));
}

function open(row) {
  for (const other of rows()) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  lastAt = rows().indexOf(row);
  const panes = row.closest(".panes");
  if (panes) panes.dataset.step = "detail";
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]:modal")) return;
  if (event.key === "Escape") {
    // First out of the field, then back to the list.
    const back = document.querySelector(".pane-back");
    if (typing(event.target)) event.target.blur();
    else if (back?.checkVisibility()) back.click();
    else rows()[Math.max(current(), 0)]?.focus();
    return;
  }
  if (typing(event.target) || !enabled()) return;
  const all = rows();
  if (!all.length) return;
  const at = current();
  // What was open may have left the list (done): go on from where it was.
  const next = at >= 0 ? at + 1 : Math.max(lastAt, 0);
  if (event.key === "j") all[Math.min(next, all.length - 1)].focus();
  else if (event.key === "k") all[Math.max((at >= 0 ? at : next) - 1, 0)].focus();
  else if (event.key === "o" && at >= 0) all[at].click();
  else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  const row = event.target.closest?.(".inbox-row");
  if (row && list()?.contains(row) && !event.ctrlKey && !event.metaKey) open(row);
});

// The conversation that was opened is where the reader is taken, narrow screens included.
function toNewest(box) {
  const said = box.querySelectorAll(".message");
  const last = said[said.length - 1];
  if (last) box.scrollTop = Math.max(0, last.offsetTop + last.offsetHeight - box.clientHeight * 0.6);
}
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "conversation") return;
  toNewest(event.detail.target);
  const error = event.detail.target.querySelector(".reply-errors");
  (error ?? event.detail.target.querySelector("[data-conversation-title]"))?.focus({ preventScroll: !error });
});
const shown = document.getElementById("conversation");
if (shown) toNewest(shown);

// A part that comes anew keeps the place of whoever is walking or reading it.
let kept = null;
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target } = event.detail;
  // A menu in use is not taken away; what it stands on is drawn anew with the next step.
  if (target.querySelector?.("details.menu[open]")) event.detail.shouldSwap = false;
  const pane = target.closest?.(".pane");
  const first = target.id === "inbox-list" && pane?.scrollTop > 0 ? rows().find((row) => row.getBoundingClientRect().bottom > pane.getBoundingClientRect().top) : null;
  kept = { pane, id: first?.id, top: first?.getBoundingClientRect().top, focused: target.contains?.(document.activeElement) ? document.activeElement.id : "" };
});
document.addEventListener("htmx:oobAfterSwap", () => {
  const { pane, focused, id, top } = kept ?? {};
  kept = null;
  const row = id && document.getElementById(id);
  if (row) pane.scrollTop += row.getBoundingClientRect().top - top;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
});

// Words that were typed and not sent come back with their conversation.
const drafts = new Map();
document.addEventListener("input", (event) => {
  const key = event.target.dataset?.draft;
  if (key) drafts.set(key, event.target.value);
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const sent = event.detail.requestConfig.elt;
  if (sent.matches("form[data-clears-draft]") && event.detail.xhr.status === 200) drafts.delete(sent.querySelector("[data-draft]").dataset.draft);
});
document.addEventListener("htmx:load", (event) => {
  for (const field of event.detail.elt.querySelectorAll?.("[data-draft]") ?? []) {
    const words = drafts.get(field.dataset.draft);
    if (!words || field.value) continue;
    field.value = words;
    const box = field.closest("details");
    if (box) box.open = true;
    field.dispatchEvent(new Event("input", { bubbles: true })); // so that it is counted
  }
});
addEventListener("beforeunload", (event) => {
  if ([...drafts.values()].some((words) => words.trim())) event.preventDefault();
});
// A plain submit goes on to the next page, with the words.
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-clears-draft]") && !event.defaultPrevented) drafts.clear();
});

// At once, not on "toggle", which comes later: the first letters typed would be taken for shortcuts.
document.addEventListener("click", (event) => {
  const box = event.target.closest?.("details[data-focus-inside] > summary")?.parentElement;
  if (!box) return;
  event.preventDefault();
  box.open = !box.open;
  if (box.open) box.querySelector("textarea, input:not([type=hidden])")?.focus();
});

setInterval(() => {
  if (document.hidden) return;
  for (const news of document.querySelectorAll("[data-inbox-news]")) window.htmx?.trigger(news, "desk:poll");
}, POLL_MS);
