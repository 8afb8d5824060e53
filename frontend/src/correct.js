// Correcting what is published: counts while one types, and asks before typed words are left.
import { counters } from "./modules/counters.js";

const form = document.querySelector("form[data-correct]");
if (form) {
  const recount = counters(form);
  let dirty = false;
  form.addEventListener("input", () => { dirty = true; recount(); });
  form.addEventListener("submit", () => { dirty = false; });
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
  recount();
}
