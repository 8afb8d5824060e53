"""Giving, changing and ending levels: what is refused, and what is told to whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import CAPABILITIES, Capability, Level
from accounts.models import Grant
from accounts.policy import decide
from accounts.services.grants import grant_end, grant_set
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.models import Event
from tests.factories import (
    COMMAND,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    person,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return SocialAccountFactory()


@pytest.fixture
def manager(account):
    user = UserFactory()
    give(user, Level.MANAGER, account)
    return user


@pytest.fixture
def told():
    heard = []

    def listen(sender, **kwargs):
        heard.append(kwargs)

    rights_changed.connect(listen)
    yield heard
    rights_changed.disconnect(listen)


def as_given(actor, account, **how):
    return grant_set(
        **{"actor": actor, "account": account, "level": "viewer", "reason": "needed", **how}
    )


def test_a_manager_gives_a_level_and_the_grant_says_who_why_and_until_when(account, manager):
    user, until = UserFactory(), timezone.now() + timedelta(days=30)
    grant = as_given(
        person(manager), account, user=user, level="publisher", reason=" cover ", ends_at=until
    )
    assert (grant.given_by, grant.given_by_label) == (manager, str(manager))
    assert (grant.reason, grant.ends_at, grant.ended_at) == ("cover", until, None)
    rights = {r.permission.codename for r in grant.user_rights.all()}
    assert rights == {c.value for c in CAPABILITIES[Level.PUBLISHER]}
    assert decide(Actor.person(user), Capability.PUBLISH, account)
    event = Event.objects.get(name="grant.given", subject_id=str(grant.pk))
    assert event.actor_id == manager.pk
    assert event.account_id == account.pk
    assert event.data["level"] == "publisher"
    assert event.data["reason"] == "cover"


def test_a_level_for_a_team_is_one_for_everybody_in_it_now_and_later(account):
    early, late = UserFactory(), UserFactory()
    team = make_team("Night shift", early)
    as_given(COMMAND, account, team=team, level="contributor")
    assert decide(Actor.person(early), Capability.DRAFT, account)
    assert not decide(Actor.person(late), Capability.DRAFT, account)
    late.groups.add(team.group)
    assert decide(Actor.person(late), Capability.DRAFT, account)


def test_a_new_level_replaces_the_old_one(account, manager, told):
    user = UserFactory()
    old = give(user, Level.APPROVER, account)
    told.clear()
    new = as_given(person(manager), account, user=user, level="viewer")
    old.refresh_from_db()
    assert old.ended_at is not None
    assert not old.user_rights.exists()
    assert not decide(Actor.person(user), Capability.APPROVE, account)
    event = Event.objects.get(name="grant.changed", subject_id=str(new.pk))
    assert (event.data["before"], event.data["level"]) == ("approver", "viewer")
    assert [(t["account"], t["user"]) for t in told] == [(account, user)]


def test_ending_a_level_takes_it_away_at_once_and_tells_the_engine(account, manager, told):
    user = UserFactory()
    grant = give(user, Level.PUBLISHER, account)
    grant_end(actor=person(manager), grant=grant, reason=" moved on ")
    assert not decide(Actor.person(user), Capability.VIEW, account)
    assert Event.objects.get(name="grant.ended").data["reason"] == "moved on"
    assert told[-1]["user"] == user
    assert "taken away" in told[-1]["reason"]


def test_ending_twice_is_refused(account):
    grant = give(UserFactory(), Level.VIEWER, account)
    stale = Grant.objects.get(pk=grant.pk)
    grant_end(actor=COMMAND, grant=grant)
    with pytest.raises(Invalid, match="already"):
        grant_end(actor=COMMAND, grant=stale)


# --- who may not ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [lv for lv in Level if lv is not Level.MANAGER])
def test_less_than_a_manager_gives_and_takes_nothing(account, level):
    user, grant = UserFactory(), give(UserFactory(), Level.VIEWER, account)
    give(user, level, account)
    with pytest.raises(NotAllowed, match="manager") as refused:
        as_given(person(user), account, user=UserFactory())
    assert not refused.value.hidden
    with pytest.raises(NotAllowed, match="manager"):
        grant_end(actor=person(user), grant=grant)
    refusal = Event.objects.filter(name="access.refused", actor_id=user.pk)
    assert refusal.count() == 2


def test_the_manager_of_another_account_does_not_learn_that_this_one_exists(account, manager):
    other = SocialAccountFactory()
    grant = give(UserFactory(), Level.VIEWER, other)
    with pytest.raises(NotAllowed) as refused:
        as_given(person(manager), other, user=UserFactory())
    assert refused.value.hidden
    with pytest.raises(NotAllowed) as refused:
        grant_end(actor=person(manager), grant=grant)
    assert refused.value.hidden


def test_an_administrator_may_without_a_level_of_their_own(account, administrator):
    grant = as_given(person(administrator), account, user=UserFactory(), level="manager")
    grant_end(actor=person(administrator), grant=grant)


@pytest.mark.parametrize("state", [{"is_active": False}, {"frozen_at": timezone.now()}])
def test_a_manager_who_left_or_is_frozen_may_not(account, manager, state):
    for name, value in state.items():
        setattr(manager, name, value)
    with pytest.raises(NotAllowed):
        as_given(person(manager), account, user=UserFactory())


def test_a_worker_and_a_visitor_may_not(account):
    for actor in (Actor.worker("publisher"), Actor.anonymous()):
        with pytest.raises(NotAllowed):
            as_given(actor, account, user=UserFactory())
    assert not Grant.objects.filter(account=account).exists()


# --- what is not taken ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"level": "owner"}, "level"),
        ({"level": ""}, "level"),
        ({"user": None}, "holder"),
        ({"ends_at": timezone.now() - timedelta(seconds=1)}, "ends_at"),
    ],
)
def test_what_does_not_make_sense_is_refused_at_its_field(account, how, field):
    with pytest.raises(Invalid) as error:
        as_given(COMMAND, account, **{"user": UserFactory(), **how})
    assert error.value.field == field
    assert not Grant.objects.filter(account=account).exists()


def test_one_holder_and_not_two(account):
    with pytest.raises(Invalid, match="one person or one team"):
        as_given(COMMAND, account, user=UserFactory(), team=make_team("Both"))


def test_nobody_sets_their_own_level(account, manager, administrator):
    for user in (manager, administrator):
        with pytest.raises(Invalid, match="own level"):
            as_given(person(user), account, user=user, level="manager")


def test_nor_through_a_team_they_are_in(account, administrator):
    team = make_team("Mine", administrator)
    with pytest.raises(Invalid, match="You are in the team"):
        as_given(person(administrator), account, team=team, level="manager")
    assert not decide(Actor.person(administrator), Capability.VIEW, account)
    as_given(person(administrator), account, team=make_team("Not mine"), level="manager")


def test_a_leaver_gets_nothing(account):
    with pytest.raises(Invalid, match="has left"):
        as_given(COMMAND, account, user=UserFactory(is_active=False))


def test_the_database_knows_one_level_a_holder(account):
    user = UserFactory()
    give(user, Level.VIEWER, account)
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(account=account, user=user, level="viewer", given_by_label="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(account=account, level="viewer", given_by_label="x")


@pytest.mark.django_db(transaction=True)
def test_two_people_giving_at_once_take_turns():
    import threading

    from django.db import connection

    account, user = SocialAccountFactory(), UserFactory()
    faults = []

    def work(level):
        try:
            as_given(COMMAND, account, user=user, level=level)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(lv,)) for lv in ("viewer", "publisher")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert Grant.objects.filter(account=account, user=user, ended_at=None).count() == 1
