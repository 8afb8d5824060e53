"""Uploaded videos: looked into by ffprobe, and copied by ffmpeg without what is not the film.

Both are other people's programs reading a stranger's file: no shell, one demuxer, no network, a
time limit and a limit to what they may take and write.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from accounts.errors import Invalid

log = structlog.get_logger(__name__)
PROBE_S = 20
COPY_S = 120
"""Seconds after which either is stopped."""
MEMORY = 2_000_000_000
"""Bytes of address space they may take."""
CODECS = ("h264", "hevc")
SOUNDS = ("aac", "mp3")
_INPUT = ("-protocol_whitelist", "file", "-f", "mov")
"""The one demuxer for both MP4 and QuickTime: others would open what a playlist names."""
_SAVE_AS = "Save it as MP4 with H.264 and AAC, and add it again."


@dataclass(frozen=True, slots=True)
class Film:
    """What is known of a video file. Sizes in pixels, 0 where they could not be looked up."""

    path: Path
    mime: str
    width: int = 0
    height: int = 0
    seconds: float | None = None


def can_look_inside() -> bool:
    """Whether videos can be measured and freed of places and devices here."""
    return bool(shutil.which("ffprobe") and shutil.which("ffmpeg"))


def film_from(path: Path, mime: str) -> Film:
    """What is at `path` as it is kept, measured and cleaned where that can be. Raises Invalid."""
    if not can_look_inside():
        return Film(path, mime)
    _measured(path)  # refuses what is better not copied
    cleaned = path.with_name("cleaned.mp4")
    _run(
        *("ffmpeg", "-nostdin", "-v", "error", "-y", *_INPUT, "-i", f"file:{path}"),
        *("-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"),
        *("-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1"),
        *("-fflags", "+bitexact", "-movflags", "+faststart", "-f", "mp4", f"file:{cleaned}"),
        seconds=COPY_S,
    )
    return _measured(cleaned)


def _measured(path: Path) -> Film:
    answer = _run(
        *("ffprobe", "-v", "error", *_INPUT, "-print_format", "json", "-show_entries"),
        "format=duration:stream=codec_type,codec_name,width,height:stream_side_data=rotation",
        *("-i", f"file:{path}"),
        seconds=PROBE_S,
    )
    try:
        found = json.loads(answer)
        streams = found["streams"]
        film = next(one for one in streams if one.get("codec_type") == "video")
        seconds = float(found["format"]["duration"])
        width, height = int(film["width"]), int(film["height"])
    except (ValueError, KeyError, TypeError, StopIteration):
        raise Invalid("video", f"There is no film in this file. {_SAVE_AS}") from None
    sounds = {str(s.get("codec_name")) for s in streams if s.get("codec_type") == "audio"}
    if film.get("codec_name") not in CODECS or not sounds <= set(SOUNDS):
        raise Invalid(
            "video", f"This video is coded in a way that platforms do not take. {_SAVE_AS}"
        )
    if seconds <= 0 or width <= 0 or height <= 0:
        raise Invalid("video", f"This video has no length or no size. {_SAVE_AS}")
    if _lies_on_its_side(film):
        width, height = height, width
    return Film(path, "video/mp4", width, height, round(seconds, 3))


def _lies_on_its_side(film: dict[str, Any]) -> bool:
    turns = [one.get("rotation", 0) for one in film.get("side_data_list", ())]
    return any(isinstance(turn, int | float) and int(turn) % 180 for turn in turns)


def _run(*command: str, seconds: int) -> bytes:
    """What the program says. Raises Invalid when it fails, or takes too long."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        with subprocess.Popen(  # noqa: S603 - no shell, and every word is ours but a path
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
        ) as process:
            try:
                _bound(process.pid, seconds)
                out, said = process.communicate(timeout=seconds)
            except BaseException:
                process.kill()
                raise
    except subprocess.TimeoutExpired:
        log.warning("video_took_too_long", program=command[0])
        raise Invalid("video", f"This video takes too long to look into. {_SAVE_AS}") from None
    except OSError as error:
        log.warning("video_program_failed", program=command[0], kind=type(error).__name__)
        raise Invalid(
            "video", "The server could not look into this video. Tell your administrator."
        ) from None
    if process.returncode != 0:
        log.info("video_refused", program=command[0], said=said[-200:].decode("utf-8", "replace"))
        raise Invalid(
            "video", f"This is no video Socialdesk can read, or it is damaged. {_SAVE_AS}"
        )
    return out


def _bound(pid: int, seconds: int) -> None:
    """Limits of the kernel's for the program that was just started, where there are such."""
    if not hasattr(resource, "prlimit"):  # Linux alone has it
        return
    limit = partial(resource.prlimit, pid)
    try:
        limit(resource.RLIMIT_CPU, (seconds, seconds))
        limit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        most = settings.VIDEO_MAX_BYTES * 2
        limit(resource.RLIMIT_FSIZE, (most, most))
    except ProcessLookupError:
        return  # it has ended already
