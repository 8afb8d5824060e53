"""Every change is an action: actor, decision, transaction and events together."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum

import pytest
from django.db import connection, transaction

from accounts.models import Team
from accounts.policy import Decision
from audit import actions
from audit.actions import (
    EVENTS,
    Line,
    NotAllowed,
    NothingRecorded,
    UnknownEvent,
    action,
    current_actor,
    declare_events,
    record,
    record_many,
)
from audit.actors import Actor, ActorKind
from audit.models import Event
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, make_team, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("declared")]


def anybody(actor, arguments):
    return Decision(True)


def nobody(actor, arguments):
    return Decision(False, "Not you, not now.")


def make(needs=anybody, *emits, **options):
    @action(*(emits or ("test.done",)), needs=needs, **options)
    def act(*, actor: Actor, work=lambda: record("test.done")):
        return work()

    return act


def event_of(number):
    return Event.objects.get(pk=number)


def refusals():
    return Event.objects.filter(name="access.refused")


# --- names ----------------------------------------------------------------------------------------


def test_an_event_is_declared_once_even_with_the_same_words(monkeypatch):
    monkeypatch.setattr(actions, "EVENTS", {})
    declare_events(delivery__thrown="held")
    with pytest.raises(ValueError, match="twice"):
        declare_events(delivery__thrown="held")


@pytest.mark.parametrize("name", ["nodot", "Upper__case", "x__" + "y" * 70, "1__2"])
def test_an_event_has_a_noun_and_a_verb(monkeypatch, name):
    monkeypatch.setattr(actions, "EVENTS", {})
    with pytest.raises(ValueError, match="no name"):
        declare_events(**{name: "did"})


def test_an_action_cannot_announce_what_nobody_declared():
    with pytest.raises(UnknownEvent):
        make(anybody, "test.never_heard_of")


def test_an_action_cannot_record_what_it_did_not_announce():
    with pytest.raises(UnknownEvent):
        make()(actor=COMMAND, work=lambda: record("test.more"))
    with pytest.raises(UnknownEvent):
        make()(actor=COMMAND, work=lambda: record_many("test.more", [Line()]))
    assert not Event.objects.exists()


def test_an_event_that_is_no_longer_declared_is_not_written(monkeypatch):
    act = make()
    monkeypatch.delitem(EVENTS, "test.done")
    with pytest.raises(UnknownEvent):
        act(actor=COMMAND)


# --- actors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [None, "Ana", 7, object()])
def test_there_is_always_an_actor(actor):
    with pytest.raises(TypeError, match="needs an actor"):
        make()(actor=actor)


def test_an_actor_is_not_left_out():
    with pytest.raises(TypeError):
        make()()


def test_a_person_who_acts_is_signed_in():
    with pytest.raises(ValueError, match="signed in"):
        Actor.person(None)


def test_outside_of_an_action_nothing_is_recorded():
    for attempt in (
        lambda: record("test.done"),
        lambda: record_many("test.done", [Line()]),
        current_actor,
    ):
        with pytest.raises(RuntimeError):
            attempt()


def test_who_acts_from_where_is_kept():
    ana = UserFactory(full_name="Ana Reyes")
    actor = Actor.person(ana, address="192.0.2.7").through("post_create")
    event = event_of(make()(actor=actor))
    assert (event.actor_kind, event.actor_id, event.actor_label) == ("person", ana.pk, "Ana Reyes")
    assert (event.address, event.actor_via) == ("192.0.2.7", "post_create")
    assert event.occurred_at is not None


# --- transactions ---------------------------------------------------------------------------------


def test_what_fails_leaves_no_event():
    def fails():
        Team.objects.create(name="x", group_id=make_group())
        record("test.done")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make()(actor=COMMAND, work=fails)
    assert not Event.objects.filter(name="test.done").exists()
    assert not Team.objects.filter(name="x").exists()


def make_group():
    from django.contrib.auth.models import Group

    return Group.objects.create(name=uuid.uuid4().hex).pk


def test_what_records_nothing_is_undone():
    with pytest.raises(NothingRecorded):
        make()(actor=COMMAND, work=lambda: UserFactory(email="ghost@x.example"))
    from accounts.models import User

    assert not User.objects.filter(email="ghost@x.example").exists()


def test_looking_for_work_may_find_none():
    assert make(anybody, may_find_nothing=True)(actor=COMMAND, work=lambda: 7) == 7


@pytest.mark.django_db(transaction=True)
def test_a_business_transaction_that_rolls_back_takes_its_event_along():
    def business():
        with transaction.atomic():
            make()(actor=COMMAND)
            assert Event.objects.count() == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        business()
    assert not Event.objects.exists()


# --- refusals -------------------------------------------------------------------------------------


def test_a_refusal_is_on_record_with_actor_and_reason():
    ana = UserFactory()
    with pytest.raises(NotAllowed) as caught:
        make(nobody)(actor=person(ana))
    assert caught.value.reason == "Not you, not now."
    event = refusals().get()
    assert (event.actor_id, event.address) == (ana.pk, "192.0.2.7")
    assert event.data == {"attempted": "act", "reason": "Not you, not now."}


def test_a_refusal_survives_what_it_undoes():
    def halfway():
        record("test.done")
        raise NotAllowed("This far and no further.")

    with pytest.raises(NotAllowed):
        make()(actor=COMMAND, work=halfway)
    assert [event.name for event in Event.objects.all()] == ["access.refused"]


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_committed_by_itself():
    with pytest.raises(NotAllowed):
        make(nobody)(actor=COMMAND)
    assert _seen_by_another_connection() == 1


def _seen_by_another_connection() -> int:
    found = []

    def look():
        found.append(Event.objects.count())
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_fell_with_the_callers_transaction_can_be_recorded_again():
    with pytest.raises(NotAllowed) as caught, transaction.atomic():
        make(nobody)(actor=COMMAND)
    assert not refusals().exists()
    actions.refusal_record(actor=COMMAND, refusal=caught.value, attempted="the page")
    actions.refusal_record(actor=COMMAND, refusal=caught.value, attempted="the page")
    assert refusals().get().data["attempted"] == "the page"


def test_a_refused_part_stops_the_whole_and_is_recorded_once():
    inner = make(nobody)

    @action("test.more", needs=anybody)
    def outer(*, actor: Actor):
        record("test.more")
        inner(actor=actor)

    with pytest.raises(NotAllowed):
        outer(actor=COMMAND)
    assert refusals().get().data["attempted"] == "outer"
    assert not Event.objects.filter(name="test.more").exists()


def test_a_refused_part_that_the_whole_lives_with_is_on_record_too():
    inner = make(nobody)
    ana = person(UserFactory())

    @action("test.more", needs=anybody)
    def outer(*, actor: Actor):
        record("test.more")
        try:
            inner(actor=ana)
        except NotAllowed:
            return "went on"

    assert outer(actor=COMMAND) == "went on"
    assert Event.objects.filter(name="test.more").exists()
    event = refusals().get()
    assert (event.actor_id, event.data["attempted"]) == (ana.id, "act")


# --- actions inside actions -----------------------------------------------------------------------


def test_events_of_one_action_share_its_id():
    inner = make()
    ana = person(UserFactory())

    @action("test.more", needs=anybody)
    def outer(*, actor: Actor):
        assert current_actor() == actor
        record("test.more")
        inner(actor=ana)
        assert current_actor() == actor

    outer(actor=COMMAND)
    more, done = Event.objects.order_by("id")
    assert more.act == done.act
    assert (more.actor_kind, done.actor_id) == ("command", ana.id)
    assert event_of(make()(actor=COMMAND)).act != more.act


def test_an_inner_action_counts_as_a_record_of_the_outer():
    inner = make()
    outer = make(anybody, "test.more")
    outer(actor=COMMAND, work=lambda: inner(actor=COMMAND))
    quiet = make(anybody, may_find_nothing=True)
    with pytest.raises(NothingRecorded):
        outer(actor=COMMAND, work=lambda: quiet(actor=COMMAND, work=lambda: None))


def test_an_inner_action_may_record_what_the_outer_announced():
    inner = make()

    @action("test.more", needs=anybody)
    def outer(*, actor: Actor):
        inner(actor=actor, work=lambda: record("test.more"))

    outer(actor=COMMAND)
    assert Event.objects.get().name == "test.more"


def test_many_lines_are_one_statement(django_assert_num_queries):
    accounts = SocialAccountFactory.create_batch(20)
    lines = [Line(account, account, data={"n": n}) for n, account in enumerate(accounts)]
    with django_assert_num_queries(3):  # savepoint, insert, release
        make()(actor=COMMAND, work=lambda: record_many("test.done", lines))
    assert Event.objects.filter(name="test.done", account_id__isnull=False).count() == 20


# --- what an event keeps --------------------------------------------------------------------------


def test_names_survive_what_they_name():
    account = SocialAccountFactory(display_name="Northmoor Fire", handle="@fire")
    team = make_team("Night shift")
    number = make()(
        actor=COMMAND,
        work=lambda: record("test.done", subject=team, account=account, data={"team": team}),
    )
    group = team.group
    team.delete()
    group.delete()
    account.delete()
    event = event_of(number)
    assert event.subject_label == "Night shift"
    assert event.account_label == "Northmoor Fire (Sandbox @fire)"
    assert event.data["team"]["label"] == "Night shift"


class Colour(Enum):
    RED = "red"


@dataclass
class Odd:
    def __str__(self):
        return "odd\x00thing"


def test_whatever_comes_can_be_kept():
    data = {
        "nul\x00key": "a\x00b",
        "half": "\ud83d",
        "huge": "x" * 3_000_000,
        "number": float("inf"),
        "nan": float("nan"),
        "enum": Colour.RED,
        "when": datetime(2026, 11, 23, tzinfo=UTC),
        "day": date(2026, 11, 23),
        "things": (1, {2}, [Odd(), None, True]),
        "uuid": uuid.UUID(int=1),
        "bytes": b"\x00",
        "big": 2**70,
    }
    actor = Actor(ActorKind.PERSON, "Ana \ud83d\x00 Reyes", 7, "a" * 99).through("v\x00" * 99)
    event = event_of(make()(actor=actor, work=lambda: record("test.done", data=data)))
    assert event.data["nul\ufffdkey"] == "a\ufffdb"
    assert event.data["half"] == "\ufffd"
    assert len(event.data["huge"]) == 3_000_000
    assert (event.data["number"], event.data["nan"]) == ("inf", "nan")
    assert event.data["enum"] == "red"
    assert event.data["things"] == [1, [2], ["odd\ufffdthing", None, True]]
    assert event.data["big"] == 2**70
    assert event.actor_label == "Ana \ufffd\ufffd Reyes"
    assert len(event.address) == 45
    assert len(event.actor_via) == 64
    assert len(event.words) <= 20_000


def test_very_long_names_are_cut():
    account = SocialAccountFactory(display_name="N" * 120, handle="@" + "h" * 250)
    event = event_of(make()(actor=COMMAND, work=lambda: record("test.done", subject=account)))
    assert len(event.subject_label) == 254
    assert event.subject_label.endswith("…")
