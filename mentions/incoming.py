"""What an outside network said, made fit to be kept.

Everything in it was written by somebody else: it may hold anything, be of any length and lie about
its date. Nothing in here raises on a value; what cannot be kept is cut, replaced or left empty.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mentions.models import Contact, Conversation, Kind, Mention
from platforms.contract import Incoming

TEXT_MAX = 50_000
"""Characters kept of one text: PostgreSQL refuses to index the words of more than 1 MB."""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# C0 and C1 controls but for tab and line feed. NUL cannot be stored, the rest cannot be seen.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BLANKS = re.compile(r"\s")


def _room(model: type[Any], name: str) -> int:
    return int(model._meta.get_field(name).max_length)


_REMOTE_ID = _room(Mention, "remote_id")
_THREAD_ID = _room(Conversation, "thread_id")
_PERSON_ID = _room(Contact, "remote_id")
_HANDLE = _room(Contact, "handle")
_NAME = _room(Contact, "display_name")
_LINK = _room(Mention, "permalink")


@dataclass(frozen=True, slots=True)
class Author:
    remote_id: str
    handle: str
    display_name: str
    profile_url: str


@dataclass(frozen=True, slots=True)
class Clean:
    """One mention as the database can hold it."""

    remote_id: str
    thread_id: str
    kind: str
    author: Author
    text: str
    posted_at: datetime
    permalink: str
    in_reply_to: str
    reply_ref: dict[str, Any]


def clean_batch(items: Iterable[Incoming], *, own_id: str, now: datetime) -> list[Clean]:
    """What is to be kept of a page: each mention once, none by the account itself."""
    found: dict[str, Clean] = {}
    for item in items:
        mention = clean(item, now=now)
        if item.author.remote_id != own_id and mention.remote_id:
            found.setdefault(mention.remote_id, mention)
    return list(found.values())


def clean(item: Incoming, *, now: datetime) -> Clean:
    """One mention with every value made to fit its column."""
    kind = str(item.kind)
    remote_id = _identifier(item.remote_id, _REMOTE_ID)
    extra = {_line(key, 100): _words(value) for key, value in dict(item.reply_ref.extra).items()}
    return Clean(
        remote_id=remote_id,
        thread_id=_identifier(item.thread_id or item.remote_id, _THREAD_ID),
        kind=kind if kind in Kind.values else Kind.MENTION,
        author=_author(item.author),
        text=_text(item.text),
        posted_at=_moment(item.posted_at, now),
        permalink=_link(item.permalink),
        in_reply_to=_identifier(item.in_reply_to, _REMOTE_ID),
        reply_ref={"remote_id": _words(item.reply_ref.remote_id), "extra": extra},
    )


def _author(author: Any) -> Author:
    handle = _line(author.handle, _HANDLE)
    return Author(
        remote_id=_identifier(author.remote_id or author.handle, _PERSON_ID) or "unknown",
        handle=handle or "unknown",
        display_name=_line(author.display_name, _NAME),
        profile_url=_link(author.profile_url),
    )


def _words(value: object) -> str:
    """Text without what UTF-8 and PostgreSQL cannot hold."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if text.isascii() and text.isprintable():
        return text  # as most are
    return _CONTROLS.sub("", text.encode("utf-8", "replace").decode("utf-8"))


def _text(value: object) -> str:
    text = _words(value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else "")
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"


def _line(value: object, room: int) -> str:
    line = " ".join(_words(value).split())
    return line if len(line) <= room else f"{line[: room - 1]}…"


def _identifier(value: object, room: int) -> str:
    """An id that fits. A long one is hashed: cutting could make two of them the same."""
    identifier = _words(value).strip()
    if len(identifier) <= room:
        return identifier
    return "sha256:" + hashlib.sha256(identifier.encode()).hexdigest()


def _link(value: object) -> str:
    """An http(s) address, or nothing: it will be an href in somebody's browser."""
    link = value.strip() if isinstance(value, str) else ""
    if len(link) > _LINK or link != _words(link) or _BLANKS.search(link):
        return ""
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return ""
    return link if parts.scheme in {"http", "https"} and host else ""


def _moment(value: object, now: datetime) -> datetime:
    """A date that can be sorted by: a future one would stay on top of the inbox for ever."""
    if not isinstance(value, datetime):
        return now
    try:
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (OverflowError, ValueError):
        return now
    return min(max(moment, _EARLIEST), now)
