"""Uploads: checked to be what they say, then kept as files named by their content."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from platforms.sandbox.database import Database
from platforms.sandbox.records import (
    IMAGE_BYTES_MAX,
    IMAGE_PIXELS_MAX,
    IMAGE_TYPES,
    VIDEO_BYTES_MAX,
    VIDEO_TYPE,
    Account,
    NotAllowed,
)
from platforms.sandbox.rows import stamp

_STILLS = (b"avif", b"heic", b"heix", b"mif1")
"""Pictures that come in the container of an MP4 (ISO/IEC 14496-12); these are not taken."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    path: Path
    mime: str


class MediaShelf:
    def __init__(self, database: Database, directory: Path) -> None:
        self.database = database
        self.directory = directory
        directory.mkdir(exist_ok=True, mode=0o700)

    def add(self, account: Account, data: bytes) -> str:
        """The media id of a file that only `account` can post; raises NotAllowed."""
        film = data[4:8] == b"ftyp" and data[8:12] not in _STILLS
        most = VIDEO_BYTES_MAX if film else IMAGE_BYTES_MAX
        if len(data) > most:
            raise NotAllowed(
                "video_too_large" if film else "image_too_large",
                f"{'A video' if film else 'An image'} has at most {most // 1_000_000} MB.",
                status=413,
            )
        mime, width, height = (VIDEO_TYPE, 0, 0) if film else _inspect(data)
        digest = hashlib.sha256(data).hexdigest()
        path = self.directory / digest
        if not path.exists():
            handle, name = tempfile.mkstemp(dir=self.directory, prefix=".part-")
            with os.fdopen(handle, "wb") as part:
                part.write(data)
            os.replace(name, path)  # never a half-written file under the final name
        media_id = secrets.token_hex(12)
        with self.database.writing() as connection:
            connection.execute(
                "INSERT INTO media (id, account_id, sha256, mime, width, height, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (media_id, account.id, digest, mime, width, height, stamp()),
            )
        return media_id

    def published(self, media_id: str) -> MediaFile | None:
        """The file of an image that is part of a post; others are nobody's business."""
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT m.sha256, m.mime FROM media m WHERE m.id = ? AND EXISTS"
                " (SELECT 1 FROM post_images i WHERE i.media_id = m.id)",
                (media_id,),
            ).fetchone()
        return MediaFile(self.directory / row["sha256"], row["mime"]) if row else None


def _inspect(data: bytes) -> tuple[str, int, int]:
    """(mime, width, height), read from the bytes and never from what the sender says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit below
            with Image.open(io.BytesIO(data), formats=list(IMAGE_TYPES.values())) as image:
                width, height = image.size
                if width * height > IMAGE_PIXELS_MAX:
                    raise NotAllowed(
                        "image_too_many_pixels",
                        f"An image has at most {IMAGE_PIXELS_MAX // 1_000_000} million pixels.",
                    )
                image.load()
                return Image.MIME[image.format or ""], width, height
    except Image.DecompressionBombError:
        raise NotAllowed("image_too_many_pixels", "This image unpacks to too much.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, KeyError):
        raise NotAllowed(
            "image_unreadable", "This is not a JPEG, PNG or WebP image that can be read."
        ) from None
