"""What My day leads with, and in which order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from scheduling.models import Delivery
from scheduling.selectors.day import needs_now, own_drafts
from scheduling.services.deliveries import delivery_return
from scheduling.states import State
from tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


def stands(desk, state: State, *, since_minutes: int, **fields) -> Delivery:
    made = DeliveryFactory(account=desk.account, state=state, **fields)
    at = timezone.now() - timedelta(minutes=since_minutes)
    Delivery.objects.filter(pk=made.pk).update(state_since=at)
    return made


def test_what_will_not_go_out_comes_before_what_did_not(desk):
    now = timezone.now()
    failed = stands(desk, State.FAILED, since_minutes=9)
    later = stands(
        desk,
        State.SCHEDULED,
        since_minutes=1,
        notice="Its picture is gone.",
        due_at=now + timedelta(hours=2),
    )
    held = stands(desk, State.HELD, since_minutes=3)
    sooner = stands(
        desk,
        State.SCHEDULED,
        since_minutes=20,
        notice="It is too long.",
        due_at=now + timedelta(hours=1),
    )
    stands(desk, State.SCHEDULED, since_minutes=2)  # nothing is wrong with it
    assert needs_now(person(desk.contributor)) == [sooner, later, held, failed]
    assert needs_now(person(desk.viewer)) == needs_now(person(desk.outsider)) == []


def test_what_was_returned_comes_before_other_drafts_and_old_ones_stay_away(desk):
    now = timezone.now()
    soon = desk.draft(due_at=now + timedelta(hours=1))
    returned = desk.in_review(due_at=now + timedelta(hours=3))
    delivery_return(actor=person(desk.approver), delivery=returned, comment="Say which bridge")
    passed = desk.draft(due_at=now + timedelta(hours=2)).deliveries.get()
    Delivery.objects.filter(pk=passed.pk).update(due_at=now - timedelta(hours=1))
    found = own_drafts(person(desk.contributor))
    assert found == [returned, soon.deliveries.get()]
    assert [draft.returned for draft in found] == [True, False]
    assert own_drafts(person(desk.approver)) == []
