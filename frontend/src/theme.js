// Runs in the head, before the first paint: the viewer's choice of theme from its cookie.
// A page that was cached or drawn without a session (an error page) is right too.
const choice = /(?:^|; )theme=(light|dark|system)/.exec(document.cookie);
if (choice) document.documentElement.dataset.theme = choice[1];
document.documentElement.classList.add("js");
