// The account picker (_components/account_picker.html): search, whole groups, chips of what is chosen.
const boxes = (picker) => [...picker.querySelectorAll('input[type="checkbox"]')];

function showChosen(picker) {
  const place = picker.querySelector("[data-picker-chosen]");
  const template = picker.querySelector("[data-picker-chip]");
  place.replaceChildren(
    ...boxes(picker)
      .filter((box) => box.checked)
      .map((box) => {
        const chip = template.content.firstElementChild.cloneNode(true);
        const account = box.closest("label").querySelector(".account").cloneNode(true);
        account.classList.add("account-sm");
        const name = account.querySelector(".account-name").textContent;
        const remove = chip.querySelector("button");
        remove.querySelector(".visually-hidden").textContent = `Remove ${name}`;
        remove.dataset.value = box.value;
        remove.disabled = box.disabled;
        chip.prepend(account);
        return chip;
      }),
  );
}

function find(picker, words) {
  const wanted = words.trim().toLowerCase();
  let any = false;
  for (const group of picker.querySelectorAll("[data-picker-group]")) {
    let inGroup = false;
    for (const row of group.querySelectorAll("label")) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      inGroup ||= !row.hidden;
    }
    group.hidden = !inGroup;
    any ||= inGroup;
  }
  picker.querySelector("[data-picker-none]").hidden = any;
}

const changed = (box) => box?.dispatchEvent(new Event("change", { bubbles: true }));

function prepare(root) {
  for (const picker of root.querySelectorAll?.("[data-picker]") ?? []) showChosen(picker);
}

document.addEventListener("change", (event) => {
  const picker = event.target.closest?.("[data-picker]");
  if (picker && event.target.type === "checkbox") showChosen(picker);
});
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-picker-find]")) find(event.target.closest("[data-picker]"), event.target.value);
});
document.addEventListener("keydown", (event) => {
  // Enter in the search box would send the form around it.
  if (event.key === "Enter" && event.target.matches?.("[data-picker-find]")) event.preventDefault();
});
document.addEventListener("click", (event) => {
  const picker = event.target.closest?.("[data-picker]");
  if (!picker) {
    for (const open of document.querySelectorAll(".picker-drop[open]")) open.open = false;
    return;
  }
  const remove = event.target.closest(".chip-remove");
  const all = event.target.closest("[data-picker-all]");
  if (remove) {
    const box = boxes(picker).find((other) => other.value === remove.dataset.value);
    box.checked = false;
    changed(box);
    (picker.querySelector(".chip-remove") ?? picker.querySelector("summary")).focus();
  } else if (all) {
    const group = boxes(all.closest("[data-picker-group]")).filter((box) => !box.disabled && !box.closest("label").hidden);
    const every = group.every((box) => box.checked);
    for (const box of group) box.checked = !every;
    changed(group[0]);
  }
});
document.addEventListener("keydown", (event) => {
  const open = event.target.closest?.(".picker-drop[open]");
  if (event.key !== "Escape" || !open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
