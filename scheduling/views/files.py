"""Stored files as answers: whole or in part, and never as anything but what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from scheduling.models import Media, Variant
from scheduling.models.post import EXTENSIONS

_PIECE = 65_536
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def file_answer(request: HttpRequest, what: Media | Variant, *, cached: str) -> HttpResponseBase:
    """The file, or the one range of bytes that was asked for (RFC 9110, 14). `cached`: how long.

    Raises OSError when it cannot be read.
    """
    asked = _asked(request.headers.get("Range", ""), what.size)
    if asked is None:
        answer: HttpResponseBase = HttpResponse(status=416)
        answer["Content-Range"] = f"bytes */{what.size}"
        return answer
    start, end = asked
    if request.method == "HEAD":
        answer = HttpResponse(content_type=what.mime)
    else:
        answer = StreamingHttpResponse(_pieces(what.file, start, end), content_type=what.mime)
    if (start, end) != (0, what.size):
        answer.status_code = 206
        answer["Content-Range"] = f"bytes {start}-{end - 1}/{what.size}"
    answer["Content-Length"] = str(end - start)
    answer["Accept-Ranges"] = "bytes"
    answer["Cache-Control"] = cached
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Disposition"] = f'inline; filename="media.{EXTENSIONS[what.mime]}"'
    # Opened by itself it is nothing but a picture or a film, whatever somebody put into it.
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def _asked(header: str, size: int) -> tuple[int, int] | None:
    """Start and end of what is asked for; all of it where that is not one range; None: no such."""
    found = _RANGE.fullmatch(header.strip())
    if not found or found.groups() == ("", ""):
        return 0, size
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    return (start, end) if start < end else None


def _pieces(file: FieldFile, start: int, end: int) -> Iterator[bytes]:
    if hasattr(file.storage, "pieces"):  # a bucket, which need not be read from its beginning
        yield from file.storage.pieces(file.name, start, end, _PIECE)
        return
    with file.open("rb") as opened:
        opened.seek(start)
        left = end - start
        while left > 0 and (piece := opened.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece
