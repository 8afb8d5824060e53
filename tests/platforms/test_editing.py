"""Changing the words of a published post: the same cases for every network that has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from platforms.checking import uncorrectable
from platforms.contract import (
    GONE,
    AuthorisationLost,
    Edits,
    Feature,
    Form,
    OutcomeUnknown,
    Part,
    PlatformError,
    Poll,
    Refused,
    ReplyRef,
    RetryLater,
    StepsInMemory,
)
from platforms.registry import platform_info

from .fake_mastodon import OWN
from .server import Fault, Reply
from .test_bad_days import ANSWERS
from .test_bad_days import check as check_error
from .worlds import WORLDS, FacebookWorld, MastodonWorld, World, picture, video

CAN = [key for key, made in WORLDS.items() if Feature.EDIT in platform_info(made.key).features]
PICTURES = [picture("A bridge"), picture("A road", seed=1)]


@pytest.fixture(params=CAN)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = WORLDS[request.param]()
    yield made
    made.close()


def test_the_networks_that_can_are_these() -> None:
    assert set(CAN) >= {"mastodon", "gotosocial", "sandbox", "facebook", "linkedin"}
    assert not set(CAN) & {"x", "instagram", "threads", "bluesky"}


@pytest.mark.parametrize("key", list(WORLDS))
def test_who_declares_it_has_it(key: str) -> None:
    made = WORLDS[key]()
    try:
        adapter = made.adapter()
        assert isinstance(adapter, Edits) == (Feature.EDIT in adapter.info.features)
        told = uncorrectable(made.outgoing("Hello."), adapter.info)
        assert bool(told) == (key not in CAN)
        assert not told or adapter.info.label in told
    finally:
        made.close()


def published(world: World, *images: Any, text: str = "The read is closed.") -> str:
    post = world.outgoing(text, *images)
    return world.adapter().publish(post, steps=StepsInMemory()).remote_id


def edit(world: World, remote_id: str, text: str, *images: Any, **more: Any) -> None:
    adapter = world.adapter(**more)
    assert isinstance(adapter, Edits)
    adapter.edit(remote_id, world.outgoing(text, *images))


def texts(world: World) -> list[str]:
    return [seen.text for seen in world.posts()]


@pytest.mark.parametrize(
    "text", ["The road is closed.", "Straße (zu) _jetzt_ 👩‍👩‍👧‍👦", "הכביש סגור", "e\u0301 a\u0308"]
)
def test_the_post_says_the_new_words(world: World, text: str) -> None:
    remote_id = published(world)
    edit(world, remote_id, text)
    (seen,) = world.posts()
    assert (seen.remote_id, seen.text) == (remote_id, text)


def test_all_else_of_it_stays(world: World) -> None:
    remote_id = published(world, *PICTURES)
    (before,) = world.posts()
    edit(world, remote_id, "The road is closed.", *PICTURES)
    assert world.posts() == [replace(before, text="The road is closed.")]


def test_no_other_post_is_touched(world: World) -> None:
    world.post_elsewhere("Another.")
    remote_id = published(world)
    world.post_elsewhere("And another.")
    edit(world, remote_id, "The road is closed.")
    assert texts(world) == ["Another.", "The road is closed.", "And another."]


def test_doing_it_twice_does_no_harm(world: World) -> None:
    remote_id = published(world)
    for _ in range(2):
        edit(world, remote_id, "The road is closed.")
    assert texts(world) == ["The road is closed."]


def test_a_post_that_is_gone_is_told_as_such(world: World) -> None:
    remote_id = published(world)
    world.adapter().delete(remote_id)
    with pytest.raises(Refused) as caught:
        edit(world, remote_id, "The road is closed.")
    assert caught.value.code == GONE
    check_error(world, caught.value)
    assert world.posts() == []


KINDS: dict[str, type[PlatformError]] = {
    "401": AuthorisationLost,
    "403": Refused,
    "422": Refused,
    "429": RetryLater,
    "500": OutcomeUnknown,
    "503": OutcomeUnknown,
    "html": OutcomeUnknown,
    "10 MB": OutcomeUnknown,
    "odd fields": OutcomeUnknown,
    "cut JSON": OutcomeUnknown,
    "reset": OutcomeUnknown,
}


@pytest.mark.parametrize("name", list(KINDS))
def test_each_failure_is_told_as_what_it_is(world: World, name: str) -> None:
    remote_id = published(world)
    fault = replace(ANSWERS[name][0], match=world.edits)
    with world.server.going_wrong(fault), pytest.raises(PlatformError) as caught:
        edit(world, remote_id, "The road is closed.")
    assert type(caught.value) is KINDS[name]
    check_error(world, caught.value)
    assert texts(world) == ["The read is closed."]
    assert len([asked for asked in world.server.ledger if world.edits(asked)]) <= 2


def test_a_wait_that_is_asked_for_is_passed_on(world: World) -> None:
    remote_id = published(world)
    reply = Reply(429, {"error": "Slow"}, headers={"Retry-After": "7"})
    fault = Fault(reply, match=world.edits)
    with world.server.going_wrong(fault), pytest.raises(RetryLater) as caught:
        edit(world, remote_id, "The road is closed.")
    assert caught.value.delay_s == 7


def test_done_and_not_confirmed_is_unknown_and_can_be_sent_again(world: World) -> None:
    remote_id = published(world)
    fault = Fault(acts=True, reset=True, match=world.edits)
    with world.server.going_wrong(fault), pytest.raises(OutcomeUnknown):
        edit(world, remote_id, "The road is closed.")
    assert texts(world) == ["The road is closed."]
    edit(world, remote_id, "The road is closed.")
    assert texts(world) == ["The road is closed."]


def test_credentials_taken_away_later(world: World) -> None:
    remote_id = published(world)
    world.revoke()
    with pytest.raises(AuthorisationLost):
        edit(world, remote_id, "The road is closed.")


@pytest.mark.parametrize(
    "along",
    [
        {"parts": [Part("Two.")]},
        {"poll": Poll(("Yes", "No"), 1_440)},
        {"reply_to": ReplyRef("1", {"acct": "a", "visibility": "public"})},
        {"form": Form.STORY},
        {"text": "x" * 70_000},
        {"text": ""},
    ],
    ids=["thread", "poll", "reply", "story", "too long", "empty"],
)
def test_what_cannot_be_corrected_is_refused_and_nothing_sent(
    world: World, along: dict[str, Any]
) -> None:
    remote_id = published(world)
    adapter = world.adapter()
    assert isinstance(adapter, Edits)
    with pytest.raises(Refused):
        adapter.edit(remote_id, replace(world.outgoing("The road is closed."), **along))
    assert not [asked for asked in world.server.ledger if world.edits(asked)]
    assert texts(world) == ["The read is closed."]


# --- what one network alone has -------------------------------------------------------------------


@pytest.fixture
def mastodon() -> Iterator[MastodonWorld]:
    made = MastodonWorld()
    yield made
    made.close()


def test_a_warning_on_mastodon_stays(mastodon: MastodonWorld) -> None:
    made = mastodon.fake.make(OWN, "The read.", spoiler_text="Blood", sensitive=True)
    edit(mastodon, made["id"], "The road.")
    assert (made["text"], made["spoiler_text"], made["sensitive"]) == ("The road.", "Blood", True)


def test_a_poll_that_is_found_on_mastodon_is_not_taken_away(mastodon: MastodonWorld) -> None:
    made = mastodon.fake.make(OWN, "When?", poll={"options": [{"title": "Now"}]})
    with pytest.raises(Refused, match="voted"):
        edit(mastodon, made["id"], "When, then?")
    assert made["text"] == "When?"


def test_pictures_that_cannot_be_read_are_not_taken_away(mastodon: MastodonWorld) -> None:
    remote_id = published(mastodon, *PICTURES)
    fault = Fault(
        change=lambda told: {**told, "media_attachments": None},
        match=lambda asked: asked.method == "GET",
    )
    with mastodon.server.going_wrong(fault), pytest.raises(RetryLater):
        edit(mastodon, remote_id, "The road is closed.")
    (seen,) = mastodon.posts()
    assert seen.alts == ("A bridge", "A road")


def test_a_video_on_facebook_has_a_description() -> None:
    world = FacebookWorld()
    try:
        post = replace(world.outgoing("The read."), video=video("The river"))
        adapter = world.adapter()
        assert isinstance(adapter, Edits)
        remote_id = adapter.publish(post, steps=StepsInMemory()).remote_id
        adapter.edit(remote_id, replace(post, text="The road."))
        assert world.fake.nodes[remote_id]["text"] == "The road."
    finally:
        world.close()
