"""What a Mastodon server (or one that speaks like it) says, as our own value objects."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

import regex

from platforms.contract import (
    Incoming,
    Limits,
    MentionKind,
    OwnPost,
    PollLimits,
    RemotePerson,
    ReplyRef,
    TextUnit,
    VideoLimits,
)
from platforms.failures import Malformed, text_of, time_of
from platforms.markup import clean_line, clean_text, describe_media, html_to_text, safe_url

_LONG_MENTION = regex.compile(r"@([\w.\-]+)@[\w.\-]+\w")
_FRONT = regex.compile(r"^\s*(?:@[\w.\-]+(?:@[\w.\-]+)?\s+)+")
_MEDIA = {"image": "Image", "gifv": "Video", "video": "Video", "audio": "Sound"}


def objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(value: object, least: int, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        return default
    return min(value, 10**9)


def limits_of(instance: Mapping[str, Any], default: Limits) -> Limits:
    """The limits in an answer of `/api/v2/instance` or `/api/v1/instance`.

    What it does not declare is as `default`. https://docs.joinmastodon.org/entities/Instance/
    """
    configuration = _part(instance, "configuration")
    statuses = _part(configuration, "statuses")
    media = _part(configuration, "media_attachments")
    polls = _part(configuration, "polls")
    known = statuses.get("max_characters", instance.get("max_toot_chars"))  # the latter: Pleroma
    types = media.get("supported_mime_types")
    told = _media_types(types if isinstance(types, list) else [])
    images = tuple(sorted(told & {"image/jpeg", "image/png", "image/webp", "image/gif"}))
    limits = replace(
        default,
        text_max=_number(known, 1, default.text_max),
        url_length=_number(statuses.get("characters_reserved_per_url"), 1, 23),
        images_max=_number(statuses.get("max_media_attachments"), 0, default.images_max),
        image_bytes_max=_number(media.get("image_size_limit"), 1_000, default.image_bytes_max),
        image_pixels_max=_number(media.get("image_matrix_limit"), 1_000, 33_177_600),
        image_types=images or default.image_types,
        alt_text_max=_number(media.get("description_limit"), 1, default.alt_text_max),
        video=_video_limits(media, told, default.video),
        poll=_poll_limits(polls, default.poll),
    )
    if is_gotosocial(instance):  # counts what is written, code point by code point
        limits = replace(limits, unit=TextUnit.CHARACTER, url_length=None, short_mentions=False)
    return limits


def _media_types(types: Sequence[object]) -> set[str]:
    return {t for t in types if isinstance(t, str) and t.startswith(("image/", "video/"))}


def _video_limits(
    media: Mapping[str, Any], told: set[str], usual: VideoLimits | None
) -> VideoLimits | None:
    """Without types where the server names what it takes, and no video is among it (Takahē)."""
    if usual is None:
        return None
    return replace(
        usual,
        bytes_max=_number(media.get("video_size_limit"), 1_000, usual.bytes_max),
        pixels_max=_number(media.get("video_matrix_limit"), 1_000, usual.pixels_max or 0) or None,
        types=tuple(kind for kind in usual.types if not told or kind in told),
    )


def _poll_limits(polls: Mapping[str, Any], usual: PollLimits | None) -> PollLimits | None:
    if usual is None:
        return None
    least, most = usual.minutes_min * 60, usual.minutes_max * 60
    return PollLimits(
        _number(polls.get("max_options"), 2, usual.options_max),
        _number(polls.get("max_characters_per_option"), 1, usual.option_max),
        -(-_number(polls.get("min_expiration"), 1, least) // 60),
        _number(polls.get("max_expiration"), 60, most) // 60,
    )


def is_gotosocial(instance: Mapping[str, Any]) -> bool:
    told = f"{instance.get('source_url', '')} {instance.get('version', '')}".lower()
    return "gotosocial" in told


def person_of(account: Mapping[str, Any], host: str) -> RemotePerson:
    """An account; `host` completes the name of somebody on our own server."""
    acct = clean_line(account.get("acct"), 300) or clean_line(account.get("username"), 300)
    remote_id = text_of(account.get("id"))
    if not acct:
        raise Malformed("an account without a name")
    return RemotePerson(
        remote_id=remote_id,
        handle=acct if "@" in acct else f"{acct}@{host}",
        display_name=clean_line(account.get("display_name")) or acct,
        profile_url=safe_url(account.get("url")),
        avatar_url=safe_url(account.get("avatar")),
    )


def text_of_status(status: Mapping[str, Any]) -> str:
    """The words of a status, after its content warning and before a line for each attachment."""
    warning = clean_line(status.get("spoiler_text"), 500)
    media = [
        {"kind": _MEDIA.get(str(m.get("type")), "Attachment"), "alt": m.get("description")}
        for m in objects(status.get("media_attachments"))
    ]
    parts = (
        f"[Content warning: {warning}]" if warning else "",
        html_to_text(status.get("content")),
        describe_media(media),
    )
    return clean_text("\n\n".join(part for part in parts if part))


def permalink_of(status: Mapping[str, Any]) -> str:
    return safe_url(status.get("url")) or safe_url(status.get("uri"))


def incoming_of(
    status: Mapping[str, Any], kind: MentionKind | None, *, own_id: str, host: str
) -> Incoming:
    """A status that came in; `kind` None means: as its visibility and its parent say.

    `thread_id` is its parent's id here: the server has no id of a thread, see `thread_root`.
    """
    author = person_of(_part(status, "account"), host)
    remote_id = text_of(status.get("id"))
    parent = status.get("in_reply_to_id")
    in_reply_to = text_of(parent) if parent else ""
    visibility = str(status.get("visibility") or "public")
    if kind is None and visibility == "direct":
        kind = MentionKind.MESSAGE
    elif kind is None:
        to_us = own_id and str(status.get("in_reply_to_account_id") or "") == own_id
        kind = MentionKind.REPLY if to_us else MentionKind.MENTION
    account = _part(status, "account")
    acct = clean_line(account.get("acct"), 300) or clean_line(account.get("username"), 300)
    return Incoming(
        remote_id=remote_id,
        kind=kind,
        author=author,
        text=text_of_status(status),
        posted_at=time_of(status.get("created_at")),
        permalink=permalink_of(status),
        reply_ref=ReplyRef(
            remote_id,
            {"acct": acct, "author_id": author.remote_id, "visibility": visibility},
        ),
        thread_id=in_reply_to or remote_id,
        in_reply_to=in_reply_to,
    )


def own_post_of(status: Mapping[str, Any]) -> OwnPost:
    parent = status.get("in_reply_to_id")
    return OwnPost(
        remote_id=text_of(status.get("id")),
        text=text_of_status(status),
        posted_at=time_of(status.get("created_at")),
        permalink=permalink_of(status),
        in_reply_to=text_of(parent) if parent else "",
    )


# --- is this the post we sent? ----------------------------------------------------------------


def _letters(text: str) -> str:
    """What is left of a text however a server dresses it: its letters and digits.

    Without the names in front, which a reply is given on its way out.
    """
    text = _LONG_MENTION.sub(r"@\1", unicodedata.normalize("NFKC", _FRONT.sub("", text)))
    return "".join(c for c in text.casefold() if c.isalnum())


def likeness(sent: str, status: Mapping[str, Any]) -> float:
    """1.0 when this status says what was sent, down to 0.0.

    Servers turn text into HTML, shorten mentions, and some read it as Markdown; all of that is
    looked through.
    """
    shown = html_to_text(status.get("content"))
    ours, theirs = _letters(sent), _letters(shown)
    if not ours or not theirs:
        return float("".join(sent.split()) == "".join(shown.split()))
    if ours == theirs:
        return 1.0
    return min(0.99, SequenceMatcher(None, ours, theirs, autojunk=False).ratio())
