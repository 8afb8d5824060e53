"""What a file is, by its first bytes: neither its name nor what the browser says is believed."""

from __future__ import annotations

from enum import StrEnum

HEAD = 64
"""Bytes that tell."""
_STILLS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
)
_QUICKTIME_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})


class Kind(StrEnum):
    PICTURE = "picture"  # or what only its decoder can tell to be none
    MP4 = "video/mp4"
    QUICKTIME = "video/quicktime"
    OTHER_VIDEO = "video"  # of a kind that no platform takes


def kind_of(head: bytes) -> Kind:
    """The kind of a file that begins so (ISO/IEC 14496-12 for the `ftyp` box)."""
    if head[4:8] == b"ftyp" and head[8:12] not in _STILLS:
        return Kind.QUICKTIME if head[8:12] == b"qt  " else Kind.MP4
    if head[4:8] in _QUICKTIME_BOXES:
        return Kind.QUICKTIME
    if head.startswith((b"\x1aE\xdf\xa3", b"OggS", b"FLV\x01", b"\x00\x00\x01\xba", b"0&\xb2u")):
        return Kind.OTHER_VIDEO
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return Kind.OTHER_VIDEO
    return Kind.PICTURE
