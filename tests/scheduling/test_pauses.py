"""Holding everything: once it is acknowledged nothing begins, and its end sends nothing."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import Level
from accounts.models import SocialAccount
from accounts.services.social import account_freeze
from audit.actions import NotAllowed
from audit.models import Event
from platforms.contract import RetryLater
from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.publish import publish
from scheduling.gate import pass_gate
from scheduling.models import Attempt, Delivery, HoldKind, Pause
from scheduling.services.deliveries import (
    delivery_cancel,
    delivery_publish_now,
    delivery_release,
    delivery_schedule,
)
from scheduling.services.pauses import pause_begin, pause_end
from scheduling.services.posts import post_create, post_send
from scheduling.states import State
from tests.factories import (
    COMMAND,
    CredentialFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    person,
)
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db


def after(delivery):
    delivery.refresh_from_db()
    return delivery


def hold_all(desk, **what):
    return pause_begin(actor=person(desk.approver), reason="Major incident", **what)


class TestWhatItHolds:
    def test_what_falls_due_is_held_and_says_by_whom_and_why(self, desk, network):
        due, later = fall_due(desk.scheduled()), desk.scheduled()
        pause = hold_all(desk)
        assert run_due() == []
        assert not network.arrived
        assert after(due).state == State.HELD
        assert due.hold_kind == HoldKind.PAUSED
        assert due.hold_reason == f"Everything was held by {desk.approver}: Major incident."
        assert due.hold_reason == pause.held_reason
        held = Event.objects.get(name="delivery.held")
        assert held.data["reason"] == pause.held_reason
        assert after(later).state == State.SCHEDULED

    def test_what_was_claimed_but_not_begun_is_held(self, desk, network):
        delivery = fall_due(desk.scheduled())
        ((pk, fence),) = claim_due()
        hold_all(desk)
        assert publish(pk, fence) == ""
        assert not network.arrived
        assert not Attempt.objects.exists()
        assert (after(delivery).state, delivery.hold_kind) == (State.HELD, HoldKind.PAUSED)

    def test_what_was_begun_is_named_and_finishes(self, desk, network):
        delivery = fall_due(desk.scheduled())
        pauses = []
        network.during = lambda steps: pauses.append(hold_all(desk))
        assert run_due() == ["published"]
        assert list(pauses[0].under_way.all()) == [delivery]
        (told,) = Event.objects.get(name="pause.begun").data["under_way"]
        assert told["id"] == delivery.pk

    def test_a_claim_nobody_began_is_not_called_under_way(self, desk, network):
        fall_due(desk.scheduled())
        claim_due()
        assert not hold_all(desk).under_way.exists()
        with time_machine.travel(timezone.now() + timedelta(seconds=16)):
            take_back_expired()
            assert run_due() == []
        assert Delivery.objects.get().hold_kind == HoldKind.PAUSED

    def test_what_was_to_be_tried_again_is_held(self, desk, network):
        delivery = fall_due(desk.scheduled())
        network.answers = [RetryLater("busy", delay_s=1)]
        assert run_due() == ["retry"]
        hold_all(desk)
        with time_machine.travel(timezone.now() + timedelta(minutes=1)):
            assert run_due() == []
        assert after(delivery).state == State.HELD
        assert len(network.arrived) == 1

    def test_an_account_holds_its_own_alone(self, desk, network):
        other = SocialAccountFactory()
        CredentialFactory(account=other)
        give(desk.publisher, Level.PUBLISHER, other)
        here, there = fall_due(desk.scheduled()), fall_due(desk.scheduled(accounts=[other]))
        hold_all(desk, account=desk.account)
        assert run_due() == ["published"]
        assert (after(here).state, after(there).state) == (State.HELD, State.PUBLISHED)
        assert here.hold_reason.startswith(f"{desk.account.display_name} was held by ")

    def test_a_team_holds_what_it_has_levels_on_also_when_a_grant_ends(self, desk, network):
        team = make_team("Control room")
        grant = give(team, Level.PUBLISHER, desk.account)
        ended = SocialAccountFactory()
        give(team, Level.PUBLISHER, ended, expired=True)
        pause = hold_all(desk, team=team)
        assert list(pause.covered.all()) == [desk.account]
        grant.ended_at = timezone.now()
        grant.save()
        delivery = fall_due(desk.scheduled())
        assert run_due() == []
        assert after(delivery).hold_reason.startswith("The team Control room was held by ")

    def test_two_over_one_account_hold_it_until_both_have_ended(self, desk, network):
        wide, narrow = hold_all(desk), hold_all(desk, account=desk.account)
        pause_end(actor=person(desk.approver), pause=wide)
        fall_due(desk.scheduled())
        assert run_due() == []
        pause_end(actor=person(desk.manager), pause=narrow)
        fall_due(desk.scheduled())
        assert run_due() == ["published"]


class TestTheEnd:
    def test_it_sends_nothing_and_what_is_not_due_goes_on(self, desk, network):
        due, later = fall_due(desk.scheduled()), desk.scheduled()
        pause = hold_all(desk)
        run_due()
        pause_end(actor=person(desk.approver), pause=pause)
        assert run_due() == []
        assert after(due).state == State.HELD
        fall_due(later)
        assert run_due() == ["published"]

    def test_what_fell_due_while_no_worker_ran_is_held_all_the_same(self, desk, network):
        delivery = fall_due(desk.scheduled())
        pause = hold_all(desk)
        pause_end(actor=person(desk.approver), pause=pause)  # without a single tick in between
        assert run_due() == []
        assert after(delivery).hold_kind == HoldKind.PAUSED
        assert Event.objects.get(name="delivery.held").actor_label == "dispatcher"

    def test_what_waits_to_be_tried_again_is_held(self, desk, network):
        delivery = fall_due(desk.scheduled())
        network.answers = [RetryLater("busy", delay_s=120)]
        run_due()
        pause_end(actor=person(desk.approver), pause=hold_all(desk))
        assert after(delivery).state == State.HELD

    def test_twice_is_refused_with_who_was_first(self, desk):
        pause = hold_all(desk)
        pause_end(actor=person(desk.manager), pause=pause)
        with pytest.raises(Invalid, match=f"{desk.manager} ended it already"):
            pause_end(actor=person(desk.approver), pause=pause)
        assert Event.objects.filter(name="pause.ended").count() == 1

    def test_another_can_begin_afterwards(self, desk, network):
        pause_end(actor=person(desk.approver), pause=hold_all(desk))
        hold_all(desk)
        fall_due(desk.scheduled())
        assert run_due() == []


class TestReview:
    @pytest.fixture
    def held(self, desk, network):
        delivery = fall_due(desk.scheduled())
        self.pause = hold_all(desk)
        run_due()
        return after(delivery)

    def test_nothing_is_released_while_it_lasts(self, desk, held):
        later = timezone.now() + timedelta(hours=1)
        with pytest.raises(Invalid, match=r"It cannot go out yet\. Everything was held by"):
            delivery_release(actor=person(desk.publisher), delivery=held, due_at=later)

    def test_afterwards_one_by_one_and_everything_is_checked_again(self, desk, held, network):
        pause_end(actor=person(desk.approver), pause=self.pause)
        account_freeze(actor=person(desk.manager), account=desk.account, reason="Hacked")
        held = Delivery.objects.get()
        with pytest.raises(NotAllowed, match="is frozen"):
            delivery_release(actor=person(desk.publisher), delivery=held, due_at=timezone.now())
        SocialAccount.objects.update(frozen_at=None)
        held = Delivery.objects.get()
        delivery_release(actor=person(desk.publisher), delivery=held, due_at=timezone.now())
        assert run_due() == ["published"]
        released = Event.objects.get(name="delivery.released")
        assert released.data["held_because"].startswith("Everything was held by")

    def test_or_cancelled_at_any_time(self, desk, held):
        delivery_cancel(actor=person(desk.contributor), delivery=held)
        assert after(held).state == State.CANCELLED


class TestSendingAtOnce:
    def test_publish_now_is_refused_with_the_reason(self, desk):
        hold_all(desk)
        delivery = desk.scheduled()
        with pytest.raises(Invalid, match=r"Everything was held by .*: Major incident\. Nothing"):
            delivery_publish_now(actor=person(desk.publisher), delivery=delivery)
        assert after(delivery).due_at > timezone.now()

    def test_whoever_may_not_anyway_is_told_that(self, desk):
        hold_all(desk)
        with pytest.raises(NotAllowed, match="needs the level publisher"):
            delivery_publish_now(actor=person(desk.contributor), delivery=desk.scheduled())

    def test_a_post_without_a_time_is_refused_and_stays_a_draft(self, desk):
        hold_all(desk, account=desk.account)
        post = desk.draft(desk.publisher, due_at=None)
        with pytest.raises(Invalid, match="choose a time"):
            post_send(actor=person(desk.publisher), post=post)
        assert post.deliveries.get().state == State.DRAFT

    def test_a_reply_is_taken_and_held(self, desk, network):
        hold_all(desk)
        post = post_create(
            actor=person(desk.publisher),
            text="It is open again",
            accounts=[desk.account],
            due_at=timezone.now(),
            reply_to={"remote_id": "m-1", "extra": {}},
        )
        post_send(actor=person(desk.publisher), post=post)
        assert run_due() == []
        assert post.deliveries.get().hold_kind == HoldKind.PAUSED

    def test_scheduling_for_later_goes_on(self, desk):
        hold_all(desk)
        delivery = desk.approved(due_at=None)
        later = timezone.now() + timedelta(hours=3)
        delivery_schedule(actor=person(desk.contributor), delivery=delivery, due_at=later)
        assert after(delivery).state == State.SCHEDULED


class TestWhoMay:
    @pytest.mark.parametrize("who", ["approver", "manager"])
    @pytest.mark.parametrize("scope", ["everything", "account"])
    def test_approvers_and_managers(self, desk, who, scope):
        what = {"account": desk.account} if scope == "account" else {}
        actor = person(getattr(desk, who))
        pause = pause_begin(actor=actor, reason="Crisis", **what)
        pause_end(actor=actor, pause=pause)
        assert [e.name for e in Event.objects.filter(name__startswith="pause.").order_by("pk")] == [
            "pause.begun",
            "pause.ended",
        ]

    @pytest.mark.parametrize("who", ["viewer", "contributor", "publisher"])
    def test_lower_levels_are_told_why_not(self, desk, who):
        standing = hold_all(desk, account=desk.account)
        actor = person(getattr(desk, who))
        for what in ({}, {"account": SocialAccount.objects.get()}):
            with pytest.raises(NotAllowed, match="needs the level approver") as refusal:
                pause_begin(actor=actor, reason="Crisis", **what)
            assert not refusal.value.hidden
        with pytest.raises(NotAllowed, match="needs the level approver"):
            pause_end(actor=actor, pause=standing)
        assert Pause.objects.in_force().get() == standing

    def test_for_an_outsider_the_account_is_not_there(self, desk):
        with pytest.raises(NotAllowed) as refusal:
            pause_begin(actor=person(desk.outsider), reason="Crisis", account=desk.account)
        assert refusal.value.hidden

    def test_an_approver_elsewhere_does_not_stop_this_account_alone(self, desk):
        elsewhere = UserFactory()
        give(elsewhere, Level.APPROVER, SocialAccountFactory())
        give(elsewhere, Level.VIEWER, desk.account)
        with pytest.raises(NotAllowed, match="needs the level approver"):
            pause_begin(actor=person(elsewhere), reason="Crisis", account=desk.account)
        assert pause_begin(actor=person(elsewhere), reason="Crisis").is_of_everything

    def test_an_administrator_and_a_command(self, desk, administrator):
        pause = pause_begin(actor=person(administrator), reason="Crisis")
        pause_end(actor=COMMAND, pause=pause)
        pause = pause_begin(actor=COMMAND, reason="Crisis", account=desk.account)
        assert (pause.begun_by, pause.begun_by_label) == (None, "tests")

    def test_not_an_auditor_nor_somebody_frozen(self, desk, auditor):
        with pytest.raises(NotAllowed):
            pause_begin(actor=person(auditor), reason="Crisis")
        desk.approver.frozen_at = timezone.now()
        with pytest.raises(NotAllowed, match="frozen"):
            pause_begin(actor=person(desk.approver), reason="Crisis")

    def test_not_without_a_reason(self, desk):
        with pytest.raises(Invalid, match="Say why"):
            pause_begin(actor=person(desk.approver), reason="  ")


class TestTwice:
    def test_a_paused_desk_is_not_paused_again(self, desk):
        hold_all(desk)
        with pytest.raises(Invalid, match=r"held already: Everything was held by .*Major incident"):
            pause_begin(actor=person(desk.manager), reason="Another")
        assert Pause.objects.count() == 1

    def test_and_the_database_would_not_have_it_either(self, desk):
        pause = hold_all(desk)
        pause.pk = None
        with pytest.raises(IntegrityError, match="pause_once"):
            pause.save(force_insert=True)

    def test_freezing_meanwhile_holds_what_is_queued_and_outlives_the_pause(self, desk, network):
        due, later = fall_due(desk.scheduled()), desk.scheduled()
        pause = hold_all(desk)
        run_due()
        account_freeze(actor=person(desk.manager), account=desk.account, reason="Hacked")
        assert (after(due).hold_kind, after(later).hold_kind) == (
            HoldKind.PAUSED,
            HoldKind.FROZEN,
        )
        pause_end(actor=person(desk.manager), pause=pause)
        assert run_due() == []

    def test_a_right_that_lapses_meanwhile_does_not_hold_what_others_planned(self, desk):
        mine = desk.scheduled()
        hold_all(desk)
        with transaction.atomic():
            rights_changed.send(None, actor=COMMAND, account=desk.account, user=None, reason="test")
        assert after(mine).state == State.SCHEDULED


# --- with several connections -------------------------------------------------------------------


def blocked():
    """How many connections wait for the gate."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0]


@contextmanager
def beside(act):
    """Run `act` on a connection of its own; yields what it returned, in a list, once it has."""
    said = []

    def run():
        try:
            said.append(act())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield said
    finally:
        thread.join(20)
    assert said, "it never came to an end"


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
class TestNoWindow:
    def test_a_pause_waits_for_the_claim_under_way(self, desk, network):
        """The claim was first: it is committed, and can be seen, before anybody is told."""
        delivery = fall_due(desk.scheduled())
        with ExitStack() as stack:
            with transaction.atomic():
                assert len(claim_due()) == 1
                begun = stack.enter_context(beside(lambda: hold_all(desk)))
                wait_until(blocked)
                assert not begun
            wait_until(lambda: begun)
        assert publish(delivery.pk, 1) == ""
        assert after(delivery).hold_kind == HoldKind.PAUSED
        assert not network.arrived

    def test_a_claim_waits_for_the_pause_that_is_begun_and_sees_it(self, desk, network):
        delivery = fall_due(desk.scheduled())
        with ExitStack() as stack:
            with transaction.atomic():
                hold_all(desk)
                claimed = stack.enter_context(beside(claim_due))
                wait_until(blocked)
                assert not claimed
            wait_until(lambda: claimed)
        assert claimed == [[]]
        assert after(delivery).hold_kind == HoldKind.PAUSED

    def test_an_attempt_waits_for_the_pause_that_is_begun_and_sees_it(self, desk, network):
        delivery = fall_due(desk.scheduled())
        ((pk, fence),) = claim_due()
        with ExitStack() as stack:
            with transaction.atomic():
                hold_all(desk)
                sent = stack.enter_context(beside(lambda: publish(pk, fence)))
                wait_until(blocked)
            wait_until(lambda: sent)
        assert sent == [""]
        assert not network.arrived
        assert after(delivery).hold_kind == HoldKind.PAUSED

    def test_a_claim_does_not_pass_a_pause_that_waits(self, desk, network):
        """The queue is fair: overlapping claims cannot keep a pause out."""
        fall_due(desk.scheduled())
        with ExitStack() as stack:
            with transaction.atomic():
                pass_gate()
                begun = stack.enter_context(beside(lambda: hold_all(desk)))
                wait_until(blocked)
                claimed = stack.enter_context(beside(claim_due))
                wait_until(lambda: blocked() == 2)
                assert not begun
                assert not claimed
            wait_until(lambda: begun and claimed)
        assert claimed == [[]]

    def test_claims_do_not_wait_for_each_other(self, desk, network):
        fall_due(desk.scheduled())
        with transaction.atomic():
            pass_gate()
            with beside(claim_due) as claimed:
                wait_until(lambda: claimed)
        assert len(claimed[0]) == 1

    def test_two_people_at_once_make_one_pause_and_one_is_told(self, desk):
        start = threading.Barrier(2)

        def begin(who):
            start.wait()
            try:
                return pause_begin(actor=person(who), reason="Crisis")
            except Invalid as refused:
                return refused.message

        with (
            beside(lambda: begin(desk.approver)) as one,
            beside(lambda: begin(desk.manager)) as two,
        ):
            pass
        pause = Pause.objects.get()
        answers = [*one, *two]
        assert pause in answers
        (told,) = [answer for answer in answers if answer != pause]
        assert told == f"It is held already: {pause.held_reason}"

    def test_in_the_middle_of_a_rush_nothing_begins_once_it_is_acknowledged(self, desk, network):
        """Four workers at full speed; what the network got is what the pause says was begun."""
        for _ in range(40):
            fall_due(desk.scheduled())
        some, told = threading.Event(), threading.Event()
        network.during = lambda steps: len(network.arrived) > 5 and some.set()

        def work():
            while not told.is_set():
                run_due()
            return run_due()

        def begin():
            some.wait(20)
            pause = hold_all(desk)
            begun = set(Attempt.objects.values_list("delivery__key", flat=True))
            told.set()
            return pause, begun

        with ExitStack() as stack:
            paused = stack.enter_context(beside(begin))
            for _ in range(4):
                stack.enter_context(beside(work))
        ((pause, begun),) = paused
        assert {post.key for post in network.arrived} == {key.hex for key in begun}
        assert 5 < len(begun) < 40
        assert Delivery.objects.filter(hold_kind=HoldKind.PAUSED).count() == 40 - len(begun)
        assert set(pause.under_way.values_list("key", flat=True)) <= begun
