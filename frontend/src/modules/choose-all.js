// One box that ticks all others of its section: <label hidden><input type="checkbox" data-choose-all>.
for (const all of document.querySelectorAll("[data-choose-all]")) {
  const section = all.closest("section");
  const others = [...section.querySelectorAll("input[type=checkbox]")].filter((box) => box !== all);
  all.closest("[hidden]").hidden = others.length < 2;
  section.addEventListener("change", (event) => {
    if (event.target === all) for (const box of others) box.checked = all.checked;
    else all.checked = others.every((box) => box.checked);
  });
}
