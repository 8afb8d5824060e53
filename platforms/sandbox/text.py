"""Finding links, mentions and tags in a text. Produces data; templates do the escaping."""

from __future__ import annotations

import re
from dataclasses import dataclass

HANDLE = re.compile(r"[a-z0-9_]{2,30}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

_SEGMENT = re.compile(
    r"(?P<url>https?://[^\s<>\"]+)"
    r"|(?<![\w@/.])@(?P<mention>[A-Za-z0-9_]{2,30})(?![\w@])"
    r"|(?<![\w#&/])#(?P<tag>(?=\d*[^\W\d])\w{1,60})"
)
_CLOSERS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a text. `value` is the URL, the handle or the tag's word; '' for plain text."""

    kind: str  # 'text', 'url', 'mention', 'tag'
    text: str
    value: str = ""


def _without_trailing_marks(url: str) -> str:
    while url:
        last = url[-1]
        opener = _CLOSERS.get(last)
        if last in ".,;:!?'*_~" or (opener and url.count(last) > url.count(opener)):
            url = url[:-1]
        else:
            break
    return url


def clean(text: str) -> str:
    """`text` with plain line ends and without what no text holds: controls, halves of pairs."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def segments(text: str) -> list[Segment]:
    """`text` cut into plain stretches, links, mentions and tags; joined they are `text` again."""
    found: list[Segment] = []
    start = 0
    position = 0
    while match := _SEGMENT.search(text, position):
        kind = match.lastgroup or "text"
        value = match.group(kind)
        end = match.end()
        if kind == "url":
            value = _without_trailing_marks(value)
            end = match.start() + len(value)
            if "://" not in value or value.endswith("://"):  # nothing but the scheme
                position = match.end()
                continue
        if match.start() > start:
            found.append(Segment("text", text[start : match.start()]))
        shown = text[match.start() : end]
        found.append(Segment(kind, shown, value.lower() if kind == "mention" else value))
        start = position = end
    if start < len(text):
        found.append(Segment("text", text[start:]))
    return found


def mentioned_handles(text: str) -> list[str]:
    """Handles mentioned in `text`, in order, each once, in lower case."""
    return list(dict.fromkeys(s.value for s in segments(text) if s.kind == "mention"))


def linked_post_ids(text: str) -> list[tuple[str, int]]:
    """(handle, post id) of every link in `text` that has the form of a Sandbox permalink."""
    found = []
    for segment in segments(text):
        if segment.kind == "url":
            match = re.fullmatch(
                r"https?://[^/]+/@([a-z0-9_]{2,30})/(\d{1,18})(?:[?#].*)?", segment.value
            )
            if match:
                found.append((match[1], int(match[2])))
    return found
