// Pictures of a post: chosen, dropped or pasted; each goes up by itself and gets its alt text beside it.
// The server answers {id, url, width, height} or {error}; the picture's own checks are the server's.
import { say } from "./say.js";

export function uploads(form, changed) {
  const list = form.querySelector("[data-media-list]");
  const template = form.querySelector("template[data-media-template]");
  const drop = form.querySelector("[data-drop]");
  if (!list || !template || !drop) return;
  const input = drop.querySelector("input[type=file]");

  async function send(file) {
    if (!file.type.startsWith("image/")) {
      say(`“${file.name}” is not a picture. Nothing was uploaded. Choose a JPEG, PNG, GIF or WebP file.`, { level: "error" });
      return;
    }
    const item = template.content.firstElementChild.cloneNode(true);
    const image = item.querySelector("img");
    const local = URL.createObjectURL(file);
    image.src = local;
    item.classList.add("is-busy");
    list.append(item);
    const data = new FormData();
    data.append("file", file);
    let answer = { error: "The server could not be reached. Nothing else was changed. Try again." };
    try {
      const response = await fetch(form.dataset.upload, {
        method: "POST",
        body: data,
        headers: { "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content, Accept: "application/json" },
      });
      answer = await response.json();
    } catch {
      // The words above say what happened.
    }
    if (!answer.id) {
      item.remove();
      URL.revokeObjectURL(local);
      say(`“${file.name}” was not added. ${answer.error ?? "The server refused it. Choose another picture."}`, { level: "error" });
      return;
    }
    item.classList.remove("is-busy");
    item.querySelector("[data-id]").value = answer.id;
    const alt = item.querySelector("[data-alt]");
    alt.name = `alt-${answer.id}`;
    alt.id = `alt-${answer.id}`;
    item.querySelector("label")?.setAttribute("for", alt.id);
    if (answer.url) image.addEventListener("load", () => URL.revokeObjectURL(local), { once: true });
    if (answer.url) image.src = answer.url;
    alt.focus();
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
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    sendAll(files);
  });
  list.addEventListener("click", (event) => {
    const item = event.target.closest?.("[data-remove]")?.closest("li");
    if (!item) return;
    const next = item.nextElementSibling;
    item.remove();
    changed();
    (next ?? drop).querySelector("[data-remove], input")?.focus();
    say("Picture removed.", { level: "success", action: "Undo", onAction: () => {
      if (next?.isConnected) next.before(item);
      else list.append(item);
      changed();
    } });
  });
}
