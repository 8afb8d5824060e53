// Dragging a chip to another day, beside the 'Move to…' dialog that does the same by keyboard. Both send
// the dialog's form, so the server's answer, checks and undo are one thing. What it expects of the page:
//
//   <td class="day" data-date="2026-11-24">
//   <a class="cal-chip" data-move="/deliveries/7/move/" data-time="09:00" data-label="River level…"
//      draggable="true">                       only where this person may move it
//   <dialog id="move-dialog"><form method="post"> fields named date and time, [data-move-label]
import { say } from "./modules/say.js";

const dialog = document.getElementById("move-dialog");
const form = dialog?.querySelector("form");
let dragged = null;

function fill(chip, date) {
  form.action = chip.dataset.move;
  form.elements.date.value = date;
  form.elements.time.value = chip.dataset.time;
  for (const label of dialog.querySelectorAll("[data-move-label]")) label.textContent = chip.dataset.label;
}

if (form) {
  dialog.addEventListener("desk:open", (event) => {
    const chip = event.detail.opener;
    fill(chip, chip.dataset.date ?? chip.closest("[data-date]")?.dataset.date ?? "");
  });
  document.addEventListener("dragstart", (event) => {
    const chip = event.target.closest?.("[data-move][draggable=true]");
    if (!chip) return;
    dragged = chip;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", chip.dataset.label ?? "");
    requestAnimationFrame(() => chip.classList.add("is-dragging"));
  });
  document.addEventListener("dragend", () => {
    dragged?.classList.remove("is-dragging");
    dragged = null;
    for (const day of document.querySelectorAll(".is-over")) day.classList.remove("is-over");
  });
  document.addEventListener("dragover", (event) => {
    const day = event.target.closest?.("[data-date]");
    if (!dragged || !day) return;
    for (const other of document.querySelectorAll(".is-over")) if (other !== day) other.classList.remove("is-over");
    if (day.classList.contains("day-past")) return;
    event.preventDefault();
    day.classList.add("is-over");
  });
  document.addEventListener("drop", (event) => {
    const day = event.target.closest?.("[data-date]");
    if (!dragged || !day) return;
    event.preventDefault();
    const from = dragged.closest("[data-date]")?.dataset.date;
    if (from === day.dataset.date) return;
    if (day.classList.contains("day-past")) {
      say("That day is over. Nothing was moved.", { level: "warning" });
      return;
    }
    fill(dragged, day.dataset.date);
    form.requestSubmit();
  });
}
