"""What X says, as our own value objects."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from platforms.contract import (
    Incoming,
    MentionKind,
    OwnPost,
    Published,
    RemotePerson,
    ReplyRef,
)
from platforms.failures import Malformed, text_of, time_of
from platforms.lookup import Candidate
from platforms.markup import clean_line, clean_text, describe_media, safe_url

FIELDS = [
    "attachments",
    "author_id",
    "conversation_id",
    "created_at",
    "entities",
    "in_reply_to_user_id",
    "note_tweet",
    "referenced_tweets",
]
EXPANSIONS = ["author_id", "attachments.media_keys"]
PEOPLE = ["name", "profile_image_url", "username"]
MEDIA = ["alt_text", "type"]
_KINDS = {"photo": "Image", "video": "Video", "animated_gif": "Video"}
_EPOCH_MS = 1_288_834_974_657  # of the times in X's ids
_FIRST_TIMED = 29_700_859_247  # ids from November 2010 on hold their time

Row = Mapping[str, Any]


def objects(value: object) -> Iterator[Row]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def part(value: object, name: str) -> Row:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def time_in(id_: str) -> datetime | None:
    """When a post was made, by its id; None for an id that does not hold it."""
    if not id_.isdigit() or not _FIRST_TIMED < int(id_) < 2**63:
        return None
    return datetime.fromtimestamp(((int(id_) >> 22) + _EPOCH_MS) / 1_000, UTC)


def id_at(when: datetime) -> str:
    """The lowest id of that time."""
    return str(max(0, (int(when.timestamp() * 1_000) - _EPOCH_MS) << 22))


def settled(id_: str) -> str:
    """From where to read again once `id_` was read: lists settle within half a minute."""
    at = time_in(id_)
    if at is None or datetime.now(UTC) - at > timedelta(minutes=2):
        return id_
    return id_at(at - timedelta(seconds=30))


def permalink(id_: str, handle: str) -> str:
    return f"https://x.com/{handle.lstrip('@') or 'i'}/status/{id_}"


def text_of_post(row: Row) -> str:
    """The words as they were written: X escapes them as HTML and shortens every address."""
    note = part(row, "note_tweet")
    source = note if isinstance(note.get("text"), str) else row
    if not isinstance(source.get("text"), str):
        raise Malformed("no text")
    text = html.unescape(source["text"])
    urls = [*objects(part(source, "entities").get("urls"))]
    for url in urls:
        short, whole = url.get("url"), url.get("expanded_url")
        if not isinstance(short, str) or not short.startswith("http"):
            continue
        shown = "" if "media_key" in url else safe_url(html.unescape(str(whole))) or short
        text = text.replace(short, shown)
    return text.strip()


def people_of(answer: Row) -> dict[str, Row]:
    rows = objects(part(answer, "includes").get("users"))
    return {str(row.get("id")): row for row in rows}


def media_of(answer: Row) -> dict[str, Row]:
    rows = objects(part(answer, "includes").get("media"))
    return {str(row.get("media_key")): row for row in rows}


def person_of(row: Row) -> RemotePerson:
    handle = clean_line(row.get("username"), 300)
    if not handle:
        raise Malformed("an account without a name")
    return RemotePerson(
        remote_id=text_of(row.get("id")),
        handle=handle,
        display_name=clean_line(row.get("name")) or handle,
        profile_url=f"https://x.com/{handle}",
        avatar_url=safe_url(row.get("profile_image_url")),
    )


def referenced(row: Row, kind: str) -> str:
    """The id of the post that this one answers or quotes, '' when none."""
    for one in objects(row.get("referenced_tweets")):
        if one.get("type") == kind:
            return str(one.get("id") or "")
    return ""


def incoming_of(
    row: Row, people: Mapping[str, Row], media: Mapping[str, Row], *, own: str, match: bool
) -> Incoming:
    remote_id = text_of(row.get("id"))
    author = person_of(people.get(str(row.get("author_id")), {}))
    kind = MentionKind.MATCH if match else MentionKind.MENTION
    if not match and own and str(row.get("in_reply_to_user_id") or "") == own:
        kind = MentionKind.REPLY
    keys = part(row, "attachments").get("media_keys")
    shown = [media[key] for key in keys if key in media] if isinstance(keys, list) else []
    attached = describe_media(
        {"kind": _KINDS.get(str(m.get("type")), "Attachment"), "alt": m.get("alt_text")}
        for m in shown
    )
    text = "\n\n".join(words for words in (text_of_post(row), attached) if words)
    return Incoming(
        remote_id=remote_id,
        kind=kind,
        author=author,
        text=clean_text(text),
        posted_at=time_of(row.get("created_at")),
        permalink=permalink(remote_id, author.handle),
        reply_ref=ReplyRef(remote_id),
        thread_id=str(row.get("conversation_id") or remote_id),
        in_reply_to=referenced(row, "replied_to"),
    )


def own_post_of(row: Row, handle: str) -> OwnPost:
    remote_id = text_of(row.get("id"))
    return OwnPost(
        remote_id=remote_id,
        text=clean_text(text_of_post(row)),
        posted_at=time_of(row.get("created_at")),
        permalink=permalink(remote_id, handle),
        in_reply_to=referenced(row, "replied_to"),
    )


def candidate_of(row: Row, handle: str) -> Candidate:
    remote_id = text_of(row.get("id"))
    published = Published(remote_id, permalink(remote_id, handle), time_of(row.get("created_at")))
    try:
        text: str | None = text_of_post(row)
    except Malformed:
        text = None
    return Candidate(published, text, referenced(row, "replied_to"))


def rows_of(answer: Row) -> list[Row]:
    """The posts of a list. One without posts has no 'data', but says that it is a list."""
    if "data" not in answer and isinstance(part(answer, "meta").get("result_count"), int):
        return []
    if not isinstance(answer.get("data"), list):
        raise Malformed("no list")
    return list(objects(answer["data"]))
