/**
 * Shows a notice: what happened, what was kept, what to do.
 * @param {string} text
 * @param {{level?: "info"|"success"|"warning"|"error", action?: string, onAction?: () => void}} [more]
 */
export function say(text, more = {}) {
  document.dispatchEvent(new CustomEvent("desk:toast", { detail: { text, ...more } }));
}
