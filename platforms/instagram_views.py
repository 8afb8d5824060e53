"""What the Graph API says of an Instagram account, as our own value objects."""

from __future__ import annotations

from platforms._graph import Row, part
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

ACCOUNT_FIELDS = "id,username,name,profile_picture_url"
MEDIA_FIELDS = "id,caption,timestamp,permalink,username,media_type"
COMMENT_FIELDS = "id,text,timestamp,username,from,parent_id"
_HOME = "https://www.instagram.com"


def identity_of(account: Row) -> Identity:
    handle = clean_line(account.get("username"), 300)
    if not handle:
        raise Malformed("an account without a name")
    return Identity(
        remote_id=text_of(account.get("id")),
        handle=handle,
        display_name=clean_line(account.get("name")) or handle,
        profile_url=f"{_HOME}/{handle}/",
        avatar_url=safe_url(account.get("profile_picture_url")),
    )


def person_of(row: Row) -> RemotePerson:
    """Who wrote something: Instagram tells the name, and an id only where it may."""
    whose = part(row, "from")
    handle = clean_line(whose.get("username") or row.get("username"), 300)
    if not handle:
        raise Malformed("nobody wrote it")
    remote_id = str(whose.get("id") or handle)
    return RemotePerson(remote_id, handle, handle, f"{_HOME}/{handle}/")


def _said(row: Row, name: str) -> str:
    said = row.get(name, "")
    if not isinstance(said, str):
        raise Malformed("no words")
    return clean_text(said)


def tag_of(row: Row) -> Incoming:
    """A post of somebody's that the account is tagged in."""
    remote_id = text_of(row.get("id"))
    return Incoming(
        remote_id=remote_id,
        kind=MentionKind.MENTION,
        author=person_of(row),
        text=_said(row, "caption"),
        posted_at=time_of(row.get("timestamp")),
        permalink=safe_url(row.get("permalink")) or _HOME,
        reply_ref=ReplyRef(remote_id, {"kind": "media"}),
        thread_id=remote_id,
    )


def comment_of(row: Row, media: Row) -> Incoming:
    """A comment under a post of ours."""
    remote_id, media_id = text_of(row.get("id")), text_of(media.get("id"))
    return Incoming(
        remote_id=remote_id,
        kind=MentionKind.REPLY,
        author=person_of(row),
        text=_said(row, "text"),
        posted_at=time_of(row.get("timestamp")),
        permalink=safe_url(media.get("permalink")) or _HOME,
        reply_ref=ReplyRef(remote_id, {"kind": "comment", "media": media_id}),
        thread_id=media_id,
        in_reply_to=str(row.get("parent_id") or media_id),
    )


def own_post_of(row: Row) -> OwnPost:
    remote_id = text_of(row.get("id"))
    return OwnPost(
        remote_id=remote_id,
        text=_said(row, "caption"),
        posted_at=time_of(row.get("timestamp")),
        permalink=safe_url(row.get("permalink")) or f"{_HOME}/p/{remote_id}/",
    )


def media_candidate(row: Row) -> Candidate:
    post = own_post_of(row)
    said = row.get("caption", "")
    return Candidate(
        Published(post.remote_id, post.permalink, post.posted_at),
        said if isinstance(said, str) else None,
    )


def comment_candidate(row: Row, in_reply_to: str) -> Candidate:
    remote_id = text_of(row.get("id"))
    said = row.get("text")
    published = Published(remote_id, _HOME, time_of(row.get("timestamp")))
    return Candidate(published, said if isinstance(said, str) else None, in_reply_to)
