"""An export on paper: PDF in volumes, since a PDF is put together in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from audit.exports.typesetting import FONT, lines, prepare, runs

SIZE, LEADING, MARGIN = 7.5, 10, 36
WIDTH, HEIGHT = landscape(A4)
LINES_MAX = 8
"""Lines of one event; the rest of a longer text is in the other formats."""
CUT = " … (cut: the JSON export has all of it)"
_COLUMNS = (
    ("Number", 0, 52),
    ("Time (UTC)", 60, 80),
    ("What was done", 150, 448),
    ("From", 610, 0),
)
"""Each column's name, where it begins, and how wide it is; the last has the rest."""
_INNER = WIDTH - 2 * MARGIN
_LABEL = 96
_PAD = 3.5
_INK, _GREY, _HAIR = 0.1, 0.4, 0.82
_BOLD = 2
"""Filled and stroked: the fonts come in one weight."""
_PAGES = "pages"


@dataclass(frozen=True, slots=True)
class Cover:
    """What an export says of itself. `facts` open a volume and `closing` ends it, as labels and
    texts; `commands` are what its reader types to check it."""

    installation: str
    running: str
    facts: Sequence[tuple[str, str]]
    closing: Sequence[tuple[str, str]]
    commands: Sequence[str]


class Volume:
    """One PDF, written when it is closed."""

    def __init__(self, out: IO[bytes], cover: Cover) -> None:
        prepare()
        self._canvas = Canvas(out, pagesize=landscape(A4), pageCompression=1)
        self._canvas.setTitle(f"{cover.running}, {cover.installation}")
        self._canvas.setAuthor(cover.installation)
        self._canvas.setSubject("Export of the record")
        self._cover, self._page, self._y = cover, 0, 0.0
        self._new_page()
        self._opening()
        self._heads()

    def rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put these events on it."""
        for row in rows:
            self._row(row)

    def close(self) -> None:
        """Write it, with what proves it at its end and the number of its pages on each."""
        self._ending()
        canvas = self._canvas
        canvas.showPage()
        canvas.beginForm(_PAGES, 0, -LEADING, 60, LEADING)
        canvas.setFont(FONT, SIZE)
        canvas.setFillGray(_GREY)
        canvas.drawString(0, 0, str(self._page))
        canvas.endForm()
        canvas.save()

    # --- parts of a page --------------------------------------------------------------------------

    def _row(self, row: dict[str, Any]) -> None:
        place = ", ".join(filter(None, (row["address"], row["through"])))
        cells = (str(row["number"]), row["time"].replace("T", " ")[:19], row["sentence"], place)
        set_ = [
            lines(text, width or _INNER - x, SIZE, LINES_MAX, CUT if width > 400 else " …")
            for text, (_, x, width) in zip(cells, _COLUMNS, strict=True)
        ]
        height = max(map(len, set_)) * LEADING + 2 * _PAD
        if self._y - height < MARGIN:
            self._new_page()
            self._heads()
        base = self._y - _PAD - SIZE
        for cell, (name, x, _) in zip(set_, _COLUMNS, strict=True):
            self._put(x, base, cell, grey=_INK if name == "What was done" else _GREY)
        self._y -= height
        self._rule(_HAIR)

    def _new_page(self) -> None:
        canvas = self._canvas
        if self._page:
            canvas.showPage()
        self._page += 1
        canvas.setLineWidth(0.4)
        base, right = HEIGHT - MARGIN - SIZE, WIDTH - MARGIN
        if self._page > 1:
            self._put(0, base, lines(self._cover.running, _INNER - 120, SIZE, 1), grey=_GREY)
        # The form is as wide as its number, which is known when the last page is.
        canvas.setFillGray(_GREY)
        canvas.setFont(FONT, SIZE)
        canvas.drawRightString(right - 18, base, f"Page {self._page} of")
        canvas.saveState()
        canvas.translate(right - 16, base)
        canvas.doForm(_PAGES)
        canvas.restoreState()
        self._y = base - LEADING

    def _opening(self) -> None:
        top = HEIGHT - MARGIN - 17
        self._put(0, top, lines(self._cover.installation, _INNER - 120, 17, 1), size=17)
        self._put(0, top - 20, ["Export of the record"], size=11, grey=_GREY)
        self._y = top - 34
        self._facts(self._cover.facts)
        self._y -= 12

    def _heads(self) -> None:
        base = self._y - SIZE
        for name, x, _ in _COLUMNS:
            self._put(x, base, [name], bold=True)
        self._y = base - 5
        self._rule(_INK)

    def _ending(self) -> None:
        cover = self._cover
        set_ = [(label, self._told(text)) for label, text in cover.closing]
        tall = sum(len(text) * LEADING + 3 for _, text in set_)
        if self._y - tall - (len(cover.commands) + 5) * LEADING < MARGIN:
            self._new_page()
        self._y -= 3 * LEADING
        self._put(0, self._y, ["What proves this"], size=11)
        self._y -= LEADING
        self._facts(cover.closing)
        for command in cover.commands:
            self._put(_LABEL, self._y - SIZE, [command], font="Courier")
            self._y -= LEADING + 2

    def _facts(self, facts: Sequence[tuple[str, str]]) -> None:
        for label, text in facts:
            told = self._told(text)
            self._put(0, self._y - SIZE, [label], grey=_GREY)
            self._put(_LABEL, self._y - SIZE, told)
            self._y -= len(told) * LEADING + 3

    def _told(self, text: str) -> list[str]:
        return lines(text, 560, SIZE, LINES_MAX)

    def _rule(self, grey: float) -> None:
        self._canvas.setStrokeGray(grey)
        self._canvas.line(MARGIN, self._y, WIDTH - MARGIN, self._y)

    def _put(
        self,
        x: float,
        y: float,
        shown: Sequence[str],
        *,
        size: float = SIZE,
        grey: float = _INK,
        bold: bool = False,
        font: str = "",
    ) -> None:
        canvas = self._canvas
        canvas.saveState()  # or what follows is bold, too
        canvas.setFillGray(grey)
        canvas.setStrokeGray(grey)
        text = canvas.beginText(MARGIN + x, y)
        text.setLeading(LEADING)
        text.setTextRenderMode(_BOLD if bold else 0)
        for line in shown:
            for name, piece in runs(line):
                text.setFont(font or name, size, LEADING)
                text.textOut(piece)
            text.textLine("")
        canvas.drawText(text)
        canvas.restoreState()
