"""An export on paper: PDF in volumes, since a PDF is put together in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import IO, Any

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONT = "NotoSans"
SIZE, LEADING, MARGIN = 7.5, 9.5, 36
WIDTH, HEIGHT = landscape(A4)
LINES_MAX = 8
"""Lines of one event; the rest of a longer text is in the other formats."""
_COLUMNS = ((0, "Number"), (58, "Time (UTC)"), (158, "What was done"), (660, "From"))
_SAID = 660 - 158 - 8


class Volume:
    """One PDF. `about`: what stands on every page."""

    def __init__(self, out: IO[bytes], about: str, number: int) -> None:
        _font()
        self._canvas = Canvas(out, pagesize=landscape(A4), pageCompression=1)
        self._canvas.setTitle(f"Record, volume {number}")
        self._about, self._number, self._page, self._y = about, number, 0, 0.0

    def rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put these events on it."""
        for row in rows:
            self._row(row)

    def close(self) -> None:
        """Write it."""
        if not self._page:
            self._new_page()
        self._canvas.save()

    def _row(self, row: dict[str, Any]) -> None:
        said = _lines(printable(row["sentence"]), _SAID)
        place = ", ".join(filter(None, (row["address"], row["through"])))
        where = _lines(printable(place), WIDTH - MARGIN - 660 - MARGIN)
        height = max(len(said), len(where)) * LEADING
        if self._y - height < MARGIN + LEADING:
            self._new_page()
        (at_number, _), (at_time, _), (at_said, _), (at_where, _) = _COLUMNS
        self._put(at_number, [str(row["number"])])
        self._put(at_time, [row["time"].replace("T", " ")[:19]])
        self._put(at_said, said)
        self._put(at_where, where)
        self._y -= height + 2

    def _put(self, x: float, lines: Sequence[str]) -> None:
        for number, line in enumerate(lines):
            self._canvas.drawString(MARGIN + x, self._y - number * LEADING, line)

    def _new_page(self) -> None:
        if self._page:
            self._canvas.showPage()
        self._page += 1
        canvas = self._canvas
        canvas.setFont(FONT, SIZE)
        self._y = HEIGHT - MARGIN
        self._put(0, [self._about])
        canvas.drawRightString(WIDTH - MARGIN, self._y, f"Volume {self._number}, page {self._page}")
        self._y -= 2 * LEADING
        for x, words in _COLUMNS:
            self._put(x, [words])
        canvas.line(MARGIN, self._y - 3, WIDTH - MARGIN, self._y - 3)
        self._y -= 1.6 * LEADING


def printable(text: str) -> str:
    """The text with the number of each sign that the font lacks in its place."""
    known = _font()
    if all(ord(sign) in known for sign in text):
        return text
    return "".join(sign if ord(sign) in known else _named(sign) for sign in text)


def _named(sign: str) -> str:
    return " " if sign.isspace() else f"[U+{ord(sign):04X}]"


def _lines(text: str, width: float) -> list[str]:
    if pdfmetrics.stringWidth(text, FONT, SIZE) <= width:
        return [text]
    lines = list(_broken(simpleSplit(text, FONT, SIZE, width), width))
    return (
        lines if len(lines) <= LINES_MAX else [*lines[: LINES_MAX - 1], lines[LINES_MAX - 1] + " …"]
    )


def _broken(lines: Sequence[str], width: float) -> Iterator[str]:
    """Words that are wider than the column, broken."""
    for line in lines:
        while len(line) > 1 and pdfmetrics.stringWidth(line, FONT, SIZE) > width:
            fits = max(1, int(len(line) * width / pdfmetrics.stringWidth(line, FONT, SIZE)) - 1)
            yield line[:fits]
            line = line[fits:]
        yield line


@cache
def _font() -> frozenset[int]:
    """Registers the font; the signs it has."""
    path = files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"
    font = TTFont(FONT, str(path))
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)
