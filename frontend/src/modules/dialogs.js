// Dialogs, and the one question before anything public.
//
//   <button data-confirm="Publish to 3 accounts now?" data-confirm-body="It is public at once."
//           data-confirm-action="Publish now" data-confirm-tone="danger">
//   <button data-dialog="move-dialog">  opens <dialog id="move-dialog">; data-close inside closes it
//
// The click is held back until the answer, then made again, so forms, links and htmx all work as they are.
const asked = document.getElementById("confirm");
let passing = null;

function ask(element) {
  const { confirm: title, confirmBody: body = "", confirmAction: action = "Continue", confirmTone: tone } = element.dataset;
  asked.querySelector("#confirm-title").textContent = title;
  asked.querySelector("#confirm-body").textContent = body;
  const yes = asked.querySelector("[data-confirm-yes]");
  yes.textContent = action;
  yes.classList.toggle("btn-danger", tone === "danger");
  yes.classList.toggle("btn-primary", tone !== "danger");
  asked.returnValue = "no";
  asked.showModal();
  // What cannot be taken back is never one Enter away.
  asked.querySelector("[data-confirm-no]").focus();
  asked.addEventListener(
    "close",
    () => {
      // The page may have brought the button anew while it asked; one that says something else asks again.
      const now = element.isConnected ? element : document.getElementById(element.id);
      now?.focus();
      if (asked.returnValue !== "yes" || !now) return;
      passing = now.dataset.confirm === element.dataset.confirm ? now : null;
      now.click();
      passing = null;
    },
    { once: true },
  );
}

document.addEventListener(
  "click",
  (event) => {
    const element = event.target.closest?.("[data-confirm]");
    if (!element || !asked || element === passing || element.getAttribute("aria-disabled") === "true") return;
    // An incomplete form shows what is missing before it is asked about.
    if (element.form && element.type === "submit" && !element.formNoValidate && !element.form.noValidate && !element.form.reportValidity()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(element);
  },
  true,
);

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (!dialog) return;
    event.preventDefault();
    dialog.dispatchEvent(new CustomEvent("desk:open", { detail: { opener } }));
    dialog.showModal();
    dialog.addEventListener("close", () => opener.focus(), { once: true });
    return;
  }
  if (event.target.closest?.("[data-close]")) event.target.closest("dialog")?.close();
  // A click on the scrim is a click on the dialog itself, outside its box.
  if (event.target instanceof HTMLDialogElement && !event.target.classList.contains("dialog-static")) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && event.detail > 0) event.target.close();
  }
});

// What was sent from one of these and was taken ends it, before its answer comes into the page.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig, xhr } = event.detail;
  if (xhr.status === 200) requestConfig.elt.closest?.("dialog[data-open-now]")?.close();
});

// A dialog that came by htmx: <dialog data-open-now> opens itself and leaves when closed.
document.addEventListener("htmx:load", (event) => {
  const element = event.detail.elt;
  const dialog = element.matches?.("dialog[data-open-now]") ? element : element.querySelector?.("dialog[data-open-now]");
  if (!dialog || dialog.open) return;
  const back = document.activeElement;
  dialog.showModal();
  dialog.addEventListener("close", () => {
    dialog.remove();
    back?.focus?.();
  });
});
