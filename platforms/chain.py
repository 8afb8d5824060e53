"""A thread: several posts, each under the one before, each sent once however often one begins.

What was sent is kept after each post. One that may or may not have gone out is looked for before
it is sent again, where the network takes no key of ours that makes the second sending harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from platforms.contract import (
    Image,
    Lookup,
    OutcomeUnknown,
    Outgoing,
    Part,
    PlatformError,
    Presence,
    Published,
    Refused,
    ReplyRef,
    RetryLater,
    Steps,
    Video,
)

MARK = "about_to_send"
"""The step that is put right before a request that publishes; see `Steps`."""


@dataclass(frozen=True, slots=True)
class Link:
    """One post of a thread that is out. `extra`: what a reply to it needs; see ReplyRef."""

    published: Published
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def ref(self) -> ReplyRef:
        return ReplyRef(self.published.remote_id, self.extra)


def posts_of(post: Outgoing) -> Iterator[Outgoing]:
    """The posts of a thread in order; all but the first without what they go under.

    Each has a key and a time of its own, the same at every attempt.
    """
    yield replace(post, parts=(), first_comment="")
    for number, part in enumerate(post.parts, 2):
        yield _further(post, str(number), part, timedelta(milliseconds=number - 1))


def comment_of(post: Outgoing) -> Outgoing:
    """The first comment as a post of its own."""
    later = timedelta(milliseconds=len(post.parts) + 1)
    return _further(post, "comment", Part(post.first_comment), later)


def _further(post: Outgoing, name: str, part: Part, later: timedelta) -> Outgoing:
    key = sha256(f"{post.key}.{name}".encode()).hexdigest()[:32]
    return Outgoing(key, part.text, post.created_at + later, part.images, video=part.video)


def write_thread(
    post: Outgoing,
    steps: Steps,
    *,
    send: Callable[[Outgoing, str], Link],
    find: Callable[[Outgoing], Lookup] | None = None,
) -> Published:
    """Send the posts of a thread that are not out yet; the first one, with the ids of the others.

    `send(one, mark)` puts MARK with `mark` right before it publishes. `find` tells whether one of
    them is there; without it, sending one twice has to be harmless. Raises what they raise, and
    Refused when a post that is out says something else than it should.
    """
    out: list[Link] = []
    for number, one in enumerate(posts_of(post), 1):
        name = f"post.{number}"
        if out:
            one = replace(one, reply_to=out[-1].ref)
        link = _kept(steps.get(name), one)
        if link is None:
            in_doubt = find is not None and steps.get(MARK) == name
            try:
                link = (_found(find, one) if find and in_doubt else None) or send(one, name)
            except OutcomeUnknown as error:
                raise _so_far(error, number - 1, len(post.parts) + 1) from None
            except PlatformError as error:
                steps.put(MARK, "")  # it has not gone out
                raise _so_far(error, number - 1, len(post.parts) + 1) from None
            steps.put(name, _to_keep(link, one))
        out.append(link)
    return replace(out[0].published, parts=tuple(each.published.remote_id for each in out[1:]))


def look_up_thread(
    post: Outgoing, find: Callable[[Outgoing], Lookup], *, goes_on: bool = True
) -> Lookup:
    """Did the whole of a thread go out? `goes_on`: what is missing may safely be sent after it.

    Half a thread is absent where sending goes on from it, and unclear elsewhere.
    """
    there: list[Published] = []
    for one in posts_of(post):
        if there:
            one = replace(one, reply_to=ReplyRef(there[-1].remote_id))
        lookup = find(one)
        if lookup.published is None:
            break
        there.append(lookup.published)
    else:
        return Lookup(
            Presence.FOUND, replace(there[0], parts=tuple(each.remote_id for each in there[1:]))
        )
    if not there or lookup.presence is Presence.UNCLEAR:
        return lookup
    reason = f"{len(there)} of the {len(post.parts) + 1} posts of this thread are there."
    return Lookup(Presence.ABSENT if goes_on else Presence.UNCLEAR, reason=reason)


def _found(find: Callable[[Outgoing], Lookup], one: Outgoing) -> Link | None:
    lookup = find(one)
    if lookup.presence is Presence.UNCLEAR:
        raise OutcomeUnknown(lookup.reason or "It cannot be told whether this is out already.")
    return Link(lookup.published) if lookup.published else None


def _said(one: Outgoing) -> str:
    media: list[Image | Video] = [*one.images, *([one.video] if one.video else [])]
    words = [one.text, *(each.alt_text for each in media)]
    shown = [sha256(each.data).hexdigest() for each in media]
    return sha256("\0".join([*words, *shown]).encode()).hexdigest()[:16]


def _to_keep(link: Link, one: Outgoing) -> dict[str, Any]:
    published = link.published
    return {
        "id": published.remote_id,
        "permalink": published.permalink,
        "at": published.published_at.isoformat(),
        "extra": dict(link.extra),
        "said": _said(one),
    }


def _kept(kept: Any, one: Outgoing) -> Link | None:
    if not isinstance(kept, dict):
        return None
    if kept["said"] != _said(one):
        raise Refused(
            "A post of this thread is out already, and with other words. Take it down there and "
            "write the thread anew, or put its words back.",
            code="thread_begun",
        )
    at = datetime.fromisoformat(kept["at"])
    return Link(Published(kept["id"], kept["permalink"], at), kept["extra"])


def _so_far(error: PlatformError, sent: int, whole: int) -> PlatformError:
    """The same error, told as one in the middle of a thread."""
    if not sent:
        return error
    message = f"{sent} of {whole} posts of this thread are out. {error.message}"
    if isinstance(error, RetryLater):
        return RetryLater(
            message,
            code=error.code,
            down=error.down,
            delay_s=error.delay_s,
            too_much=error.too_much,
        )
    return type(error)(message, code=error.code, down=error.down)
