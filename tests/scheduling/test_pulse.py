"""A call may be longer than a lease: its process gives signs of life, and only the dead do not."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from platforms.contract import RetryLater
from scheduling.engine import pulse as pulses
from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.publish import publish
from scheduling.engine.pulse import Pulse, renew
from scheduling.models import Delivery
from scheduling.states import State
from tests.platforms.server import wait_for
from tests.scheduling.conftest import fall_due


@pytest.fixture
def claimed(desk, network):
    delivery = fall_due(desk.scheduled())
    claim_due()
    return Delivery.objects.get(pk=delivery.pk)


def lease(delivery):
    return Delivery.objects.get(pk=delivery.pk).lease_until


@pytest.mark.django_db
def test_a_claim_that_stands_is_renewed_also_when_its_lease_has_just_run_out(claimed):
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert renew([(claimed.pk, 1)]) == 1
    assert lease(claimed) > timezone.now() + timedelta(seconds=5)
    assert take_back_expired() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("fence", [0, 2])
def test_a_claim_of_another_worker_is_not(claimed, fence):
    before = lease(claimed)
    assert renew([(claimed.pk, fence)]) == 0
    assert lease(claimed) == before


@pytest.mark.django_db
def test_what_was_taken_back_gets_no_lease(claimed):
    Delivery.objects.update(state=State.SCHEDULED, lease_until=None)
    assert renew([(claimed.pk, 1)]) == 0
    assert lease(claimed) is None


@pytest.mark.django_db(transaction=True)
def test_a_call_longer_than_its_lease_is_not_taken_for_dead(claimed, network, settings):
    settings.PUBLISH_LEASE_S = 0.4

    def take_long(steps):
        leases = [lease(claimed)]

        def renewed():
            if (now := lease(claimed)) != leases[-1]:
                leases.append(now)
            return len(leases) > 6  # a lease and a half

        wait_for(renewed)
        assert take_back_expired() == 0

    network.during = take_long
    assert publish(claimed.pk, 1) == "published"


@pytest.mark.django_db(transaction=True)
def test_signs_of_life_end_with_the_call(claimed, network, settings):
    settings.PUBLISH_LEASE_S = 0.2
    network.answers = [RetryLater("Down")]
    publish(claimed.pk, 1)
    wait_for(lambda: not any(thread.name == "pulse" for thread in threading.enumerate()))


def test_a_database_that_is_away_for_a_moment_does_not_end_the_signs_of_life(monkeypatch, settings):
    settings.PUBLISH_LEASE_S = 0.1
    asked = []

    def away(held):
        asked.append(held)
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(pulses, "renew", away)
    with Pulse().holding(7, 1):
        wait_for(lambda: len(asked) > 2)
    assert asked[0] == [(7, 1)]
