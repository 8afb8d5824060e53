"""What is the board's own, beside the cases that every platform has to pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from platforms.contract import AuthorisationLost, Presence, Refused, StepsInMemory
from tests.platforms.server import Fault, Reply

from .world import NoticeboardWorld


@pytest.fixture
def world() -> Iterator[NoticeboardWorld]:
    made = NoticeboardWorld()
    yield made
    made.close()


def test_a_second_sending_is_the_first_notice(world: NoticeboardWorld) -> None:
    post = world.outgoing("The library is closed.")
    first = world.adapter().publish(post, steps=StepsInMemory())
    assert world.adapter().publish(post, steps=StepsInMemory()) == first
    assert len(world.posts()) == 1


def test_a_notice_is_found_by_its_key_and_not_by_its_words(world: NoticeboardWorld) -> None:
    world.post_elsewhere("The library is closed.")
    post = world.outgoing("The library is closed.")
    lookup = world.adapter().find_published(post, since=post.created_at)
    assert lookup.presence is Presence.ABSENT


def test_a_key_that_was_taken_back_is_authorisation_lost(world: NoticeboardWorld) -> None:
    world.revoke()
    with pytest.raises(AuthorisationLost, match="The key of this office was taken back") as caught:
        world.adapter().verify()
    assert caught.value.code == "403"


def test_any_other_403_is_a_refusal_of_this_request(world: NoticeboardWorld) -> None:
    fault = Fault(Reply(403, {"error": "closed", "message": "Closed on Sundays."}))
    with world.server.going_wrong(fault), pytest.raises(Refused, match="Closed on Sundays"):
        world.adapter().verify()


def test_a_page_that_is_not_the_boards_says_nothing_of_a_notice(world: NoticeboardWorld) -> None:
    fault = Fault(Reply(404, body=b"<h1>Not found</h1>"), match=world.deletes)
    with world.server.going_wrong(fault), pytest.raises(Refused):
        world.adapter().delete("1")


def test_each_board_has_rules_of_its_own(world: NoticeboardWorld) -> None:
    adapter = world.adapter()
    assert adapter.info.limits.image_bytes_max == 2_000_000
    assert adapter.limits().image_bytes_max == 400_000
