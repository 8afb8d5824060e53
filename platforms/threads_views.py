"""What Threads says, as our own value objects."""

from __future__ import annotations

from collections.abc import Callable
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
from platforms.failures import Malformed, text_of, time_of
from platforms.lookup import Candidate
from platforms.markup import clean_line, clean_text, safe_url
from platforms.paging import Entry
from platforms.rest import Row, part

PROFILE_FIELDS = "id,username,name,threads_profile_picture_url"
POST_FIELDS = "id,text,timestamp,permalink,username,root_post,replied_to,is_reply,media_type"
_HOME = "https://www.threads.net"


def identity_of(account: Row) -> Identity:
    handle = clean_line(account.get("username"), 300)
    if not handle:
        raise Malformed("an account without a name")
    return Identity(
        remote_id=text_of(account.get("id")),
        handle=handle,
        display_name=clean_line(account.get("name")) or handle,
        profile_url=f"{_HOME}/@{handle}",
        avatar_url=safe_url(account.get("threads_profile_picture_url")),
    )


def _said(row: Row) -> str:
    said = row.get("text", "")
    if not isinstance(said, str):
        raise Malformed("no words")
    return clean_text(said)


def incoming_of(row: Row, kind: MentionKind) -> Incoming:
    """A post of somebody's. Threads tells names and no ids, so the name is the id."""
    remote_id = text_of(row.get("id"))
    handle = clean_line(row.get("username"), 300)
    if not handle:
        raise Malformed("nobody wrote it")
    return Incoming(
        remote_id=remote_id,
        kind=kind,
        author=RemotePerson(handle, handle, handle, f"{_HOME}/@{handle}"),
        text=_said(row),
        posted_at=time_of(row.get("timestamp")),
        permalink=safe_url(row.get("permalink")) or f"{_HOME}/@{handle}",
        reply_ref=ReplyRef(remote_id),
        thread_id=str(part(row, "root_post").get("id") or remote_id),
        in_reply_to=str(part(row, "replied_to").get("id") or ""),
    )


def entry_of(row: Row, made_of: Callable[[Row], Incoming]) -> Entry[Incoming]:
    try:
        item = made_of(row)
    except Malformed:  # one row that cannot be read must not stop the rest
        return Entry(str(row.get("id") or ""), datetime.now(UTC), None)
    return Entry(item.remote_id, item.posted_at, item)


def own_post_of(row: Row) -> OwnPost:
    remote_id = text_of(row.get("id"))
    return OwnPost(
        remote_id=remote_id,
        text=_said(row),
        posted_at=time_of(row.get("timestamp")),
        permalink=safe_url(row.get("permalink")) or f"{_HOME}/t/{remote_id}",
        in_reply_to=str(part(row, "replied_to").get("id") or ""),
    )


def candidate_of(row: Row) -> Candidate:
    post = own_post_of({**row, "text": ""})
    said = row.get("text", "")
    return Candidate(
        Published(post.remote_id, post.permalink, post.posted_at),
        said if isinstance(said, str) else None,
        post.in_reply_to,
    )
