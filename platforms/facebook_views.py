"""What the Graph API says of a Facebook Page, as our own value objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from platforms._graph import Row, objects, part, rows_of
from platforms.contract import (
    Identity,
    Incoming,
    MentionKind,
    Offered,
    OwnPost,
    Published,
    Refused,
    RemotePerson,
    ReplyRef,
)
from platforms.failures import Malformed, text_of, time_of
from platforms.instagram_views import identity_of as instagram_of
from platforms.lookup import Candidate
from platforms.markup import clean_line, clean_text, describe_media, safe_url

PAGE_FIELDS = "id,name,username,link,picture{url},is_published"
OFFER_FIELDS = (
    f"{PAGE_FIELDS},access_token,instagram_business_account{{id,username,name,profile_picture_url}}"
)
POST_FIELDS = "id,message,created_time,permalink_url,from,attachments{media_type,description}"
COMMENT_FIELDS = "id,message,created_time,permalink_url,from,parent{id},attachment{type}"
RATING_FIELDS = "created_time,recommendation_type,review_text,reviewer,open_graph_story{id}"
MESSAGE_FIELDS = "id,message,created_time,from"
_SOMEBODY = RemotePerson("unknown", "somebody", "Somebody on Facebook")
_KINDS = {"photo": "Image", "video": "Video", "video_inline": "Video", "animated_image": "Video"}


def identity_of(page: Row) -> Identity:
    remote_id = text_of(page.get("id"))
    name = clean_line(page.get("name")) or remote_id
    handle = clean_line(page.get("username"), 300) or name
    return Identity(
        remote_id=remote_id,
        handle=handle,
        display_name=name,
        profile_url=safe_url(page.get("link")) or f"https://www.facebook.com/{remote_id}",
        avatar_url=safe_url(part(part(page, "picture"), "data").get("url")),
    )


def offers_of(answer: Row) -> tuple[list[Offered], str]:
    """The Pages of a list and their Instagram accounts, and the cursor of the next page."""
    rows, place = rows_of(answer)
    return [offer for row in rows for offer in _offers(row)], place


def _offers(row: Row) -> Iterator[Offered]:
    token = row.get("access_token")
    if not isinstance(token, str) or not token:
        return  # a Page that this person may see and not speak for
    try:
        yield Offered("facebook", identity_of(row), token)
        if part(row, "instagram_business_account"):
            account = instagram_of(part(row, "instagram_business_account"))
            yield Offered("instagram", account, token)
    except Malformed:
        return


def person_of(row: object) -> RemotePerson:
    """Who wrote something. Facebook tells it only where the app and the person allow it."""
    if not isinstance(row, Mapping) or not row.get("id"):
        return _SOMEBODY
    remote_id = text_of(row.get("id"))
    name = clean_line(row.get("name")) or "Somebody on Facebook"
    return RemotePerson(remote_id, name, name, f"https://www.facebook.com/{remote_id}")


def link_of(row: Row) -> str:
    given = safe_url(row.get("permalink_url"))
    return given or f"https://www.facebook.com/{text_of(row.get('id'))}"


def _words(row: Row) -> str:
    attached = objects(part(row, "attachments").get("data"))
    kinds = [
        {"kind": _KINDS[str(one.get("media_type"))], "alt": one.get("description")}
        for one in attached
        if str(one.get("media_type")) in _KINDS
    ]
    said = row.get("message", "")
    if not isinstance(said, str):
        raise Malformed("no words")
    return clean_text("\n\n".join(w for w in (said, describe_media(kinds)) if w))


def post_of(row: Row) -> Incoming:
    """A post of somebody on our Page, or one that names it."""
    remote_id = text_of(row.get("id"))
    return Incoming(
        remote_id=remote_id,
        kind=MentionKind.MENTION,
        author=person_of(row.get("from")),
        text=_words(row),
        posted_at=time_of(row.get("created_time")),
        permalink=link_of(row),
        reply_ref=ReplyRef(remote_id),
        thread_id=remote_id,
    )


def comment_of(row: Row, post_id: str) -> Incoming:
    """A comment under a post of ours."""
    above = str(part(row, "parent").get("id") or post_id)
    return replace(post_of(row), kind=MentionKind.REPLY, thread_id=post_id, in_reply_to=above)


def rating_of(row: Row) -> Incoming:
    """A recommendation of the Page; it is answered where it stands."""
    author = person_of(row.get("reviewer"))
    story = str(part(row, "open_graph_story").get("id") or "")
    at = time_of(row.get("created_time"))
    remote_id = story or f"rating.{author.remote_id}.{int(at.timestamp())}"
    kind = "Recommends" if row.get("recommendation_type") == "positive" else "Does not recommend"
    said = row.get("review_text")
    return Incoming(
        remote_id=remote_id,
        kind=MentionKind.MENTION,
        author=author,
        text=clean_text(f"[{kind} this Page]\n\n{said if isinstance(said, str) else ''}".strip()),
        posted_at=at,
        permalink=f"https://www.facebook.com/{story}" if story else "https://www.facebook.com/",
        reply_ref=ReplyRef(remote_id),
        thread_id=remote_id,
    )


def message_of(row: Row, conversation: str) -> Incoming:
    """A private message to the Page."""
    remote_id = text_of(row.get("id"))
    author = person_of(row.get("from"))
    said = row.get("message", "")
    return Incoming(
        remote_id=remote_id,
        kind=MentionKind.MESSAGE,
        author=author,
        text=clean_text(said) or "[An attachment]",
        posted_at=time_of(row.get("created_time")),
        permalink="https://business.facebook.com/latest/inbox",
        reply_ref=ReplyRef(remote_id, {"person": author.remote_id}),
        thread_id=conversation,
    )


def own_post_of(row: Row) -> OwnPost:
    return OwnPost(
        remote_id=text_of(row.get("id")),
        text=_words(row),
        posted_at=time_of(row.get("created_time")),
        permalink=link_of(row),
    )


def candidate_of(row: Row, in_reply_to: str = "") -> Candidate:
    said = row.get("message", "")
    return Candidate(
        Published(text_of(row.get("id")), link_of(row), time_of(row.get("created_time"))),
        said if isinstance(said, str) else None,
        in_reply_to,
    )


def person_id_of(remote_id: str) -> str:
    """A person as the Page may name them. Raises Refused where their id is none."""
    if not (remote_id.isascii() and remote_id.isdigit()):
        raise Refused("Facebook does not tell who this is.", code="not_a_person")
    return remote_id


def is_banned(answer: Row) -> None:
    """It answers with each person's id, and whether they are banned now."""
    if False in answer.values():
        raise Refused("Facebook did not ban this person.", code="not_banned")
