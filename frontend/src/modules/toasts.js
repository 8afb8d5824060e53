// Notices. Sources: Django's messages (in the page or swapped in by htmx), an HX-Trigger header
// {"desk:toast": {"text": …, "level": …, "undo": "/path/"}}, and say() of our own modules.
// Errors and anything with an undo stay long enough to be read and reached.
const TONES = { info: "blue", success: "green", warning: "amber", error: "red" };
const LASTS_MS = 7000;
const LASTS_WITH_ACTION_MS = 15000;
const box = document.getElementById("toasts");

function leaveLater(toast) {
  if (toast.hasAttribute("data-stays") || toast.dataset.timed) return;
  toast.dataset.timed = "yes";
  let left = toast.querySelector("form, [data-toast-action]:not([hidden])") ? LASTS_WITH_ACTION_MS : LASTS_MS;
  let timer = 0;
  let since = 0;
  const start = () => {
    since = Date.now();
    timer = setTimeout(() => toast.remove(), left);
  };
  const stop = () => {
    clearTimeout(timer);
    left = Math.max(2000, left - (Date.now() - since));
  };
  // Nobody loses a notice while reading it or on the way to its button.
  for (const type of ["mouseenter", "focusin"]) toast.addEventListener(type, stop);
  for (const type of ["mouseleave", "focusout"]) toast.addEventListener(type, start);
  start();
}

function add({ text, level = "info", undo, action, onAction }) {
  const template = document.getElementById("toast-template");
  if (!box || !template || !text) return null;
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.classList.add(`tone-${TONES[level] ?? "blue"}`);
  for (const icon of toast.querySelectorAll("[data-toast-icon]")) {
    if (icon.dataset.toastIcon !== level) icon.remove();
  }
  if (level === "error" || level === "warning") toast.dataset.stays = "";
  else toast.setAttribute("role", "status");
  toast.querySelector("[data-toast-text]").textContent = text;
  const button = toast.querySelector("[data-toast-action]");
  if (undo || onAction) {
    button.hidden = false;
    button.textContent = action ?? "Undo";
    button.addEventListener("click", () => {
      toast.remove();
      if (onAction) onAction();
      else postTo(undo);
    });
  }
  box.append(toast);
  return toast;
}

function postTo(path) {
  if (!path.startsWith("/") || path.startsWith("//")) return;
  const form = document.createElement("form");
  form.method = "post";
  form.action = path;
  const token = document.createElement("input");
  token.type = "hidden";
  token.name = "csrfmiddlewaretoken";
  token.value = document.querySelector('meta[name="csrf-token"]').content;
  form.append(token);
  document.body.append(form);
  form.submit();
}

document.addEventListener("desk:toast", (event) => {
  const detail = event.detail ?? {};
  detail.toast = add(detail);
});
document.addEventListener("click", (event) => {
  event.target.closest?.("[data-toast-close]")?.closest("[data-toast]").remove();
});
if (box) {
  for (const toast of box.querySelectorAll("[data-toast]")) leaveLater(toast);
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      if (node.matches?.("[data-toast]")) leaveLater(node);
    }
  }).observe(box, { childList: true });
}
