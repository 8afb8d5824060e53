// Every page: htmx and the pieces of the shell. Pages add their own module (composer.js, …),
// which reaches htmx as window.htmx and speaks to these pieces by events on document.
import htmx from "htmx.org";
import "./modules/theme-toggle.js";
import "./modules/requests.js";
import "./modules/toasts.js";
import "./modules/dialogs.js";
import "./modules/menus.js";
import "./modules/tips.js";
import "./modules/keys.js";
import "./modules/palette.js";
import "./modules/tabs.js";
import "./modules/forms.js";
import "./modules/filter-list.js";
import "./modules/reasons.js";
import "./modules/picker.js";
import "./modules/choose-all.js";
import "./modules/activity.js";

window.htmx = htmx;
// Scripts are here: show the controls that need them.
for (const hidden of document.querySelectorAll("[data-palette], [data-shortcuts], [data-theme-toggle], [data-needs-js]")) {
  hidden.hidden = false;
}
