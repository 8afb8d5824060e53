"""Any image a person may have becomes one that the server takes, or is refused with a reason."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from struct import pack

import pytest
from PIL import Image as Pillow

from platforms.contract import Image, Limits, Refused, TextUnit
from platforms.images import fit

LIMITS = Limits(text_max=1, unit=TextUnit.GRAPHEME, image_bytes_max=60_000)


def made(mode: str, form: str, size: tuple[int, int] = (400, 300), **options: object) -> Image:
    out = io.BytesIO()
    picture = Pillow.effect_noise(size, 60).convert(mode)
    picture.save(out, form, **options)
    return Image(out.getvalue(), f"image/{form.lower()}", "alt", *size)


def opened(image: Image) -> Pillow.Image:
    return Pillow.open(io.BytesIO(image.data))


def test_what_fits_is_left_alone() -> None:
    image = made("RGB", "JPEG", (100, 80))
    assert fit(image, LIMITS) is image


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("P", "GIF"),
        ("L", "TIFF"),
        ("CMYK", "TIFF"),
        ("RGB", "BMP"),
    ],
)
def test_other_kinds_become_jpeg(mode: str, form: str) -> None:
    image = fit(made(mode, form, (700, 500)), LIMITS)
    assert (image.mime, image.alt_text) == ("image/jpeg", "alt")
    assert len(image.data) <= LIMITS.image_bytes_max
    assert opened(image).size == (image.width, image.height)
    assert image.width / image.height == pytest.approx(1.4, rel=0.02)


def test_too_many_pixels_become_fewer() -> None:
    limits = replace(LIMITS, image_bytes_max=10**9, image_pixels_max=10_000)
    image = fit(made("RGB", "JPEG"), limits)
    assert image.width * image.height <= 10_000


def test_the_same_twice_is_the_same() -> None:
    image = made("RGBA", "PNG", (500, 400))
    assert fit(image, LIMITS).data == fit(image, LIMITS).data


def test_it_stands_upright_and_tells_no_place() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "secret place"
    image = fit(made("RGB", "JPEG", (800, 400), exif=exif), LIMITS)
    assert image.width < image.height
    assert b"secret place" not in image.data


def _png(width: int, height: int) -> bytes:
    """A PNG of few bytes that claims to be of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image",
        b"\xff\xd8\xff\xe0 cut",
        _png(9_000, 9_000),
        _png(60_000, 60_000),
        b"<svg/>",
    ],
)
def test_what_cannot_be_read_or_is_a_bomb_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        fit(Image(data, "image/tiff", "", 10, 10), LIMITS)


def test_what_cannot_be_made_to_fit_is_refused() -> None:
    with pytest.raises(Refused, match="too large"):
        fit(made("RGB", "PNG"), replace(LIMITS, image_bytes_max=100))
