"""A file on its way in: told by its bytes, checked, and made anew. Writes nothing to the database.

Kept apart from adding it to the desk, since nothing waits for a scanner or a decoder inside a
transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile

from accounts.errors import Invalid
from scheduling import antivirus
from scheduling.pictures import picture_from
from scheduling.sniffing import HEAD, Kind, kind_of
from scheduling.videos import film_from


@dataclass(frozen=True, slots=True)
class Taken:
    """What is kept of an upload. `seconds`: of a video, None where it could not be measured."""

    file: File[bytes]
    mime: str
    width: int
    height: int
    size: int
    sha256: str
    seconds: float | None = None


@contextmanager
def taken_in(upload: UploadedFile[Any]) -> Iterator[Taken]:
    """The upload as it may be kept, for as long as the block lasts.

    Raises Invalid (in words for the person), antivirus.Infected, antivirus.Unchecked.
    """
    file = upload.file
    assert file is not None
    kind = kind_of(file.read(HEAD))
    file.seek(0)
    _refuse_size(kind, upload.size or 0)
    antivirus.check(file)
    if kind is Kind.PICTURE:
        picture = picture_from(file)
        yield Taken(
            ContentFile(picture.data),
            picture.mime,
            picture.width,
            picture.height,
            len(picture.data),
            hashlib.sha256(picture.data).hexdigest(),
        )
        return
    with TemporaryDirectory(prefix="video-") as folder:
        path = Path(folder) / "uploaded"
        with path.open("wb") as copy:
            for piece in upload.chunks():
                copy.write(piece)
        film = film_from(path, kind.value)
        with film.path.open("rb") as kept:
            digest = hashlib.file_digest(kept, "sha256").hexdigest()
            kept.seek(0)
            yield Taken(
                File(kept),
                film.mime,
                film.width,
                film.height,
                film.path.stat().st_size,
                digest,
                film.seconds,
            )


def sha256_of(file: IO[bytes]) -> str:
    """The hash of an upload as it came, for the record."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # seekable


def _refuse_size(kind: Kind, size: int) -> None:
    if kind is Kind.OTHER_VIDEO:
        raise Invalid(
            "video", "Platforms take videos as MP4 or QuickTime. Save it as MP4 and add it again."
        )
    if kind is Kind.PICTURE:
        most, advice = settings.UPLOAD_MAX_BYTES, "Save it smaller, or as JPEG."
    else:
        most, advice = settings.VIDEO_MAX_BYTES, "Cut it shorter, or save it at a lower rate."
    if size > most:
        raise Invalid("file", f"This file is too large: {most // 1_000_000} MB fit. {advice}")
    if not size:
        raise Invalid("file", "This file is empty. Choose another.")
