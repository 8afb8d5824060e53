"""Files as people's cameras and telephones make them, with what must not go out."""

from __future__ import annotations

import io
import struct
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageCms

CANARY = b"CanaryCamera"
PLACE = "+51.5007-000.1246/"
"""Where it was taken, as telephones write it into a video (ISO 6709)."""


def upload(data: bytes, name: str = "file.bin", kind: str = "text/plain") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type=kind)


def exif(orientation: int = 1) -> bytes:
    """A camera's name and the place, as EXIF."""
    tags = Image.Exif()
    tags[0x010F] = CANARY.decode()
    tags[0x0112] = orientation
    place = tags.get_ifd(0x8825)
    place[1], place[2] = "N", (51.0, 30.0, 2.5)
    place[3], place[4] = "W", (0.0, 7.0, 28.6)
    return tags.tobytes()


def picture(form: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """A picture of any form, its upper left corner red and the rest blue."""
    image = Image.new("RGB", size, "#0000ff")
    image.paste("#ff0000", (0, 0, size[0] // 2, size[1] // 2))
    if form == "GIF":
        image.info["comment"] = CANARY
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def gif(frames: int = 3, size: tuple[int, int] = (40, 30)) -> bytes:
    """A GIF that moves, with a comment in it."""
    colours = ["#ff0000", "#00ff00", "#0000ff"]
    images = [Image.new("RGB", size, colours[number % 3]) for number in range(frames)]
    for number, image in enumerate(images):
        image.putpixel((number % size[0], 0), (255, 255, 255))
    out = io.BytesIO()
    images[0].save(
        out, "GIF", save_all=True, append_images=images[1:], duration=80, loop=0, comment=CANARY
    )
    return out.getvalue()


def upside_down() -> bytes:
    """A colour profile under which the numbers of red mean blue, and those of blue red."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in (b"XYZ", b"TRC"):
        srgb = srgb.replace(b"r" + name, b"?" + name).replace(b"b" + name, b"r" + name)
        srgb = srgb.replace(b"?" + name, b"b" + name)
    return srgb


def heic() -> bytes:
    """As a telephone takes it: lying on its side, with place and camera in EXIF. Made once with
    pillow-heif, which can write such files and is not needed otherwise.
    """
    return (Path(__file__).parent / "telephone.heic").read_bytes()


@cache
def video(
    seconds: float = 1.0,
    size: str = "64x48",
    *,
    codec: str = "libx264",
    form: str = "mp4",
    more: tuple[str, ...] = (),
) -> bytes:
    """A film with sound, and with the place and the telephone in its metadata."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"film.{form}"
        subprocess.run(
            [
                *("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi"),
                *("-i", f"testsrc=size={size}:rate=10:duration={seconds}"),
                *("-f", "lavfi", "-i", f"sine=duration={seconds}", "-c:v", codec),
                *("-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"),
                *("-metadata", f"location={PLACE}", "-metadata", f"comment={CANARY.decode()}"),
                *("-metadata:s:v", f"handler_name={CANARY.decode()}", *more, str(path)),
            ],
            check=True,
            timeout=60,
        )
        return path.read_bytes()


def turned(film: bytes) -> bytes:
    """The film as if it had been taken upright: its matrix turns it by a quarter."""
    start = film.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2, version 0
    one = 0x00010000
    matrix = struct.pack("!9i", 0, one, 0, -one, 0, 0, 48 * one, 0, 0x40000000)
    return film[:start] + matrix + film[start + len(matrix) :]
