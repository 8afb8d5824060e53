"""What LinkedIn says, as our own value objects; and its little text format."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from platforms.contract import (
    Identity,
    Incoming,
    MentionKind,
    OwnPost,
    Published,
    RemotePerson,
    ReplyRef,
)
from platforms.failures import Malformed, text_of
from platforms.lookup import Candidate
from platforms.markup import clean_line, clean_text
from platforms.rest import Row, part

_HOME = "https://www.linkedin.com"
# https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format
# A hash before a word is a hashtag, and stays; all else that means something is taken back.
_RESERVED = re.compile(r"[\\|{}@\[\]()<>*_~]|#(?!\w)")
_ESCAPED = re.compile(r"\\([\\|{}@\[\]()<>#*_~])")
_TEMPLATE = re.compile(r"\{hashtag\|\\?#\|([^}|]*)\}")
_NAMED = re.compile(r"@\[([^\]]*)\]\(urn:li:[^)]*\)")


def escaped(text: str) -> str:
    return _RESERVED.sub(lambda found: f"\\{found[0]}", text)


def unescaped(text: str) -> str:
    text = _NAMED.sub(r"@\1", _TEMPLATE.sub(r"#\1", text))
    return _ESCAPED.sub(r"\1", text)


def urn_of(remote_id: str) -> str:
    return f"urn:li:organization:{id_in(remote_id)}"


def id_in(urn: str) -> str:
    """The number of an organisation; raises Malformed."""
    number = urn.rpartition(":")[2]
    if not re.fullmatch(r"\d{1,20}", number, re.ASCII):
        raise Malformed("no organisation")
    return number


def _time(value: object) -> datetime:
    """Milliseconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**14:
        raise Malformed("no time")
    return datetime.fromtimestamp(value / 1_000, UTC)


def identity_of(organisation: Row) -> Identity:
    number = id_in(text_of(organisation.get("id")))
    name = clean_line(organisation.get("localizedName"))
    handle = clean_line(organisation.get("vanityName"), 300) or number
    return Identity(
        remote_id=number,
        handle=handle,
        display_name=name or handle,
        profile_url=f"{_HOME}/company/{handle}/",
    )


def _person(urn: object) -> RemotePerson:
    """Whoever it was: LinkedIn tells an id alone, and no names of members."""
    remote_id = text_of(urn)
    if not remote_id.startswith("urn:li:"):
        raise Malformed("nobody wrote it")
    is_page = ":organization:" in remote_id
    return RemotePerson(
        remote_id,
        remote_id.rpartition(":")[2],
        "A LinkedIn page" if is_page else "A LinkedIn member",
    )


def incoming_of(row: Row) -> Incoming:
    """A notification: a comment under a post of ours, or a post that names the page."""
    activity = part(row, "decoratedGeneratedActivity")
    comment, share = part(activity, "comment"), part(activity, "share")
    remote_id = text_of(row.get("generatedActivity"))
    about = comment or share
    if not about or not isinstance(about.get("text"), str):
        raise Malformed("no words")
    post = str(row.get("sourcePost") or "") if comment else remote_id
    return Incoming(
        remote_id=remote_id,
        kind=MentionKind.REPLY if comment else MentionKind.MENTION,
        author=_person(about.get("owner")),
        text=clean_text(unescaped(about["text"])),
        posted_at=_time(row.get("lastModifiedAt")),
        permalink=f"{_HOME}/feed/update/{post or remote_id}/",
        reply_ref=ReplyRef(remote_id, {"object": post or remote_id}),
        thread_id=post or remote_id,
        in_reply_to=post if comment else "",
    )


def own_post_of(row: Row) -> OwnPost:
    remote_id = text_of(row.get("id"))
    said = row.get("commentary", "")
    if not isinstance(said, str):
        raise Malformed("no words")
    return OwnPost(
        remote_id=remote_id,
        text=clean_text(unescaped(said)),
        posted_at=_time(row.get("createdAt")),
        permalink=f"{_HOME}/feed/update/{remote_id}/",
    )


def candidate_of(row: Row) -> Candidate:
    remote_id = text_of(row.get("id"))
    said = row.get("commentary", "")
    link = f"{_HOME}/feed/update/{remote_id}/"
    published = Published(remote_id, link, _time(row.get("createdAt")))
    return Candidate(published, unescaped(said) if isinstance(said, str) else None)


def comment_candidate(row: Row, link: str) -> Candidate:
    remote_id = text_of(row.get("commentUrn") or row.get("$URN") or row.get("id"))
    said = part(row, "message").get("text")
    published = Published(remote_id, link, _time(part(row, "created").get("time")))
    return Candidate(published, said if isinstance(said, str) else None)
