"""What is kept of an upload: the picture or the film, and nothing else that was in the file."""

from __future__ import annotations

import io
import json
import shutil
import stat
import zlib
from struct import pack

import pytest
from PIL import Image, ImageSequence

from accounts.errors import Invalid
from scheduling import videos
from scheduling.intake import Taken, taken_in
from scheduling.pictures import LONGEST_SIDE
from scheduling.sniffing import Kind, kind_of
from tests.scheduling.files import (
    CANARY,
    PLACE,
    exif,
    gif,
    heic,
    picture,
    turned,
    upload,
    upside_down,
    video,
)


def kept(data: bytes, **named: str) -> tuple[Taken, bytes]:
    with taken_in(upload(data, **named)) as taken:
        return taken, taken.file.read()


def seen(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def refused(data: bytes) -> str:
    with pytest.raises(Invalid) as raised, taken_in(upload(data)):
        pass
    return raised.value.message


FORMS = {
    "JPEG": ({"exif": exif(), "comment": CANARY}, "image/jpeg"),
    "PNG": ({"exif": exif()}, "image/png"),
    "WEBP": ({"exif": exif(), "lossless": True}, "image/jpeg"),
    "AVIF": ({"exif": exif()}, "image/jpeg"),
    "GIF": ({}, "image/jpeg"),
}


class TestPictures:
    @pytest.mark.parametrize("form", FORMS)
    def test_place_and_camera_are_gone(self, form):
        options, mime = FORMS[form]
        data = picture(form, **options)
        assert CANARY in data, "the test has nothing to find"
        taken, result = kept(data)
        assert (taken.mime, taken.width, taken.height) == (mime, 40, 30)
        assert CANARY not in result
        image = seen(result)
        assert not image.getexif()
        assert not {"exif", "comment", "icc_profile", "xmp"} & set(image.info)

    def test_those_of_a_heic_too_and_it_is_turned_upright(self):
        assert CANARY in heic()
        taken, result = kept(heic(), name="IMG_0007.HEIC", kind="image/heic")
        assert (taken.mime, taken.width, taken.height) == ("image/jpeg", 48, 64)
        assert CANARY not in result
        assert not seen(result).getexif()
        assert seen(result).getpixel((44, 3))[0] > 200

    def test_a_heic_that_breaks_off_is_refused(self):
        assert "no picture" in refused(heic()[: len(heic()) // 2])

    @pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (6, (30, 40)), (3, (40, 30))])
    def test_it_is_turned_upright(self, orientation, size):
        taken, result = kept(picture("JPEG", exif=exif(orientation), quality=95))
        assert (taken.width, taken.height) == size == seen(result).size
        red = {1: (2, 2), 6: (size[0] - 3, 2), 3: (size[0] - 3, size[1] - 3)}[orientation]
        assert seen(result).getpixel(red)[0] > 200

    def test_colours_stay_what_they_were_without_their_profile(self):
        data = picture("PNG", icc_profile=upside_down())
        assert seen(data).getpixel((0, 0)) == (255, 0, 0)
        _, result = kept(data)
        assert "icc_profile" not in seen(result).info
        red, _, blue = seen(result).getpixel((0, 0))
        assert red < 10
        assert blue > 240

    def test_a_broken_profile_stops_nothing(self):
        _, result = kept(picture("PNG", icc_profile=b"nonsense"))
        assert seen(result).getpixel((0, 0)) == (255, 0, 0)

    def test_cmyk_is_seen_by_everybody(self):
        out = io.BytesIO()
        Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(out, "JPEG", quality=95)
        _, result = kept(out.getvalue())
        assert seen(result).mode == "RGB"

    def test_what_is_see_through_stays_so(self):
        out = io.BytesIO()
        Image.new("RGBA", (8, 8), (255, 0, 0, 10)).save(out, "WEBP", lossless=True)
        taken, result = kept(out.getvalue())
        assert taken.mime == "image/png"
        assert seen(result).getpixel((0, 0))[3] == 10

    def test_the_name_and_the_declared_type_are_not_believed(self):
        taken, _ = kept(picture("PNG"), name="film.mp4", kind="video/mp4")
        assert taken.mime == "image/png"

    def test_what_else_is_in_the_file_is_gone(self):
        """Two files in one: a picture to one program, a page or an archive to another."""
        script = b"<script>alert(1)</script>"
        for form in ("PNG", "JPEG", "GIF"):
            assert script in picture(form) + script + b"PK\x03\x04"
            _, result = kept(picture(form) + script + b"PK\x03\x04")
            assert script not in result
            assert b"PK\x03\x04" not in result

    def test_the_same_picture_comes_out_the_same(self):
        assert kept(picture("JPEG"))[0].sha256 == kept(picture("JPEG"))[0].sha256

    def test_one_that_is_larger_than_anybody_shows_is_scaled(self):
        taken, _ = kept(picture("PNG", (LONGEST_SIDE + 400, 10)))
        assert taken.width == LONGEST_SIDE

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
    def test_what_breaks_off_is_refused(self, form, share):
        whole = picture(form, (200, 150))
        assert "no picture" in refused(whole[: int(len(whole) * share)])

    @pytest.mark.parametrize(
        "data",
        [
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"%PDF-1.7",
            b"MZ\x90",
            b"\x89PNG",
            b"GIF89a",
        ],
    )
    def test_what_is_no_picture_is_refused(self, data):
        assert "no picture" in refused(data)

    def test_a_bomb_is_refused_before_it_is_unpacked(self):
        row = zlib.compress(b"\0" * 30_001, 9)
        header = pack("!IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)

        def chunk(name: bytes, body: bytes) -> bytes:
            return pack("!I", len(body)) + name + body + pack("!I", zlib.crc32(name + body))

        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row)
        assert "too many pixels" in refused(bomb)

    def test_words_that_unpack_to_too_much_are_refused(self):
        def chunk(name: bytes, body: bytes) -> bytes:
            return pack("!I", len(body)) + name + body + pack("!I", zlib.crc32(name + body))

        text = b"k\0\0" + zlib.compress(b"a" * 80_000_000, 9)
        plain = picture("PNG")
        bomb = plain[:33] + chunk(b"zTXt", text) + plain[33:]
        assert len(bomb) < 200_000
        try:
            _, result = kept(bomb)
        except Invalid:
            return
        assert len(result) < 10_000


class TestGifs:
    def test_one_that_moves_goes_on_moving_and_says_nothing_else(self):
        taken, result = kept(gif())
        assert taken.mime == "image/gif"
        image = Image.open(io.BytesIO(result))
        assert sum(1 for _ in ImageSequence.Iterator(image)) == 3
        assert image.info["duration"] == 80
        assert image.info["loop"] == 0
        assert CANARY in gif()
        assert CANARY not in result

    def test_one_that_unpacks_to_too_much_is_refused(self, settings):
        settings.UPLOAD_MAX_PIXELS = 40 * 30
        assert "too long" in refused(gif(9))


@pytest.mark.ffmpeg
class TestVideos:
    @pytest.mark.parametrize(
        ("form", "more", "mark"),
        [
            ("mp4", (), b"loci"),  # the box of the place
            ("mov", ("-movflags", "use_metadata_tags"), PLACE.encode()),
        ],
    )
    def test_place_and_telephone_are_gone_and_it_is_measured(self, form, more, mark):
        data = video(form=form, more=more)
        assert CANARY in data
        assert mark in data
        taken, result = kept(data, name="holiday.jpg", kind="image/jpeg")
        assert (taken.mime, taken.width, taken.height) == ("video/mp4", 64, 48)
        assert taken.seconds == pytest.approx(1.0, abs=0.15)
        assert CANARY not in result
        assert mark not in result
        assert taken.size == len(result)

    def test_what_is_behind_the_film_is_gone(self):
        _, result = kept(video() + b"<script>alert(1)</script>")
        assert b"<script>" not in result

    def test_one_taken_upright_has_the_size_it_is_seen_in(self):
        taken, _ = kept(turned(video()))
        assert (taken.width, taken.height) == (48, 64)

    def test_one_that_breaks_off_is_refused_with_what_to_do(self):
        assert "Save it as MP4" in refused(video()[:600])

    def test_no_film_in_it(self):
        assert "no video" in refused(b"\0\0\0\x18ftypisom" + b"\0" * 400)

    def test_a_coding_that_platforms_do_not_take(self):
        assert "coded" in refused(video(codec="mpeg4"))

    def test_a_playlist_in_disguise_opens_nothing(self, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("secret")
        listed = f"ftypisom\n#EXTM3U\n#EXTINF:1,\nfile://{secret}\n".encode()
        assert "no video" in refused(b"\0\0\0\x18" + listed)

    def test_a_program_that_hangs_is_stopped(self, monkeypatch, tmp_path):
        film = video()  # by the real one
        for name in ("ffprobe", "ffmpeg"):
            program = tmp_path / name
            program.write_text("#!/bin/sh\nexec sleep 600\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.setattr(videos, "PROBE_S", 1)
        assert "takes too long" in refused(film)


class TestWithoutFfmpeg:
    @pytest.fixture(autouse=True)
    def _none(self, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda *_: None)

    def test_a_video_is_taken_by_its_kind_and_not_measured(self):
        data = b"\0\0\0\x18ftypisom" + b"\0" * 40
        taken, result = kept(data)
        assert (taken.mime, taken.seconds, taken.width) == ("video/mp4", None, 0)
        assert result == data

    def test_its_size_is_looked_at_all_the_same(self, settings):
        settings.VIDEO_MAX_BYTES = 20
        assert "too large" in refused(b"\0\0\0\x18ftypisom" + b"\0" * 40)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypmp42", Kind.MP4),
        (b"\0\0\0\x14ftypqt  ", Kind.QUICKTIME),
        (b"\0\0\0\x08wide\0\0", Kind.QUICKTIME),
        (b"\0\0\0\x18ftypheic", Kind.PICTURE),
        (b"\0\0\0\x18ftypavif", Kind.PICTURE),
        (b"\x1aE\xdf\xa3\x01", Kind.OTHER_VIDEO),
        (b"RIFF\0\0\0\0AVI LIST", Kind.OTHER_VIDEO),
        (b"RIFF\0\0\0\0WEBPVP8 ", Kind.PICTURE),
        (b"", Kind.PICTURE),
    ],
)
def test_the_first_bytes_tell(head, kind):
    assert kind_of(head) is kind


@pytest.mark.parametrize("head", [b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI "])
def test_videos_that_nobody_takes_are_refused_with_what_to_do(head):
    assert "Save it as MP4" in refused(head + b"\0" * 80)


def test_json_is_no_video():
    assert "no picture" in refused(json.dumps({"a": 1}).encode())
