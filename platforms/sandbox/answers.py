"""What the Sandbox answers, as our own value objects. Raises Malformed for what is none."""

from __future__ import annotations

from typing import Any

import requests

from platforms.contract import (
    Incoming,
    MentionKind,
    OwnPost,
    PollLimits,
    Published,
    RemotePerson,
    ReplyRef,
    VideoLimits,
)
from platforms.failures import Malformed, text_of, time_of
from platforms.markup import clean_line, clean_text, safe_url

Json = dict[str, Any]


def error_code(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return ""
    return str(told.get("error", "")) if isinstance(told, dict) else ""


def is_not_found(answer: requests.Response) -> bool:
    """The Sandbox says there is no such post; some other server's 404 says nothing of the kind."""
    return answer.status_code == 404 and error_code(answer) == "not_found"


def object_of(answer: requests.Response) -> Json:
    told = answer.json()
    if not isinstance(told, dict):
        raise Malformed("not an object")
    return told


def list_of(told: Json, name: str) -> list[Any]:
    value = told.get(name)
    if not isinstance(value, list):
        raise Malformed(f"no list of {name}")
    return value


def count_of(told: Json, name: str) -> int:
    value = told.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed(f"no number for {name}")
    return value


def poll_limits_of(told: object) -> PollLimits:
    if not isinstance(told, dict):
        raise Malformed("no limits of polls")
    names = ("options_max", "option_max", "minutes_min", "minutes_max", "options_min")
    return PollLimits(*(count_of(told, name) for name in names))


def video_limits_of(told: object) -> VideoLimits:
    if not isinstance(told, dict):
        raise Malformed("no limits of videos")
    types = tuple(text_of(kind) for kind in list_of(told, "types"))
    return VideoLimits(count_of(told, "bytes_max"), None, types=types)


def link_of(value: object) -> str:
    link = safe_url(value)
    if not link:
        raise Malformed("an address that is none")
    return link


def published_of(told: Json) -> Published:
    return Published(
        remote_id=text_of(told.get("id")),
        permalink=link_of(told.get("url")),
        published_at=time_of(told.get("created_at")),
    )


def _text(told: Json) -> str:
    """A post's text, which may be empty where there is an image."""
    value = told.get("text")
    if not isinstance(value, str):
        raise Malformed("no text")
    return clean_text(value)


def own_post_of(told: Json) -> OwnPost:
    return OwnPost(
        remote_id=text_of(told.get("id")),
        text=_text(told),
        posted_at=time_of(told.get("created_at")),
        permalink=link_of(told.get("url")),
        in_reply_to=str(told.get("in_reply_to") or ""),
    )


_KINDS = {kind.value: kind for kind in (MentionKind.MENTION, MentionKind.REPLY, MentionKind.QUOTE)}


def incoming_of(told: Json) -> Incoming:
    return _read_incoming(told, _KINDS.get(str(told.get("kind")), MentionKind.MENTION))


def match_of(told: Json) -> Incoming:
    return _read_incoming(told, MentionKind.MATCH)


def _read_incoming(told: Json, kind: MentionKind) -> Incoming:
    author = told.get("author")
    if not isinstance(author, dict):
        raise Malformed("no author")
    remote_id = text_of(told.get("id"))
    return Incoming(
        remote_id=remote_id,
        kind=kind,
        author=RemotePerson(
            remote_id=text_of(author.get("id")),
            handle=clean_line(text_of(author.get("handle"))),
            display_name=clean_line(text_of(author.get("display_name"))),
            profile_url=link_of(author.get("profile_url")),
        ),
        text=_text(told),
        posted_at=time_of(told.get("created_at")),
        permalink=link_of(told.get("url")),
        reply_ref=ReplyRef(remote_id),
        thread_id=text_of(told.get("thread_id")),
        in_reply_to=str(told.get("in_reply_to") or ""),
    )
