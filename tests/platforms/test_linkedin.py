"""What is LinkedIn's own: its little text format, its refusal of the same text, whose page."""

from __future__ import annotations

import re
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
    AuthorisationLost,
    PlatformError,
    Presence,
    Refused,
    RetryLater,
    StepsInMemory,
)
from platforms.linkedin_client import quoted
from platforms.linkedin_views import escaped, unescaped

from . import fake_linkedin
from .server import Fault, Reply
from .test_x import JSON
from .worlds import LinkedInWorld, outgoing, picture

HOUR = timedelta(hours=1)


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
