"""Pictures and videos to X, by the v2 endpoints (the older ones, which tweepy knows, end)."""

from __future__ import annotations

import time
from base64 import b64encode
from hashlib import sha256
from typing import Any

from platforms.contract import Image, Refused, RetryLater, Steps, Video
from platforms.failures import text_of
from platforms.x_client import Row, XClient

CHUNK = 2_000_000  # of the file; a request holds it in base64
_USABLE_S = 23 * 3_600.0  # X keeps what no post took up for 24 hours
_WAITS_S = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0)


def upload(client: XClient, media: Image | Video, steps: Steps) -> str:
    """The id of an uploaded and processed picture or video."""
    name = step_name(media)
    kept = steps.get(name)
    if isinstance(kept, dict) and time.time() < float(kept.get("until", 0)):
        if not kept.get("ready"):
            _await(client, str(kept["id"]))
            steps.put(name, {**kept, "ready": True})
        return str(kept["id"])
    if media.mime.startswith("image/") and media.mime != "image/gif":
        media_id, ready = _at_once(client, media), True
    else:
        media_id, ready = _in_chunks(client, media)
    if media.alt_text:
        _describe(client, media_id, media.alt_text)
    done = {"id": media_id, "until": time.time() + _USABLE_S, "ready": ready}
    steps.put(name, done)
    if not ready:
        _await(client, media_id)
        steps.put(name, {**done, "ready": True})
    return media_id


def step_name(media: Image | Video) -> str:
    digest = sha256(media.data + b"\0" + media.alt_text.encode()).hexdigest()[:16]
    return f"media.{digest}"


def _id(answer: Row) -> str:
    data = answer.get("data")
    return text_of(data.get("id") if isinstance(data, dict) else None)


def _at_once(client: XClient, media: Image | Video) -> str:
    body = {
        "media": b64encode(media.data).decode(),
        "media_category": "tweet_image",
        "media_type": media.mime,
    }
    return client.post("/2/media/upload", body, _id)


def _in_chunks(client: XClient, media: Image | Video) -> tuple[str, bool]:
    category = "tweet_gif" if media.mime == "image/gif" else "tweet_video"
    begin = {
        "media_type": media.mime,
        "media_category": category,
        "total_bytes": len(media.data),
    }
    media_id = client.post("/2/media/upload/initialize", begin, _id)
    for number, start in enumerate(range(0, len(media.data), CHUNK)):
        piece = b64encode(media.data[start : start + CHUNK]).decode()
        body = {"media": piece, "segment_index": number}
        client.post(f"/2/media/upload/{media_id}/append", body, lambda _answer: None)
    state = client.post(f"/2/media/upload/{media_id}/finalize", None, _processing)
    return media_id, _is_ready(state)


def _processing(answer: Row) -> dict[str, Any]:
    data = answer.get("data")
    text_of(data.get("id") if isinstance(data, dict) else None)
    info = data.get("processing_info") if isinstance(data, dict) else None
    return info if isinstance(info, dict) else {}


def _is_ready(state: dict[str, Any]) -> bool:
    """Raises Refused when X could make nothing of the file."""
    if state.get("state") == "failed":
        raise Refused("X cannot use this video.", code="media_failed")
    return state.get("state") in (None, "succeeded")


def _await(client: XClient, media_id: str) -> None:
    for wait in _WAITS_S:
        query = {"command": "STATUS", "media_id": media_id}
        state = client.get("/2/media/upload", query, _processing)
        if _is_ready(state):
            return
        time.sleep(wait)
    later = state.get("check_after_secs")
    delay = float(later) if isinstance(later, int) and 0 < later < 600 else 15.0
    raise RetryLater("X is still working on a video.", code="media_processing", delay_s=delay)


def _describe(client: XClient, media_id: str, words: str) -> None:
    body = {"id": media_id, "metadata": {"alt_text": {"text": words}}}
    client.post("/2/media/metadata", body, lambda _answer: None)
