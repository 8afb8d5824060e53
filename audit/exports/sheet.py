"""An export as a workbook: written row by row, of which XlsxWriter keeps one in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import xlsxwriter

from audit.exporting import COLUMNS, as_text

ROWS_MAX = 1_048_575
"""Of a sheet, less the names of the columns: the format's own limit is 1,048,576."""
CELL_MAX = 32_767
CUT = " … (cut: a cell holds no more; the JSON export has all of it)"
_WHOLE = 10**15
"""Numbers beyond 15 digits are rounded by spreadsheets, so they are texts."""
_WIDTHS = {"time": 32, "sentence": 70, "who": 24, "account": 32, "subject": 40, "data": 60}


def write_sheet(out: IO[bytes], parts: Iterator[Sequence[dict[str, Any]]], folder: Path) -> None:
    """All rows, in as many sheets as it takes. No cell is a formula or a link, whatever it says."""
    options = {
        "constant_memory": True,
        "tmpdir": str(folder),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        book.use_zip64()
        head = book.add_format({"bold": True})
        sheet, at, number = _sheet(book, head, 1), 0, 1
        for rows in parts:
            for row in rows:
                if at == ROWS_MAX:
                    number += 1
                    sheet, at = _sheet(book, head, number), 0
                at += 1
                for column, name in enumerate(COLUMNS):
                    _cell(sheet, at, column, row[name])


def _sheet(book: Any, head: Any, number: int) -> Any:
    sheet = book.add_worksheet(f"Record {number}")
    for column, name in enumerate(COLUMNS):
        sheet.set_column(column, column, _WIDTHS.get(name, 14))
    sheet.write_row(0, 0, COLUMNS, head)
    sheet.freeze_panes(1, 0)
    return sheet


def _cell(sheet: Any, row: int, column: int, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WHOLE:
        sheet.write_number(row, column, value)
        return
    text = as_text(value)
    if text:
        whole = text if len(text) <= CELL_MAX else text[: CELL_MAX - len(CUT)] + CUT
        sheet.write_string(row, column, whole)
