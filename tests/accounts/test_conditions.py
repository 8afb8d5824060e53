"""Trainings and policies: what they take, when a level lapses, and who is told ahead."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.conditions import limits_refresh, standing_of
from accounts.errors import Invalid
from accounts.levels import Capability, Level
from accounts.models import Acceptance, Lapse, Notice, PolicyVersion, TrainingRecord
from accounts.policy import decide
from accounts.services.conditions import (
    condition_set,
    policy_accept,
    policy_create,
    policy_publish,
    training_change,
    training_create,
    training_record,
    training_record_withdraw,
)
from accounts.services.grants import grant_end
from accounts.services.lapses import WATCHER, conditions_keep, lapses_look
from accounts.tasks import keep_conditions
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.models import Event
from operations.models import Alert
from scheduling.models import Delivery, HoldKind
from scheduling.services.deliveries import delivery_release
from scheduling.states import State
from tests.factories import (
    COMMAND,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_policy,
    make_team,
    make_training,
    new_version,
    person,
    require_of,
    train,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def writer():
    return UserFactory(full_name="Wanda Writer")


@pytest.fixture
def account(writer):
    account = SocialAccountFactory(display_name="Fire")
    give(writer, Level.PUBLISHER, account)
    return account


def may(user, account, capability=Capability.PUBLISH):
    user.refresh_from_db()
    return decide(person(user), capability, account)


def events(name):
    return list(Event.objects.filter(name=name).order_by("pk"))


def queued(writer, account):
    return DeliveryFactory(
        account=account, post__author=writer, sender=writer, state=State.SCHEDULED
    )


# --- lapsing and coming back ----------------------------------------------------------------------


def test_the_reason_names_what_is_missing_and_where_to_look(writer, account):
    require_of(Level.PUBLISHER, make_training())
    decision = may(writer, account)
    assert not decision
    assert not decision.hidden
    assert "publisher on Fire" in decision.reason
    assert "the training “Media law” is not in date" in decision.reason
    assert "Your conditions" in decision.reason


def test_a_level_lapses_at_its_moment_without_a_job(writer, account):
    training = make_training()
    train(writer, training, days=3)
    require_of(Level.PUBLISHER, training)
    assert may(writer, account)
    with time_machine.travel(timezone.now() + timedelta(days=5), tick=False):
        assert not may(writer, account)


def test_what_is_queued_is_held_when_the_condition_is_set_and_can_be_released_when_it_is_met(
    writer, account
):
    delivery, training = queued(writer, account), make_training()
    require_of(Level.PUBLISHER, training)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.hold_kind) == (State.HELD, HoldKind.LAPSED)
    assert "Media law" in delivery.hold_reason
    writer.refresh_from_db()
    with pytest.raises(NotAllowed, match="lapsed"):
        delivery_release(actor=person(writer), delivery=delivery, due_at=delivery.due_at)
    train(writer, training)
    assert not Lapse.objects.filter(over_at=None).exists()
    delivery.refresh_from_db()
    assert delivery.state == State.HELD, "nothing goes out by itself"
    writer.refresh_from_db()
    delivery_release(actor=person(writer), delivery=delivery, due_at=delivery.due_at)
    delivery.refresh_from_db()
    assert delivery.state == State.SCHEDULED


def test_what_lapses_by_time_is_held_by_the_next_run_and_is_on_record_once(writer, account):
    training = make_training()
    train(writer, training, days=1)
    require_of(Level.PUBLISHER, training)
    delivery = queued(writer, account)
    Delivery.objects.update(due_at=timezone.now() + timedelta(days=9))
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=False):
        keep_conditions()
        keep_conditions()
        delivery.refresh_from_db()
        assert delivery.state == State.HELD
        (event,) = events("level.lapsed")
        assert event.data["level"] == "publisher"
        assert event.actor_label == "conditions"
        training_record(
            actor=COMMAND,
            training=training,
            user=writer,
            done_on=timezone.localdate(),
            evidence="came again",
        )
        keep_conditions()
        assert len(events("level.restored")) == 1
        assert Lapse.objects.get().over_at is not None


def test_only_levels_that_somebody_has_lapse_on_record(writer, account):
    UserFactory()  # with nothing
    require_of(Level.PUBLISHER, make_training())
    require_of(Level.MANAGER, make_training("Crisis"))
    assert [(one.user, one.level) for one in Lapse.objects.all()] == [(writer, "publisher")]


def test_a_level_by_a_team_lapses_for_those_who_miss_something(account):
    trained, untrained = UserFactory(), UserFactory()
    give(make_team("Desk", trained, untrained), Level.APPROVER, account)
    training = make_training()
    train(trained, training)
    require_of(Level.APPROVER, training)
    assert may(trained, account, Capability.APPROVE)
    assert not may(untrained, account, Capability.APPROVE)
    assert Lapse.objects.get().user == untrained


def test_a_lapse_ends_with_the_grant_and_is_no_restoration(writer, account):
    require_of(Level.PUBLISHER, make_training())
    grant_end(actor=COMMAND, grant=writer.grants.get(ended_at=None))
    keep_conditions()
    assert Lapse.objects.get().over_at is not None
    assert not events("level.restored")
    assert may(writer, account).hidden


def test_the_last_record_counts_and_a_withdrawn_one_does_not(writer, account):
    training = make_training()
    old = train(writer, training, days=-1)
    require_of(Level.PUBLISHER, training)
    assert not may(writer, account)
    new = train(writer, training, days=30)
    assert may(writer, account)
    training_record_withdraw(actor=COMMAND, made=new, reason="Somebody else's certificate")
    assert not may(writer, account)
    with pytest.raises(Invalid, match="already"):
        training_record_withdraw(actor=COMMAND, made=new, reason="again")
    with pytest.raises(Invalid, match="why"):
        training_record_withdraw(actor=COMMAND, made=old, reason=" ")


def test_a_condition_taken_away_gives_the_level_back(writer, account):
    training = make_training()
    require_of(Level.PUBLISHER, training)
    assert not may(writer, account)
    condition_set(actor=COMMAND, what=training, levels=[], starts_on=timezone.localdate())
    assert may(writer, account)
    assert len(events("level.restored")) == 1


def test_whoever_joins_later_meets_the_conditions_from_the_first_day(account):
    require_of(Level.PUBLISHER, make_policy().document)
    newcomer = UserFactory()
    limits_refresh([newcomer])
    give(newcomer, Level.PUBLISHER, account)
    assert not may(newcomer, account)


def test_saving_a_person_writes_no_old_limits(writer, account):
    stale = type(writer).objects.get(pk=writer.pk)
    require_of(Level.PUBLISHER, make_training())
    stale.full_name = "Wanda Wright"
    stale.save()
    assert not may(writer, account)
    assert writer.full_name == "Wanda Wright"


# --- policies -------------------------------------------------------------------------------------


def test_an_acceptance_is_of_exactly_the_text_that_was_read(writer):
    version = make_policy(text="Be kind.\r\nBe quick.")
    assert version.sha256 == PolicyVersion.hash_of("Be kind.\nBe quick.")
    with pytest.raises(Invalid, match="newer"):
        policy_accept(actor=person(writer), version=version, sha256="0" * 64)
    accepted = policy_accept(actor=person(writer), version=version, sha256=version.sha256)
    assert accepted.sha256 == version.sha256
    (event,) = events("policy.accepted")
    assert event.data["sha256"] == version.sha256
    with pytest.raises(Invalid, match="already"):
        policy_accept(actor=person(writer), version=version, sha256=version.sha256)
    second = new_version(version.document)
    with pytest.raises(Invalid, match="newer"):
        policy_accept(actor=person(UserFactory()), version=version, sha256=version.sha256)
    policy_accept(actor=person(writer), version=second, sha256=second.sha256)
    assert Acceptance.objects.filter(user=writer).count() == 2


def test_a_text_that_was_changed_in_the_database_is_not_accepted(writer):
    version = make_policy()
    PolicyVersion.objects.update(text="Be rude.")
    version.refresh_from_db()
    with pytest.raises(Invalid, match="not what was published"):
        policy_accept(actor=person(writer), version=version, sha256=version.sha256)


def test_a_new_version_asks_everybody_again_and_a_third_does_not_put_it_off(writer, account):
    first = make_policy()
    policy_accept(actor=person(writer), version=first, sha256=first.sha256)
    require_of(Level.PUBLISHER, first.document)
    new_version(first.document, days=5)
    assert may(writer, account)
    new_version(first.document, days=40)
    with time_machine.travel(timezone.now() + timedelta(days=7), tick=False):
        assert not may(writer, account), "the second was to be accepted by then"
        newest = first.document.versions.order_by("-number").first()
        policy_accept(actor=person(writer), version=newest, sha256=newest.sha256)
        assert may(writer, account)


def test_the_reason_names_the_version(writer, account):
    version = make_policy()
    require_of(Level.PUBLISHER, version.document)
    assert "version 1 of the policy “Social media policy”" in may(writer, account).reason


# --- telling ahead --------------------------------------------------------------------------------


def test_the_person_and_their_managers_are_told_30_and_7_days_ahead_once_each(writer, account):
    managers, elsewhere = [UserFactory(), UserFactory(alert_emails=False)], UserFactory()
    give(managers[0], Level.MANAGER, account)
    give(make_team("Heads", managers[1]), Level.MANAGER, account)
    give(elsewhere, Level.MANAGER, SocialAccountFactory())
    training = make_training()
    train(writer, training, days=60)
    require_of(Level.PUBLISHER, training)
    start = timezone.now()
    told = {}
    for day in (0, 25, 31, 40, 50, 54, 58):
        with time_machine.travel(start + timedelta(days=day), tick=False):
            keep_conditions()
            keep_conditions()
            told[day] = Notice.objects.count()
    assert told == {0: 0, 25: 0, 31: 1, 40: 1, 50: 1, 54: 2, 58: 2}
    assert sorted(Notice.objects.values_list("days", flat=True)) == [7, 30]
    for alert in Alert.objects.filter(kind="access"):
        assert set(alert.people) == {writer.pk, *(one.pk for one in managers)}
        assert "Media law" in alert.message
    assert len(events("level.warned")) == 2


def test_late_news_is_told_once_and_not_for_both_leads(writer, account):
    training = make_training()
    train(writer, training, days=4)
    require_of(Level.PUBLISHER, training)
    keep_conditions()
    assert [notice.days for notice in Notice.objects.all()] == [7]


def test_nobody_is_told_of_what_they_do_not_need(writer, account):
    training = make_training()
    train(writer, training, days=4)
    train(UserFactory(), training, days=4)
    require_of(Level.MANAGER, training)
    keep_conditions()
    assert not Notice.objects.exists()


def test_what_was_announced_is_over_when_it_is_renewed(writer, account):
    training = make_training()
    train(writer, training, days=20)
    require_of(Level.PUBLISHER, training)
    keep_conditions()
    assert Alert.objects.filter(kind="access", settled_at=None).count() == 1
    train(writer, training, days=300)
    keep_conditions()
    assert Notice.objects.get().over_at is not None
    assert not Alert.objects.filter(kind="access", settled_at=None).exists()


def test_a_new_version_is_announced_to_those_who_accepted_the_last(writer, account):
    version = make_policy()
    policy_accept(actor=person(writer), version=version, sha256=version.sha256)
    require_of(Level.PUBLISHER, version.document)
    new_version(version.document, days=20)
    keep_conditions()
    assert "version" not in Alert.objects.get().message
    assert "accept the policy “Social media policy” anew" in Alert.objects.get().message


def test_the_keeper_finds_nothing_most_of_the_time(writer, account):
    keep_conditions()
    assert conditions_keep(actor=WATCHER) == 0
    assert not events("level.lapsed")


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [None, "is_auditor", "is_evidence_officer"])
def test_only_administrators_say_what_levels_take(role, account):
    user = UserFactory(**({role: True} if role else {}))
    give(user, Level.MANAGER, account)
    actor, training, today = person(user), make_training(), timezone.localdate()
    for ask in (
        lambda: training_create(actor=actor, name="x"),
        lambda: training_change(actor=actor, training=training, name="x", purpose="", months=1),
        lambda: policy_create(actor=actor, name="x", text="x"),
        lambda: condition_set(actor=actor, what=training, levels=["viewer"], starts_on=today),
        lambda: training_record(
            actor=actor, training=training, user=UserFactory(), done_on=today, evidence="x"
        ),
        lambda: lapses_look(actor=actor),
    ):
        with pytest.raises(NotAllowed):
            ask()


def test_nobody_records_their_own_training(administrator):
    with pytest.raises(Invalid, match="own"):
        training_record(
            actor=person(administrator),
            training=make_training(),
            user=administrator,
            done_on=timezone.localdate(),
            evidence="trust me",
        )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"done_on": 1}, "done_on"),
        ({"last_day": -60}, "last_day"),
        ({"evidence": " "}, "evidence"),
    ],
)
def test_what_a_record_cannot_say(wrong, field):
    today = timezone.localdate()
    days = {k: today + timedelta(days=v) if isinstance(v, int) else v for k, v in wrong.items()}
    with pytest.raises(Invalid) as refused:
        training_record(
            actor=COMMAND,
            training=make_training(),
            user=UserFactory(),
            **{"done_on": today, "evidence": "list", **days},
        )
    assert refused.value.field == field
    assert not TrainingRecord.objects.exists()


def test_what_policies_and_conditions_cannot_say():
    version, training = make_policy(), make_training()
    today, document = timezone.localdate(), version.document
    with pytest.raises(Invalid, match="name"):
        make_policy()
    with pytest.raises(Invalid, match="text"):
        make_policy("Another", "  ")
    with pytest.raises(Invalid, match="word for word"):
        new_version(document, text="Be kind.")
    with pytest.raises(Invalid, match="ahead"):
        new_version(document, days=-1)
    with pytest.raises(Invalid, match="new"):
        policy_publish(actor=COMMAND, document=document, text="x", changed="", accept_by=today)
    with pytest.raises(Invalid, match="today"):
        condition_set(
            actor=COMMAND, what=training, levels=["viewer"], starts_on=today - timedelta(days=1)
        )
    with pytest.raises(Invalid, match="changed"):
        condition_set(actor=COMMAND, what=training, levels=[], starts_on=today)
    with pytest.raises(Invalid, match="name"):
        make_training("media LAW")


# --- the rule, told twice -------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    records=st.lists(st.integers(-60, 60), max_size=4),
    starts=st.integers(0, 60),
    look=st.integers(0, 120),
)
def test_a_level_is_in_force_as_long_as_its_last_record_or_until_the_condition_begins(
    records, starts, look
):
    """Against a plain telling of the rule, for any records, beginnings and moments."""
    with transaction.atomic():
        user, training = UserFactory(), make_training(f"T{UserFactory().pk}")
        for days in records:
            train(user, training, days=max(days, -50))
        require_of(Level.VIEWER, training, in_days=starts)
        account = SocialAccountFactory()
        give(user, Level.VIEWER, account)
        user.refresh_from_db()
        moment = timezone.now() + timedelta(days=look)
        last = max([max(days, -50) for days in records], default=-51)
        expected = look <= last or look < starts
        with time_machine.travel(moment, tick=False):
            assert bool(decide(Actor.person(user), Capability.VIEW, account)) == expected
            until = standing_of(user)[0].until
            assert (until is None or until > datetime.now(tz=until.tzinfo)) == expected
        transaction.set_rollback(True)
