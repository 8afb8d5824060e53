"""A worker whose clock is wrong does nothing: it would send too early, or hold what is on time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduling import tasks
from scheduling.engine import clock as clocks
from scheduling.engine import publisher
from scheduling.engine.attempts import take
from scheduling.engine.clock import Clock, wrong_by_s
from scheduling.engine.lanes import Lanes
from scheduling.models import Delivery
from scheduling.states import State
from tests.scheduling.conftest import fall_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrong(monkeypatch):
    """Makes the clock of this process wrong by so much."""
    right = timezone.now

    def by(**amount):
        monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(**amount))

    return by


@pytest.fixture(autouse=True)
def _new_clock(monkeypatch):
    for module in (tasks, publisher):
        monkeypatch.setattr(module, "clock", Clock())


def test_a_right_clock_is_asked_about_once(db):
    mine = Clock()
    with CaptureQueriesContext(connection) as asked:
        assert mine.is_right()
        assert mine.is_right()
    assert len(asked) == 1
    assert abs(wrong_by_s()) < 1


@pytest.mark.parametrize("hours", [1, -1])
def test_a_leap_is_noticed_at_once_and_so_is_its_end(wrong, hours):
    mine = Clock()
    assert mine.is_right()
    wrong(hours=hours)
    assert not mine.is_right()
    assert not mine.is_right()
    assert wrong_by_s() == pytest.approx(hours * 3600, abs=5)
    wrong(hours=0)
    assert mine.is_right()


def test_a_clock_that_was_wrong_from_the_start_is_noticed(wrong):
    wrong(seconds=10)
    assert not Clock().is_right()


def test_a_drift_is_noticed_in_time(wrong, monkeypatch):
    mine = Clock()
    wrong(seconds=2)
    assert mine.is_right()
    wrong(seconds=4)  # no leap by itself
    assert mine.is_right()
    monkeypatch.setattr(clocks, "ASK_AGAIN_S", 0.0)
    assert not mine.is_right()


@pytest.mark.parametrize("hours", [1, -1])
def test_nothing_is_claimed_sent_held_or_looked_up_by_a_wrong_clock(desk, network, wrong, hours):
    fall_due(desk.scheduled())
    doubtful = desk.scheduled()
    Delivery.objects.filter(pk=doubtful.pk).update(state=State.UNKNOWN, next_try_at=timezone.now())
    wrong(hours=hours)
    tasks.dispatch_due()
    tasks.reconcile_unknown()
    assert sorted(Delivery.objects.values_list("state", flat=True)) == [
        State.SCHEDULED,
        State.UNKNOWN,
    ]
    assert not network.arrived


def test_a_clock_that_leaps_while_it_is_asked_what_is_due_takes_and_holds_nothing(
    desk, network, wrong, monkeypatch
):
    """Found right, and an hour ahead a moment later: nothing is overdue by that, nor sent early."""
    delivery, early = fall_due(desk.scheduled()), desk.scheduled()
    Delivery.objects.filter(pk=early.pk).update(next_try_at=timezone.now() + timedelta(minutes=30))
    mine = Clock()
    assert mine.is_right()
    wrong(hours=1)
    assert take(10, Lanes.unbounded(), lead=mine.lead) == []
    for row in (delivery, early):
        row.refresh_from_db()
        assert row.state == State.SCHEDULED
    wrong(hours=0)
    assert [each.delivery for each in take(10, Lanes.unbounded(), lead=mine.lead)] == [delivery]
