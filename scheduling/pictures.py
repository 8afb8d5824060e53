"""Uploads become pictures: sniffed, decoded and encoded anew, so nothing else is left in them."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from PIL import Image, ImageOps, UnidentifiedImageError

from accounts.errors import Invalid

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
LONGEST_SIDE = 4096
"""No platform shows more; larger pictures are scaled down."""


@dataclass(frozen=True, slots=True)
class Picture:
    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    sha256: str


def picture_from(upload: UploadedFile[Any]) -> Picture:
    """Decode an upload and encode it anew as JPEG or PNG. Raises Invalid.

    The name and the declared type are not believed. Pixels are counted before they are decoded.
    """
    if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise Invalid("picture", f"This file is too large: {_mb(settings.UPLOAD_MAX_BYTES)} fit.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(upload, formats=FORMATS)
        if image.width * image.height > settings.UPLOAD_MAX_PIXELS:
            raise Invalid("picture", _too_many_pixels())
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Invalid("picture", _too_many_pixels()) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise Invalid(
            "picture", "This is no picture Socialdesk can read. Use JPEG, PNG, WebP or GIF."
        ) from None
    return _encoded(image)


def _encoded(image: Image.Image) -> Picture:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        # 16 bits of grey: converting would cut them off at 255 and leave a white picture.
        upright = upright.point(lambda value: value * (1 / 256)).convert("L")
    see_through = upright.has_transparency_data
    flat = upright.convert("RGBA" if see_through else "RGB")
    flat.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = io.BytesIO()
    if see_through or image.format == "PNG":
        mime = "image/png"
        flat.save(out, "PNG", optimize=False)
    else:
        mime = "image/jpeg"
        flat.save(out, "JPEG", quality=90)
    data = out.getvalue()
    return Picture(data, mime, flat.width, flat.height, hashlib.sha256(data).hexdigest())


def _too_many_pixels() -> str:
    return (
        f"This picture has too many pixels. {settings.UPLOAD_MAX_PIXELS // 1_000_000} million fit."
    )


def _mb(size: int) -> str:
    return f"{size // 1_000_000} MB"
