"""The file of an export in each format, from the parts that were read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from audit.exporting import FORMATS as TEXTS
from audit.exports.cover import cover_of
from audit.exports.paper import Volume
from audit.exports.sheet import write_sheet
from audit.exports.store import Store
from audit.models import RecordExport

NAMES = {
    "csv": "record.csv",
    "json": "record.jsonl",
    "xlsx": "record.xlsx",
    "pdf": "record.pdf",
    "pdfs": "record-pdf.zip",  # more than one volume
}
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "pdfs": "application/zip",
}
PROOF = "proof.jsonl.gz"
VOLUME = 4
"""Parts of a volume on paper: 20,000 events, some 450 pages."""

Rows = Sequence[dict[str, Any]]
Tell = Callable[[int], None]


def kind_of(export: RecordExport) -> str:
    """Under which key of NAMES and TYPES its file is."""
    return "pdfs" if export.format == "pdf" and export.parts > VOLUME else export.format


def write_file(export: RecordExport, tell: Tell) -> str:
    """Write the file; its name. `tell` is called with how many parts are in it."""
    name = NAMES[kind_of(export)]
    if export.format == "pdf":
        _on_paper(export, name, tell)
    elif export.format == "xlsx":
        _as_sheet(export, name, tell)
    else:
        _as_text(export, name, tell)
    return name


def _parts(export: RecordExport, tell: Tell, first: int = 0) -> Iterator[Rows]:
    """The parts, one in memory at a time."""
    for number, rows in enumerate(Store(export).parts(first, export.parts), first):
        yield rows
        tell(number + 1)


def _as_text(export: RecordExport, name: str, tell: Tell) -> None:
    def write(out: IO[bytes]) -> None:
        for piece in TEXTS[export.format](_parts(export, tell)):
            out.write(piece.encode())

    Store(export).put(name, write)


def _as_sheet(export: RecordExport, name: str, tell: Tell) -> None:
    store = Store(export)
    store.put(name, lambda out: write_sheet(out, _parts(export, tell), store.folder))


def _on_paper(export: RecordExport, name: str, tell: Tell) -> None:
    """A volume after the other, of which those that are there are not written again."""
    store = Store(export)
    volumes = range(max(1, -(-export.parts // VOLUME)))
    for number in volumes:
        if not store.has(_volume(number)):
            _write_volume(export, number, len(volumes), name)
        tell(min(export.parts, (number + 1) * VOLUME))
    if len(volumes) == 1:
        store.join(name, [_volume(0)])
        return

    def pack(out: IO[bytes]) -> None:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
            for number in volumes:
                packed.write(store.folder / _volume(number), _volume(number))

    store.put(name, pack)


def _write_volume(export: RecordExport, number: int, volumes: int, name: str) -> None:
    store = Store(export)

    def write(out: IO[bytes]) -> None:
        volume = Volume(out, cover_of(export, number + 1, volumes, name))
        first = number * VOLUME
        for rows in islice(store.parts(first, export.parts), VOLUME):
            volume.rows(rows)
        volume.close()

    store.put(_volume(number), write)


def _volume(number: int) -> str:
    return f"volume-{number + 1:03}.pdf"
