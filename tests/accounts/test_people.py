"""People, teams and invitations: the services behind the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import Capability, Level
from accounts.models import Grant, Invitation, User
from accounts.policy import decide
from accounts.services.leaving import user_leave
from accounts.services.people import (
    invitation_accept,
    invitation_withdraw,
    user_change_profile,
    user_change_roles,
    user_freeze,
    user_invite,
    user_unfreeze,
)
from accounts.services.teams import team_change, team_create, team_member_add, team_member_remove
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.models import Event
from tests.factories import (
    COMMAND,
    PASSWORD,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    person,
)

pytestmark = pytest.mark.django_db
VISITOR = Actor.anonymous(address="192.0.2.9")


@pytest.fixture
def told():
    heard = []

    def listen(sender, **kwargs):
        heard.append(kwargs)

    rights_changed.connect(listen)
    yield heard
    rights_changed.disconnect(listen)


def invite(email="new@northmoor.example", **how):
    invitation, link = user_invite(
        **{"actor": COMMAND, "email": email, "full_name": "New Person", **how}
    )
    return invitation, link.rstrip("/").rpartition("/")[2]


def accept(token, **how):
    return invitation_accept(
        **{"actor": VISITOR, "token": token, "full_name": "", "password": PASSWORD, **how}
    )


# --- inviting -----------------------------------------------------------------------------------


def test_an_invitation_goes_out_by_e_mail_and_its_token_is_kept_nowhere(
    administrator, settings, django_capture_on_commit_callbacks
):
    team = make_team("Press office")
    settings.ORGANISATION = "Northmoor & Sons"
    with django_capture_on_commit_callbacks(execute=True):
        invitation, token = invite(
            "New@Northmoor.example",
            actor=person(administrator),
            roles=["is_auditor"],
            teams=[team],
        )
    (message,) = mail.outbox
    assert message.to == ["new@northmoor.example"]
    assert f"/people/join/{token}/" in message.body
    assert "Northmoor & Sons" in message.body, "plain text is not escaped"
    assert str(administrator) in message.body
    row = Invitation.objects.values().get(pk=invitation.pk)
    assert token not in str(row)
    assert token not in str(list(Event.objects.values()))
    assert row["token_hash"] == Invitation.hash_of(token)


def test_accepting_makes_the_person_with_roles_and_teams(administrator):
    account, team = SocialAccountFactory(), make_team("Press office")
    give(team, Level.CONTRIBUTOR, account)
    _, token = invite(roles=["is_auditor"], teams=[team])
    user = accept(token, full_name=" Nia Newcomer ")
    assert (user.email, user.full_name) == ("new@northmoor.example", "Nia Newcomer")
    assert (user.is_auditor, user.is_administrator) == (True, False)
    assert user.check_password(PASSWORD)
    assert decide(Actor.person(user), Capability.DRAFT, account)
    assert Event.objects.get(name="person.joined").actor_kind == "anonymous"


def test_a_link_works_once():
    _, token = invite()
    accept(token)
    with pytest.raises(Invalid, match="no longer open"):
        accept(token)
    assert User.objects.filter(email="new@northmoor.example").count() == 1


@pytest.mark.parametrize("spoil", ["expired", "withdrawn", "made up", "second invitation"])
def test_a_link_that_is_not_open_lets_nobody_in(spoil):
    invitation, token = invite()
    if spoil == "expired":
        invitation.expires_at = timezone.now() - timedelta(seconds=1)
        invitation.save()
    elif spoil == "withdrawn":
        invitation_withdraw(actor=COMMAND, invitation=invitation)
    elif spoil == "made up":
        token = "x" * 43
    else:
        invite()
    with pytest.raises(Invalid, match="no longer open"):
        accept(token)
    assert not User.objects.filter(email="new@northmoor.example").exists()


def test_an_address_that_came_in_another_way_is_not_taken_twice():
    _, token = invite()
    UserFactory(email="New@northmoor.example")
    with pytest.raises(Invalid, match="already here"):
        accept(token)


@pytest.mark.parametrize("password", ["short", "password1234", "new@northmoor.example"])
def test_a_weak_password_is_refused_and_the_link_still_works(password):
    _, token = invite()
    with pytest.raises(Invalid) as error:
        accept(token, password=password)
    assert error.value.field == "password"
    accept(token)


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a@b\nBcc: c@d.example"}, "email"),
        ({"full_name": " "}, "full_name"),
        ({"email": "taken@northmoor.example"}, "email"),
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused(how, field):
    UserFactory(email="Taken@northmoor.example")
    with pytest.raises(Invalid) as error:
        invite(**how)
    assert error.value.field == field
    assert not mail.outbox


def test_inviting_a_leaver_says_that_they_left():
    UserFactory(email="gone@northmoor.example", is_active=False)
    with pytest.raises(Invalid, match="has left"):
        invite("gone@northmoor.example")


def test_withdrawing_twice_is_refused():
    invitation, _ = invite()
    invitation_withdraw(actor=COMMAND, invitation=invitation)
    with pytest.raises(Invalid, match="no longer open"):
        invitation_withdraw(actor=COMMAND, invitation=invitation)


def test_only_a_visitor_accepts(administrator):
    _, token = invite()
    with pytest.raises(NotAllowed):
        accept(token, actor=person(administrator))


# --- who may change people ----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["is_auditor", "is_evidence_officer", None])
def test_nobody_but_an_administrator_changes_people(role):
    user, other = UserFactory(**({role: True} if role else {})), UserFactory()
    give(user, Level.MANAGER, SocialAccountFactory())
    actor = person(user)
    team = make_team("T")
    team_member_add(actor=COMMAND, team=team, user=other)
    invitation, _ = invite()
    for attempt in (
        lambda: invite("more@northmoor.example", actor=actor),
        lambda: invitation_withdraw(actor=actor, invitation=invitation),
        lambda: user_change_roles(actor=actor, user=other, roles=["is_auditor"]),
        lambda: user_change_profile(actor=actor, user=other, full_name="X", time_zone=""),
        lambda: user_freeze(actor=actor, user=other, reason="because"),
        lambda: user_unfreeze(actor=actor, user=other),
        lambda: user_leave(actor=actor, user=other, reason="because"),
        lambda: team_create(actor=actor, name="Mine"),
        lambda: team_change(actor=actor, team=team, name="Ours", purpose=""),
        lambda: team_member_add(actor=actor, team=team, user=user),
        lambda: team_member_remove(actor=actor, team=team, user=other),
    ):
        with pytest.raises(NotAllowed, match="role"):
            attempt()
    assert Event.objects.filter(name="access.refused", actor_id=user.pk).count() == 11


# --- freezing -----------------------------------------------------------------------------------


def test_a_frozen_person_may_nothing_and_the_engine_is_told(administrator, told):
    user, account = UserFactory(), SocialAccountFactory()
    give(user, Level.MANAGER, account)
    user_freeze(actor=person(administrator), user=user, reason=" lost phone ")
    user.refresh_from_db()
    assert (user.frozen_by, user.frozen_reason) == (administrator, "lost phone")
    assert not decide(Actor.person(user), Capability.VIEW, account)
    assert (told[-1]["user"], told[-1]["account"]) == (user, None)
    user_unfreeze(actor=person(administrator), user=user)
    user.refresh_from_db()
    assert (user.frozen_at, user.frozen_by, user.frozen_reason) == (None, None, "")
    assert decide(Actor.person(user), Capability.MANAGE, account)


def test_what_freezing_refuses(administrator):
    actor, user = person(administrator), UserFactory()
    with pytest.raises(Invalid, match="Say why"):
        user_freeze(actor=actor, user=user, reason=" ")
    with pytest.raises(Invalid, match="yourself"):
        user_freeze(actor=actor, user=administrator, reason="x")
    with pytest.raises(Invalid, match="has left"):
        user_freeze(actor=actor, user=UserFactory(is_active=False), reason="x")
    with pytest.raises(Invalid, match="not frozen"):
        user_unfreeze(actor=actor, user=user)
    user_freeze(actor=actor, user=user, reason="first")
    with pytest.raises(Invalid, match="first"):
        user_freeze(actor=actor, user=user, reason="second")
    user.refresh_from_db()
    assert user.frozen_reason == "first"


# --- leaving, roles, profile ---------------------------------------------------------------------


def test_leaving_ends_everything_at_once(administrator, told):
    user, account = UserFactory(password=PASSWORD, is_auditor=True), SocialAccountFactory()
    own = give(user, Level.PUBLISHER, account)
    team = make_team("Press office", user)
    user_leave(actor=person(administrator), user=user, reason="retired")
    user.refresh_from_db()
    own.refresh_from_db()
    assert not user.is_active
    assert not user.has_usable_password()
    assert not user.is_auditor
    assert own.ended_at is not None
    assert not user.groups.exists()
    assert Grant.objects.filter(team=team).count() == 0
    event = Event.objects.get(name="person.left")
    assert event.data["ended"][0]["id"] == own.pk
    assert told[-1]["user"] == user


def test_what_leaving_refuses(administrator):
    actor = person(administrator)
    with pytest.raises(Invalid, match="your own access"):
        user_leave(actor=actor, user=administrator, reason="x")
    with pytest.raises(Invalid, match="left already"):
        user_leave(actor=actor, user=UserFactory(is_active=False), reason="x")
    with pytest.raises(Invalid, match="Nobody would be left"):
        user_leave(actor=COMMAND, user=administrator, reason="x")
    second = UserFactory(is_administrator=True)
    user_leave(actor=actor, user=second, reason="x")


def test_somebody_always_administers(administrator):
    frozen = UserFactory(is_administrator=True, frozen_at=timezone.now())
    with pytest.raises(Invalid, match="Nobody would be left"):
        user_change_roles(actor=person(administrator), user=administrator, roles=[])
    user_change_roles(actor=person(administrator), user=frozen, roles=[])
    second = UserFactory(is_administrator=True)
    user_change_roles(actor=person(second), user=administrator, roles=["is_auditor"])
    administrator.refresh_from_db()
    assert (administrator.is_administrator, administrator.is_auditor) == (False, True)


def test_nobody_gives_themselves_a_role_but_may_put_one_down(administrator):
    with pytest.raises(Invalid, match="themselves a role"):
        user_change_roles(
            actor=person(administrator),
            user=administrator,
            roles=["is_administrator", "is_auditor"],
        )
    UserFactory(is_administrator=True)
    user_change_roles(actor=person(administrator), user=administrator, roles=[])
    with pytest.raises(Invalid, match="has left"):
        user_change_roles(actor=COMMAND, user=UserFactory(is_active=False), roles=["is_auditor"])


def test_a_role_taken_away_is_told_to_the_engine(administrator, told):
    user = UserFactory(is_auditor=True)
    user_change_roles(actor=person(administrator), user=user, roles=[])
    assert told[-1]["user"] == user
    event = Event.objects.get(name="person.changed")
    assert (event.data["before"], event.data["after"]) == (["is_auditor"], [])


def test_everybody_changes_their_own_profile_and_nobody_elses(administrator):
    user = UserFactory()
    user_change_profile(actor=person(user), user=user, full_name=" Ada ", time_zone="Europe/Lisbon")
    user.refresh_from_db()
    assert (user.full_name, user.zone_name) == ("Ada", "Europe/Lisbon")
    user_change_profile(actor=person(administrator), user=user, full_name="Ada L", time_zone="")
    with pytest.raises(Invalid, match="no time zone"):
        user_change_profile(actor=person(user), user=user, full_name="Ada", time_zone="Mars")
    with pytest.raises(Invalid, match="Enter a name"):
        user_change_profile(actor=person(user), user=user, full_name=" ", time_zone="")


# --- teams --------------------------------------------------------------------------------------


def test_a_team_gives_its_levels_and_takes_them(administrator, told):
    user, account = UserFactory(), SocialAccountFactory()
    team = team_create(actor=person(administrator), name=" Night shift ", purpose=" after ten ")
    assert (team.name, team.purpose) == ("Night shift", "after ten")
    give(team, Level.PUBLISHER, account)
    team_member_add(actor=person(administrator), team=team, user=user)
    assert decide(Actor.person(user), Capability.PUBLISH, account)
    team_member_remove(actor=person(administrator), team=team, user=user)
    assert not decide(Actor.person(user), Capability.VIEW, account)
    assert told[-1]["user"] == user
    names = set(Event.objects.values_list("name", flat=True))
    assert {"team.created", "team.member_added", "team.member_removed"} <= names


def test_a_team_is_renamed_with_its_group(administrator):
    team = make_team("Old")
    team_change(actor=person(administrator), team=team, name="New", purpose="p")
    team.refresh_from_db()
    assert (team.name, team.group.name) == ("New", "team:New")
    team_change(actor=person(administrator), team=team, name="new", purpose="p")


def test_what_teams_refuse(administrator):
    actor, team, user = person(administrator), make_team("Here"), UserFactory()
    with pytest.raises(Invalid, match="name"):
        team_create(actor=actor, name=" ")
    with pytest.raises(Invalid, match="of this name"):
        team_create(actor=actor, name="HERE")
    with pytest.raises(Invalid, match="of this name"):
        team_change(actor=actor, team=make_team("There"), name="here", purpose="")
    with pytest.raises(Invalid, match="themselves"):
        team_member_add(actor=actor, team=team, user=administrator)
    with pytest.raises(Invalid, match="has left"):
        team_member_add(actor=actor, team=team, user=UserFactory(is_active=False))
    with pytest.raises(Invalid, match="not in this team"):
        team_member_remove(actor=actor, team=team, user=user)
    team_member_add(actor=actor, team=team, user=user)
    with pytest.raises(Invalid, match="in this team already"):
        team_member_add(actor=actor, team=team, user=user)
