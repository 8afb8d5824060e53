// The composer. The server renders, checks and saves; this counts while one types, uploads pictures,
// says when it was saved, and asks before unsaved words are left. What it expects of the page:
//
//   <form data-composer data-upload="/media/upload/" hx-post=… hx-trigger="… delay:800ms"> the draft
//   <textarea data-counted="main" name="text">         the words; a per-account version has its own key
//   <span class="counter" data-counter="main" data-rule="graphemes|characters" data-limit="300"
//        data-link-length="23" data-short-mentions="yes">  the last two where the platform has such rules
//        <progress class="limit" max="300"></progress><span data-count></span></span>
//   <span class="saved" data-saved>                    'Saved 12:28'
//   <ul data-media-list>, <label class="drop" data-drop><input type="file" multiple></label>
//   <fieldset id="compose-thread">                     the further posts, swapped as they are arranged
//   <template data-media-template>                     one picture or video: img, [data-alt], [data-keep],
//                                                      [data-progress], [data-remove], [data-id]
import { say } from "./modules/say.js";
import { counters } from "./modules/counters.js";
import { uploads } from "./modules/uploads.js";

const form = document.querySelector("form[data-composer]");
if (form) start(form);

function start(form) {
  const saved = document.querySelector("[data-saved]");
  let dirty = false;
  const recount = counters(form);

  const state = (name, text) => {
    if (!saved) return;
    saved.dataset.state = name;
    saved.textContent = text;
  };

  form.addEventListener("input", () => {
    dirty = true;
    state("typing", "Not saved yet");
    recount();
  });
  let saving = false;
  let sent = false;
  let waiting = null;
  let unsay = null;
  const busy = () => form.querySelector(".media-item.is-busy");
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== form) return;
    if (sent) return event.preventDefault(); // what was sent was saved with it, and is no draft now
    saving = true;
    return state("saving", "Saving…");
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== form) return;
    if (event.detail.successful) {
      dirty = false;
      const now = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      if (!saved?.isConnected || saved.dataset.state === "saving") state("saved", `Saved ${now}`);
    } else state("failed", "Not saved. Your words are still here.");
  });
  document.addEventListener("htmx:afterSettle", recount);
  // A first save gives the post its number; what is sent before it is known makes a second post.
  form.addEventListener("submit", (event) => {
    const uploading = busy();
    if (uploading) {  // it would go out without what somebody sees in it
      event.preventDefault();
      unsay?.();
      unsay = say("A file is still being uploaded. Wait until it is there, or cancel it.", { level: "warning" });
      uploading.querySelector("[data-remove]").focus();
      return;
    }
    if (saving || sent) {
      event.preventDefault();
      waiting = sent ? null : event.submitter;
      return;
    }
    dirty = false;
    sent = true;
    setTimeout(() => { sent = false; }, 8000);
  });
  addEventListener("pageshow", () => { sent = false; });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== form) return;
    saving = false;
    if (waiting) setTimeout(sendNow, 100, waiting);
    waiting = null;
  });
  const sendNow = (pressed) => {
    // The save has brought a new button: one that says something else asks for itself.
    const button = pressed.isConnected ? pressed : document.getElementById(pressed.id);
    if (!button) return;
    if (button.textContent === pressed.textContent) form.requestSubmit(button);
    else button.click();
  };
  addEventListener("beforeunload", (event) => {
    if (dirty || busy()) event.preventDefault();
  });

  // A version that says the same as the main text is not a version: one click brings it back.
  form.addEventListener("click", (event) => {
    const same = event.target.closest?.("[data-same-as-main]");
    if (!same) return;
    const field = form.querySelector(`[data-counted="${CSS.escape(same.dataset.sameAsMain)}"]`);
    if (!field) return;
    const before = field.value;
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    say("This account now gets the main text.", { level: "success", action: "Undo", onAction: () => {
      field.value = before;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    } });
  });

  // A thread that was arranged anew has to be saved, as if it had been typed.
  const arranging = (detail) => detail.requestConfig?.path.includes("/arrange/");
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt?.id !== "compose-thread" || !arranging(event.detail)) return;
    dirty = true;
    state("typing", "Not saved yet");
    form.dispatchEvent(new Event("change", { bubbles: true }));
  });
  // A post that is taken out comes back whole, pictures and all, until the notice of it goes.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const act = event.detail.requestConfig?.elt?.value ?? "";
    if (!arranging(event.detail) || !act.startsWith("remove-")) return;
    const part = event.detail.requestConfig.elt.closest(".thread-part");
    const next = part?.nextElementSibling?.dataset.post;
    const holds = [...(part?.querySelectorAll("textarea") ?? [])].some((field) => field.value) || part?.querySelector(".media-item");
    part?.remove();
    if (!holds) return;
    say("Removed from the thread.", { level: "success", action: "Undo", onAction: () => {
      const before = next && form.querySelector(`.thread-part[data-post="${CSS.escape(next)}"]`);
      if (before) before.before(part);
      else form.querySelector("[data-thread-parts]")?.append(part);
      form.querySelector("[data-thread-again]")?.dispatchEvent(new Event("thread:again"));
    } });
  });

  uploads(form, () => {
    dirty = true;
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }, () => {
    if (!busy()) unsay?.();
  });
  recount();
}
