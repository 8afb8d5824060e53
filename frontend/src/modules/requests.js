// What htmx asks the server: our CSRF token, a session that has ended, answers that come too late, and failures in
// plain words.
import htmx from "htmx.org";
import { say } from "./say.js";

Object.assign(htmx.config, { allowEval: false, includeIndicatorStyles: false, allowScriptTags: false });
const SAFE = new Set(["get", "head", "options"]);

document.addEventListener("htmx:configRequest", (event) => {
  if (SAFE.has(event.detail.verb)) return;
  event.detail.headers["X-CSRFToken"] = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
});

const signIn = () => document.querySelector("[data-sign-in]");

function signedOut(xhr) {
  const page = signIn() && new URL(signIn().href).pathname;
  if (xhr.status === 401) return true;
  // A redirect to the sign-in page is followed before htmx sees it; its answer must not land in the page.
  return Boolean(page && xhr.responseURL && new URL(xhr.responseURL).pathname === page && location.pathname !== page);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!signedOut(event.detail.xhr)) return;
  event.detail.shouldSwap = false;
  event.detail.isError = false;
  const dialog = document.getElementById("signed-out");
  if (dialog && !dialog.open) dialog.showModal();
});

// Two questions for one place: it shows what was asked for last, whichever answer comes last. Of an act that was
// overtaken, the notices are shown; one that was refused takes its place back, so that nobody misses it.
const lastAsked = new WeakMap();
document.addEventListener("htmx:beforeRequest", (event) => lastAsked.set(event.detail.target, event.detail.xhr));
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr, requestConfig } = event.detail;
  if (!lastAsked.has(target) || lastAsked.get(target) === xhr) return;
  if (SAFE.has(requestConfig.verb)) event.detail.shouldSwap = false;
  else if (xhr.status < 400) event.detail.swapOverride = "none";
});

// A poll that fails says nothing the first times: the next one may do better.
const quietly = (element) => element?.closest?.("[data-quiet]");

document.addEventListener("htmx:responseError", (event) => {
  const { xhr, elt } = event.detail;
  if (quietly(elt) || signedOut(xhr)) return;
  const reason = xhr.getResponseHeader("X-Desk-Reason");
  const kept = "What you typed is still on this page.";
  const text =
    {
      400: `The server did not understand this. ${kept} Reload the page and try again.`,
      403: reason ?? `You may not do this, or the page was open for too long. ${kept} Reload the page; if it happens again, ask your administrator.`,
      404: `This is no longer there, or not yours to see. ${kept}`,
      409: `Somebody changed this meanwhile. Nothing was overwritten. ${kept} Reload the page to see their version.`,
      413: "This file is too large. Nothing was uploaded. Choose a smaller one.",
      429: `Too many tries in a short time. ${kept} Wait a minute and try again.`,
      503: `Socialdesk is starting or being updated. ${kept} Try again in a minute.`,
    }[xhr.status] ?? `Something went wrong on the server, and it was noted. ${kept} Try again; if it fails again, tell your administrator.`;
  say(text, { level: "error" });
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (quietly(event.detail.elt)) return;
    say("The server could not be reached. What you typed is still on this page. Check your connection and try again.", { level: "error" });
  });
}
