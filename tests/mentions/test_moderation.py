"""Hiding, deleting and blocking: what a person asks for, and what a worker makes of it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Level
from accounts.models import SocialAccount
from accounts.models.social import Health
from audit.actions import NotAllowed
from audit.models import Event
from mentions.models import Act, Conversation, Mention, Moderation, Outcome
from mentions.moderating import PATIENCE, claim_due, moderate
from mentions.services.moderation import moderation_ask
from mentions.tasks import MODERATOR
from platforms.contract import AuthorisationLost, OutcomeUnknown, Refused, RetryLater
from scheduling.traffic.admission import Wait
from tests.factories import (
    COMMAND,
    CredentialFactory,
    MentionFactory,
    ModerationFactory,
    UserFactory,
    give,
    person,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(account):
    user = UserFactory(full_name="Priya Nair")
    give(user, Level.PUBLISHER, account)
    return user


@pytest.fixture
def rude(account):
    return MentionFactory(conversation__account=account, kind="reply", text="You are all idiots.")


def ask(user, mention, act=Act.HIDE, reason="abuse", note=""):
    if act in (Act.SHOW, Act.UNBLOCK) and reason == "abuse":
        reason = "mistake"
    return moderation_ask(actor=person(user), mention=mention, act=act, reason=reason, note=note)


def run() -> list[str]:
    """What is due, done one after the other until nothing is; the states they came to."""
    for _ in range(10):
        claimed = claim_due()
        for id_, tries in claimed:
            moderate(id_, tries, actor=MODERATOR)
        if not claimed:
            break
    return [one.state for one in Moderation.objects.order_by("pk")]


def due_again() -> None:
    Moderation.objects.update(next_try_at=timezone.now(), lease_until=None)


def names() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("name", flat=True))


# --- asking -------------------------------------------------------------------------------------


def test_what_is_asked_for_is_not_done_before_the_platform_says_so(network, officer, rude):
    asked = ask(officer, rude, note="Names a colleague's child.")
    assert (asked.state, asked.in_force, network.acts) == (Outcome.ASKED, False, [])
    assert names()[-1:] == ["moderation.hide_asked"]
    assert run() == [Outcome.DONE]
    assert network.acts == [("hide", rude.remote_id)]
    done = Moderation.objects.get()
    assert (done.in_force, done.by, done.problem) == (True, officer, "")
    assert names()[-2:] == ["moderation.hide_asked", "moderation.hidden"]


def test_the_record_says_who_what_when_and_why_and_which_text(network, officer, rude):
    ask(officer, rude, reason="private", note="A phone number.")
    event = Event.objects.get(name="moderation.hide_asked")
    assert (event.actor_id, event.account_id) == (officer.pk, rude.account_id)
    assert event.data["reason"] == "Personal details of somebody"
    assert event.data["note"] == "A phone number."
    assert event.data["message"] == rude.remote_id
    assert event.data["text_sha256"] == sha256(rude.text.encode()).hexdigest()
    assert rude.text not in str(event.data)
    run()
    by_worker = Event.objects.get(name="moderation.hidden")
    assert (by_worker.actor_kind, by_worker.actor_label) == ("worker", "moderator")


def test_the_text_stays_when_its_message_was_deleted_there(network, officer, rude):
    ask(officer, rude, Act.REMOVE)
    assert run() == [Outcome.DONE]
    assert Mention.objects.get().text == "You are all idiots."
    assert names()[-1] == "moderation.removed"


@pytest.mark.parametrize(
    ("act", "back", "asked", "done"),
    [
        (Act.HIDE, Act.SHOW, "moderation.show_asked", "moderation.shown"),
        (Act.BLOCK, Act.UNBLOCK, "moderation.unblock_asked", "moderation.unblocked"),
    ],
)
def test_what_was_done_can_be_taken_back(network, officer, rude, act, back, asked, done):
    ask(officer, rude, act)
    run()
    ask(officer, rude, back)
    assert Moderation.objects.filter(in_force=True).count() == 1, "until the platform says so"
    run()
    assert names()[-2:] == [asked, done]
    assert not Moderation.objects.filter(in_force=True).exists()
    target = rude.remote_id if act == Act.HIDE else rude.author.remote_id
    assert network.acts == [(act.value, target), (back.value, target)]


def test_a_block_holds_for_all_that_a_person_writes_to_the_account(network, officer, rude):
    elsewhere = MentionFactory(conversation__account=rude.account, author=rude.author)
    ask(officer, rude, Act.BLOCK)
    with pytest.raises(Invalid, match="being asked to block"):
        ask(officer, elsewhere, Act.BLOCK)
    run()
    with pytest.raises(Invalid, match="so already"):
        ask(officer, elsewhere, Act.BLOCK)
    ask(officer, elsewhere, Act.UNBLOCK)
    assert run() == [Outcome.DONE, Outcome.DONE]


def test_what_is_so_already_or_under_way_is_said_and_not_recorded(network, officer, rude):
    ask(officer, rude)
    count = Event.objects.count()
    for act, why in [
        (Act.HIDE, "being asked to hide it already"),
        (Act.REMOVE, "being asked to hide it already"),
        (Act.UNBLOCK, "nothing to take back"),
    ]:
        with pytest.raises(Invalid, match=why):
            ask(officer, rude, act)
    assert Event.objects.count() == count
    run()
    with pytest.raises(Invalid, match="so already"):
        ask(officer, rude)
    ask(officer, rude, Act.REMOVE)
    run()
    with pytest.raises(Invalid, match="deleted already"):
        ask(officer, rude, Act.SHOW)


def test_the_opposite_calls_off_what_is_not_done_yet(network, officer, rude):
    network.trouble = RetryLater("The Sandbox has a fault of its own (503).", down=True)
    ask(officer, rude)
    run()
    network.trouble = None
    shown = ask(officer, rude, Act.SHOW)
    event = Event.objects.get(name="moderation.show_asked")
    assert event.data["called_off"] == Moderation.objects.first().pk
    assert run() == [Outcome.CALLED_OFF, Outcome.DONE]
    assert network.acts[-1] == ("show", rude.remote_id), "perhaps it was hidden all the same"
    assert not shown.in_force


def test_what_is_being_asked_at_this_moment_cannot_be_called_off(network, officer, rude):
    ask(officer, rude)
    claim_due()
    with pytest.raises(Invalid, match="at this moment"):
        ask(officer, rude, Act.SHOW)
    assert Moderation.objects.get().state == Outcome.ASKED


@pytest.mark.parametrize(
    ("reason", "note", "why"),
    [
        ("", "", "Choose why"),
        ("nonsense", "", "Choose why"),
        ("mistake", "", "Choose why"),  # that is why something is taken back
        ("other", "  \n ", "Say in the note"),
        ("abuse", "x" * 501, "500 characters"),
    ],
)
def test_nothing_is_asked_without_a_reason(network, officer, rude, reason, note, why):
    with pytest.raises(Invalid, match=why):
        ask(officer, rude, reason=reason, note=note)
    assert not Moderation.objects.exists()


def test_what_the_platform_cannot_do_is_said_in_its_words(officer, rude):
    SocialAccount.objects.update(platform="mastodon")
    rude = Mention.objects.get()
    with pytest.raises(Invalid, match="no way to hide"):
        ask(officer, rude)
    SocialAccount.objects.update(platform="x")
    rude = Mention.objects.get()
    for act in (Act.BLOCK, Act.REMOVE):
        with pytest.raises(Invalid, match="X lets no"):
            ask(officer, rude, act)
    Mention.objects.update(kind="mention")
    with pytest.raises(Invalid, match="replies under our own posts"):
        ask(officer, Mention.objects.get())


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [None, Level.VIEWER, Level.CONTRIBUTOR])
@pytest.mark.parametrize("act", list(Act))
def test_whoever_may_not_moderate_may_ask_for_nothing(network, account, rude, act, level):
    user = UserFactory()
    if level is not None:
        give(user, level, account)
    with pytest.raises(NotAllowed) as caught:
        ask(user, rude, act)
    assert caught.value.hidden == (level is None)
    assert not Moderation.objects.exists()


@pytest.mark.parametrize("what", ["account", "person", "disconnected"])
def test_nothing_is_asked_for_while_something_is_frozen(network, officer, rude, what):
    if what == "account":
        SocialAccount.objects.update(frozen_at=timezone.now(), frozen_reason="a leak")
    elif what == "disconnected":
        SocialAccount.objects.update(disconnected_at=timezone.now())
    else:
        officer.frozen_at = timezone.now()
        officer.save()
    with pytest.raises(NotAllowed):
        ask(officer, Mention.objects.get())


def test_no_command_and_no_worker_asks_for_it(network, rude):
    for actor in (COMMAND, MODERATOR):
        with pytest.raises(NotAllowed):
            moderation_ask(actor=actor, mention=rude, act=Act.HIDE, reason="abuse")


@pytest.mark.parametrize("what", ["level", "account"])
def test_a_right_that_ended_before_the_platform_was_asked_stops_it(network, officer, rude, what):
    ask(officer, rude)
    if what == "level":
        officer.is_active = False
        officer.save()
    else:
        SocialAccount.objects.update(frozen_at=timezone.now(), frozen_reason="a leak")
    assert run() == [Outcome.FAILED]
    assert network.acts == []
    assert "was not asked" in Moderation.objects.get().problem
    assert names()[-1] == "moderation.failed"


# --- what the platform makes of it --------------------------------------------------------------


def test_a_refusal_is_the_end_of_it_and_can_be_tried_again_by_a_person(network, officer, rude):
    network.trouble = Refused("The Sandbox refused this (403). It says: not your thread.")
    ask(officer, rude)
    assert run() == [Outcome.FAILED]
    one = Moderation.objects.get()
    assert (one.problem, one.in_force) == (network.trouble.message, False)
    assert Event.objects.get(name="moderation.failed").data["problem"] == one.problem
    network.trouble = None
    ask(officer, rude)
    assert run() == [Outcome.FAILED, Outcome.DONE]


@pytest.mark.parametrize(
    "trouble",
    [
        RetryLater("The Sandbox wants us to slow down.", too_much=True),
        OutcomeUnknown("The Sandbox did not answer.", down=True),
        RuntimeError("a fault of ours"),
    ],
)
def test_what_may_work_later_or_is_in_doubt_is_asked_again(network, officer, rude, trouble):
    network.trouble = trouble
    ask(officer, rude)
    before = Conversation.objects.get().version
    assert run() == [Outcome.ASKED]
    one = Moderation.objects.get()
    assert one.next_try_at > timezone.now()
    assert one.problem == getattr(trouble, "message", one.problem) != ""
    assert Conversation.objects.get().version > before, "an open page says so"
    assert "moderation.hidden" not in names()
    network.trouble = None
    due_again()
    assert run() == [Outcome.DONE]
    assert network.acts == [("hide", rude.remote_id)] * 2
    assert Moderation.objects.get().problem == ""


def test_the_platforms_own_wish_to_be_left_alone_is_kept(network, officer, rude):
    network.trouble = RetryLater("Slow down.", delay_s=1_800.0)
    ask(officer, rude)
    run()
    left = Moderation.objects.get().next_try_at - timezone.now()
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)


@pytest.mark.parametrize(
    "trouble", [OutcomeUnknown("The Sandbox did not answer."), ValueError("a fault of ours")]
)
def test_it_is_given_up_after_a_day_and_says_what_is_not_known(network, officer, rude, trouble):
    network.trouble = trouble
    ask(officer, rude)
    assert run() == [Outcome.ASKED]
    due_again()
    Moderation.objects.update(asked_at=timezone.now() - PATIENCE - timedelta(minutes=1))
    assert run() == [Outcome.FAILED]
    assert "Perhaps it was done all the same" in Moderation.objects.get().problem


def test_lost_credentials_show_on_the_account_and_it_waits_for_them(network, officer, rude):
    network.trouble = AuthorisationLost("The token was revoked.")
    ask(officer, rude)
    assert run() == [Outcome.ASKED]
    assert SocialAccount.objects.get().health == Health.LOST
    network.trouble = None
    due_again()
    assert run() == [Outcome.DONE]
    assert SocialAccount.objects.get().health == Health.HEALTHY


# --- workers ------------------------------------------------------------------------------------


def test_of_each_account_one_is_asked_at_a_time(network, officer, account, rude):
    other = CredentialFactory().account
    give(officer, Level.PUBLISHER, other)
    elsewhere = MentionFactory(conversation__account=other, kind="reply")
    second = MentionFactory(conversation=rude.conversation, kind="reply")
    asked = [ask(officer, mention).pk for mention in (rude, second, elsewhere)]
    first = claim_due()
    assert {id_ for id_, _ in first} == {asked[0], asked[2]}
    assert claim_due() == []
    for id_, tries in first:
        moderate(id_, tries, actor=MODERATOR)
    assert [id_ for id_, _ in claim_due()] == [asked[1]]


def test_a_worker_that_comes_late_does_nothing(network, officer, rude):
    ask(officer, rude)
    ((id_, tries),) = claim_due()
    moderate(id_, tries + 1, actor=MODERATOR)
    Moderation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    moderate(id_, tries, actor=MODERATOR)
    assert network.acts == []
    ((_, again),) = claim_due()  # the one of a killed worker is taken over
    moderate(id_, again, actor=MODERATOR)
    moderate(id_, again, actor=MODERATOR)
    assert network.acts == [("hide", rude.remote_id)]
    assert names().count("moderation.hidden") == 1


def test_what_was_settled_meanwhile_is_left_as_it_is(network, officer, rude, monkeypatch):
    """Two workers have it, since the first was thought dead."""
    ask(officer, rude)
    ((id_, tries),) = claim_due()

    def settled(_remote_id: str) -> None:
        Moderation.objects.update(state=Outcome.CALLED_OFF)

    monkeypatch.setattr(network, "hide", settled)
    moderate(id_, tries, actor=MODERATOR)
    assert Moderation.objects.get().state == Outcome.CALLED_OFF
    assert "moderation.hidden" not in names()


def test_a_budget_that_is_used_up_puts_it_off_and_says_so(network, officer, rude, monkeypatch):
    until = timezone.now() + timedelta(minutes=5)
    monkeypatch.setattr("mentions.moderating.admit", lambda _: [Wait(until, "Used up.")])
    ask(officer, rude)
    assert claim_due() == []
    one = Moderation.objects.get()
    assert (one.next_try_at, one.problem, one.tries) == (until, "Used up.", 0)


def test_one_thing_at_a_time_is_asked_about_a_message_whoever_is_first(officer, rude):
    ModerationFactory(mention=rude)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModerationFactory(mention=rude, act="remove")
    ModerationFactory(mention=rude, act="block")
    elsewhere = MentionFactory(conversation__account=rude.account, author=rude.author)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModerationFactory(mention=elsewhere, act="unblock")
