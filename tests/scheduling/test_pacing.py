"""Releasing several held deliveries at a pace: the times, the bounds, and what is in the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Level
from accounts.models import SocialAccount
from audit.models import Event
from scheduling.models import Delivery, HoldKind
from scheduling.pacing import MOST, paced, release_paced
from scheduling.states import State
from tests.factories import DeliveryFactory, SocialAccountFactory, give, person

pytestmark = pytest.mark.django_db


def held(desk, *, account=None, kind=HoldKind.OVERDUE, **fields):
    delivery = desk.scheduled(accounts=[account or desk.account])
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.HELD, hold_kind=kind, hold_reason="It is late.", next_try_at=None, **fields
    )
    delivery.refresh_from_db()
    return delivery


class TestTimes:
    def test_each_account_has_its_own_row_in_the_planned_order(self, desk):
        other = SocialAccountFactory()
        give(desk.publisher, Level.PUBLISHER, other)
        now = timezone.now()
        late = held(desk, due_at=now - timedelta(hours=1))
        later = held(desk, due_at=now - timedelta(minutes=30))
        there = held(desk, account=other, due_at=now - timedelta(hours=2))
        slots = paced([later, there, late], first=now, every_min=10)
        minutes = {slot.delivery: (slot.at - now).total_seconds() / 60 for slot in slots}
        assert minutes == {late: 0, there: 0, later: 10}
        assert [slot.at for slot in slots] == sorted(slot.at for slot in slots)

    @pytest.mark.parametrize(("number", "every", "said"), [
        (0, 5, "Choose what"), (MOST + 1, 5, f"Choose {MOST} at the most"), (1, 0, "how far apart"),
        (2, 7, "how far apart"),
    ])  # fmt: skip
    def test_what_cannot_be(self, desk, number, every, said):
        account = desk.account
        rows = DeliveryFactory.build_batch(number, account=account, post=desk.draft())
        for pk, row in enumerate(rows, 1):
            row.pk = pk
        with pytest.raises(Invalid, match=said):
            paced(rows, first=timezone.now(), every_min=every)


class TestReleasing:
    def test_each_goes_at_its_time_and_is_on_record(self, desk):
        rows = [held(desk), held(desk)]
        first = timezone.now() + timedelta(minutes=5)
        slots = paced(rows, first=first, every_min=15)
        done, stayed = release_paced(actor=person(desk.publisher), slots=slots)
        assert (done, stayed) == (slots, [])
        times = list(Delivery.objects.order_by("due_at").values_list("due_at", "next_try_at"))
        then = first + timedelta(minutes=15)
        assert times == [(first, first), (then, then)]
        assert Event.objects.filter(name="delivery.released").count() == 2

    def test_one_that_may_not_go_stops_no_other_and_says_why(self, desk):
        frozen = SocialAccountFactory()
        give(desk.publisher, Level.PUBLISHER, frozen)
        stuck, moved, good = held(desk, account=frozen), held(desk), held(desk)
        SocialAccount.objects.filter(pk=frozen.pk).update(
            frozen_at=timezone.now(), frozen_reason="Hacked"
        )
        Delivery.objects.filter(pk=moved.pk).update(state=State.CANCELLED)
        stuck = Delivery.objects.select_related("account", "post").get(pk=stuck.pk)
        slots = paced([stuck, moved, good], first=timezone.now(), every_min=5)
        done, stayed = release_paced(actor=person(desk.publisher), slots=slots)
        assert [slot.delivery for slot in done] == [good]
        assert {one.delivery: one.reason for one in stayed} == {
            stuck: f"{frozen} is frozen: Hacked",
            moved: "What is cancelled cannot be released.",
        }

    def test_everything_is_checked_again(self, desk):
        delivery = held(desk)
        desk.publisher.grants.all().delete()
        slots = paced([delivery], first=timezone.now(), every_min=5)
        done, ((one),) = release_paced(actor=person(desk.manager), slots=slots)
        assert not done
        assert "may no longer send this" in one.reason

    def test_what_a_manager_held_is_not_a_publishers_to_release(self, desk):
        slots = paced([held(desk, kind=HoldKind.PERSON)], first=timezone.now(), every_min=5)
        done, ((one),) = release_paced(actor=person(desk.publisher), slots=slots)
        assert not done
        assert "needs the level manager" in one.reason
