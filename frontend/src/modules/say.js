/**
 * Shows a notice: what happened, what was kept, what to do.
 * @param {string} text
 * @param {{level?: "info"|"success"|"warning"|"error", action?: string, onAction?: () => void}} [more]
 * @returns {() => void} takes the notice back, when what it says is no longer so
 */
export function say(text, more = {}) {
  const detail = { text, ...more };
  document.dispatchEvent(new CustomEvent("desk:toast", { detail }));
  return () => detail.toast?.remove();
}
