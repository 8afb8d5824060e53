"""Which delivery of an account goes out next: one at a time, by due time, and never stuck."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.alerts import AlertKind
from operations.models import Alert
from platforms.contract import OutcomeUnknown, RetryLater
from scheduling.engine.claim import claim_due
from scheduling.engine.order import PATIENCE, due, next_in_line
from scheduling.engine.publish import publish
from scheduling.models import Delivery, HoldKind
from scheduling.states import State
from tests.factories import DeliveryFactory, PostFactory, SocialAccountFactory
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db


def due_ago(desk, *ages_s):
    """Scheduled posts of one account that were due so many seconds ago."""
    now = timezone.now()
    rows = []
    for age in ages_s:
        delivery = desk.scheduled(text=f"due {age} s ago")
        at = now - timedelta(seconds=age)
        Delivery.objects.filter(pk=delivery.pk).update(due_at=at, next_try_at=at)
        rows.append(delivery)
    return rows


def texts(network):
    return [post.text for post in network.arrived]


class TestOneAccount:
    def test_posts_go_out_by_due_time_however_they_were_written(self, desk, network):
        due_ago(desk, 1, 30, 10, 20)
        while run_due():
            pass
        assert texts(network) == [f"due {age} s ago" for age in (30, 20, 10, 1)]

    def test_one_is_in_flight_at_a_time(self, desk, network):
        first, second = due_ago(desk, 2, 1)
        assert claim_due() == [(first.pk, 1)]
        assert claim_due() == []
        publish(first.pk, 1)
        assert claim_due() == [(second.pk, 1)]

    def test_a_later_post_waits_for_one_that_is_tried_again(self, desk, network):
        network.answers = [RetryLater("Down", delay_s=20)]
        first, _ = due_ago(desk, 2, 1)
        assert run_due() == ["retry"]
        assert run_due() == []
        Delivery.objects.filter(pk=first.pk).update(next_try_at=timezone.now())
        assert run_due() == ["published"]
        assert run_due() == ["published"]
        assert texts(network) == ["due 2 s ago", "due 2 s ago", "due 1 s ago"]

    def test_but_not_longer_than_its_patience(self, desk, network):
        network.answers = [RetryLater("Down", delay_s=600)]
        age = int(PATIENCE.total_seconds()) + 1
        due_ago(desk, age + 5, age)
        assert run_due() == ["retry"]
        assert run_due() == ["published"]

    def test_a_later_post_waits_while_an_earlier_one_is_looked_up(self, desk, network):
        network.answers = [OutcomeUnknown("Reset")]
        first, _ = due_ago(desk, 2, 1)
        assert run_due() == ["unknown"]
        assert run_due() == []
        # Nobody is left to ask but a person: that may take a day.
        Delivery.objects.filter(pk=first.pk).update(next_try_at=None)
        assert run_due() == ["published"]

    @pytest.mark.parametrize("state", [State.FAILED, State.HELD, State.CANCELLED, State.DRAFT])
    def test_what_waits_for_a_person_holds_up_nothing(self, desk, network, state):
        first, second = due_ago(desk, 2, 1)
        Delivery.objects.filter(pk=first.pk).update(state=state, next_try_at=None)
        assert claim_due() == [(second.pk, 1)]

    def test_a_post_is_never_held_up_by_a_later_one(self, desk, network):
        network.answers = [RetryLater("Down", delay_s=60)]
        first, later = due_ago(desk, 1, 0)
        Delivery.objects.filter(pk=later.pk).update(next_try_at=timezone.now() - timedelta(hours=1))
        assert claim_due() == [(first.pk, 1)]

    def test_what_is_overdue_is_held_at_once_and_in_no_order(self, desk, network):
        late = due_ago(desk, 3_600, 3_500)
        (fresh,) = due_ago(desk, 1)
        assert claim_due() == [(fresh.pk, 1)]
        for row in late:
            row.refresh_from_db()
            assert (row.state, row.hold_kind) == (State.HELD, HoldKind.OVERDUE)
        assert late[0].hold_reason.startswith("It is 60 minutes late")
        assert Alert.objects.filter(kind=AlertKind.HELD).count() == 2


def test_accounts_do_not_wait_for_each_other(desk, network):
    due_ago(desk, 3)
    other = fall_due(DeliveryFactory(state=State.SCHEDULED))
    claimed = claim_due()
    assert {pk for pk, _ in claimed} >= {other.pk}
    assert len(claimed) == 2


# --- against a plain model of the rule ------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    account: int
    state: State
    due_s: int  # seconds before now that it was due
    next_s: int | None  # seconds after now that it is tried or looked up next; None: never

    @property
    def ready(self) -> bool:
        return self.state == State.SCHEDULED and self.next_s is not None and self.next_s <= 0


rows = st.builds(
    Row,
    account=st.integers(0, 1),
    state=st.sampled_from(
        [State.SCHEDULED] * 4 + [State.UNKNOWN, State.HELD, State.PUBLISHED, State.PUBLISHING]
    ),
    due_s=st.integers(0, 300),
    next_s=st.integers(-10, 300),
)
rows |= st.builds(
    Row,
    account=st.integers(0, 1),
    state=st.just(State.UNKNOWN),
    due_s=st.integers(0, 300),
    next_s=st.none(),
)


def expected(table: list[Row]) -> set[int]:
    """Places in the table of what may be claimed."""
    found = set()
    for account in {row.account for row in table}:
        mine = [(n, row) for n, row in enumerate(table) if row.account == account]
        if any(row.state == State.PUBLISHING for _, row in mine):
            continue
        ready = sorted((n for n, row in mine if row.ready), key=lambda n: (-table[n].due_s, n))
        if not ready:
            continue
        head = ready[0]
        patient = table[head].due_s < PATIENCE.total_seconds()
        earlier = [row for n, row in mine if (-row.due_s, n) < (-table[head].due_s, head)]
        waits = any(
            (row.state == State.SCHEDULED and not row.ready)
            or (row.state == State.UNKNOWN and row.next_s is not None)
            for row in earlier
        )
        if not (patient and waits):
            found.add(head)
    return found


class TestTheRule(TestCase):
    @settings(max_examples=60)
    @given(st.lists(rows, max_size=8))
    def test_it_is_what_is_claimed(self, table: list[Row]) -> None:
        now = timezone.now()
        accounts = [SocialAccountFactory() for _ in range(2)]
        post = PostFactory()
        made = []
        for row in table:
            at = None if row.next_s is None else now + timedelta(seconds=row.next_s)
            if row.state not in (State.SCHEDULED, State.UNKNOWN):
                at = None
            made.append(
                DeliveryFactory(
                    post=PostFactory(author=post.author),
                    account=accounts[row.account],
                    state=row.state,
                    due_at=now - timedelta(seconds=row.due_s),
                    next_try_at=at,
                )
            )
        places = {delivery.pk: n for n, delivery in enumerate(made)}
        found = {places[place.pk] for place in next_in_line(now)}
        assert found == expected(table)


# --- what it costs ------------------------------------------------------------------------------


def test_with_much_scheduled_for_later_the_tick_asks_the_partial_index(desk):
    post = PostFactory()
    later = timezone.now() + timedelta(days=3)
    accounts = [SocialAccountFactory() for _ in range(40)]
    Delivery.objects.bulk_create(
        Delivery(
            post=post,
            account=account,
            state=State.SCHEDULED,
            due_at=later,
            next_try_at=later,
        )
        for account in accounts
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("ANALYZE scheduling_delivery")
    now = timezone.now()
    plan = due(now)[:1].explain()
    assert "delivery_due" in plan
    assert "Seq Scan" not in plan
    with CaptureQueriesContext(connection) as asked:
        assert next_in_line(now) == []
    assert len(asked) == 1
