"""The table of states refuses to be built wrong, and nothing moves outside of it."""

from __future__ import annotations

import pytest

from accounts.levels import Capability
from accounts.policy import ALLOWED
from audit.actions import NotAllowed, action
from audit.actors import Actor
from scheduling.errors import Stale
from scheduling.models import Delivery
from scheduling.states import TABLE, BrokenTable, State, Transition, checked
from scheduling.transitions import NoSuchMove, may_move, move, move_many
from tests.factories import DeliveryFactory, UserFactory, give, person


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (Transition(State.DRAFT, State.IN_REVIEW, "account_fly", "delivery.held"), "capability"),
        (Transition(State.DRAFT, State.HELD, Capability.DRAFT, "delivery.flown"), "no event"),
        (TABLE[0], "twice"),
    ],
)
def test_a_table_with_a_fault_is_refused(row, fault):
    with pytest.raises(BrokenTable, match=fault):
        checked([*TABLE, row])


def test_a_state_nothing_leads_to_is_refused():
    without = [row for row in TABLE if row.target != State.WITHDRAWN]
    with pytest.raises(BrokenTable, match="withdrawn"):
        checked(without)


def test_every_state_has_a_look():
    from socialdesk.looks import STATES

    assert set(STATES) == set(State.values)


def _walk(user, delivery, target, event=None, **fields):
    @action(
        *{row.event for row in TABLE},
        needs=lambda actor, arguments: may_move(actor, delivery, target, event=event),
    )
    def walk(*, actor):
        return move(delivery, target, event=event, **fields)

    return walk(actor=user if isinstance(user, Actor) else person(user))


@pytest.mark.django_db
class TestMove:
    def test_a_way_that_is_not_in_the_table_does_not_exist(self):
        delivery = DeliveryFactory(state=State.PUBLISHED)
        with pytest.raises((NoSuchMove, NotAllowed)):
            _walk(Actor.worker("tests"), delivery, State.DRAFT)

    def test_a_person_does_not_walk_the_engines_ways(self):
        delivery, user = DeliveryFactory(state=State.SCHEDULED), UserFactory()
        give(user, "manager", delivery.account)
        with pytest.raises(NotAllowed, match="engine"):
            _walk(user, delivery, State.PUBLISHING, "delivery.claimed")

    def test_the_second_of_two_who_move_at_once_is_told(self):
        delivery, user = DeliveryFactory(), UserFactory()
        give(user, "contributor", delivery.account)
        Delivery.objects.filter(pk=delivery.pk).update(state=State.CANCELLED)
        with pytest.raises(Stale, match="somebody else"):
            _walk(user, delivery, State.CANCELLED)

    def test_outside_of_an_action_nothing_moves(self):
        with pytest.raises(RuntimeError, match="action"):
            move(DeliveryFactory(), State.CANCELLED)

    def test_many_are_moved_by_workers_alone(self):
        delivery, user = DeliveryFactory(state=State.SCHEDULED), UserFactory()

        @action("delivery.claimed", needs=lambda *_: ALLOWED)
        def walk(*, actor):
            move_many([delivery], State.PUBLISHING, event="delivery.claimed")

        with pytest.raises(NotAllowed):
            walk(actor=person(user))
