"""What is LinkedIn's own: its little text format, its refusal of the same text, whose page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platforms.contract import (
    DUPLICATE,
    AuthorisationLost,
    PlatformError,
    Presence,
    Refused,
    ReplyRef,
    RetryLater,
    StepsInMemory,
)
from platforms.linkedin_client import quoted
from platforms.linkedin_views import escaped, unescaped

from . import fake_linkedin
from .server import Fault, Reply
from .test_x import JSON
from .worlds import LinkedInWorld, outgoing, picture, video

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platforms.linkedin_video._WAITS_S", (0.0, 0.0))


@pytest.fixture
def world() -> Iterator[LinkedInWorld]:
    made = LinkedInWorld()
    yield made
    made.close()


# --- the little text format -----------------------------------------------------------------------


@given(st.text(max_size=60))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert unescaped(escaped(text)) == text
    bare = re.sub(r"\\.", "", escaped(text), flags=re.DOTALL)
    assert not set(bare) & set("|{}@[]()<>*_~")


def test_hashtags_stay_and_templates_are_read() -> None:
    assert escaped("#flood (now) # 1") == r"#flood \(now\) \# 1"
    assert unescaped(r"{hashtag|\#|flood} by @[The Fire Service](urn:li:organization:7)") == (
        "#flood by @The Fire Service"
    )


# --- out ------------------------------------------------------------------------------------------


def test_the_same_text_names_the_first_post_which_is_then_found(world: LinkedInWorld) -> None:
    post = outgoing("Road closed.")
    first = world.adapter().publish(post, steps=StepsInMemory())
    with pytest.raises(Refused, match=first.remote_id) as caught:
        world.adapter().publish(post, steps=StepsInMemory())
    assert caught.value.code == DUPLICATE
    lookup = world.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.published is not None
    assert lookup.published.remote_id == first.remote_id


def test_a_first_post_that_is_not_there_is_absent(world: LinkedInWorld) -> None:
    """LinkedIn has been seen to name a post that nobody can find."""
    post = outgoing("Road closed.", ago=timedelta(minutes=5))
    told = fake_linkedin.error(422, "Content is a duplicate of urn:li:share:7001")
    told.data["errorDetails"] = {"inputErrors": [{"code": "DUPLICATE_POST"}]}
    with (
        world.server.going_wrong(Fault(told, match=world.writes)),
        pytest.raises(Refused) as caught,
    ):
        world.adapter().publish(post, steps=StepsInMemory())
    assert caught.value.code == DUPLICATE
    lookup = world.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.presence is Presence.ABSENT


def test_another_422_is_another_refusal(world: LinkedInWorld) -> None:
    told = fake_linkedin.error(422, "urn:li:share:7 is too long", "FIELD_LENGTH_TOO_LONG")
    with (
        world.server.going_wrong(Fault(told, match=world.writes)),
        pytest.raises(Refused) as caught,
    ):
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert caught.value.code == "FIELD_LENGTH_TOO_LONG"


def test_one_picture_and_a_link_go_along(world: LinkedInWorld) -> None:
    adapter = world.adapter()
    adapter.publish(outgoing("One.", picture("A bridge")), steps=StepsInMemory())
    adapter.publish(replace(outgoing("Read."), link="https://e.org/"), steps=StepsInMemory())
    one, two = (post["sent"]["content"] for post in world.fake.posts.values())
    assert one["media"]["altText"] == "A bridge"
    assert two["article"]["source"] == "https://e.org/"


def test_the_token_goes_nowhere_else(world: LinkedInWorld) -> None:
    """An answer may name any address for the upload; only LinkedIn's own gets the token."""

    def elsewhere(data: Any) -> Any:
        data["value"]["uploadUrl"] = "https://elsewhere.test/steal"
        return data

    fault = Fault(change=elsewhere, match=lambda a: a.path.endswith("/images"))
    with world.server.going_wrong(fault), pytest.raises((Refused, RetryLater)) as caught:
        world.adapter().publish(outgoing("One.", picture("One")), steps=StepsInMemory())
    assert world.secret not in str(caught.value)
    assert world.posts() == []


@pytest.mark.parametrize(
    "urn", ["", "7", "urn:li:share:7/../8", "urn:li:share:7?x=1", "urn:li:share:7 8", "urn:li:é"]
)
def test_no_id_leads_anywhere_else(urn: str) -> None:
    with pytest.raises(Refused):
        quoted(urn)


def test_a_comment_on_a_comment_stays_in_its_thread(world: LinkedInWorld) -> None:
    adapter = world.adapter()
    first = adapter.publish(outgoing("Ask us."), steps=StepsInMemory())
    asked = world.mention("Until when?", reply_to=first.remote_id)
    (item,) = adapter.fetch_mentions("").items
    adapter.publish(outgoing("Until six.", reply_to=item.reply_ref), steps=StepsInMemory())
    sent = world.server.asked_for("/socialActions/", "POST")[-1].json()
    assert sent["object"] == first.remote_id
    assert sent["parentComment"] == asked


# --- videos ---------------------------------------------------------------------------------------

WORDS = "The river at the bridge"


def moving() -> Any:
    return replace(outgoing("Stay away."), video=video(WORDS))


def in_pieces(world: LinkedInWorld) -> LinkedInWorld:
    world.fake.piece = 2_000  # so that a video of 5,000 bytes is three
    return world


def sent_pieces(world: LinkedInWorld) -> list[int]:
    return [int(one.path.rpartition("/")[2]) for one in world.server.asked_for("/pieces/", "PUT")]


def begun(world: LinkedInWorld) -> int:
    return len([one for one in world.server.ledger if one.one("action") == "initializeUpload"])


def test_a_video_goes_in_pieces_and_is_waited_for(world: LinkedInWorld) -> None:
    in_pieces(world).fake.processing = 2
    post = moving()
    published = world.adapter().publish(post, steps=StepsInMemory())
    ((urn, made),) = world.fake.videos.items()
    assert made.data() == post.video.data
    assert sent_pieces(world) == [0, 1, 2]
    shown = world.fake.posts[published.remote_id]["sent"]["content"]
    assert shown == {"media": {"id": urn, "title": WORDS}}
    assert len(world.server.asked_for("/rest/videos/", "GET")) == 3


def test_a_restart_goes_on_with_the_next_piece(world: LinkedInWorld) -> None:
    in_pieces(world)
    post, steps = moving(), StepsInMemory()
    for number in range(3):
        fault = Fault(Reply(503, {}), match=lambda a, n=number: a.path.endswith(f"/{n}"))  # type: ignore[misc]  # a lambda with a default
        with world.server.going_wrong(fault), pytest.raises(RetryLater):
            world.adapter().publish(post, steps=steps)
    world.adapter().publish(post, steps=steps)
    assert sent_pieces(world) == [0, 0, 1, 1, 2, 2]
    assert begun(world) == 1
    assert [seen.sizes for seen in world.posts()] == [(len(post.video.data),)]


@pytest.mark.parametrize("after", range(7))
def test_whoever_takes_over_at_any_step_posts_the_video_once(
    world: LinkedInWorld, after: int
) -> None:
    """A worker dies as it writes down a step; another goes on with those that were."""

    class Dying(StepsInMemory):
        left = after

        def put(self, name: str, result: object) -> None:
            if not self.left:
                raise InterruptedError
            self.left -= 1
            super().put(name, result)

    in_pieces(world)
    post, steps = moving(), Dying()
    with pytest.raises(InterruptedError):
        world.adapter().publish(post, steps=steps)
    steps.left = 100
    world.adapter().publish(post, steps=steps)
    assert len(world.posts()) == 1
    assert begun(world) == (2 if after == 0 else 1)
    assert len(sent_pieces(world)) <= 4
    assert world.posts()[0].sizes == (len(post.video.data),)


def test_a_video_that_was_put_together_unheard_is_not_sent_again(world: LinkedInWorld) -> None:
    post, steps = moving(), StepsInMemory()
    fault = Fault(acts=True, reset=True, match=lambda a: a.one("action") == "finalizeUpload")
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(post, steps=steps)
    world.adapter().publish(post, steps=steps)
    assert sent_pieces(world) == [0]
    assert len(world.posts()) == len(world.fake.videos) == 1


def test_a_video_that_linkedin_is_still_at_work_on_is_tried_later(world: LinkedInWorld) -> None:
    world.fake.processing = 3
    post, steps = moving(), StepsInMemory()
    with pytest.raises(RetryLater) as caught:
        world.adapter().publish(post, steps=steps)
    assert (caught.value.code, caught.value.delay_s) == ("media_processing", 15.0)
    assert world.posts() == []
    world.adapter().publish(post, steps=steps)
    assert sent_pieces(world) == [0]
    assert len(world.posts()) == 1


def test_a_video_that_linkedin_cannot_use_is_refused_and_not_sent_again(
    world: LinkedInWorld,
) -> None:
    def failed(data: Any) -> Any:
        return {**data, "status": "PROCESSING_FAILED"}

    post, steps = moving(), StepsInMemory()
    fault = Fault(change=failed, match=lambda a: "/rest/videos/" in a.path)
    with world.server.going_wrong(fault):
        for _ in range(2):
            with pytest.raises(Refused, match="cannot use this video"):
                world.adapter().publish(post, steps=steps)
    assert sent_pieces(world) == [0]
    assert world.posts() == []


def test_a_video_that_linkedin_has_thrown_away_is_sent_anew(world: LinkedInWorld) -> None:
    post, steps = moving(), StepsInMemory()
    world.adapter().prepare(post, steps=steps)
    assert world.posts() == []
    world.throw_uploads_away()
    world.adapter().publish(post, steps=steps)
    assert (begun(world), len(world.posts())) == (2, 1)


def test_addresses_that_are_over_are_asked_for_anew(
    world: LinkedInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, steps = moving(), StepsInMemory()
    fault = Fault(Reply(503, {}), match=lambda a: a.method == "PUT")
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(post, steps=steps)
    later = time.time() + 3_600
    monkeypatch.setattr("platforms.linkedin_video.time.time", lambda: later)
    world.adapter().publish(post, steps=steps)
    assert (begun(world), len(world.posts())) == (2, 1)


def _changed(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda value: value["uploadInstructions"][1].update(fields)


@pytest.mark.parametrize(
    "spoil",
    [
        _changed(firstByte=2_001),
        _changed(firstByte=1_999),
        _changed(lastByte=1_000),
        _changed(lastByte="4"),
        _changed(firstByte=True),
        _changed(uploadUrl=None),
        lambda value: value["uploadInstructions"].pop(),
        lambda value: value.update(uploadInstructions={}),
        lambda value: value.update(uploadInstructions=value["uploadInstructions"] * 400),
        lambda value: value.update(video="urn:li:image:7"),
    ],
)
def test_pieces_that_are_not_the_file_are_not_sent(
    world: LinkedInWorld, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    def change(data: Any) -> Any:
        spoil(data["value"])
        return data

    in_pieces(world)
    fault = Fault(change=change, match=lambda a: a.one("action") == "initializeUpload")
    with world.server.going_wrong(fault), pytest.raises(RetryLater) as caught:
        world.adapter().publish(moving(), steps=StepsInMemory())
    assert caught.value.code == "unreadable"
    assert sent_pieces(world) == []


def test_a_piece_without_a_tag_is_tried_later(world: LinkedInWorld) -> None:
    fault = Fault(Reply(200, body=b""), match=lambda a: a.method == "PUT")
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(moving(), steps=StepsInMemory())
    assert world.posts() == []


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (video(WORDS, seconds=2.0), "video_length"),
        (video(WORDS, seconds=1_801.0), "video_length"),
        (replace(video(WORDS), mime="video/quicktime"), "video_type"),
        (replace(video(WORDS), size=500_000_001), "video_too_large"),
    ],
)
def test_what_linkedin_takes_as_a_video_is_declared(
    world: LinkedInWorld, clip: Any, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        world.adapter().publish(replace(outgoing("Look."), video=clip), steps=StepsInMemory())
    assert caught.value.code == code
    assert world.server.ledger == []


def test_a_comment_has_no_video(world: LinkedInWorld) -> None:
    asked = world.mention("Is the bridge open?")
    post = replace(outgoing("See.", reply_to=ReplyRef(asked)), video=video(WORDS))
    with pytest.raises(Refused, match="no video"):
        world.adapter().publish(post, steps=StepsInMemory())
    assert world.server.ledger == []


# --- whose page -----------------------------------------------------------------------------------


def test_a_page_that_the_person_does_not_look_after(world: LinkedInWorld) -> None:
    world.handle = "somebody-elses"
    with pytest.raises(AuthorisationLost, match="no administrator"):
        world.adapter(known=False).verify()


def test_the_pages_of_one_sign_in(world: LinkedInWorld) -> None:
    adapter: Any = world.adapter()
    found = adapter.offered()
    assert [one.identity.handle for one in found] == ["another", "council"]
    assert world.secret not in repr(found)


# --- hostile --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared() -> Iterator[LinkedInWorld]:
    made = LinkedInWorld()
    yield made
    made.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answer=JSON)
def test_whatever_it_answers_is_one_of_the_four(shared: LinkedInWorld, answer: Any) -> None:
    with shared.server.going_wrong(Fault(Reply(200, answer))):
        adapter = shared.adapter()
        for call in (
            lambda: adapter.fetch_mentions(""),
            lambda: adapter.fetch_own_posts(""),
            adapter.verify,
            lambda: adapter.publish(outgoing("Hi."), steps=StepsInMemory()),
        ):
            with suppress(PlatformError):
                call()
