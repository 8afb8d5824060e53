"""The files of an export, in a folder that no address leads to."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from audit.models import RecordExport

Row = dict[str, Any]


class Store:
    """What is there of one export. A file is there whole or not at all, also after a crash."""

    def __init__(self, export: RecordExport) -> None:
        self.folder = Path(settings.EXPORTS_DIR) / str(export.pk)

    def put(self, name: str, write: Callable[[IO[bytes]], None]) -> Path:
        """A file as `write` writes it."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        path, beside = self.folder / name, self.folder / f".{name}.{os.getpid()}"
        with beside.open("wb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
        return path

    def put_part(self, number: int, rows: Sequence[Row]) -> None:
        """A part of what was read."""

        def write(out: IO[bytes]) -> None:
            with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as packed:
                for row in rows:
                    packed.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

        self.put(f"part-{number:06}.gz", write)

    def part(self, number: int) -> list[Row]:
        """What `put_part` put."""
        with gzip.open(self.folder / f"part-{number:06}.gz", "rb") as packed:
            return [json.loads(line) for line in packed]

    def parts(self, first: int, last: int) -> Iterator[list[Row]]:
        """One part after the other, without the last."""
        for number in range(first, last):
            yield self.part(number)

    def join(self, name: str, pieces: Sequence[str]) -> Path:
        """One file out of others, in their order."""

        def write(out: IO[bytes]) -> None:
            for piece in pieces:
                with (self.folder / piece).open("rb") as one:
                    shutil.copyfileobj(one, out, 1 << 20)

        return self.put(name, write)

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def digest(self, name: str) -> tuple[str, int]:
        """SHA-256 of a file in hex, and its size in bytes."""
        path = self.folder / name
        with path.open("rb") as whole:
            return file_digest(whole, "sha256").hexdigest(), path.stat().st_size

    def keep_only(self, *names: str) -> None:
        """Remove what was only needed on the way."""
        for path in self.folder.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
