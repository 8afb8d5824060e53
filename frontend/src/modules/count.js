// How the platforms count, as platforms/counting.py does it, to keep up with typing. The server
// counts again and decides; tests/acceptance/test_counters.py holds the two to the same numbers.
const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter("en", { granularity: "grapheme" }) : null;
const LINK = /(?<![\p{L}\p{N}_@#$/])https?:\/\/[\p{L}\p{N}](?:[\p{L}\p{N}.\-]*[\p{L}\p{N}])?\.[\p{L}\p{N}\-]+(?::\p{Nd}{1,5})?(?:[/?#][^\p{White_Space}<>"“”‘’«»\p{Cc}]*)?/giu;
const MENTION = /(?<![\p{L}\p{N}_=/])@([a-z0-9_]+(?:[a-z0-9_.\-]+[a-z0-9_]+)?)@(?=[^\p{White_Space}@/]{1,253}(?![\p{L}\p{N}_]))[\p{L}\p{N}_]+(?:[.\-]+[\p{L}\p{N}_]+)*(?::\p{Nd}{1,5})?/giu;
const NOT_LAST_IN_PATH = new Set("!?*\"'「」;:=,.$%[]~&|@(");
const NOT_LAST_IN_QUERY = new Set("!?*'(;:+$%[].,~|@^");
const LINK_MAX = 4096;

const characters = (text) => [...text].length;
const graphemes = (text) => (segmenter ? [...segmenter.segment(text)].length : characters(text));

const EMOJI = /^(?:\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3|(?![©®])\p{Extended_Pictographic}(?!\uFE0E)|[©®]\uFE0F)/u;
const LIGHT = [[0, 4351], [8192, 8205], [8208, 8223], [8242, 8247]];
const light = (character) => LIGHT.some(([first, last]) => first <= character.codePointAt(0) && character.codePointAt(0) <= last);
const heavy = (characters) => [...characters].reduce((sum, one) => sum + (light(one) ? 1 : 2), 0);

/** As platforms/x_count.py does, but that addresses without a scheme are left to the server. */
function weighted(text) {
  const composed = text.normalize("NFC");
  const clusters = segmenter ? [...segmenter.segment(composed)].map((one) => one.segment) : [...composed];
  return clusters.reduce((sum, one) => sum + (EMOJI.test(one) ? 2 : heavy(one)), 0);
}

/** As Threads counts: an emoji is the bytes of its UTF-8. */
function emojiBytes(text) {
  const clusters = segmenter ? [...segmenter.segment(text)].map((one) => one.segment) : [...text];
  return clusters.reduce((sum, one) => sum + (EMOJI.test(one) ? new TextEncoder().encode(one).length : characters(one)), 0);
}

const COUNTS = { characters, units: (text) => text.length, weighted, "emoji-bytes": emojiBytes };

/** Start and end of each web address, without the punctuation of the sentence around it. */
function links(text) {
  const found = [];
  for (const match of text.matchAll(LINK)) {
    let end = match[0].length;
    for (; end > 0; end -= 1) {
      const address = match[0].slice(0, end);
      const last = address.at(-1);
      const closes = last === ")" && address.split("(").length < address.split(")").length;
      if (!closes && !(address.includes("?") ? NOT_LAST_IN_QUERY : NOT_LAST_IN_PATH).has(last)) break;
    }
    if (characters(match[0].slice(0, end)) <= LINK_MAX) found.push([match.index, match.index + end]);
  }
  return found;
}

/** The text as it is counted: links of one length, names on other servers without the server. */
function shortened(text, { linkLength, shortMentions }) {
  const short = (part) => (shortMentions ? part.replace(MENTION, "@$1") : part);
  if (!linkLength) return short(text);
  let done = "";
  let at = 0;
  for (const [start, end] of links(text)) {
    done += short(text.slice(at, start)) + "x".repeat(linkLength);
    at = end;
  }
  return done + short(text.slice(at));
}

/**
 * @param {string} text as it stands in the field
 * @param {{rule?: string, linkLength?: string|number, shortMentions?: string}} limits data- attributes of the counter
 */
export function count(text, { rule, linkLength, shortMentions }) {
  const counted = shortened(text.trim().replace(/\r\n/g, "\n"), { linkLength: Number(linkLength || 0), shortMentions });
  return (COUNTS[rule] ?? graphemes)(counted);
}
