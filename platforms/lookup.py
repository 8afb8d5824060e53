"""Did a post go out? Answered by reading the account's own posts and comparing the words.

For the networks that take no key of ours. Never a guess: a post that says nearly the same makes it
unclear, and 'no' is said only once a request that was given up on can no longer be at work.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher

import regex

from platforms.contract import Lookup, Outgoing, Presence, Published, RetryLater
from platforms.failures import Malformed

SETTLED = timedelta(seconds=30)
_PAGES = 5
_SLACK = timedelta(seconds=5)  # servers tell their time in whole seconds, and late
_ALIKE = 0.8
_COMPARED = 2_000
_SCHEME = regex.compile(r"https?://(?:www\.)?", regex.IGNORECASE)
_FRONT = regex.compile(r"^\s*(?:@[\w.\-]+\s+)+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the account's own posts. `text` None: it could not be read."""

    published: Published
    text: str | None
    in_reply_to: str = ""


def _letters(text: str) -> str:
    text = unicodedata.normalize("NFKC", _SCHEME.sub("", _FRONT.sub("", text)))
    return "".join(c for c in text.casefold() if c.isalnum())


def likeness(sent: str, shown: str) -> float:
    """1.0 when `shown` is what was sent, down to 0.0. Names in front and schemes do not matter."""
    ours, theirs = _letters(sent), _letters(shown)
    if not ours or not theirs:
        return float("".join(sent.split()) == "".join(shown.split()))
    if ours == theirs:
        return 1.0
    ours, theirs = ours[:_COMPARED], theirs[:_COMPARED]  # it takes time by the square of this
    return min(0.99, SequenceMatcher(None, ours, theirs, autojunk=False).ratio())


def _read(
    page: Callable[[str], tuple[Sequence[Candidate], str]], place: str
) -> tuple[Sequence[Candidate], str]:
    """The page; raises RetryLater for a row that cannot be read: it may be the very post."""
    try:
        return page(place)
    except Malformed:
        raise RetryLater(
            "The list of the account's posts cannot be understood.", code="unreadable", down=True
        ) from None


def look_up(
    post: Outgoing,
    *,
    since: datetime,
    page: Callable[[str], tuple[Sequence[Candidate], str]],
    reply_to: str | None = None,
    settled: timedelta = SETTLED,
) -> Lookup:
    """`page(place)` gives own posts, newest first, and the place of the next page ('' at the end).

    `reply_to`: what a reply has to answer ('' : nothing), None where the list does not tell.
    Raises RetryLater while it is too early to say no.
    """
    start = max(since, post.created_at) - _SLACK
    near, place = False, ""
    for _ in range(_PAGES):
        candidates, following = _read(page, place)
        for one in candidates:
            if one.published.published_at < start:
                continue
            # A picture without words looks like any other, so it cannot be told which this is.
            told = one.text is not None and bool(post.text.strip())
            alike = likeness(post.text, one.text or "") if told else _ALIKE
            if alike == 1.0 and reply_to in (None, one.in_reply_to):
                return Lookup(Presence.FOUND, one.published)
            near = near or alike >= _ALIKE
        below = any(one.published.published_at < start for one in candidates)
        if not candidates or below or not following or following == place:
            break
        place = following
    else:
        return Lookup(Presence.UNCLEAR, reason="There are too many newer posts to look through.")
    if near:
        return Lookup(Presence.UNCLEAR, reason="A post with nearly the same text is there.")
    wait = max(since, post.created_at) + settled - datetime.now(UTC)
    if wait > timedelta(0):
        raise RetryLater(
            "It is too early to tell whether this went out.",
            code="too_early",
            delay_s=wait.total_seconds(),
        )
    return Lookup(Presence.ABSENT)
