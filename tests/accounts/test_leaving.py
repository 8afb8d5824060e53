"""A leaver is one action: everything ends, one event says what."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability, Level
from accounts.models import Grant, User
from accounts.policy import accounts_where, decide
from accounts.selectors.leaving import ending_of
from accounts.services.leaving import user_leave
from audit.actors import Actor
from audit.models import Event
from mentions.models import Conversation
from scheduling.models import HoldKind
from scheduling.states import State
from tests.factories import (
    COMMAND,
    PASSWORD,
    ConversationFactory,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    person,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return SocialAccountFactory(display_name="Fire")


@pytest.fixture
def leaver(account):
    user = UserFactory(full_name="Lea Leaver", password=PASSWORD, is_auditor=True)
    give(user, Level.PUBLISHER, account)
    give(make_team("Desk", user), Level.APPROVER, account)
    return user


def test_one_event_says_all_that_was_ended(account, leaver, administrator, sign_in):
    sign_in(leaver), sign_in(leaver), sign_in(administrator)
    Authenticator.objects.create(user=leaver, type="totp", data={})
    queued = DeliveryFactory(account=account, sender=leaver, state=State.SCHEDULED)
    others = DeliveryFactory(account=account, state=State.SCHEDULED)
    talks = [ConversationFactory(account=account, assignee=leaver) for _ in range(2)]
    heir = UserFactory()
    owned = SocialAccountFactory(owner=leaver)
    preview = ending_of(leaver)
    user_leave(actor=person(administrator), user=leaver, reason="retired", heir=heir)
    (event,) = Event.objects.filter(name="person.left")
    assert event.actor_id == administrator.pk
    said = event.data
    assert said["sessions"] == len(preview.sessions) == 2
    assert (said["factors"], said["conversations"], said["held"]) == (1, 2, 1)
    assert [one["label"] for one in said["teams"]] == ["Desk"]
    assert said["roles"] == ["auditor"]
    assert len(said["ended"]) == 1
    assert said["new_owner"]["id"] == heir.pk
    acts = Event.objects.filter(act=event.act)
    assert {e.name for e in acts} == {"person.left", "delivery.held", "conversation.unassigned"}
    for row in (queued, others, owned, *talks):
        row.refresh_from_db()
    assert (queued.state, queued.hold_kind) == (State.HELD, HoldKind.LAPSED)
    assert "Lea Leaver" in queued.hold_reason
    assert owned.owner == heir
    assert all(talk.assignee is None and talk.version == 2 for talk in talks)
    assert Session.objects.count() == 1, "the administrator's own"
    assert not Authenticator.objects.exists()


def test_nothing_is_left_of_a_leaver(account, leaver, administrator, sign_in):
    client = sign_in(leaver)
    user_leave(actor=person(administrator), user=leaver, reason="retired")
    answer = client.get("/")
    assert answer.status_code == 302
    user = User.objects.get(pk=leaver.pk)
    assert not user.is_active
    assert not user.has_usable_password()
    assert not user.groups.exists()
    assert not user.role_labels
    assert not Grant.objects.in_force().filter(user=user).exists()
    assert not decide(Actor.person(user), Capability.VIEW, account)
    assert not accounts_where(Actor.person(user), Capability.VIEW).exists()
    client.post("/auth/sign-in/", {"login": leaver.email, "password": PASSWORD})
    assert client.get("/").status_code == 302


def test_the_last_administrator_stays_and_nothing_of_theirs_ends(account, administrator):
    give(administrator, Level.MANAGER, account)
    UserFactory(is_administrator=True, frozen_at=timezone.now())
    with pytest.raises(Invalid, match="Nobody would be left"):
        user_leave(actor=COMMAND, user=administrator, reason="x")
    administrator.refresh_from_db()
    assert administrator.is_active
    assert Grant.objects.in_force().filter(user=administrator).exists()
    assert not Event.objects.filter(name="person.left").exists()


def test_the_heir_stays(leaver, administrator):
    for heir in (leaver, UserFactory(is_active=False)):
        with pytest.raises(Invalid) as refused:
            user_leave(actor=person(administrator), user=leaver, reason="x", heir=heir)
        assert refused.value.field == "heir"
    leaver.refresh_from_db()
    assert leaver.is_active


def test_the_page_shows_what_ends_and_no_content(account, leaver, administrator, sign_in):
    DeliveryFactory(
        account=account, sender=leaver, state=State.SCHEDULED, post__text="Secret words"
    )
    ConversationFactory(account=account, assignee=leaver)
    sign_in(leaver)
    client = sign_in(administrator)
    page = client.get(f"/people/{leaver.pk}/leave/").content.decode()
    for words in ("1 session", "Auditor", "Desk", "1 on Fire", "1 become nobody’s", "Publisher on"):
        assert words in page, words
    assert "Secret words" not in page
    assert client.post(f"/people/{leaver.pk}/leave/", {"reason": "retired"}).status_code == 302
    assert Conversation.objects.get().assignee is None
    again = client.get(f"/people/{leaver.pk}/leave/").content.decode()
    assert "has left already" in again


def test_the_page_says_ahead_that_nobody_would_administer(administrator, sign_in):
    second = UserFactory(is_administrator=True)
    client = sign_in(second)
    User.objects.filter(pk=second.pk).update(is_administrator=True)
    page = client.get(f"/people/{second.pk}/leave/").content.decode()
    assert "cannot close your own access" in page
