"""Asks clamd whether a file is infected, before anything else looks into it.

The protocol is a handful of lines (clamd(8), INSTREAM), so they are here: the older client library
has had no release since 2014, the maintained one is under the GPL.
"""

from __future__ import annotations

import socket
import struct
from typing import IO
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_S = 5.0
ANSWER_S = 60.0
"""Seconds that clamd may take over one file."""
_PIECE = 65_536
_LONGEST_ANSWER = 4_096


class Infected(Exception):  # says what happened
    """The file holds what clamd knows as harmful. `name`: what it calls it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Unchecked(Exception):  # says what happened
    """The file could not be checked. The message is for administrators."""


def is_wanted() -> bool:
    """Whether uploads are checked at all: SOCIALDESK_CLAMD."""
    return bool(settings.CLAMD)


def check(file: IO[bytes]) -> None:
    """Have a whole file checked, where a clamd is set. Raises Infected, Unchecked.

    No answer, or any other than that it is clean, is Unchecked: what was not checked is not taken.
    """
    if not is_wanted():
        return
    file.seek(0)
    try:
        with _connected(settings.CLAMD) as there:
            there.sendall(b"zINSTREAM\0")
            while piece := file.read(_PIECE):
                there.sendall(struct.pack("!I", len(piece)) + piece)
            there.sendall(struct.pack("!I", 0))
            answer = _answer(there)
    except (OSError, ValueError) as error:
        raise Unchecked(f"clamd does not answer: {type(error).__name__}.") from None
    file.seek(0)
    said = answer.removeprefix("stream: ")
    if said == "OK":
        return
    if said.endswith(" FOUND"):
        raise Infected(said.removesuffix(" FOUND")[:120])
    raise Unchecked(f"clamd could not check a file: {said[:120] or 'no answer'}.")


def _connected(place: str) -> socket.socket:
    parts = urlsplit(place)
    if parts.scheme == "unix":
        there = socket.socket(socket.AF_UNIX)
        there.settimeout(CONNECT_S)
        there.connect(parts.path)
    else:
        there = socket.create_connection((parts.hostname or "", parts.port or 3310), CONNECT_S)
    there.settimeout(ANSWER_S)
    return there


def _answer(there: socket.socket) -> str:
    answer = b""
    while b"\0" not in answer and len(answer) < _LONGEST_ANSWER:
        piece = there.recv(_LONGEST_ANSWER)
        if not piece:
            break
        answer += piece
    return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()
