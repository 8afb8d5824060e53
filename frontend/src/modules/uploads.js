// Pictures and videos of a post: chosen, dropped or pasted; each goes up by itself, shows how far it
// is, and gets its alt text beside it. The server answers {id, url, video} or {error}; what a file is
// and whether it is taken is the server's to say.
import { say } from "./say.js";

const NO_ANSWER = "The server could not be reached. Nothing else was changed. Try again.";
const STEP = 25; // per cent after which a screen reader hears of it again

export function uploads(form, changed, ended) {
  const list = form.querySelector("[data-media-list]");
  const template = form.querySelector("template[data-media-template]");
  const drop = form.querySelector("[data-drop]");
  const said = form.querySelector("[data-upload-said]");
  if (!list || !template || !drop) return;
  const input = drop.querySelector("input[type=file]");
  input.removeAttribute("name"); // they go up by themselves, not with the form
  const running = new Map();

  const tell = (words) => { if (said) said.textContent = words; };

  function send(file) {
    const item = template.content.firstElementChild.cloneNode(true);
    const local = URL.createObjectURL(file);
    const shown = showing(item, local, file.type.startsWith("video/"));
    const bar = progressOf(item, file.name, tell);
    // Nameless until it is known by a number: a save meanwhile leaves it out.
    const fields = [item.querySelector("[data-id]"), item.querySelector("[data-alt]"), item.querySelector("[data-keep]")].filter(Boolean);
    for (const field of fields) field.removeAttribute("name");
    item.classList.add("is-busy");
    if (file.type.startsWith("video/")) withoutCut(item);
    called(item, "Cancel", `the upload of “${file.name}”`);
    list.append(item);

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
    called(item, "Remove", noun);
    const id = item.querySelector("[data-id]");
    id.name = "media";
    id.value = answer.id;
    const alt = item.querySelector("[data-alt]");
    alt.name = alt.id = `alt-${answer.id}`;
    const label = item.querySelector("label");
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
    if (document.activeElement === document.body || item.contains(document.activeElement) || document.activeElement === input) alt.focus();
    changed();
  }

  const sendAll = (files) => [...files].forEach(send);
  input.addEventListener("change", () => {
    sendAll(input.files);
    input.value = "";
  });
  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    sendAll(event.dataTransfer.files);
  });
  form.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => /^(image|video)\//.test(file.type));
    if (!files.length) return;
    event.preventDefault();
    sendAll(files);
  });
  list.addEventListener("click", (event) => {
    const item = event.target.closest?.("[data-remove]")?.closest("li");
    if (!item) return;
    if (running.has(item)) {
      running.get(item).abort();
      return;
    }
    const next = item.nextElementSibling;
    item.remove();
    changed();
    (next ?? drop).querySelector("[data-remove], input")?.focus();
    say("Removed from the post.", { level: "success", action: "Undo", onAction: () => {
      if (next?.isConnected) next.before(item);
      else list.append(item);
      changed();
    } });
  });
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

// What the button of an item does, in its title and to a screen reader.
function called(item, verb, what) {
  const button = item.querySelector("[data-remove]");
  button.title = verb;
  button.querySelector(".visually-hidden").textContent = `${verb} ${what}`;
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
