// The picture of activity: its bars are links. With a mouse one drags over several, with the
// keyboard one walks by the arrows and chooses several with Shift; Enter shows them.
const fields = (name, moment) => {
  const [day, at] = moment.split("T");
  return at ? { [name]: day, [`${name}_at`]: at } : { [name]: day };
};

function choose(figure, bars, from, to) {
  const [first, last] = from < to ? [from, to] : [to, from];
  bars.forEach((bar, at) => bar.classList.toggle("is-chosen", at >= first && at <= last));
  return [first, last];
}

function show(figure, bars, [first, last]) {
  if (first === last) return window.location.assign(bars[first].href);
  const address = new URL(figure.dataset.base, window.location.href);
  const chosen = { ...fields("since", bars[first].dataset.since), ...fields("until", bars[last].dataset.until) };
  for (const [name, value] of Object.entries(chosen)) address.searchParams.set(name, value);
  return window.location.assign(address);
}

function start(figure) {
  const bars = [...figure.querySelectorAll(".activity-bar")];
  let anchor = -1; // where a choice of several began
  let chosen = null;
  let dragging = false;
  const at = (target) => bars.indexOf(target?.closest?.(".activity-bar"));
  const forget = () => {
    anchor = -1;
    chosen = null;
    for (const bar of bars) bar.classList.remove("is-chosen");
  };
  // One stop of the Tab key for all; the newest first.
  bars.forEach((bar, number) => { bar.tabIndex = number === bars.length - 1 ? 0 : -1; });
  bars.at(-1)?.scrollIntoView({ block: "nearest", inline: "end" });

  figure.addEventListener("keydown", (event) => {
    const here = at(event.target);
    if (here < 0) return;
    const last = bars.length - 1;
    const next = { ArrowLeft: Math.max(here - 1, 0), ArrowRight: Math.min(here + 1, last), Home: 0, End: last }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      if (event.shiftKey) {
        if (anchor < 0) anchor = here;
        chosen = choose(figure, bars, anchor, next);
      } else forget();
      bars[here].tabIndex = -1;
      bars[next].tabIndex = 0;
      bars[next].focus();
    } else if (event.key === "Enter" && chosen) {
      event.preventDefault();
      show(figure, bars, chosen);
    } else if (event.key === "Escape") forget();
  });

  figure.addEventListener("pointerdown", (event) => {
    const here = at(event.target);
    if (here < 0 || event.button !== 0 || event.pointerType === "touch") return;
    anchor = here;
    dragging = true;
  });
  figure.addEventListener("pointermove", (event) => {
    const here = dragging ? at(event.target) : -1;
    if (here >= 0 && (chosen || here !== anchor)) chosen = choose(figure, bars, anchor, here);
  });
  window.addEventListener("pointerup", () => {
    if (!dragging) return;
    dragging = false;
    if (chosen && chosen[0] !== chosen[1]) show(figure, bars, chosen);
    else forget();
  });
  // The end of a drag is no click on the bar under it.
  figure.addEventListener("click", (event) => { if (chosen) event.preventDefault(); });
  const hint = figure.querySelector("[data-activity-hint]");
  if (hint && bars.length > 1) hint.hidden = false;
}

const begin = (root) => {
  for (const figure of root.querySelectorAll("[data-activity]:not([data-begun])")) {
    figure.dataset.begun = "";
    start(figure);
  }
};
document.addEventListener("htmx:afterSettle", () => begin(document));
begin(document);
