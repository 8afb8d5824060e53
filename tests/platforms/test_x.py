"""What is X's own: keys and tokens, threads, videos, polls, what its answers leave out."""

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
from hypothesis import strategies as st

from platforms.contract import (
    DUPLICATE,
    Audience,
    AuthorisationLost,
    Image,
    MentionKind,
    OutcomeUnknown,
    Part,
    PlatformError,
    Poll,
    Presence,
    Refused,
    RetryLater,
    StepsInMemory,
    Video,
)
from platforms.registry import platform_info
from platforms.x_views import id_at, settled, time_in

from . import fake_x
from .server import Fault, Reply
from .worlds import XWorld, outgoing, picture

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> Iterator[XWorld]:
    made = XWorld()
    yield made
    made.close()


def video(seconds: float = 5.0, size: int = 4_500_000, alt: str = "") -> Video:
    return Video(b"\0" * size, "video/mp4", alt, 640, 360, seconds)


# --- keys and tokens ----------------------------------------------------------------------------


def with_keys(world: XWorld) -> str:
    keys = {
        "api_key": "canary-key",
        "api_key_secret": "canary-key-secret",
        "access_token": "canary-1001-token",
        "access_token_secret": "canary-token-secret",
    }
    world.fake.keys = keys
    return json.dumps(keys)


def test_the_four_keys_of_an_app_are_enough(world: XWorld, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    secret = with_keys(world)
    adapter = world.adapter(secret=secret)
    assert adapter.verify().handle == "council"
    adapter.publish(outgoing("By keys.", picture("One")), steps=StepsInMemory())
    assert [seen.text for seen in world.posts()] == ["By keys."]
    signed = world.server.ledger[-1].headers["authorization"]
    assert signed.startswith("OAuth ")
    assert "canary-token-secret" not in signed
    assert "canary" not in caplog.text


def test_keys_that_are_wrong(world: XWorld) -> None:
    secret = with_keys(world)
    for part in json.loads(secret):
        wrong = {**json.loads(secret), part: ""}
        with pytest.raises(AuthorisationLost):
            world.adapter(secret=json.dumps(wrong)).verify()


def test_the_connect_page_asks_for_the_four_keys() -> None:
    parts = [part.key for part in platform_info("x").secret_parts]
    assert parts == ["api_key", "api_key_secret", "access_token", "access_token_secret"]


def test_a_token_that_has_ended_is_renewed_and_remembered(world: XWorld) -> None:
    world.adapter().verify()
    world.fake.access = "another"  # as when two hours have passed
    adapter = world.adapter()
    adapter.verify()
    assert world.fake.renewals == 1
    assert len(world.kept) == 2  # at once, and as this account's
    world.adapter().verify()  # by what was remembered
    assert world.fake.renewals == 1


def test_a_token_that_is_about_to_end_is_renewed_before_it_is_used(world: XWorld) -> None:
    told = json.loads(world.secret)
    told["expires_at"] = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
    world._secret = json.dumps(told)
    world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    paths = [a.path for a in world.server.ledger]
    assert paths == ["/2/oauth2/token", "/2/users/me", "/2/tweets"]  # whose they are is asked, too


def ends_in(world: XWorld, seconds: int) -> None:
    told = json.loads(world.secret)
    told["expires_at"] = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    world._secret = json.dumps(told)


def test_what_cannot_be_renewed_long_after_its_end_is_lost(world: XWorld) -> None:
    ends_in(world, -3_600)
    world.fake.refresh = "used"
    with pytest.raises(AuthorisationLost):
        world.adapter().verify()


def test_what_was_remembered_of_another_secret_does_not_count(world: XWorld) -> None:
    world.fake.access = "another"
    world.adapter().verify()
    world.fake.issued.clear()
    world.fake.access, world.fake.refresh = world.fake._new_tokens()  # the account is reconnected
    world._secret = world.fake.secret
    assert world.adapter().verify().remote_id == fake_x.OWN
    assert world.fake.renewals == 1


def test_without_an_app_a_token_that_has_ended_is_lost(world: XWorld) -> None:
    told = json.loads(world.secret)
    del told["client_id"]
    world.fake.access = "another"
    with pytest.raises(AuthorisationLost):
        world.adapter(secret=json.dumps(told)).verify()


def test_a_suspended_account_needs_a_person(world: XWorld) -> None:
    reply = Reply(403, {"detail": "Your account is suspended and is not permitted to do this."})
    with (
        world.server.going_wrong(Fault(reply, match=world.writes)),
        pytest.raises(AuthorisationLost),
    ):
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())


def test_credit_that_is_used_up_is_waited_for(world: XWorld) -> None:
    reply = Reply(402, {"title": "CreditsDepleted", "detail": "Your credits are used up."})
    with (
        world.server.going_wrong(Fault(reply, match=world.writes)),
        pytest.raises(RetryLater) as caught,
    ):
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert caught.value.too_much
    assert caught.value.delay_s == 3_600


# --- out ----------------------------------------------------------------------------------------


def thread(*texts: str, **more: Any) -> Any:
    first, *others = texts
    return replace(outgoing(first, **more), parts=[Part(text) for text in others])


def test_a_thread_goes_out_one_under_the_other(world: XWorld) -> None:
    post = thread("One.", "Two.", "Three.")
    post = replace(post, parts=[post.parts[0], Part("Three.", [picture("Third")])])
    published = world.adapter().publish(post, steps=StepsInMemory())
    first, second, third = world.posts()
    assert published.remote_id == first.remote_id
    assert (second.reply_to, third.reply_to) == (first.remote_id, second.remote_id)
    assert third.alts == ("Third",)
    lookup = world.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.published is not None
    assert lookup.published.remote_id == first.remote_id


def test_a_thread_goes_on_where_it_stopped(world: XWorld) -> None:
    steps = StepsInMemory()
    post = thread("One.", "Two.", "Three.")

    def third(asked: Any) -> bool:
        return world.writes(asked) and asked.json()["text"] == "Three."

    with (
        world.server.going_wrong(Fault(Reply(429, {}), match=third)),
        pytest.raises(RetryLater, match="2 of 3 posts"),
    ):
        world.adapter().publish(post, steps=steps)
    world.adapter().publish(post, steps=steps)
    assert [seen.text for seen in world.posts()] == ["One.", "Two.", "Three."]


def test_half_a_thread_is_neither_there_nor_absent(world: XWorld) -> None:
    post = thread("One.", "Two.", ago=timedelta(minutes=5))

    def second(asked: Any) -> bool:
        return world.writes(asked) and asked.json()["text"] == "Two."

    with (
        world.server.going_wrong(Fault(reset=True, match=second)),
        pytest.raises(OutcomeUnknown, match="1 of 2 posts"),
    ):
        world.adapter().publish(post, steps=StepsInMemory())
    lookup = world.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.presence is Presence.UNCLEAR
    assert "1 of the 2" in lookup.reason


def test_every_part_of_a_thread_is_checked_before_the_first_goes_out(world: XWorld) -> None:
    with pytest.raises(Refused, match="over the limit"):
        world.adapter().publish(thread("One.", "x" * 281), steps=StepsInMemory())
    assert world.server.ledger == []


def test_a_video_goes_up_in_pieces_and_is_waited_for(world: XWorld) -> None:
    world.fake.processing = 2
    steps = StepsInMemory()
    post = replace(outgoing("Moving."), video=video(alt="A fire engine leaves."))
    world.adapter().publish(post, steps=steps)
    (seen,) = world.posts()
    assert (seen.sizes, seen.alts) == ((4_500_000,), ("A fire engine leaves.",))
    assert len(world.server.asked_for("/append")) == 3


def test_a_video_that_takes_long_is_not_sent_up_again(world: XWorld) -> None:
    world.fake.processing = 7
    steps = StepsInMemory()
    post = replace(outgoing("Moving."), video=video(size=10))
    reply = Reply(429, {"title": "Too Many Requests"})
    matches = world.server.asked_for("/initialize")
    with (
        world.server.going_wrong(
            Fault(reply, match=lambda a: a.method == "GET" and a.path == "/2/media/upload")
        ),
        pytest.raises(RetryLater),
    ):
        world.adapter().publish(post, steps=steps)
    world.fake.processing = 1
    world.adapter().publish(post, steps=steps)
    assert len(world.server.asked_for("/initialize")) == len(matches) + 1
    assert len(world.posts()) == 1


def test_a_gif_goes_up_in_pieces_too(world: XWorld) -> None:
    gif = Image(b"GIF89a" + b"\0" * 40, "image/gif", "Blinking", 4, 4)
    world.adapter().publish(outgoing("Blink.", gif), steps=StepsInMemory())
    (begun,) = world.server.asked_for("/initialize")
    assert begun.json()["media_category"] == "tweet_gif"
    assert world.posts()[0].alts == ("Blinking",)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (video(seconds=200), "has to last"),
        (replace(video(), mime="video/avi"), "kind"),
    ],
)
def test_a_video_that_x_never_takes(world: XWorld, wrong: Video, why: str) -> None:
    with pytest.raises(Refused, match=why):
        world.adapter().publish(replace(outgoing("No."), video=wrong), steps=StepsInMemory())
    assert world.server.ledger == []


def test_a_poll_a_quote_and_who_may_reply(world: XWorld) -> None:
    quoted = world.stranger_posts("Worth saying again.")
    adapter = world.adapter()
    poll = Poll(("Yes", "No"), 60)
    adapter.publish(replace(outgoing("Agreed?"), poll=poll), steps=StepsInMemory())
    adapter.publish(
        replace(outgoing("Quite so."), quote=quoted, audience=Audience.MENTIONED),
        steps=StepsInMemory(),
    )
    asked, quoting = [a.json() for a in world.server.ledger if world.writes(a)]
    assert asked["poll"] == {"options": ["Yes", "No"], "duration_minutes": 60}
    assert quoting["quote_tweet_id"] == quoted
    assert quoting["reply_settings"] == "mentionedUsers"


@pytest.mark.parametrize(
    "poll",
    [
        Poll(("One",), 60),
        Poll(("1", "2", "3", "4", "5"), 60),
        Poll(("Yes", "x" * 26), 60),
        Poll(("Yes", ""), 60),
        Poll(("Yes", "No"), 1),
        Poll(("Yes", "No"), 99_999),
    ],
)
def test_a_poll_that_x_never_takes(world: XWorld, poll: Poll) -> None:
    with pytest.raises(Refused):
        world.adapter().publish(replace(outgoing("Well?"), poll=poll), steps=StepsInMemory())
    assert world.server.ledger == []


def test_a_poll_with_a_picture_is_refused(world: XWorld) -> None:
    post = replace(outgoing("Well?", picture("One")), poll=Poll(("Yes", "No"), 60))
    with pytest.raises(Refused, match="alone"):
        world.adapter().publish(post, steps=StepsInMemory())


def test_the_same_text_again_is_told_as_such(world: XWorld) -> None:
    world.adapter().publish(outgoing("Road closed."), steps=StepsInMemory())
    with pytest.raises(Refused) as caught:
        world.adapter().publish(outgoing("Road closed."), steps=StepsInMemory())
    assert caught.value.code == DUPLICATE
    assert len(world.posts()) == 1


def test_hiding_a_reply(world: XWorld) -> None:
    adapter = world.adapter()
    first = adapter.publish(outgoing("Closed."), steps=StepsInMemory())
    rude = world.mention("Rude.", reply_to=first.remote_id)
    adapter.hide(rude)
    assert world.fake.hidden == [rude]


# --- in -----------------------------------------------------------------------------------------


def test_only_what_is_new_is_asked_for(world: XWorld) -> None:
    said = world.mention("Hello.")
    world.fake.posts[said]["created_at"] = "2026-01-01T00:00:00.000Z"
    adapter = world.adapter()
    cursor = adapter.fetch_mentions("").cursor
    adapter.fetch_mentions(cursor)
    asked = world.server.asked_for("/mentions")[-1]
    assert int(id_at(datetime.now(UTC) - HOUR)) < int(asked.one("since_id")) <= int(said)


def test_ids_hold_their_time_and_are_read_again_only_while_fresh() -> None:
    now = datetime.now(UTC)
    fresh, old = id_at(now), id_at(now - HOUR)
    assert abs((time_in(fresh) or now - HOUR) - now) < timedelta(seconds=1)
    assert int(settled(fresh)) < int(fresh)
    assert settled(old) == old
    assert settled("12") == "12"


def test_a_search_does_not_ask_below_a_week(world: XWorld) -> None:
    adapter = world.adapter()
    old = id_at(datetime.now(UTC) - timedelta(days=9))
    adapter.search("flood", json.dumps({"after": old, "seen": []}))
    assert world.server.asked_for("/search")[-1].one("since_id") == ""


def test_a_long_post_is_read_whole_with_its_links_and_pictures(world: XWorld) -> None:
    note = {
        "text": "A &amp; B https://t.co/abc",
        "entities": {"urls": [{"url": "https://t.co/abc", "expanded_url": "https://e.org/?a&b"}]},
    }
    world.fake.make(
        fake_x.STRANGER,
        "A … cut",
        sent="mention",
        note_tweet=note,
        attachments={"media_keys": ["3_9"]},
    )

    def with_media(data: Any) -> Any:
        picture_ = {"media_key": "3_9", "type": "photo", "alt_text": "A flooded road"}
        data["includes"]["media"] = [picture_]
        return data

    with world.server.going_wrong(Fault(change=with_media, match=world.reads)):
        (item,) = world.adapter().fetch_mentions("").items
    assert item.text.startswith("A & B https://e.org/?a&b")
    assert "A flooded road" in item.text
    assert item.kind is MentionKind.MENTION


def test_an_answer_with_nothing_but_errors_is_no_empty_list(world: XWorld) -> None:
    reply = Reply(200, {"errors": [{"title": "Not Found Error", "detail": "Could not find user"}]})
    with world.server.going_wrong(Fault(reply, match=world.reads)), pytest.raises(RetryLater):
        world.adapter().fetch_mentions("")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "meta", "includes", "id", "text", "users", "entities"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[XWorld]:
    made = XWorld()
    yield made
    made.close()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answer=JSON)
def test_whatever_it_answers_is_one_of_the_four_or_a_list(shared: XWorld, answer: Any) -> None:
    with shared.server.going_wrong(Fault(Reply(200, answer))):
        adapter = shared.adapter()
        for call in (
            lambda: adapter.fetch_mentions(""),
            lambda: adapter.fetch_own_posts(""),
            adapter.verify,
        ):
            with suppress(PlatformError):
                call()
        with suppress(PlatformError):
            published = adapter.publish(outgoing("Hello.", picture("One")), steps=StepsInMemory())
            assert published.remote_id
