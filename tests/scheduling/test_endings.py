"""A post queued beyond the end of the right it goes out by: told ahead, and held when that ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.alerts import AlertKind
from accounts.levels import Capability, Level
from accounts.models import Grant
from accounts.policy import right_ends
from accounts.services.grants import grant_set
from audit.models import Event
from operations.models import Alert
from scheduling.models import Delivery, HoldKind
from scheduling.selectors.day import needs_now
from scheduling.services.deliveries import delivery_reschedule
from scheduling.states import State
from scheduling.tasks import watch_rights
from tests.factories import (
    COMMAND,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    make_training,
    person,
    require_of,
    train,
)

pytestmark = pytest.mark.django_db


def ends(grant: Grant, **ahead) -> Grant:
    Grant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() + timedelta(**ahead))
    grant.refresh_from_db()
    return grant


@pytest.fixture
def account():
    return SocialAccountFactory(display_name="Northmoor Fire")


@pytest.fixture
def writer():
    return UserFactory(full_name="Wil Writes")


@pytest.fixture
def manager(account):
    user = UserFactory(full_name="Mia Manages")
    give(user, Level.MANAGER, account)
    return user


def queued(account, writer, *, days: int = 3, **fields) -> Delivery:
    due = timezone.now() + timedelta(days=days)
    given = {"state": State.SCHEDULED, "sender": writer} | fields
    return DeliveryFactory(account=account, post__author=writer, due_at=due, **given)


def after(delivery: Delivery) -> Delivery:
    watch_rights()
    return Delivery.objects.get(pk=delivery.pk)


class TestWhenARightEnds:
    def test_by_its_date_and_without_one_never(self, account, writer):
        assert right_ends(writer, Capability.PUBLISH, account) is None
        grant = give(writer, Level.PUBLISHER, account)
        assert right_ends(writer, Capability.PUBLISH, account) is None
        ends(grant, days=1)
        assert right_ends(writer, Capability.PUBLISH, account) == grant.ends_at
        assert right_ends(writer, Capability.APPROVE, account) is None  # there is nothing to end

    def test_the_last_of_several_counts_and_one_without_an_end_lasts(self, account, writer):
        own = ends(give(writer, Level.PUBLISHER, account), days=1)
        team = make_team("Desk", writer)
        of_team = ends(give(team, Level.CONTRIBUTOR, account), days=9)
        assert right_ends(writer, Capability.PUBLISH, account) == own.ends_at
        assert right_ends(writer, Capability.DRAFT, account) == of_team.ends_at
        Grant.objects.filter(pk=of_team.pk).update(ends_at=None)
        assert right_ends(writer, Capability.DRAFT, account) is None
        assert right_ends(writer, Capability.PUBLISH, account) == own.ends_at

    def test_by_a_condition_of_its_level_where_that_is_sooner(self, account, writer):
        give(writer, Level.PUBLISHER, account)
        training = make_training()
        record = train(writer, training, days=20)
        require_of(Level.PUBLISHER, training)
        writer.refresh_from_db()
        assert right_ends(writer, Capability.PUBLISH, account) == record.expires_at


class TestTellingAhead:
    def test_the_sender_and_the_managers_see_and_are_told_once(
        self, account, writer, manager, sign_in
    ):
        grant = ends(give(writer, Level.PUBLISHER, account), days=1)
        delivery = queued(account, writer)
        assert after(delivery).right_ends_at == grant.ends_at
        (event,) = Event.objects.filter(name="delivery.right_ends")
        assert (event.actor_kind, event.actor_label) == ("worker", "rights watcher")
        (alert,) = Alert.objects.filter(kind=AlertKind.ACCESS)
        assert sorted(alert.people) == sorted([writer.pk, manager.pk])
        watch_rights()
        assert Event.objects.filter(name="delivery.right_ends").count() == 1
        assert needs_now(person(writer)) == needs_now(person(manager)) == [delivery]
        for who in (writer, manager):
            page = sign_in(who).get(f"/posts/{delivery.post_id}/").content.decode()
            assert "The right of Wil Writes to send this ends" in page
            assert "ends before it is due" in sign_in(who).get("/").content.decode()

    @pytest.mark.parametrize("reviewed", [True, False])
    def test_what_is_approved_needs_less_of_its_sender(self, account, writer, reviewed):
        ends(give(writer, Level.PUBLISHER, account), days=1)
        give(make_team("Desk", writer), Level.CONTRIBUTOR, account)
        delivery = after(queued(account, writer, reviewed=reviewed, state=State.APPROVED))
        assert delivery.right_ends_first is not reviewed

    def test_nothing_is_said_of_what_goes_out_in_time_or_is_not_queued(self, account, writer):
        ends(give(writer, Level.PUBLISHER, account), days=5)
        assert after(queued(account, writer)).right_ends_at is None
        assert after(queued(account, writer, days=9, state=State.DRAFT)).right_ends_at is None
        assert not Event.objects.filter(name="delivery.right_ends").exists()

    def test_it_is_over_when_the_right_is_given_longer_or_the_time_moved(
        self, account, writer, manager
    ):
        ends(give(writer, Level.PUBLISHER, account), days=1)
        first, second = queued(account, writer), queued(account, writer)
        assert after(first).right_ends_first
        delivery_reschedule(
            actor=person(manager), delivery=second, due_at=timezone.now() + timedelta(hours=2)
        )
        assert not Delivery.objects.get(pk=second.pk).right_ends_first  # at once, unasked
        assert after(second).right_ends_at is None
        grant_set(actor=COMMAND, account=account, level="publisher", reason="stays", user=writer)
        assert after(first).right_ends_at is None
        assert not Alert.objects.filter(kind=AlertKind.ACCESS, settled_at=None).exists()

    def test_the_composer_says_so_before(self, account, writer, sign_in):
        ends(give(writer, Level.PUBLISHER, account), days=1)
        client = sign_in(writer)

        def said(days: int) -> str:
            when = timezone.now() + timedelta(days=days)
            data = {
                "accounts": [account.pk], "text": "Good morning", "due_date": f"{when:%Y-%m-%d}",
                "due_time": "12:00", "due_zone": "Europe/London",
            }  # fmt: skip
            return client.post(
                "/posts/check/", data, headers={"HX-Request": "true"}
            ).content.decode()

        assert "Northmoor Fire: your right to send this ends on" in said(3)
        Grant.objects.update(ends_at=timezone.now() + timedelta(days=9))
        assert "your right to send this ends" not in said(3)


class TestTheEnd:
    def test_it_is_held_when_the_right_ends_and_not_only_when_it_is_due(self, account, writer):
        grant = ends(give(writer, Level.PUBLISHER, account), days=1)
        delivery = after(queued(account, writer))
        with time_machine.travel(grant.ends_at - timedelta(minutes=1)):
            assert after(delivery).state == State.SCHEDULED
        with time_machine.travel(grant.ends_at + timedelta(minutes=1)):
            held = after(delivery)
            assert (held.state, held.hold_kind) == (State.HELD, HoldKind.LAPSED)
            assert "may no longer send this" in held.hold_reason
            assert Event.objects.filter(name="delivery.held").count() == 1
            assert after(held).right_ends_at is None
            assert not Alert.objects.filter(kind=AlertKind.ACCESS, settled_at=None).exists()

    def test_a_right_that_was_given_anew_in_the_meantime_holds_nothing(self, account, writer):
        grant = ends(give(writer, Level.PUBLISHER, account), days=1)
        delivery = after(queued(account, writer))
        Grant.objects.filter(pk=grant.pk).update(ends_at=None)
        with time_machine.travel(grant.ends_at + timedelta(minutes=1)):
            kept = after(delivery)
        assert (kept.state, kept.right_ends_at) == (State.SCHEDULED, None)

    def test_how_many_are_queued_does_not_matter(
        self, account, writer, django_assert_max_num_queries
    ):
        ends(give(writer, Level.PUBLISHER, account), days=5)
        for _ in range(5):
            queued(account, writer)
        with django_assert_max_num_queries(8):
            watch_rights()
