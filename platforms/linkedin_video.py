"""A video to LinkedIn: piece by piece, each of which it answers by a tag, and then waited for.

Each piece is kept as a step, so a restart goes on with the next one. As of November 2026:
https://learn.microsoft.com/linkedin/marketing/community-management/shares/videos-api
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from platforms.contract import Refused, RetryLater, Steps, Video
from platforms.failures import Malformed, text_of
from platforms.linkedin_client import LinkedInClient, quoted
from platforms.rest import Row, objects, part

_USABLE_S = 3_600.0  # where LinkedIn does not say until when its addresses are good
_MOST_S = 23 * 3_600.0
_WAITS_S = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0)
_PIECES_MAX = 1_000  # they are of 4 MiB
_FAILED = "media_failed"


def upload_video(client: LinkedInClient, owner: str, video: Video, steps: Steps) -> str:
    """The URN of a video that can be posted, which nobody sees until a post takes it up.

    Raises Refused where LinkedIn cannot use it, RetryLater while LinkedIn is still at work on it.
    """
    name = _step(video)
    kept = steps.get(name)
    if isinstance(kept, dict) and time.time() < float(kept.get("until", 0)):
        try:
            return _go_on(client, video, kept, steps)
        except Refused as refused:
            if refused.code == _FAILED:
                raise
        # What LinkedIn no longer has is uploaded anew.
    asked = {"owner": owner, "fileSizeBytes": len(video.data)}
    asked |= {"uploadCaptions": False, "uploadThumbnail": False}
    begun = client.act(
        "videos?action=initializeUpload",
        {"initializeUploadRequest": asked},
        lambda answer: _begun(part(answer, "value"), len(video.data)),
    )
    steps.put(name, begun)
    return _go_on(client, video, begun, steps)


def look_again(video: Video, steps: Steps) -> None:
    """Have the next `upload_video` ask whether LinkedIn still has it, and send it anew if not."""
    kept = steps.get(_step(video))
    if isinstance(kept, dict):
        steps.put(_step(video), {**kept, "ready": False})


def _step(video: Video) -> str:
    return f"media.{sha256(video.data).hexdigest()[:16]}"


def _go_on(client: LinkedInClient, video: Video, state: Mapping[str, Any], steps: Steps) -> str:
    """Everything that is still to be done of an upload that was begun."""
    name, urn = _step(video), str(state["video"])
    for first, last, address in state["pieces"][len(state["tags"]) :]:
        tag = client.put_piece(address, video.data[first : last + 1])
        state = {**state, "tags": [*state["tags"], tag]}
        steps.put(name, state)
    if not state["whole"]:
        _put_together(client, urn, state)
        state = {**state, "whole": True}
        steps.put(name, state)
    if not state["ready"]:
        _await(client, urn)
        steps.put(name, {**state, "ready": True})
    return urn


def _put_together(client: LinkedInClient, urn: str, state: Mapping[str, Any]) -> None:
    told = {"video": urn, "uploadToken": state["token"], "uploadedPartIds": state["tags"]}
    try:
        client.act(
            "videos?action=finalizeUpload", {"finalizeUploadRequest": told}, lambda _answer: None
        )
    except Refused:
        # An earlier try, whose answer was lost, may have got through.
        if _status(client, urn) == "WAITING_UPLOAD":
            raise


def _await(client: LinkedInClient, urn: str) -> None:
    for wait in (*_WAITS_S, 0.0):
        status = _status(client, urn)
        if status == "AVAILABLE":
            return
        if status == "PROCESSING_FAILED":
            raise Refused("LinkedIn cannot use this video.", code=_FAILED)
        if status == "WAITING_UPLOAD":
            raise Refused("LinkedIn has not got the whole video.", code="media_gone")
        time.sleep(wait)
    raise RetryLater("LinkedIn is still working on a video.", code="media_processing", delay_s=15.0)


def _status(client: LinkedInClient, urn: str) -> str:
    return client.get(f"videos/{quoted(urn)}", lambda answer: text_of(answer.get("status")))


def _begun(value: Row, size: int) -> dict[str, Any]:
    urn = text_of(value.get("video"))
    if not urn.startswith("urn:li:video:"):
        raise Malformed("no video")
    return {
        "video": urn,
        "token": str(value.get("uploadToken") or ""),
        "pieces": _pieces(value, size),
        "tags": [],
        "whole": False,
        "ready": False,
        "until": _until(value.get("uploadUrlsExpireAt")),
    }


def _pieces(value: Row, size: int) -> list[tuple[int, int, str]]:
    """First byte, last byte and address of each piece. Raises Malformed unless they are the whole
    file, in its order."""
    rows = list(objects(value.get("uploadInstructions")))
    if len(rows) > _PIECES_MAX:
        raise Malformed("more pieces than any file has")
    pieces, following = [], 0
    for row in sorted(rows, key=lambda row: _number(row, "firstByte")):
        first, last = _number(row, "firstByte"), _number(row, "lastByte")
        if first != following or last < first:
            raise Malformed("pieces that do not follow each other")
        pieces.append((first, last, text_of(row.get("uploadUrl"))))
        following = last + 1
    if following != size:
        raise Malformed("pieces that are not the whole file")
    return pieces


def _number(row: Row, name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed("no number")
    return value


def _until(expires: object) -> float:
    """Until when this upload can be gone on with, in seconds since 1970; LinkedIn counts ms."""
    now = time.time()
    if isinstance(expires, bool) or not isinstance(expires, int):
        return now + _USABLE_S
    return min(expires / 1_000 - 60.0, now + _MOST_S)
