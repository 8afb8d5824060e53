"""The Bluesky adapter against the real network: threads and quotes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from atproto import models

from platforms.contract import (
    MentionKind,
    Outgoing,
    Part,
    Presence,
    Published,
    Refused,
    StepsInMemory,
)

from .desk import Desk, open_desk, outgoing, picture
from .people import Bluesky, until

WORDS = ["The river rises. 1/3", "Leave by Station Road. 2/3", "The hall is open. 3/3"]


@pytest.fixture
def desk(bluesky_network: Bluesky) -> Desk:
    return open_desk(bluesky_network)


@pytest.fixture
def thread() -> Outgoing:
    sign = picture(alt="A sign: Station Road")
    parts = (Part(WORDS[1], (sign,)), Part(WORDS[2]))
    return replace(outgoing(WORDS[0]), parts=parts)


def _as_read(desk: Desk, published: Published) -> list[models.AppBskyFeedDefs.PostView]:
    """The posts of a thread, from its first on down, as everybody sees them."""
    uris = [published.remote_id, *published.parts]
    desk.network.await_posts(uris)
    client = desk.person.client

    def downwards() -> list[models.AppBskyFeedDefs.PostView]:
        seen, node = [], client.app.bsky.feed.get_post_thread({"uri": uris[0]}).thread
        while node is not None:
            seen.append(node.post)
            assert len(node.replies or []) <= 1
            node = node.replies[0] if node.replies else None
        return seen if len(seen) == len(uris) else []

    return until(downwards, what="the whole thread at the AppView")


class Died(Exception):
    pass


class Mortal(StepsInMemory):
    """Steps of a worker that dies when it wants to keep one more than `left`."""

    left = 0

    def put(self, name: str, result: Any) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1
        super().put(name, result)


def test_a_thread_is_read_in_its_order(desk: Desk, thread: Outgoing) -> None:
    published = desk.adapter().publish(thread, steps=StepsInMemory())
    seen = _as_read(desk, published)
    assert [post.record.text for post in seen] == WORDS
    assert [post.uri for post in seen] == [published.remote_id, *published.parts]
    assert seen[1].embed.images[0].alt == "A sign: Station Road"
    assert {post.record.reply.root.uri for post in seen[1:]} == {published.remote_id}


def test_a_thread_whose_workers_die_on_the_way_is_there_once(desk: Desk, thread: Outgoing) -> None:
    """Each dies right after it wrote a post, before it could note so; the next one goes on."""
    steps, published, deaths = Mortal(), None, 0
    while published is None:
        steps.left = 2
        try:
            published = desk.adapter().publish(thread, steps=steps)
        except Died:
            deaths += 1
            out = len(desk.network.records(desk.person))
            if 0 < out < len(WORDS):
                since = datetime.now(UTC) - timedelta(minutes=1)
                lookup = desk.adapter().find_published(thread, since=since)
                assert lookup.presence is Presence.ABSENT
                assert lookup.reason.startswith(f"{out} of the 3 posts")
    assert deaths >= len(WORDS)
    assert len(desk.network.records(desk.person)) == len(WORDS)
    assert [post.record.text for post in _as_read(desk, published)] == WORDS
    since = datetime.now(UTC) - timedelta(minutes=1)
    lookup = desk.adapter().find_published(thread, since=since)
    assert lookup.presence is Presence.FOUND
    assert lookup.published is not None
    assert lookup.published.parts == published.parts


@pytest.mark.parametrize("by", ["did", "handle"])
def test_a_quote_shows_the_post_and_tells_its_author(
    desk: Desk, bluesky_network: Bluesky, by: str
) -> None:
    quoted = open_desk(bluesky_network)
    original = bluesky_network.post(quoted.person, "The bridge is closed.")
    uri = original.uri.replace(quoted.person.did, getattr(quoted.person, by))
    post = replace(outgoing("As our colleagues say:"), quote=uri)
    published = desk.adapter().publish(post, steps=StepsInMemory())
    view = bluesky_network.await_post(published.remote_id).embed
    assert view.record.uri == original.uri
    assert view.record.value.text == "The bridge is closed."

    (told,) = until(
        lambda: quoted.adapter().fetch_mentions("").items, what="the quote among the mentions"
    )
    assert (told.kind, told.remote_id) == (MentionKind.QUOTE, published.remote_id)
    assert told.author.remote_id == desk.person.did


def test_what_is_gone_cannot_be_quoted(desk: Desk, bluesky_network: Bluesky) -> None:
    author = bluesky_network.account()
    gone = bluesky_network.post(author, "Never mind")
    author.client.delete_post(gone.uri)
    bluesky_network.await_gone(gone.uri)
    with pytest.raises(Refused):
        desk.adapter().publish(replace(outgoing("Look:"), quote=gone.uri), steps=StepsInMemory())
    assert bluesky_network.records(desk.person) == {}
