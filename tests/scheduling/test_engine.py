"""Publishing once and on time: what a tick does, and each way an attempt can end."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import SocialAccount
from accounts.models.social import Health
from accounts.services.grants import grant_end
from audit.models import Event
from platforms.contract import (
    DUPLICATE,
    AuthorisationLost,
    Lookup,
    OutcomeUnknown,
    Presence,
    Published,
    Refused,
    RetryLater,
)
from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.outcomes import backoff
from scheduling.engine.publish import FenceLost, publish
from scheduling.engine.reconcile import MOST_LOOKS, due_looks, reconcile
from scheduling.models import Attempt, Delivery, HoldKind, Outcome, Post
from scheduling.services.deliveries import delivery_settle
from scheduling.states import State
from tests.factories import COMMAND, DeliveryFactory, person
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db


def quiet(delivery):
    """Let what was sent so far be long over."""
    long_ago = timezone.now() - timedelta(minutes=5)
    Attempt.objects.filter(delivery=delivery).update(started_at=long_ago, finished_at=long_ago)


def after(delivery):
    delivery.refresh_from_db()
    return delivery


class TestTheTick:
    def test_what_is_not_due_stays(self, desk, network):
        desk.scheduled()
        assert claim_due() == []

    def test_a_claim_is_one_workers_alone(self, desk, network):
        delivery = fall_due(desk.scheduled())
        assert claim_due() == [(delivery.pk, 1)]
        assert claim_due() == []
        assert after(delivery).state == State.PUBLISHING

    def test_a_message_that_comes_twice_sends_once(self, desk, network):
        delivery = fall_due(desk.scheduled())
        claim_due()
        assert publish(delivery.pk, 1) == "published"
        assert publish(delivery.pk, 1) == ""
        assert len(network.arrived) == 1

    def test_a_message_from_an_older_claim_sends_nothing(self, desk, network):
        delivery = fall_due(desk.scheduled())
        claim_due()
        assert publish(delivery.pk, 0) == ""
        assert not network.arrived

    def test_a_claim_whose_message_was_lost_is_due_again(self, desk, network):
        delivery = fall_due(desk.scheduled())
        claim_due()
        with time_machine.travel(timezone.now() + timedelta(seconds=11)):
            assert take_back_expired() == 1
            assert after(delivery).state == State.SCHEDULED
            assert not Attempt.objects.exists()
            assert run_due() == ["published"]

    def test_a_worker_that_died_in_the_middle_leaves_doubt_and_not_a_second_post(
        self, desk, network
    ):
        delivery = fall_due(desk.scheduled())
        network.answers = [KeyboardInterrupt()]
        claim_due()
        with pytest.raises(KeyboardInterrupt):
            publish(delivery.pk, 1)
        assert after(delivery).state == State.PUBLISHING
        with time_machine.travel(timezone.now() + timedelta(seconds=9)):
            assert take_back_expired() == 1
            assert claim_due() == []
            assert due_looks() == [delivery.pk]
        assert after(delivery).state == State.UNKNOWN
        assert Attempt.objects.get().outcome == Outcome.UNKNOWN
        assert len(network.arrived) == 1

    def test_nothing_is_taken_from_a_worker_that_is_at_it(self, desk, network):
        fall_due(desk.scheduled())
        claim_due()
        assert take_back_expired() == 0


@pytest.mark.django_db(transaction=True)
def test_ticks_at_once_claim_each_delivery_once(desk, network):
    for _ in range(30):
        fall_due(DeliveryFactory(state=State.SCHEDULED))
    claimed: list[tuple[int, int]] = []
    lock, start = threading.Lock(), threading.Barrier(4)

    def tick():
        start.wait()
        found = claim_due()
        with lock:
            claimed.extend(found)
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(claimed) == len({pk for pk, _ in claimed}) == 30


class TestOutcomes:
    def one(self, desk, network, *answers):
        network.answers = list(answers)
        delivery = fall_due(desk.scheduled())
        return delivery, run_due()

    def test_published_with_what_the_platform_said(self, desk, network):
        said = Published("id-7", "https://there/7", timezone.now())
        delivery, outcomes = self.one(desk, network, said)
        assert outcomes == ["published"]
        assert after(delivery).state == State.PUBLISHED
        assert (delivery.remote_id, delivery.permalink) == ("id-7", "https://there/7")
        attempt = Attempt.objects.get()
        assert attempt.outcome == Outcome.PUBLISHED
        assert attempt.content["text"] == "Bridge open again"

    def test_the_attempt_is_committed_before_the_network_is_touched(self, desk, network):
        seen = []

        def look(steps):
            seen.append((Attempt.objects.get().outcome, connection.in_atomic_block))

        network.during = look
        before = connection.in_atomic_block  # the test's own transaction
        self.one(desk, network)
        assert seen == [(Outcome.STARTED, before)]

    def test_retry_later_waits_as_long_as_the_platform_wishes(self, desk, network):
        delivery, _ = self.one(desk, network, RetryLater("Too many requests", delay_s=90))
        assert after(delivery).state == State.SCHEDULED
        wait = delivery.next_try_at - timezone.now()
        assert timedelta(seconds=85) < wait < timedelta(seconds=95)
        assert delivery.problem == "Too many requests"
        assert run_due() == []

    def test_a_retry_uses_the_same_key_and_time(self, desk, network):
        delivery, _ = self.one(desk, network, RetryLater("Down"))
        Delivery.objects.update(next_try_at=timezone.now())
        assert run_due() == ["published"]
        first, second = network.arrived
        assert (first.key, first.created_at) == (second.key, second.created_at)
        assert [a.outcome for a in delivery.attempts.all()] == ["retry", "published"]

    def test_refused_fails_with_the_reason(self, desk, network):
        delivery, _ = self.one(desk, network, Refused("Too long", code="422"))
        assert (after(delivery).state, delivery.problem) == (State.FAILED, "Too long")

    def test_lost_authorisation_holds_and_marks_the_account(self, desk, network):
        delivery, _ = self.one(desk, network, AuthorisationLost("Token revoked"))
        assert after(delivery).state == State.HELD
        assert delivery.hold_kind == HoldKind.AUTHORISATION
        desk.account.refresh_from_db()
        assert desk.account.health == Health.LOST
        assert Event.objects.filter(name="account.health_changed").exists()

    def test_an_unknown_outcome_is_never_sent_again_blindly(self, desk, network):
        delivery, _ = self.one(desk, network, OutcomeUnknown("Connection reset"))
        assert after(delivery).state == State.UNKNOWN
        with time_machine.travel(timezone.now() + timedelta(minutes=10)):
            assert run_due() == []
        assert len(network.arrived) == 1

    def test_a_fault_in_an_adapter_is_an_unknown_outcome(self, desk, network):
        delivery, outcomes = self.one(desk, network, ZeroDivisionError("canary-secret-5d1f"))
        assert outcomes == ["unknown"]
        assert "canary" not in after(delivery).problem
        assert "canary" not in Attempt.objects.get().message

    def test_steps_are_kept_and_renew_the_lease(self, desk, network):
        network.during = lambda steps: steps.put("image-1", {"id": 5})
        delivery, _ = self.one(desk, network, RetryLater("Down"))
        assert after(delivery).steps == {"image-1": {"id": 5}}
        seen = []
        network.during = lambda steps: seen.append(steps.get("image-1"))
        Delivery.objects.update(next_try_at=timezone.now())
        run_due()
        assert seen == [{"id": 5}]

    def test_a_worker_that_lost_its_claim_stops_at_the_next_step(self, desk, network):
        def lose(steps):
            Delivery.objects.update(fence=99)
            with pytest.raises(FenceLost):
                steps.put("image-1", {})
            raise FenceLost

        network.during = lose
        delivery, outcomes = self.one(desk, network)
        assert outcomes == [""]
        assert after(delivery).state == State.PUBLISHING

    def test_a_late_success_of_a_worker_given_up_on_is_believed(self, desk, network):
        def give_up(steps):
            with time_machine.travel(timezone.now() + timedelta(seconds=61)):
                take_back_expired()

        network.during = give_up
        delivery, _ = self.one(desk, network)
        assert after(delivery).state == State.PUBLISHED
        assert Event.objects.filter(name="delivery.settled").count() == 1

    def test_sending_again_by_hand_uses_the_key_and_time_of_the_first_attempt(self, desk, network):
        delivery, _ = self.one(desk, network, OutcomeUnknown("Connection reset"))
        delivery_settle(
            actor=person(desk.publisher), delivery=delivery, went_out=False, send_again=True
        )
        assert run_due() == ["published"]
        first, second = network.arrived
        assert (first.key, first.created_at) == (second.key, second.created_at)


class TestTheLastLook:
    """At the moment of sending everything is asked again."""

    def held(self, delivery):
        assert run_due() == [""]
        return after(delivery).hold_kind

    def test_a_grant_that_expired_meanwhile(self, desk, network):
        delivery = fall_due(desk.scheduled())
        desk.publisher.grants.update(ends_at=timezone.now() - timedelta(seconds=1))
        assert self.held(delivery) == HoldKind.LAPSED
        assert not network.arrived

    def test_an_account_frozen_behind_our_back(self, desk, network):
        delivery = fall_due(desk.scheduled())
        SocialAccount.objects.update(frozen_at=timezone.now(), frozen_reason="Order")
        assert self.held(delivery) == HoldKind.FROZEN

    def test_an_account_disconnected_behind_our_back(self, desk, network):
        delivery = fall_due(desk.scheduled())
        SocialAccount.objects.update(disconnected_at=timezone.now())
        assert self.held(delivery) == HoldKind.AUTHORISATION

    def test_a_text_that_is_not_the_one_approved(self, desk, network):
        delivery = fall_due(desk.approved())
        Post.objects.update(text="Something else")
        assert self.held(delivery) == HoldKind.CHANGED
        assert not network.arrived

    def test_an_account_that_asks_for_approval_by_now(self, desk, network):
        delivery = fall_due(desk.scheduled())
        SocialAccount.objects.update(approval_required=True)
        assert self.held(delivery) == HoldKind.LAPSED

    def test_after_days_of_downtime_nothing_goes_out_in_a_burst(self, desk, network):
        rows = [fall_due(desk.scheduled()) for _ in range(5)]
        with time_machine.travel(timezone.now() + timedelta(days=2)):
            assert run_due() == []
        assert {after(row).hold_kind for row in rows} == {HoldKind.OVERDUE}
        assert not network.arrived

    def test_a_missing_approval(self, desk, network):
        delivery = fall_due(desk.approved())
        delivery.approvals.all().delete()
        assert self.held(delivery) == HoldKind.CHANGED

    def test_a_level_ended_between_claim_and_sending(self, desk, network):
        delivery = fall_due(desk.scheduled())
        claim_due()
        grant_end(actor=COMMAND, grant=desk.publisher.grants.get())
        assert publish(delivery.pk, 1) == ""
        assert after(delivery).state == State.HELD


class TestDoubt:
    @pytest.fixture
    def doubtful(self, desk, network):
        network.answers = [OutcomeUnknown("Connection reset")]
        delivery = fall_due(desk.scheduled())
        run_due()
        Delivery.objects.update(next_try_at=timezone.now())
        return after(delivery)

    def test_found_is_published(self, doubtful, network):
        there = Published("id-9", "https://there/9", timezone.now())
        network.lookups = [Lookup(Presence.FOUND, there)]
        assert due_looks() == [doubtful.pk]
        assert due_looks() == []
        assert reconcile(doubtful.pk) == "found"
        assert (after(doubtful).state, doubtful.remote_id) == (State.PUBLISHED, "id-9")
        assert reconcile(doubtful.pk) == ""

    def test_absent_counts_when_it_is_absent_twice(self, doubtful, network):
        network.lookups = [Lookup(Presence.ABSENT), Lookup(Presence.ABSENT)]
        quiet(doubtful)
        reconcile(doubtful.pk)
        assert after(doubtful).state == State.UNKNOWN
        assert doubtful.next_try_at > timezone.now() + timedelta(seconds=8)
        reconcile(doubtful.pk)
        assert after(doubtful).state == State.SCHEDULED
        assert doubtful.steps == {}
        assert run_due() == ["published"]

    def test_absent_proves_nothing_while_the_last_request_may_still_be_at_work(
        self, doubtful, network
    ):
        """A platform that answers too late may also post too late."""
        network.lookups = [Lookup(Presence.ABSENT)] * 4
        reconcile(doubtful.pk)
        reconcile(doubtful.pk)
        assert after(doubtful).state == State.UNKNOWN
        assert doubtful.next_try_at > timezone.now() + timedelta(seconds=25)
        quiet(doubtful)  # the request of a second attempt counts, not that of the first
        second = Attempt.objects.get(delivery=doubtful)
        second.pk, second.fence, second.finished_at = None, 2, timezone.now()
        second.save(force_insert=True)
        reconcile(doubtful.pk)
        assert after(doubtful).state == State.UNKNOWN

    def test_absent_once_and_then_found_is_published_once(self, doubtful, network):
        there = Published("id-9", "https://there/9", timezone.now())
        network.lookups = [Lookup(Presence.ABSENT), Lookup(Presence.FOUND, there)]
        reconcile(doubtful.pk)
        reconcile(doubtful.pk)
        assert after(doubtful).state == State.PUBLISHED
        assert len(network.arrived) == 1

    def test_absent_then_unclear_starts_over(self, doubtful, network):
        network.lookups = [
            Lookup(Presence.ABSENT),
            RetryLater("Down"),
            Lookup(Presence.ABSENT),
        ]
        for _ in range(3):
            reconcile(doubtful.pk)
        assert after(doubtful).state == State.UNKNOWN

    def test_what_the_platform_cannot_tell_is_left_to_a_person(self, doubtful, network):
        for _ in range(MOST_LOOKS):
            reconcile(doubtful.pk)
        assert after(doubtful).state == State.UNKNOWN
        assert doubtful.next_try_at is None
        assert due_looks() == []

    def test_a_platform_that_is_down_has_not_been_asked(self, doubtful, network):
        network.lookups = [RetryLater("Down", down=True)] * (MOST_LOOKS + 3)
        for _ in range(MOST_LOOKS + 3):
            reconcile(doubtful.pk)
        wait = after(doubtful).next_try_at - timezone.now()
        assert timedelta(minutes=9) < wait <= timedelta(minutes=10)


class TestTheSameTextIsThere:
    """A platform refuses a text because the account has just posted it: is that post ours?"""

    REFUSED = Refused("You have said this already.", code=DUPLICATE)

    def test_it_is_ours_so_it_is_published(self, desk, network):
        delivery = fall_due(desk.scheduled())
        network.answers = [self.REFUSED]
        network.lookups = [
            Lookup(Presence.FOUND, Published("r-1", "https://there/1", timezone.now()))
        ]
        assert run_due() == ["refused"]
        assert after(delivery).state == State.UNKNOWN
        with time_machine.travel(timezone.now() + timedelta(seconds=3)):
            assert [reconcile(pk) for pk in due_looks()] == ["found"]
        assert after(delivery).state == State.PUBLISHED
        assert delivery.remote_id == "r-1"
        assert len(network.arrived) == 1

    def test_it_is_another_post_so_a_person_changes_the_text(self, desk, network):
        delivery = fall_due(desk.scheduled())
        network.answers = [self.REFUSED]
        network.lookups = [Lookup(Presence.ABSENT), Lookup(Presence.ABSENT)]
        run_due()
        for minutes in (1, 2):
            with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
                assert [reconcile(pk) for pk in due_looks()] == ["absent"]
        assert after(delivery).state == State.FAILED
        assert "has said exactly this before" in delivery.problem
        assert len(network.arrived) == 1

    def test_nobody_can_tell_so_it_stays_for_a_person(self, desk, network):
        delivery = fall_due(desk.scheduled())
        network.answers = [self.REFUSED]
        run_due()
        with time_machine.travel(timezone.now() + timedelta(seconds=3)):
            assert [reconcile(pk) for pk in due_looks()] == ["unclear"]
        assert after(delivery).state == State.UNKNOWN

    def test_another_refusal_is_final(self, desk, network):
        delivery = fall_due(desk.scheduled())
        network.answers = [Refused("Too long.", code="422")]
        run_due()
        assert after(delivery).state == State.FAILED


def test_backoff_grows_to_five_minutes_and_never_past_it():
    for tries in range(20):
        wait = backoff(tries).total_seconds()
        top = min(300, 5 * 2**tries)
        assert top / 2 <= wait <= top


def test_a_rollback_leaves_no_state_and_no_event(desk):
    events = Event.objects.count()

    def begin_and_fail():
        with transaction.atomic():
            desk.scheduled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin_and_fail()
    assert not Delivery.objects.exists()
    assert Event.objects.count() == events


def test_withdrawing_asks_the_platform_first(desk, network):
    from accounts.errors import Invalid
    from audit.actions import NotAllowed
    from scheduling.withdrawal import withdraw

    delivery = fall_due(desk.scheduled())
    run_due()
    after(delivery)
    with pytest.raises(NotAllowed):
        withdraw(actor=person(desk.contributor), delivery=delivery, reason="Wrong")
    with pytest.raises(Invalid, match="why"):
        withdraw(actor=person(desk.publisher), delivery=delivery, reason="")
    network.answers = [RetryLater("Down")]
    with pytest.raises(Invalid, match="did not take it down"):
        withdraw(actor=person(desk.publisher), delivery=delivery, reason="Wrong")
    assert after(delivery).state == State.PUBLISHED
    withdraw(actor=person(desk.publisher), delivery=delivery, reason="Wrong")
    assert after(delivery).state == State.WITHDRAWN
    assert network.deleted == [delivery.remote_id]
