// The ARIA tabs pattern for [role=tablist]: arrows, Home and End move and show; panels by aria-controls.
// Without scripts every panel is shown.
export function select(tab, focus = true) {
  const all = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  for (const other of all) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    if (panel) panel.hidden = !chosen;
  }
  if (focus) tab.focus();
  tab.dispatchEvent(new CustomEvent("desk:tab", { bubbles: true }));
}

function prepare(root) {
  for (const tablist of root.querySelectorAll?.("[role=tablist]") ?? []) {
    const chosen = tablist.querySelector("[role=tab][aria-selected=true]") ?? tablist.querySelector("[role=tab]");
    if (chosen) select(chosen, false);
  }
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (tab) select(tab);
});
document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab) return;
  const all = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  const at = all.indexOf(tab);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  select(all[to % all.length]);
});
prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
