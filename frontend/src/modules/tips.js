// One bubble for every title: on hover and on focus, stays while pointed at, Escape sends it away.
// The title attribute works alone where scripts do not; its words are kept for screen readers.
const bubble = document.createElement("div");
bubble.className = "tooltip-bubble";
bubble.id = "tip";
bubble.setAttribute("role", "tooltip");
bubble.popover = "manual";
document.body.append(bubble);
const canShow = typeof bubble.showPopover === "function";
let owner = null;
let timer = 0;

function take(element) {
  if (!element.title) return;
  element.dataset.tip = element.title;
  // A control named by its title alone keeps the name.
  if (!element.textContent.trim() && !element.getAttribute("aria-label")) element.setAttribute("aria-label", element.title);
  element.removeAttribute("title");
}

function place(element) {
  const edge = 8;
  const at = element.getBoundingClientRect();
  const size = bubble.getBoundingClientRect();
  const above = at.top - size.height - 6;
  bubble.style.top = `${above > edge ? above : at.bottom + 6}px`;
  bubble.style.left = `${Math.min(Math.max(edge, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - edge)}px`;
}

function show(element) {
  take(element);
  owner = element;
  bubble.textContent = element.dataset.tip;
  if (element.dataset.key) {
    const key = document.createElement("kbd");
    key.textContent = element.dataset.key;
    bubble.append(key);
  }
  // In the top layer above a modal dialog only when inside it.
  (element.closest("dialog") ?? document.body).append(bubble);
  bubble.showPopover();
  place(element);
  if (element.dataset.tip !== element.textContent.trim()) element.setAttribute("aria-describedby", "tip");
}

function hide() {
  clearTimeout(timer);
  if (!owner) return;
  if (owner.getAttribute("aria-describedby") === "tip") owner.removeAttribute("aria-describedby");
  owner = null;
  if (bubble.matches(":popover-open")) bubble.hidePopover();
}

function wanted(target) {
  const element = target.closest?.("[title], [data-tip], [data-key]");
  if (!element) return null;
  if (!element.title && !element.dataset.tip) {
    if (!element.dataset.key || element.classList.contains("nav-item")) return null;
    element.dataset.tip = element.textContent.trim();
  }
  // A field's own description wins over the bubble's.
  return element.matches("input, textarea, select, svg *") ? null : element;
}

if (canShow) {
  document.addEventListener("pointerover", (event) => {
    if (bubble.contains(event.target)) return clearTimeout(timer);
    const element = wanted(event.target);
    if (element === owner) return undefined;
    hide();
    if (element) timer = setTimeout(() => show(element), 350);
    return undefined;
  });
  document.addEventListener("focusin", (event) => {
    const element = wanted(event.target);
    hide();
    if (element === event.target && element.matches(":focus-visible")) show(element);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  document.addEventListener("pointerdown", hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("htmx:beforeSwap", hide);
}
