// Small helps for forms: filters that send themselves, one submit only, focus on the first error.
import { say } from "./say.js";

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-auto-submit]")) form.requestSubmit();
});

// A second click while the first is under way must not do the thing twice. htmx has hx-disabled-elt.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 8000);
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

const wrong = document.querySelector('main form[method="post"] :is(.error-summary, [aria-invalid="true"])');
wrong?.focus();

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;

  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Copied.", { level: "success" });
  } catch {
    say("Copying is not allowed here. Select the text and copy it by hand.", { level: "warning" });
  }
});

// Panes on narrow screens: opening one is a step, and the way back is a button.
document.addEventListener("click", (event) => {
  const panes = event.target.closest?.(".panes");
  if (!panes) return;
  if (event.target.closest("[data-step-to]")) panes.dataset.step = event.target.closest("[data-step-to]").dataset.stepTo;
});
