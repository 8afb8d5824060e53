// Light, dark, as the system: one button that goes round, kept in a cookie the server reads too.
const ORDER = ["system", "light", "dark"];
const WORDS = { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
const root = document.documentElement;

const current = () => (ORDER.includes(root.dataset.theme) ? root.dataset.theme : "system");

function show() {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.querySelector("[data-theme-word]").textContent = `${WORDS[current()]}. Change theme`;
    button.title = WORDS[current()];
  }
}

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-theme-toggle]")) return;
  root.dataset.theme = ORDER[(ORDER.indexOf(current()) + 1) % ORDER.length];
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  show();
});
show();
