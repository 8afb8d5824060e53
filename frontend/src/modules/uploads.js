// Pictures and videos of a post, and of each post of a thread: chosen, dropped or pasted; each goes up by
// itself, shows how far it is, and gets its alt text beside it. They are moved up and down, and from one
// post of a thread to another. The server answers {id, url, video} or {error}; what a file is and
// whether it is taken is the server's to say.
import { say } from "./say.js";

const NO_ANSWER = "The server could not be reached. Nothing else was changed. Try again.";
const STEP = 25; // per cent after which a screen reader hears of it again

export function uploads(form, changed, ended) {
  const template = form.querySelector("template[data-media-template]");
  const said = form.querySelector("[data-upload-said]");
  if (!template || !form.querySelector("[data-pictures]")) return;
  const running = new Map();

  const tell = (words) => { if (said) said.textContent = words; };
  const groups = () => [...form.querySelectorAll("[data-pictures]")];
  const inputOf = (group) => group.querySelector("input[type=file]");

  // What follows from the posts there are now: their names in each choice of a place; and files go up
  // by themselves, not with the form.
  function settle() {
    const keys = groups().map((group) => group.dataset.pictures);
    for (const group of groups()) {
      inputOf(group).removeAttribute("name");
      for (const choice of group.querySelectorAll("[data-place]")) {
        choice.replaceChildren(...keys.map((key, at) => new Option(`Post ${at + 1}`, key)));
        choice.value = group.dataset.pictures;
      }
    }
  }

  function send(file, group) {
    const item = template.content.firstElementChild.cloneNode(true);
    const local = URL.createObjectURL(file);
    const shown = showing(item, local, file.type.startsWith("video/"));
    const bar = progressOf(item, file.name, tell);
    // Nameless until it is known by a number: a save meanwhile leaves it out.
    for (const field of item.querySelectorAll("[name]")) field.removeAttribute("name");
    item.classList.add("is-busy");
    if (file.type.startsWith("video/")) withoutCut(item);
    called(item, `“${file.name}”`, `Cancel the upload of “${file.name}”`, "Cancel");
    group.querySelector("[data-media-list]").append(item);
    settle();

    const request = new XMLHttpRequest();
    running.set(item, request);
    request.upload.addEventListener("progress", (event) => bar.at(event.loaded, event.total));
    request.upload.addEventListener("load", () => bar.checking());
    const end = (answer) => {
      running.delete(item);
      item.classList.remove("is-busy");
      ended();
      if (answer.id) return added(item, file, answer, shown, local, bar);
      const focused = item.contains(document.activeElement);
      const input = item.isConnected && inputOf(item.closest("[data-pictures]"));
      item.remove();
      URL.revokeObjectURL(local);
      if (focused) input.focus();
      if (answer.stopped) tell(`“${file.name}” was not added.`);
      else say(`“${file.name}” was not added. ${answer.error ?? "The server refused it. Choose another file."}`, { level: "error" });
    };
    request.addEventListener("load", () => end(answerOf(request)));
    request.addEventListener("error", () => end({ error: NO_ANSWER }));
    request.addEventListener("abort", () => end({ stopped: true }));
    request.open("POST", form.dataset.upload);
    request.setRequestHeader("X-CSRFToken", document.querySelector('meta[name="csrf-token"]').content);
    request.setRequestHeader("Accept", "application/json");
    const data = new FormData();
    data.append("file", file);
    request.send(data);
    tell(`Uploading “${file.name}”.`);
  }

  function added(item, file, answer, shown, local, bar) {
    bar.done();
    const noun = answer.video ? "video" : "picture";
    called(item, noun, `Remove ${noun}`, "Remove");
    const id = item.querySelector("[data-id]");
    id.name = "media";
    id.value = answer.id;
    item.querySelector("[data-place]").name = `in-${answer.id}`;
    const alt = item.querySelector("[data-alt]");
    alt.name = alt.id = `alt-${answer.id}`;
    const label = item.querySelector("label.form-label");
    label.htmlFor = alt.id;
    label.textContent = `What does the ${noun} show?`;
    const keep = item.querySelector("[data-keep]");
    if (answer.video) withoutCut(item);
    else if (keep) keep.name = keep.id = `keep-${answer.id}`;
    const element = Boolean(answer.video) === (shown.localName === "video") ? shown : showing(item, "", answer.video);
    element.addEventListener(answer.video ? "loadeddata" : "load", () => URL.revokeObjectURL(local), { once: true });
    element.src = answer.url;
    tell(`“${file.name}” is added.`);
    // Who is writing somewhere else meanwhile is left there.
    const at = document.activeElement;
    if (at === document.body || item.contains(at) || at === inputOf(item.closest("[data-pictures]") ?? form)) alt.focus();
    changed();
  }

  const sendAll = (files, group) => [...files].forEach((file) => send(file, group));
  const over = (event) => event.target.closest?.("[data-drop]");
  form.addEventListener("change", (event) => {
    const group = event.target.closest?.("[data-pictures]");
    if (event.target.matches("input[type=file]")) {
      sendAll(event.target.files, group);
      event.target.value = "";
    } else if (event.target.matches("[data-place]")) place(event.target.closest("li"), event.target.value);
  });
  for (const type of ["dragenter", "dragover"]) {
    form.addEventListener(type, (event) => {
      if (!over(event)) return;
      event.preventDefault();
      over(event).classList.add("is-over");
    });
  }
  for (const type of ["dragleave", "drop"]) form.addEventListener(type, (event) => over(event)?.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    if (!over(event)) return;
    event.preventDefault();
    sendAll(event.dataTransfer.files, event.target.closest("[data-pictures]"));
  });
  // What is pasted goes to the post in which one writes.
  form.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => /^(image|video)\//.test(file.type));
    if (!files.length) return;
    event.preventDefault();
    const here = event.target.closest(".thread-part")?.querySelector("[data-pictures]");
    sendAll(files, here ?? event.target.closest("[data-pictures]") ?? groups()[0]);
  });

  function place(item, key) {
    const group = groups().find((one) => one.dataset.pictures === key);
    if (!group) return;
    group.querySelector("[data-media-list]").append(item);
    item.querySelector("[data-place]").focus();
    tell(`Moved to post ${groups().indexOf(group) + 1}.`);
    if (!running.has(item)) changed();
  }

  function move(item, button) {
    const earlier = button.matches("[data-earlier]");
    if (earlier) item.previousElementSibling?.before(item);
    else item.nextElementSibling?.after(item);
    // At the end of the list there is only the way back.
    (button.checkVisibility() ? button : item.querySelector(earlier ? "[data-later]" : "[data-earlier]")).focus();
    const all = [...item.parentElement.children];
    tell(`Moved to place ${all.indexOf(item) + 1} of ${all.length}.`);
    if (!running.has(item)) changed();
  }

  form.addEventListener("click", (event) => {
    const item = event.target.closest?.(".media-item");
    if (!item) return;
    const button = event.target.closest("button");
    if (button?.matches("[data-earlier], [data-later]")) move(item, button);
    if (!button?.matches("[data-remove]")) return;
    if (running.has(item)) {
      running.get(item).abort();
      return;
    }
    const list = item.parentElement;
    const next = item.nextElementSibling;
    const near = next ?? list.closest("[data-pictures]").querySelector("[data-drop]");
    item.remove();
    changed();
    near.querySelector("[data-remove], input")?.focus();
    say("Removed from the post.", { level: "success", action: "Undo", onAction: () => {
      if (next?.isConnected) next.before(item);
      else (list.isConnected ? list : groups()[0].querySelector("[data-media-list]")).append(item);
      settle();
      changed();
    } });
  });
  document.addEventListener("htmx:afterSettle", settle);
  settle();
}

function answerOf(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return { error: request.status === 413 || request.status === 400 ? "It is too large for the server." : NO_ANSWER };
  }
}

// Videos are never cut.
function withoutCut(item) {
  item.querySelector("[data-keep]")?.closest("label").remove();
}

// What the buttons of an item do, in their titles and to a screen reader. `what`: the item; `removing`
// and `verb`: what its first button does.
function called(item, what, removing, verb) {
  const words = (name, text) => { item.querySelector(`[data-${name}] .visually-hidden`).textContent = text; };
  item.querySelector("[data-remove]").title = verb;
  words("remove", removing);
  words("earlier", `Move up ${what}`);
  words("later", `Move down ${what}`);
}
// The picture or the film in an item, made the one or the other.
function showing(item, src, video) {
  const before = item.querySelector("img, video");
  const element = document.createElement(video ? "video" : "img");
  if (video) {
    element.controls = true;
    element.preload = "metadata";
    element.setAttribute("aria-label", "Video");
  } else element.alt = "";
  if (src) element.src = src;
  before.replaceWith(element);
  return element;
}

function progressOf(item, name, tell) {
  const place = item.querySelector("[data-progress]");
  const bar = place.querySelector("progress");
  const words = place.querySelector("[data-progress-words]");
  bar.setAttribute("aria-label", `Upload of “${name}”`);
  place.hidden = false;
  let told = 0;
  return {
    at(loaded, total) {
      const share = total ? Math.floor((loaded / total) * 100) : 0;
      bar.value = share;
      words.textContent = `${share} %`;
      if (share >= told + STEP && share < 100) {
        told = share;
        tell(`“${name}”: ${share} per cent.`);
      }
    },
    checking() {
      bar.removeAttribute("value"); // how long it takes nobody knows
      words.textContent = "Checking…";
    },
    done() {
      place.hidden = true;
    },
  };
}
