// The inbox by keyboard, and news without a reload. What it expects of the page:
//
//   <ul data-inbox-list> of <li><a class="inbox-row" id="conversation-7" hx-get=… hx-target="#conversation">
//   <div data-inbox-news hx-get="…?since=…" hx-trigger="every 5s [!document.hidden]" data-quiet>  (or
//        hx-trigger="desk:poll", which this sends while the tab is seen; allowEval is off)
//   j and k walk the rows, Enter or o opens, u goes back to the list; the actions are data-key in the page.
import { enabled } from "./modules/keys-state.js";

const POLL_MS = 5000;
const list = () => document.querySelector("[data-inbox-list]");
const rows = () => [...(list()?.querySelectorAll(".inbox-row") ?? [])];
const typing = (target) => target.isContentEditable || target.matches?.("textarea, select, input");

function current() {
  const all = rows();
  const focused = all.indexOf(document.activeElement);
  return focused >= 0 ? focused : all.findIndex((row) => row.hasAttribute("aria-current"));
}

function open(row) {
  for (const other of rows()) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  row.classList.remove("is-unread");
  const panes = row.closest(".panes");
  if (panes) panes.dataset.step = "detail";
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !enabled() || document.querySelector("dialog[open]:modal")) return;
  const all = rows();
  if (!all.length) return;
  const at = current();
  if (event.key === "j") all[Math.min(at + 1, all.length - 1)].focus();
  else if (event.key === "k") all[Math.max(at - 1, 0)].focus();
  else if (event.key === "o" && at >= 0) all[at].click();
  else if (event.key === "u" && document.querySelector(".panes[data-step=detail]")) {
    document.querySelector(".panes").dataset.step = "list";
    all[Math.max(at, 0)].focus();
  } else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  const row = event.target.closest?.(".inbox-row");
  if (row && list()?.contains(row) && !event.ctrlKey && !event.metaKey) open(row);
});

// The conversation that was opened is where the reader is taken, narrow screens included.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "conversation") {
    event.detail.target.querySelector("[data-conversation-title]")?.focus({ preventScroll: false });
  }
});

// A refreshed list keeps the place of whoever is walking it.
let place = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target === list() || event.detail.target.contains?.(list())) place = document.activeElement?.id || null;
});
document.addEventListener("htmx:afterSettle", () => {
  if (place && !document.getElementById(place)?.matches(":focus")) document.getElementById(place)?.focus({ preventScroll: true });
  place = null;
});

setInterval(() => {
  if (document.hidden) return;
  for (const news of document.querySelectorAll("[data-inbox-news]")) window.htmx?.trigger(news, "desk:poll");
}, POLL_MS);
