// One dialog that asks for a reason, filled from the button that opens it: data-action is where it is sent,
// data-title, data-question and data-label are its words ([data-fill] in the dialog).
document.getElementById("reason-dialog")?.addEventListener("desk:open", (event) => {
  const { opener } = event.detail;
  const form = event.target.querySelector("form");
  form.action = opener.dataset.action;
  form.reset();
  for (const place of event.target.querySelectorAll("[data-fill]")) {
    place.textContent = (opener.dataset[place.dataset.fill] ?? "").replace(/…$/, "");
  }
});
