"""The rate limits of the real network: what the server says, and how Socialdesk waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from platforms.contract import Counted, RetryLater, StepsInMemory
from scheduling.models import Attempt, Outcome
from scheduling.states import State
from tests.factories import CredentialFactory, SocialAccountFactory
from tests.scheduling.conftest import desk_of, fall_due, run_due

from .desk import Desk, open_desk, outgoing
from .people import Bluesky, until

HOUR = 5_000  # points that an account may write in an hour; putting a record takes two
HURRIED, HURRIED_S = 6, 10  # the same on the hurried server, and how long its hour is


def test_answers_say_what_is_left_until_when(bluesky_network: Bluesky) -> None:
    adapter = open_desk(bluesky_network).adapter()
    assert isinstance(adapter, Counted)
    adapter.verify()
    first = adapter.allowance()
    adapter.verify()
    second = adapter.allowance()
    assert first is not None
    assert second is not None
    assert first.limit == second.limit == 3_000  # requests in five minutes, of one address
    assert 0 < second.left < first.left or second.resets_in_s > first.resets_in_s
    assert 0 <= second.resets_in_s <= 300


def test_an_account_that_wrote_too_much_is_told_when_to_come_back(
    bluesky_network: Bluesky,
) -> None:
    desk = open_desk(bluesky_network)
    bluesky_network.write_too_often(desk.person, HOUR - 3)
    adapter = desk.adapter()
    assert isinstance(adapter, Counted)
    last = adapter.publish(outgoing("The last of this hour"), steps=StepsInMemory())
    left = adapter.allowance()
    assert left is not None
    assert (left.limit, left.left) == (HOUR, 1)
    with pytest.raises(RetryLater) as caught:
        adapter.publish(outgoing("One too many"), steps=StepsInMemory())
    assert caught.value.too_much
    assert caught.value.delay_s is not None
    assert 3_500 < caught.value.delay_s <= 3_600
    left = adapter.allowance()
    assert left is not None
    assert (left.limit, left.left) == (HOUR, 0)
    assert abs(left.resets_in_s - caught.value.delay_s) < 5
    assert list(bluesky_network.records(desk.person)) == [last.remote_id]


def test_what_one_account_used_up_another_still_has(bluesky_network: Bluesky) -> None:
    spent, fresh = open_desk(bluesky_network), open_desk(bluesky_network)
    bluesky_network.write_too_often(spent.person, HOUR)
    with pytest.raises(RetryLater):
        spent.adapter().publish(outgoing("Not now"), steps=StepsInMemory())
    assert fresh.adapter().publish(outgoing("Now"), steps=StepsInMemory()).remote_id


@pytest.fixture
def hurried(bluesky_network: Bluesky) -> Iterator[Desk]:
    """An official account on the server where one can wait for the end of the hour."""
    network = bluesky_network.hurried()
    person = network.sign_up()
    yield Desk(network, person, network.app_password(person))
    network.close()


@pytest.mark.django_db
def test_posts_wait_as_long_as_the_server_says_and_then_go_out_once(
    hurried: Desk, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = frozenset({hurried.network.private_host})
    account = SocialAccountFactory(
        platform="bluesky",
        base_url=hurried.network.pds_url,
        remote_id=hurried.person.did,
        handle=hurried.person.handle,
    )
    CredentialFactory(account=account, secret=hurried.secret)
    desk = desk_of(account)
    first, second = [fall_due(desk.scheduled(text=text)) for text in ("Road shut", "Road open")]
    hurried.network.write_too_often(hurried.person, HURRIED)
    assert run_due() == ["retry"]
    first.refresh_from_db()
    assert first.state == State.SCHEDULED
    assert first.problem == "Bluesky wants us to slow down."
    assert 0 < (first.next_try_at - timezone.now()).total_seconds() <= HURRIED_S + 2
    assert run_due() == []  # the other is not even tried before the time that the server named
    assert hurried.network.records(hurried.person) == {}

    ended: list[str] = []

    def all_out() -> bool:
        ended.extend(run_due())
        return ended.count("published") == 2

    until(all_out, what="both posts out", every=0.2)
    texts = [record.text for record in hurried.network.records(hurried.person).values()]
    assert sorted(texts) == ["Road open", "Road shut"]
    for delivery in (first, second):
        outcomes = [each.outcome for each in Attempt.objects.filter(delivery=delivery)]
        assert outcomes.count(Outcome.PUBLISHED) == 1
