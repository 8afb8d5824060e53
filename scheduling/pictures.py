"""Uploads become pictures: decoded and encoded anew, so nothing but the picture is left in them."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field
from typing import IO, Any

import pi_heif
from django.conf import settings
from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

from accounts.errors import Invalid

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF")
LONGEST_SIDE = 4096
"""No platform shows more; larger pictures are scaled down."""
MOST_FRAMES = 600
"""Of a GIF that moves."""
_FRAMES_WEIGH = 4
"""All frames together may have so many times the pixels of one picture."""
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

pi_heif.register_heif_opener()


@dataclass(frozen=True, slots=True)
class Picture:
    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int


def picture_from(upload: IO[bytes]) -> Picture:
    """Decode a file and encode it anew as JPEG, PNG or, when it moves, GIF. Raises Invalid.

    Pixels are counted before they are decoded. Turned upright, in sRGB.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(upload, formats=FORMATS)
        if image.width * image.height > settings.UPLOAD_MAX_PIXELS:
            raise Invalid("picture", _too_many_pixels())
        if image.format == "GIF" and getattr(image, "is_animated", False):
            return _moving(image)
        image.load()
        return _still(image)
    except Invalid:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Invalid("picture", _too_many_pixels()) from None
    except UnidentifiedImageError:
        raise Invalid(
            "picture",
            "This is no picture Socialdesk can read. Use JPEG, PNG, WebP, GIF, HEIC or AVIF.",
        ) from None
    except Exception:  # noqa: BLE001 - decoders raise what they like on a broken file
        raise Invalid(
            "picture",
            "This is no picture Socialdesk can read: it breaks off, or is damaged. Save it anew, "
            "or take another.",
        ) from None


def _still(image: Image.Image) -> Picture:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        # 16 bits of grey: converting would cut them off at 255 and leave a white picture.
        upright = upright.point(lambda value: value * (1 / 256)).convert("L")
    see_through = upright.has_transparency_data
    flat = _in_srgb(upright, "RGBA" if see_through else "RGB")
    flat.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    flat.info = {}  # Pillow would write a comment or a profile that is left in there
    out = io.BytesIO()
    if see_through or image.format == "PNG":
        flat.save(out, "PNG", optimize=False)
        return Picture(out.getvalue(), "image/png", flat.width, flat.height)
    flat.save(out, "JPEG", quality=90)
    return Picture(out.getvalue(), "image/jpeg", flat.width, flat.height)


def _in_srgb(image: Image.Image, mode: str) -> Image.Image:
    """The same colours without a profile; one that is broken is left out of account."""
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA", "LA"):
        image = image.convert(mode)
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(
                image, source, _SRGB, outputMode=mode if image.mode == mode else "RGB"
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            changed = None
        if changed is not None:
            return changed.convert(mode)
    return image.convert(mode)


def _moving(image: Image.Image) -> Picture:
    """A GIF of the same frames, and of nothing else that was in the file."""
    each = image.width * image.height
    frames: list[Image.Image] = []
    durations: list[int] = []
    for frame in ImageSequence.Iterator(image):
        if (len(frames) + 1) * each > settings.UPLOAD_MAX_PIXELS * _FRAMES_WEIGH or (
            len(frames) == MOST_FRAMES
        ):
            raise Invalid(
                "picture", "This GIF is too long. Save it as a video (MP4), or make it smaller."
            )
        durations.append(int(frame.info.get("duration") or 100))
        whole = frame.convert("RGBA")
        whole.info = {}
        frames.append(whole)
    loop: dict[str, Any] = {"loop": image.info["loop"]} if "loop" in image.info else {}
    out = io.BytesIO()
    frames[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        disposal=2,
        optimize=False,
        **loop,
    )
    return Picture(out.getvalue(), "image/gif", image.width, image.height)


def _too_many_pixels() -> str:
    return (
        f"This picture has too many pixels. {settings.UPLOAD_MAX_PIXELS // 1_000_000} million fit."
    )
