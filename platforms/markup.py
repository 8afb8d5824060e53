"""From what others wrote to plain text: hostile until it has been through here.

Everything that comes in is text for people to read and for a database to store. Nothing of the
markup survives; a link is told by its whole address, so that nobody is fooled by its wording.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

TEXT_MAX = 20_000
LINE_MAX = 200
URL_MAX = 2_000
_HTML_MAX = 400_000

# Controls that turn the order of letters round (Trojan Source); a name has no use for them.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: object, limit: int = TEXT_MAX) -> str:
    """`text` as something a database and a page can hold; '' when it is no text."""
    if not isinstance(text, str):
        return ""
    text = text[: limit * 2].replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", _SURROGATE.sub("\ufffd", text)).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean_line(text: object, limit: int = LINE_MAX) -> str:
    """A name or handle: one line, without what could turn it round."""
    return " ".join(_BIDI.sub("", clean_text(text, limit)).split())


def safe_url(url: object) -> str:
    """`url` when it is a plain web address that may be shown as a link, otherwise ''."""
    if not isinstance(url, str) or len(url) > URL_MAX:
        return ""
    if not url.isprintable() or any(c in url for c in " \"'<>\\`"):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return ""
    return url


def link_text(shown: str, url: str) -> str:
    """How a link reads as plain text: its wording, and its address unless that is the wording."""
    url = safe_url(url)
    if not url:
        return shown
    bare = re.sub(r"^https?://(www\.)?", "", shown.strip(), flags=re.IGNORECASE)
    bare = bare.rstrip("…").removesuffix("...")
    whole = re.sub(r"^https?://(www\.)?", "", url, flags=re.IGNORECASE)
    if not bare or whole.startswith(bare):
        return url
    return f"{shown} ({url})"


def expand_links(text: str, links: Iterable[tuple[int, int, str]]) -> str:
    """`text` with the links at these byte positions of its UTF-8 told in full.

    Positions that do not fit the text are passed over.
    """
    raw = text.encode("utf-8", "replace")
    parts = []
    done = 0
    for start, end, url in sorted(links):
        if not done <= start < end <= len(raw):
            continue
        try:
            shown = raw[start:end].decode()
        except UnicodeDecodeError:
            continue
        parts += [raw[done:start].decode("utf-8", "replace"), link_text(shown, url)]
        done = end
    parts.append(raw[done:].decode("utf-8", "replace"))
    return "".join(parts)


class _Reader(HTMLParser):
    _BLOCKS = frozenset(("p", "div", "blockquote", "pre", "ul", "ol", "li", "table", "tr")) | {
        f"h{level}" for level in range(1, 7)
    }
    _SILENT = frozenset(("script", "style", "template", "noscript", "iframe", "object", "svg")) | {
        "math",
        "head",
        "title",
    }

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.link: tuple[int, str, bool] | None = None  # where it began, href, plain
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self.silent.append(tag)
        if self.silent:
            return
        values = {name: value or "" for name, value in attrs}
        classes = values.get("class", "").split()
        if tag == "br":
            self.parts.append("\n")
        elif tag == "li":
            self._block("\n")
            self.parts.append("• ")
        elif tag in self._BLOCKS:
            self._block("\n\n" if tag == "p" else "\n")
        elif tag == "a":
            self._end_link()
            # A mention or a hashtag links to a profile or a search: its wording says it all.
            plain = "mention" in classes or "hashtag" in classes or "tag" in values.get("rel", "")
            self.link = (len(self.parts), values.get("href", ""), plain)
        elif tag == "img" and values.get("alt"):
            self.parts.append(values["alt"])

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag == self.silent[-1]:
                self.silent.pop()
            return
        if tag == "a":
            self._end_link()
        elif tag in self._BLOCKS:
            self._block("\n\n" if tag == "p" else "\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(re.sub(r"[ \t\n\r\f]+", " ", data))

    def _block(self, gap: str) -> None:
        if any(part.strip() for part in self.parts):
            self.parts.append(gap)

    def _end_link(self) -> None:
        if self.link is None:
            return
        start, href, plain = self.link
        self.link = None
        shown = "".join(self.parts[start:])
        if not plain:
            del self.parts[start:]
            self.parts.append(link_text(shown, href))

    def text(self) -> str:
        self._end_link()
        text = "".join(self.parts)
        text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
        return re.sub(r"\n{3,}", "\n\n", text)


def html_to_text(html: object) -> str:
    """The words of a piece of HTML: paragraphs, line breaks and links kept, all else gone."""
    if not isinstance(html, str):
        return ""
    reader = _Reader()
    reader.feed(html[:_HTML_MAX])
    reader.close()
    return clean_text(reader.text())


def describe_media(kinds: Iterable[Mapping[str, Any]]) -> str:
    """Lines that tell what is attached: 'kind' and 'alt' of each; '' for nothing."""
    lines = []
    for medium in kinds:
        alt = clean_line(medium.get("alt"), 500)
        kind = clean_line(medium.get("kind")) or "Attachment"
        lines.append(f"[{kind}: {alt}]" if alt else f"[{kind}]")
    return "\n".join(lines[:20])
