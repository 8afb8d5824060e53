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
MIDDLE = (0.5, 0.5)
"""What of an image is kept where it has to be cut: how far from the left and from the top."""


def fit(image: Image, limits: Limits, *, keep: tuple[float, float] = MIDDLE) -> Image:
    """`image` itself when it fits, otherwise a JPEG of it, cut round `keep` and made smaller.

    The same result every time. Raises Refused when the data is no image, is a bomb, or cannot be
    made to fit.
    """
    if fits(image, limits):
        return image
    picture = _decode(image)
    picture = picture.crop(cut(picture.width, picture.height, limits, keep))
    if limits.image_pixels_max is not None:
        picture = _scaled(picture, limits.image_pixels_max, limits)
    for quality in (*_QUALITIES, *[_QUALITIES[-1]] * 8):
        data = _encode(picture, quality)
        if len(data) <= limits.image_bytes_max:
            return replace(
                image, data=data, mime="image/jpeg", width=picture.width, height=picture.height
            )
        if quality == _QUALITIES[-1]:
            share = limits.image_bytes_max / len(data)
            pixels = max(1, int(picture.width * picture.height * share * 0.9))
            picture = _scaled(picture, pixels, limits)
    raise Refused("An image is too large for this platform.", code="image_too_large")


def fits(image: Image, limits: Limits, *, size: int | None = None) -> bool:
    """Whether it is taken as it is; `size` in bytes where the data is not at hand."""
    size = len(image.data) if size is None else size
    return (
        image.mime in limits.image_types
        and size <= limits.image_bytes_max
        and planned(image.width, image.height, limits) == (image.width, image.height)
    )


def planned(width: int, height: int, limits: Limits) -> tuple[int, int]:
    """Width and height after cutting and scaling, as far as the number of bytes allows."""
    left, top, right, bottom = cut(width, height, limits)
    scaled = _within(right - left, bottom - top, limits.image_pixels_max)
    left, top, right, bottom = cut(*scaled, limits)
    return right - left, bottom - top


def cut(
    width: int, height: int, limits: Limits, keep: tuple[float, float] = MIDDLE
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is shown where not every shape is taken."""
    least, most = limits.image_ratio or (0.0, float("inf"))
    new_width, new_height = width, height
    if height and width / height > most:
        new_width = max(1, int(height * most))
    elif height and width / height < least:
        new_height = max(1, int(width / least))
    left = int((width - new_width) * keep[0])
    top = int((height - new_height) * keep[1])
    return left, top, left + new_width, top + new_height


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


def _within(width: int, height: int, pixels: int | None) -> tuple[int, int]:
    if pixels is None or width * height <= pixels:
        return width, height
    factor = (pixels / (width * height)) ** 0.5
    return max(1, int(width * factor)), max(1, int(height * factor))


def _scaled(picture: Any, pixels: int, limits: Limits) -> Any:
    size = _within(picture.width, picture.height, pixels)
    if size == picture.size:
        return picture
    smaller = picture.resize(size, Pillow.Resampling.LANCZOS)
    # Whole pixels may have made its shape one that is not taken any more, by a line.
    return smaller.crop(cut(smaller.width, smaller.height, limits))


def _encode(picture: Any, quality: int) -> bytes:
    out = io.BytesIO()
    picture.info = {}  # a comment of the original would go along
    picture.save(out, "JPEG", quality=quality, optimize=True)  # no EXIF: it may hold a place
    return out.getvalue()
