"""How long a text is on X: the weighted count that twitter-text specifies (its version 3).

https://docs.x.com/fundamentals/counting-characters and the open twitter-text configuration: a
character of most alphabets counts 1, any other 2, an emoji 2 however many code points it is of, a
web address 23 however long it is. The text is counted in its composed form (NFC).
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import regex

URL_LENGTH = 23
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # ranges that count 1
_URL_MAX = 4_096
_SLUG_MAX = 40  # of a t.co address

# As a text says "text, please" (U+FE0E), or is © or ® without asking for a picture (U+FE0F), a
# pictograph is a character like others.
_PICTURE = (
    r"(?:(?=[\U00010000-\U0010FFFF])\p{Emoji_Presentation}"
    r"|(?![©®])\p{Extended_Pictographic}(?!\uFE0E)\uFE0F?|[©®]\uFE0F)"
)
_EMOJI = regex.compile(
    rf"""
      \p{{Regional_Indicator}}{{2}}                        # a flag
    | [0-9\#*]\uFE0F?\u20E3                             # a keycap
    | {_PICTURE}
      (?: [\U000E0020-\U000E007E]+\U000E007F )?         # a flag of a part of a country
      \p{{Emoji_Modifier}}?
      (?: \u200D {_PICTURE} \p{{Emoji_Modifier}}? )*     # several in one, as families are
    """,
    regex.VERBOSE,
)

# The parts of an address, named as twitter-text names them.
_LATIN = (
    r"\xC0-\xD6\xD8-\xF6\xF8-\xFF\u0100-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268"
    r"\u026F\u0272\u0289\u028B\u02BB\u0300-\u036F\u1E00-\u1EFF"
)
_DIRECTIONS = r"\u202A-\u202E\u061C\u200E\u200F\u2066-\u2069"
_INVALID = r"\uFFFE\uFEFF\uFFFF"
_SPACES = r"\x09-\x0D\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_PUNCTUATION = r"!'#%&'()*+,\\\-./:;<=>?@\[\]\^_{|}~$"
_NAME = rf"[^{_PUNCTUATION}{_SPACES}{_INVALID}{_DIRECTIONS}]"  # a character of a domain
_GENERAL = rf"[a-z\u0400-\u04FF0-9!*';:=+,.$/%\#\[\]\-\u2013_~@|&{_LATIN}]"
_BALANCED = rf"\((?:{_GENERAL}+|(?:{_GENERAL}*\({_GENERAL}+\){_GENERAL}*))\)"
_PATH_END = rf"(?:[+\-a-z\u0400-\u04FF0-9=_\#/{_LATIN}]|{_BALANCED})"
_PATH = rf"(?:(?:{_GENERAL}*(?:{_BALANCED}{_GENERAL}*)*{_PATH_END})|(?:@{_GENERAL}+/))"
_QUERY = r"[a-z0-9!?*'@();:&=+$/%\#\[\]\-_.,~|]"
_QUERY_END = r"[a-z0-9\-_&=\#/]"
_TCO = regex.compile(
    rf"https?://t\.co/(?P<slug>[a-z0-9]+)(?:\?{_QUERY}*{_QUERY_END})?", regex.IGNORECASE
)


@cache
def _top_level() -> str:
    """The top-level domains that make an address without a scheme, longest first."""
    names = (Path(__file__).parent / "x_domains.txt").read_text(encoding="utf-8").split("\n")
    found = sorted((n for n in names if n and not n.startswith("#")), key=len, reverse=True)
    ends = r"(?=[^0-9a-z@+\-]|$)"
    return rf"(?:(?:{'|'.join(map(regex.escape, found))}){ends}|xn--[\-0-9a-z]+)"


@cache
def _url() -> regex.Pattern[str]:
    label = rf"(?:{_NAME}(?:[_\-]|{_NAME})*)?{_NAME}\."
    name = rf"(?:{_NAME}(?:-|{_NAME})*)?{_NAME}\."
    return regex.compile(
        rf"(?P<before>[^A-Za-z0-9@＠$\#＃{_INVALID}]|[{_DIRECTIONS}]|^)"
        rf"(?P<url>(?P<scheme>https?://)?(?P<domain>(?:{label})*{name}{_top_level()})"
        rf"(?::[0-9]+)?(?P<path>/{_PATH}*)?(?:\?{_QUERY}*{_QUERY_END})?)",
        regex.IGNORECASE,
    )


@cache
def _ascii_domain() -> regex.Pattern[str]:
    return regex.compile(rf"(?:[\-a-z0-9{_LATIN}]+\.)+{_top_level()}", regex.IGNORECASE)


def find_urls(text: str) -> list[tuple[int, int]]:
    """Start and end of each web address in `text`, also of those without a scheme."""
    found: list[tuple[int, int]] = []
    if "." not in text:
        return found
    for match in _url().finditer(text):
        start, end = match.span("url")
        if len(_ascii(match["domain"])) + (end - start) - len(match["domain"]) + 8 > _URL_MAX:
            continue
        if match["scheme"]:
            short = _TCO.match(match["url"])
            if short and len(short["slug"]) > _SLUG_MAX:
                continue
            found.append((start, start + short.end() if short else end))
        elif not match["before"].endswith(("-", "_", ".", "/")):
            found += _without_scheme(match, start, end)
    return found


def _without_scheme(match: regex.Match[str], start: int, end: int) -> list[tuple[int, int]]:
    """Of an address without a scheme only what is ASCII or Latin counts as one."""
    found = [
        (start + part.start(), start + part.end())
        for part in _ascii_domain().finditer(match["domain"])
    ]
    if found and match["path"]:
        found[-1] = (found[-1][0], end)
    return found


def _ascii(domain: str) -> str:
    """A domain as the name system writes it (RFC 3492), whether it could be registered or not."""
    labels = domain.split(".")
    return ".".join(one if one.isascii() else f"xn--{_puny(one)}" for one in labels)


def _puny(label: str) -> str:
    return label.encode("punycode").decode()


def weighted_length(text: str) -> int:
    """How much of 280 this text uses."""
    text = unicodedata.normalize("NFC", text)
    ends = dict(find_urls(text))
    length = position = 0
    while position < len(text):
        if position in ends:
            length += URL_LENGTH
            position = ends[position]
            continue
        emoji = _EMOJI.match(text, position)
        if emoji:
            length += 2
            position = emoji.end()
            continue
        length += 1 if _is_light(ord(text[position])) else 2
        position += 1
    return length


def length_by_emoji_bytes(text: str) -> int:
    """How Threads counts, which takes an emoji for the bytes of its UTF-8.

    https://developers.facebook.com/docs/threads/overview (November 2026)
    """
    emoji = [found[0] for found in _EMOJI.finditer(text)]
    return len(text) + sum(len(one.encode()) - len(one) for one in emoji)


def _is_light(code: int) -> bool:
    return any(first <= code <= last for first, last in _LIGHT)
