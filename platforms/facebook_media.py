"""Pictures and videos to a Facebook Page."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import Any

from platforms._graph import GraphClient, Row, is_success
from platforms.contract import Image, Steps, Video
from platforms.failures import Malformed, text_of


def step_name(media: Image | Video) -> str:
    digest = sha256(media.data + b"\0" + media.alt_text.encode()).hexdigest()[:16]
    return f"media.{digest}"


def upload_photo(client: GraphClient, page: str, image: Image, steps: Steps) -> str:
    """The id of a photo that nobody sees until a post takes it up."""
    name = step_name(image)
    kept = steps.get(name)
    if isinstance(kept, str):
        return kept
    form: dict[str, str | int] = {"published": "false"}
    if image.alt_text:
        form["alt_text_custom"] = image.alt_text
    extension = image.mime.rpartition("/")[2].replace("jpeg", "jpg")
    file = (f"{name}.{extension}", io.BytesIO(image.data), image.mime)
    # An upload by itself publishes nothing: doing it twice is safe.
    photo = client.post(
        page, "photos", form, lambda a: text_of(a.get("id")), files={"source": file}
    )
    steps.put(name, photo)
    return photo


def upload_video(client: GraphClient, page: str, video: Video, steps: Steps) -> dict[str, str]:
    """Sends a video up piece by piece, going on where it stopped; what is needed to publish it."""
    name = step_name(video)
    state: Any = steps.get(name)
    if not isinstance(state, dict):
        state = client.post(
            page, "videos", {"upload_phase": "start", "file_size": len(video.data)}, _begun
        )
        steps.put(name, state)
    while int(state["start"]) < int(state["end"]):
        piece = video.data[int(state["start"]) : int(state["end"])]
        start, end = client.post(
            page,
            "videos",
            {
                "upload_phase": "transfer",
                "upload_session_id": state["session"],
                "start_offset": state["start"],
            },
            _offsets,
            files={"video_file_chunk": ("piece", io.BytesIO(piece), "application/octet-stream")},
        )
        state = {**state, "start": start, "end": end}
        steps.put(name, state)
    return {"session": str(state["session"]), "video": str(state["video"])}


def publish_video(client: GraphClient, page: str, upload: dict[str, str], words: str) -> str:
    """The last request of a video, which publishes it; its id."""
    client.post(
        page,
        "videos",
        {
            "upload_phase": "finish",
            "upload_session_id": upload["session"],
            "description": words,
        },
        is_success,
        writes=True,
    )
    return upload["video"]


def _offsets(answer: Row) -> tuple[int, int]:
    start, end = text_of(answer.get("start_offset")), text_of(answer.get("end_offset"))
    if not (start.isdigit() and end.isdigit()):
        raise Malformed("no offsets")
    return int(start), int(end)


def _begun(answer: Row) -> dict[str, str | int]:
    start, end = _offsets(answer)
    session, video = text_of(answer.get("upload_session_id")), text_of(answer.get("video_id"))
    return {"session": session, "video": video, "start": start, "end": end}
