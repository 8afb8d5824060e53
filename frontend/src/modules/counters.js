// Counts what is typed against each account's limit. What it expects of the page:
//
//   <textarea data-counted="main">                     the words; other texts have keys of their own
//   <span class="counter" data-counter="main" data-rule=… data-limit="300">  see composer.js
import { count } from "./count.js";

/** Keeps the counters of a form; returns the function that counts again. */
export function counters(form) {
  // Counters are read out when a limit is passed or met again, not at every letter.
  const live = document.createElement("p");
  live.className = "visually-hidden";
  live.setAttribute("role", "status");
  form.append(live);

  const recount = () => {
    for (const counter of document.querySelectorAll("[data-counter]")) {
      const field = form.querySelector(`[data-counted="${CSS.escape(counter.dataset.counter)}"]`)
        ?? form.querySelector('[data-counted="main"]');
      const text = field?.value || form.querySelector('[data-counted="main"]')?.value || "";
      const limit = Number(counter.dataset.limit);
      const used = count(text, counter.dataset);
      const left = limit - used;
      counter.classList.toggle("near", left >= 0 && left <= limit * 0.1);
      if (counter.classList.contains("over") !== left < 0) {
        const where = counter.querySelector("[aria-label]")?.getAttribute("aria-label") ?? "this account";
        live.textContent = left < 0 ? `Too long for ${where} by ${-left}` : `Short enough again for ${where}`;
      }
      counter.classList.toggle("over", left < 0);
      const bar = counter.querySelector("progress");
      if (bar) {
        bar.value = Math.min(used, limit);
        bar.className = `limit${left < 0 ? " over" : left <= limit * 0.1 ? " near" : ""}`;
      }
      const words = counter.querySelector("[data-count]");
      if (words) words.textContent = left < 0 ? `${-left} too many` : `${left} left`;
    }
  };
  return recount;
}
