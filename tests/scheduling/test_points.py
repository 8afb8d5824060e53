"""The path passes every named point, in order: the fault tests kill workers at each of them."""

from __future__ import annotations

import pytest
from django.utils import timezone

from platforms.contract import Lookup, OutcomeUnknown, Presence, Published
from scheduling import tasks
from scheduling.engine import points
from scheduling.engine.points import Point
from scheduling.models import Delivery
from tests.scheduling.conftest import fall_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def passed(monkeypatch):
    seen = []
    monkeypatch.setattr(points, "hook", seen.append)
    return seen


@pytest.fixture(autouse=True)
def _work_at_once(monkeypatch):
    """Messages are worked off where they are sent."""
    monkeypatch.setattr(tasks.reconcile_delivery, "delay", tasks.reconcile_delivery.run)


def test_every_point_is_passed_in_order(desk, network, passed):
    fall_due(desk.scheduled())

    def answer_late(steps):
        steps.put("about_to_send", True)
        raise OutcomeUnknown("Connection reset")

    network.during = answer_late
    network.lookups = [Lookup(Presence.FOUND, Published("r-1", "https://there/1", timezone.now()))]
    tasks.dispatch_due()
    Delivery.objects.update(next_try_at=timezone.now())
    tasks.reconcile_unknown()
    assert list(dict.fromkeys(passed)) == list(Point)


def test_without_a_hook_a_point_is_nothing():
    assert points.hook is None
    assert points.reached(Point.TICK_BEGUN) is None
