// A field that narrows a list beside it: <input data-filters="list-id">, items with data-filter-text.
document.addEventListener("input", (event) => {
  const list = event.target.dataset?.filters && document.getElementById(event.target.dataset.filters);
  if (!list) return;
  event.stopPropagation();
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of list.querySelectorAll("[data-filter-text]")) {
    item.hidden = !item.dataset.filterText.toLowerCase().includes(wanted);
  }
}, true);
