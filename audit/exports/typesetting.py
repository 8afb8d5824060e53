"""Text of any script as lines that fit a column: fonts, widths, breaks, and the order of signs.

A PDF shows what it is told, from left to right. So Arabic letters are joined here, and what is
written from right to left is turned around, line by line (Unicode Annex 9). A sign that no font
has is shown by its number, and so is one that is invisible and would act on its neighbours unseen.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby

from arabic_reshaper import ArabicReshaper
from bidi import get_display
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FONT = "NotoSans"
_FALLBACKS = (
    "Arabic", "Hebrew", "Emoji", "Symbols", "Armenian", "Georgian", "Ethiopic", "Thai", "Lao",
    "Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Tamil", "Telugu", "Kannada", "Malayalam",
    "Oriya", "Sinhala", "Khmer", "Myanmar",
)  # fmt: skip
"""Asked in this order for what FONT lacks; each is read when it is first needed."""
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
"""They choose the form of the sign beside them, and are nothing by themselves."""
_ARABIC = range(0x0600, 0x0780)
_RIGHT_TO_LEFT = ("R", "AL")


@dataclass(frozen=True, slots=True)
class Face:
    """A font that is registered with the PDF library. `signs`: the code points it has."""

    name: str
    signs: frozenset[int]


def prepare() -> None:
    """Register FONT, for those who draw before they set a line."""
    _face(FONT)


def lines(text: str, width: float, size: float, most: int, cut: str = " …") -> list[str]:
    """The text in lines of at most `width` points, each as `runs` takes it; at least one.

    What is longer than `most` lines ends with `cut`, which has to fit into a line.
    """
    shown = _drawable(text)
    room = width / size
    if _wide(shown) <= room:
        return [_ordered(shown)]
    found = _wrapped(shown, room)
    if len(found) > most:
        last = found[most - 1]
        while last and _wide(last + cut) > room:
            last = last[:-1]
        found = [*found[: most - 1], last + cut]
    return [_ordered(line) for line in found]


def runs(line: str) -> Iterator[tuple[str, str]]:
    """A line in pieces of one font each: its name, and the text."""
    if line.isascii():
        yield FONT, line
        return
    for name, signs in groupby(line, lambda sign: _sign(sign)[0]):
        yield name, "".join(signs)


def _drawable(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(map(_named, text))
    if any(ord(sign) in _ARABIC for sign in shown):
        shown = _reshaper().reshape(shown)
    return "".join(sign for sign in shown if sign not in _JOINERS)


@cache
def _named(sign: str) -> str:
    if sign.isspace():
        return " "
    if sign in _JOINERS:
        return sign
    unseen = unicodedata.category(sign) in ("Cc", "Cf", "Cs")
    return f"[U+{ord(sign):04X}]" if unseen or _face_of(sign) is None else sign


def _ordered(line: str) -> str:
    if line.isascii() or not any(unicodedata.bidirectional(s) in _RIGHT_TO_LEFT for s in line):
        return line
    return str(get_display(line, base_dir="L"))


def _wrapped(text: str, room: float) -> list[str]:
    found, line, used = [], "", 0.0
    for word in text.split(" "):
        wide = _wide(word)
        if line and used + _wide(" ") + wide > room:
            found.append(line)
            line, used = "", 0.0
        if wide > room:
            *whole, word = _broken(word, room)
            found += whole
            wide = _wide(word)
        line, used = (f"{line} {word}", used + _wide(" ") + wide) if line else (word, wide)
    return [*found, line]


def _broken(word: str, room: float) -> Sequence[str]:
    """A word that is wider than the column, in pieces that fit."""
    pieces, used = [""], 0.0
    for sign in word:
        wide = _wide(sign)
        if pieces[-1] and used + wide > room:
            pieces.append("")
            used = 0.0
        pieces[-1] += sign
        used += wide
    return pieces


def _wide(text: str) -> float:
    """How wide it is at a size of one point."""
    return sum(_sign(sign)[1] for sign in text)


@cache
def _sign(sign: str) -> tuple[str, float]:
    """The font of a sign and how wide it is there; `cache` holds at most all of Unicode."""
    face = _face_of(sign)
    name = face.name if face else FONT
    return name, float(pdfmetrics.stringWidth(sign, name, 1))


def _face_of(sign: str) -> Face | None:
    faces = (_face(name) for name in (FONT, *(f"NotoSans{one}" for one in _FALLBACKS)))
    return next((face for face in faces if ord(sign) in face.signs), None)


@cache
def _face(name: str) -> Face:
    path = files("manimgx_fonts") / f"{name.replace('SansEmoji', 'Emoji')}[wght].ttf"
    font = TTFont(name, str(path))
    pdfmetrics.registerFont(font)
    return Face(name, frozenset(font.face.charToGlyph))


@cache
def _reshaper() -> ArabicReshaper:
    return ArabicReshaper(configuration={"delete_harakat": False})
