"""What is Threads' own: containers, tokens of 60 days, how it counts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from platforms import oauth
from platforms.contract import (
    AppCredentials,
    Audience,
    AuthorisationLost,
    OutcomeUnknown,
    PlatformError,
    Presence,
    Refused,
    StepsInMemory,
    Video,
)
from platforms.counting import count_text, text_problems
from platforms.registry import platform_info

from . import fake_threads
from .server import Fault, Reply
from .test_x import JSON
from .worlds import ThreadsWorld, outgoing, picture

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> Iterator[ThreadsWorld]:
    made = ThreadsWorld()
    yield made
    made.close()


def test_the_token_is_in_no_address_and_no_log(world: ThreadsWorld, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    adapter = world.adapter()
    published = adapter.publish(world.outgoing("Hello.", picture("One")), steps=StepsInMemory())
    adapter.fetch_mentions("")
    adapter.delete(published.remote_id)
    for one in world.server.ledger:
        assert world.secret not in f"{one.path} {one.query}"
    assert world.secret not in caplog.text


def test_an_emoji_counts_its_bytes(world: ThreadsWorld) -> None:
    limits = platform_info("threads").limits
    assert count_text("Hi é 漢", limits) == 6
    assert count_text("🚒", limits) == 4
    assert count_text("👨‍👩‍👧‍👦", limits) == 25
    assert text_problems("🚒" * 125, limits) == []
    assert [p.code for p in text_problems("🚒" * 126, limits)] == ["text_too_long"]


def test_pictures_need_a_public_address_and_words_do_not() -> None:
    limits = platform_info("threads").limits
    assert text_problems("Words.", limits) == []
    assert [p.code for p in text_problems("", limits, [picture("One")])] == ["no_public_address"]


def test_a_carousel_a_video_a_quote_and_who_may_reply(world: ThreadsWorld) -> None:
    adapter = world.adapter()
    quoted = world.stranger_posts("Worth saying again.")
    url = "https://desk.example.org/v.mp4"
    world.fake.public[url] = b"v"
    moving = Video(b"v", "video/mp4", "A fire engine", 640, 360, 5.0, url)
    pictures = [picture("One", seed=1), picture("Two", seed=2)]
    adapter.publish(world.outgoing("Two.", *pictures), steps=StepsInMemory())
    adapter.publish(replace(outgoing("Moving."), video=moving), steps=StepsInMemory())
    post = replace(outgoing("Quite so."), quote=quoted, audience=Audience.FOLLOWED)
    adapter.publish(post, steps=StepsInMemory())
    adapter.publish(replace(outgoing("Read."), link="https://e.org/"), steps=StepsInMemory())
    sent = [n["sent"] for n in world.fake._posts() if n["author"] == fake_threads.OWN]
    assert [one["media_type"] for one in sent] == ["CAROUSEL", "VIDEO", "TEXT", "TEXT"]
    assert sent[1]["video_url"] == url
    assert sent[2]["quote_post_id"] == quoted
    assert sent[2]["reply_control"] == "accounts_you_follow"
    assert sent[3]["link_attachment"] == "https://e.org/"


def test_threads_is_waited_for(world: ThreadsWorld) -> None:
    world.fake.processing = 2
    world.adapter().publish(world.outgoing("Look.", picture("One")), steps=StepsInMemory())
    assert len(world.posts()) == 1


def test_a_container_that_was_shown_is_not_shown_again(world: ThreadsWorld) -> None:
    steps = StepsInMemory()
    post = world.outgoing("Look.", picture("One"))
    fault = Fault(acts=True, reset=True, match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(OutcomeUnknown):
        world.adapter().publish(post, steps=steps)
    with pytest.raises(OutcomeUnknown, match="earlier try"):
        world.adapter().publish(post, steps=steps)
    assert len(world.posts()) == 1


def test_what_cannot_be_fetched_is_refused(world: ThreadsWorld) -> None:
    post = world.outgoing("Look.", picture("One"))
    world.fake.public.clear()
    with pytest.raises(Refused, match="could not use"):
        world.adapter().publish(post, steps=StepsInMemory())


@pytest.mark.parametrize("number", [3, 60, 130])
def test_many_replies_under_one_post_are_all_read(world: ThreadsWorld, number: int) -> None:
    adapter = world.adapter()
    first = adapter.publish(outgoing("Ask us."), steps=StepsInMemory())
    world.mention("The first", reply_to=first.remote_id)
    batch = adapter.fetch_mentions("")
    assert len(batch.items) == 1
    for count in range(number):
        world.mention(f"Number {count}", reply_to=first.remote_id)
    batch = adapter.fetch_mentions(batch.cursor)
    assert len(batch.items) == number
    assert list(adapter.fetch_mentions(batch.cursor).items) == []


def test_hiding_a_reply(world: ThreadsWorld) -> None:
    adapter = world.adapter()
    first = adapter.publish(outgoing("Ask us."), steps=StepsInMemory())
    rude = world.mention("Rude.", reply_to=first.remote_id)
    adapter.hide(rude)
    assert world.fake.hidden == [rude]


def app(world: ThreadsWorld) -> AppCredentials:
    return AppCredentials("id", world.fake.client_secret)


def test_a_code_becomes_a_token_of_60_days(world: ThreadsWorld) -> None:
    where: Any = {"network": world.policy(), "base_url": world.server.url}
    tokens = oauth.exchange(
        "threads",
        app(world),
        code="canary-code-5b81",
        redirect_uri="https://d.example.org/",
        **where,
    )
    assert tokens.access_token == world.fake.secret
    assert tokens.expires_at is not None
    assert tokens.expires_at - datetime.now(UTC) > timedelta(days=59)
    fresh = oauth.refresh("threads", app(world), tokens, **where)
    assert fresh.access_token == world.fake.secret != tokens.access_token
    assert oauth.identity("threads", fresh, **where).handle == "council"
    assert not oauth.revoke("threads", app(world), fresh, **where)
    with pytest.raises(AuthorisationLost):
        oauth.refresh("threads", app(world), tokens, **where)


def test_a_token_that_ends_soon_is_renewed_and_remembered(world: ThreadsWorld) -> None:
    at = datetime.now(UTC) + timedelta(days=2)
    told = json.loads(oauth.Tokens(world.fake.secret, "", at).dump())
    told |= {"client_id": "id", "client_secret": world.fake.client_secret}
    world._secret = json.dumps(told)
    world.adapter().verify()
    assert [a.path for a in world.server.ledger] == [
        "/refresh_access_token",
        "/v1.0/me",  # whose the fresh one is
        "/v1.0/me",
    ]
    world.adapter().verify()
    assert len(world.server.asked_for("/refresh")) == 1


def test_a_token_is_renewed_without_an_app_and_so_does_not_lapse(world: ThreadsWorld) -> None:
    at = datetime.now(UTC) + timedelta(days=2)
    adapter: Any = world.adapter(secret=oauth.Tokens(world.fake.secret, "", at).dump())
    assert adapter.lapses_at() is None


def test_a_post_with_the_same_words_elsewhere_is_another(world: ThreadsWorld) -> None:
    asked = world.mention("Until when?")
    world.post_elsewhere("Until six.")
    adapter = world.adapter()
    (item,) = adapter.fetch_mentions("").items
    assert item.remote_id == asked
    post = outgoing("Until six.", reply_to=item.reply_ref, ago=timedelta(minutes=5))
    lookup = adapter.find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.presence is Presence.ABSENT


@pytest.fixture(scope="module")
def shared() -> Iterator[ThreadsWorld]:
    made = ThreadsWorld()
    yield made
    made.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answer=JSON)
def test_whatever_it_answers_is_one_of_the_four(shared: ThreadsWorld, answer: Any) -> None:
    with shared.server.going_wrong(Fault(Reply(200, answer))):
        adapter = shared.adapter()
        for call in (
            lambda: adapter.fetch_mentions(""),
            lambda: adapter.fetch_own_posts(""),
            lambda: adapter.search("flood", ""),
            adapter.verify,
            lambda: adapter.publish(outgoing("Hi."), steps=StepsInMemory()),
        ):
            with suppress(PlatformError):
                call()
