"""Makes an image fit what a server takes, so that nobody has to know its limits."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from PIL import Image as Pillow
from PIL import ImageOps

from platforms.contract import Image, Limits, Refused

_QUALITIES = (90, 80)  # then it gets smaller rather than coarser
_MAX_PIXELS = 60_000_000  # of what we decode at all; a bomb is small in bytes and huge in pixels


def fit(image: Image, limits: Limits) -> Image:
    """`image` itself when it fits, otherwise a smaller JPEG of it; the same result every time.

    Raises Refused when the data is no image, is a bomb, or cannot be made to fit.
    """
    fits_type = image.mime in limits.image_types
    if fits_type and len(image.data) <= limits.image_bytes_max and _pixels_fit(image, limits):
        return image
    picture = _decode(image)
    if limits.image_pixels_max is not None:
        picture = _scaled(picture, limits.image_pixels_max)
    for quality in (*_QUALITIES, *[_QUALITIES[-1]] * 8):
        data = _encode(picture, quality)
        if len(data) <= limits.image_bytes_max:
            return replace(
                image, data=data, mime="image/jpeg", width=picture.width, height=picture.height
            )
        if quality == _QUALITIES[-1]:
            share = limits.image_bytes_max / len(data)
            picture = _scaled(picture, max(1, int(picture.width * picture.height * share * 0.9)))
    raise Refused("An image is too large for this platform.", code="image_too_large")


def _pixels_fit(image: Image, limits: Limits) -> bool:
    return limits.image_pixels_max is None or image.width * image.height <= limits.image_pixels_max


def _decode(image: Image) -> Any:
    try:
        opened = Pillow.open(io.BytesIO(image.data))
        if opened.width * opened.height > _MAX_PIXELS:
            raise Refused("An image has too many pixels.", code="image_too_large")
        return _on_white(ImageOps.exif_transpose(opened))
    except Refused:
        raise
    except Exception:  # noqa: BLE001 - decoders raise what they like on a broken file
        failure = Refused("An image cannot be read.", code="not_an_image")
    raise failure


def _on_white(picture: Any) -> Any:
    """JPEG has no transparency; white is what most pages behind it are."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Pillow.new("RGBA", picture.size, "white")
        return Pillow.alpha_composite(ground, picture).convert("RGB")
    return picture.convert("RGB")


def _scaled(picture: Any, pixels: int) -> Any:
    if picture.width * picture.height <= pixels:
        return picture
    factor = (pixels / (picture.width * picture.height)) ** 0.5
    size = (max(1, int(picture.width * factor)), max(1, int(picture.height * factor)))
    return picture.resize(size, Pillow.Resampling.LANCZOS)


def _encode(picture: Any, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)  # no EXIF: it may hold a place
    return out.getvalue()
