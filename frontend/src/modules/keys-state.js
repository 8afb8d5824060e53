// Whether single-letter shortcuts are on in this browser; keys.js has the switch.
export const OFF = "socialdesk-keys-off";
export const enabled = () => localStorage.getItem(OFF) !== "yes";
