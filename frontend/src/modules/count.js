// How the platforms count. The server counts again and decides; this only keeps up with typing.
const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter("en", { granularity: "grapheme" }) : null;
const LINK = /https?:\/\/[^\s]+/g;
const REMOTE = /(^|[^\w/])@(\w+)@[\w.-]+\w/g;
const LINK_LENGTH = 23;

const graphemes = (text) => (segmenter ? [...segmenter.segment(text)].length : [...text].length);

/** Characters as Mastodon counts them: a link is 23, a name on another server counts without the server. */
const characters = (text) => graphemes(text.replace(LINK, "x".repeat(LINK_LENGTH)).replace(REMOTE, "$1@$2"));

/** X's weights: a link is 23, an emoji 2, Latin and general punctuation 1, everything else 2. */
function weighted(text) {
  let total = 0;
  for (const part of segmenter ? [...segmenter.segment(text.replace(LINK, "x".repeat(LINK_LENGTH)))].map((s) => s.segment) : [...text]) {
    const code = part.codePointAt(0);
    const light = code <= 4351 || (code >= 8192 && code <= 8205) || (code >= 8208 && code <= 8223) || (code >= 8242 && code <= 8247);
    total += light && !/\p{Extended_Pictographic}/u.test(part) ? [...part].length : 2;
  }
  return total;
}

const RULES = { graphemes, characters, weighted };

/** @param {string} text @param {"graphemes"|"characters"|"weighted"} rule */
export const count = (text, rule) => (RULES[rule] ?? graphemes)(text.normalize("NFC").replace(/\r\n/g, "\n"));
