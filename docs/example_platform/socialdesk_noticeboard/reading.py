"""What the board answers, as the value objects of the contract.

A server can say anything. What has to be there and is not raises Malformed, of which the client
makes 'outcome unknown' or 'retry later'; text of strangers goes through `platforms.markup`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

from platforms.contract import (
    Identity,
    Incoming,
    Limits,
    MentionKind,
    OwnPost,
    PlatformError,
    Published,
    Refused,
    RemotePerson,
    ReplyRef,
)
from platforms.failures import Malformed, reason_of, text_of, time_of
from platforms.guard import Answer
from platforms.markup import clean_line, clean_text, safe_url
from platforms.rest import Row, part

T = TypeVar("T")

_OWN_CODES = ("no_such_notice", "no_such_picture")


# --- what went wrong ------------------------------------------------------------------------------


def is_key_withdrawn(answer: Answer) -> bool:
    """403 is a refusal of this one request, but for this code of the board's: then the key is no
    longer good. (401 says so everywhere.)
    """
    return answer.status == 403 and reason_of(answer, named=True)[0] == "key_withdrawn"


def refusal_of(answer: Answer, writes: bool) -> PlatformError | None:
    """The board's own codes that the adapter goes by; None: what the status says will do."""
    code, message = reason_of(answer, named=True)
    if answer.status in (404, 422) and code in _OWN_CODES:
        return Refused(f"The notice board refused this. It says: {message}", code=code)
    return None


# --- what went well -------------------------------------------------------------------------------


def identity_of(told: Row) -> Identity:
    return Identity(
        remote_id=text_of(told.get("id")),
        handle=clean_line(text_of(told.get("name"))),
        display_name=clean_line(text_of(told.get("title"))),
        profile_url=link_of(told, "url"),
    )


def limits_of(told: Row, declared: Limits) -> Limits:
    """This board's own rules; the rest is as declared for all of them."""
    return replace(
        declared,
        text_max=number_of(told, "letters"),
        images_max=number_of(told, "pictures"),
        image_bytes_max=number_of(told, "picture_bytes"),
    )


def published_of(told: Row) -> Published:
    return Published(
        remote_id=text_of(told.get("id")),
        permalink=link_of(told, "url"),
        published_at=time_of(told.get("posted_at")),
    )


def own_post_of(told: Row) -> OwnPost:
    return OwnPost(
        remote_id=text_of(told.get("id")),
        text=_words(told),
        posted_at=time_of(told.get("posted_at")),
        permalink=link_of(told, "url"),
        in_reply_to=_id_or_none(told, "under"),
    )


def incoming_of(told: Row) -> Incoming:
    """A resident's note: to the office, or under a notice or note."""
    id_, under, who = text_of(told.get("id")), _id_or_none(told, "under"), part(told, "from")
    return Incoming(
        remote_id=id_,
        kind=MentionKind.REPLY if under else MentionKind.MENTION,
        author=RemotePerson(
            remote_id=text_of(who.get("id")),
            handle=clean_line(text_of(who.get("name"))),
            display_name=clean_line(who.get("title")),
            profile_url=safe_url(who.get("url")),
        ),
        text=_words(told),
        posted_at=time_of(told.get("posted_at")),
        permalink=link_of(told, "url"),
        reply_ref=ReplyRef(id_),
        thread_id=_id_or_none(told, "begun_by") or id_,
        in_reply_to=under,
    )


def only_one_of(told: Row) -> Published | None:
    """Of a list of one or none. One that cannot be read is no proof that there is none."""
    rows = _rows_of(told)
    return published_of(rows[0]) if rows else None


def readable(told: Row, read: Callable[[Row], T]) -> list[T]:
    """The rows of a list, but for those that cannot be read: of these, one more or less must not
    keep all that follow it from coming in.
    """
    items = []
    for row in _rows_of(told):
        try:
            items.append(read(row))
        except Malformed:
            continue
    return items


def _rows_of(told: Row) -> list[Row]:
    rows = told.get("items")
    if not isinstance(rows, list):
        raise Malformed("no list")
    return [row if isinstance(row, dict) else {} for row in rows]


def id_of(told: Row) -> str:
    return text_of(told.get("id"))


def number_of(told: Row, name: str) -> int:
    value = told.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Malformed(f"no number for {name}")
    return value


def link_of(told: Row, name: str) -> str:
    link = safe_url(told.get(name))
    if not link:
        raise Malformed("an address that is none")
    return link


def in_path(remote_id: str) -> str:
    """An id as a piece of a path: whatever is in it, it leads nowhere else."""
    return quote(remote_id, safe="")


def _words(told: Row) -> str:
    """A text, which may be empty where there are pictures."""
    if not isinstance(told.get("text"), str):
        raise Malformed("no text")
    return clean_text(told["text"])


def _id_or_none(told: Row, name: str) -> str:
    return text_of(told[name]) if told.get(name) else ""
