// Ctrl-K: a combobox whose list the server answers (_components/search_results.html).
import htmx from "htmx.org";

const dialog = document.getElementById("palette");
const input = document.getElementById("palette-q");
const options = () => [...dialog.querySelectorAll("[role=option]")];

function choose(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  if (option) {
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else input.removeAttribute("aria-activedescendant");
}

function open() {
  if (dialog.open) return;
  dialog.showModal();
  input.select();
  htmx.trigger(input.form, "palette:open");
}

if (dialog) {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => event.target.closest?.("[data-palette]") && open());
  dialog.addEventListener("htmx:afterSwap", () => choose(options()[0]));
  input.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") choose(all[(at + 1) % all.length]);
    else if (event.key === "ArrowUp") choose(all[(at - 1 + all.length) % all.length]);
    else if (event.key === "Enter" && at >= 0) {
      if (event.ctrlKey || event.metaKey) window.open(all[at].href, "_blank", "noopener");
      else all[at].click();
    } else if (event.key === "Escape") dialog.close(); // A search field would only empty itself.
    else return;
    event.preventDefault();
  });
}
