"""Every page of this room refuses properly: visitors, outsiders, too low a level, wrong method."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.levels import Level
from accounts.models import Grant, SocialAccount
from accounts.services.people import user_invite
from audit.models import Event
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, give, make_team

pytestmark = pytest.mark.django_db

# name: needs, and whether it is read (GET) or only done (POST)
ON_AN_ACCOUNT = {
    "accounts:account": ("view", "get"),
    "accounts:check": ("manage", "post"),
    "accounts:change": ("manage", "get"),
    "accounts:freeze": ("manage", "get"),
    "accounts:unfreeze": ("manage", "post"),
    "accounts:disconnect": ("manage", "get"),
    "accounts:reconnect": ("manage", "get"),
    "accounts:give": ("manage", "get"),
    "accounts:end_grant": ("manage", "post"),
    "accounts:team_people": ("view", "get"),
}
READ_ONLY = {"accounts:account", "accounts:team_people"}
ON_A_GRANT = {"accounts:end_grant", "accounts:team_people"}
LOOKING_AT_PEOPLE = {
    "people:people",
    "people:matrix",
    "people:invitations",
    "people:teams",
    "people:team",
    "people:person",
}
CHANGING_PEOPLE = {
    "people:invite": "get",
    "people:invite_again": "post",
    "people:withdraw": "post",
    "people:team_new": "get",
    "people:team_change": "get",
    "people:member_add": "post",
    "people:member_remove": "post",
    "people:freeze": "get",
    "people:unfreeze": "post",
    "people:roles": "get",
    "people:leave": "get",
}
CONNECTING = {"accounts:connect": "get", "accounts:connect_to": "get"}
FOR_EVERYBODY = {"accounts:register", "profile"}


@pytest.fixture
def account():
    return SocialAccountFactory()


@pytest.fixture
def addresses(account):
    """The address of every page, about things that exist."""
    somebody, team = UserFactory(), make_team("Press office")
    grant = give(somebody, Level.VIEWER, account)
    team_grant = give(team, Level.VIEWER, account)
    invitation, _ = user_invite(
        actor=COMMAND, email="new@northmoor.example", full_name="N", send=False
    )

    def address(name):
        kwargs = {}
        if name in ON_AN_ACCOUNT:
            kwargs["account_id"] = account.pk
        if name == "accounts:end_grant":
            kwargs["grant_id"] = grant.pk
        if name == "accounts:team_people":
            kwargs["grant_id"] = team_grant.pk
        if name == "accounts:connect_to":
            kwargs["platform"] = "sandbox"
        if name in {"people:invite_again", "people:withdraw"}:
            kwargs["invitation_id"] = invitation.pk
        if name in {"people:team", "people:team_change", "people:member_add"}:
            kwargs["team_id"] = team.pk
        if name == "people:member_remove":
            kwargs |= {"team_id": team.pk, "person_id": somebody.pk}
        if name in {
            "people:person",
            "people:freeze",
            "people:unfreeze",
            "people:roles",
            "people:leave",
        }:
            kwargs["person_id"] = somebody.pk
        return reverse(name, kwargs=kwargs)

    return address


EVERYTHING = sorted(
    {
        **{n: how for n, (_, how) in ON_AN_ACCOUNT.items()},
        **dict.fromkeys(LOOKING_AT_PEOPLE, "get"),
        **CHANGING_PEOPLE,
        **CONNECTING,
        **dict.fromkeys(FOR_EVERYBODY, "get"),
    }.items()
)


def test_a_visitor_is_sent_to_sign_in_everywhere(addresses):
    client = Client()
    for name, how in EVERYTHING:
        for method in {how, "post"}:
            answer = getattr(client, method)(addresses(name))
            assert answer.status_code == 302, name
            assert answer["Location"].startswith(reverse("account_login")), name


def test_an_outsider_does_not_learn_that_an_account_exists(addresses, sign_in, account):
    outsider = UserFactory()
    give(outsider, Level.MANAGER, SocialAccountFactory())
    client = sign_in(outsider)
    for name, (_, how) in ON_AN_ACCOUNT.items():
        for method in {how, "post"} if name not in READ_ONLY else {how}:
            answer = getattr(client, method)(addresses(name), {"reason": "x"})
            assert answer.status_code == 404, (name, method)
            assert account.display_name not in answer.content.decode()
    account.refresh_from_db()
    assert not account.is_frozen
    assert account.is_connected


def test_an_account_that_does_not_exist_answers_the_same(sign_in, administrator):
    for user in (UserFactory(), administrator):
        client = sign_in(user)
        for name, (_, how) in ON_AN_ACCOUNT.items():
            kwargs = {"account_id": 999_999}
            if name in ON_A_GRANT:
                kwargs["grant_id"] = 1
            assert getattr(client, how)(reverse(name, kwargs=kwargs)).status_code == 404


@pytest.mark.parametrize("level", [lv for lv in Level if lv is not Level.MANAGER])
def test_less_than_a_manager_looks_and_is_told_why_no_more(addresses, sign_in, account, level):
    user = UserFactory()
    give(user, level, account)
    client = sign_in(user)
    for name, (needs, how) in ON_AN_ACCOUNT.items():
        answer = getattr(client, how)(addresses(name), {"reason": "x"})
        if needs == "view":
            assert answer.status_code == 200, name
            assert "Give a level" not in answer.content.decode()
            continue
        assert answer.status_code == 403, name
        assert "needs the level manager" in answer.content.decode(), name
    assert Grant.objects.filter(ended_at=None, account=account).count() == 3
    refusals = Event.objects.filter(name="access.refused", actor_id=user.pk)
    assert refusals.count() == len(ON_AN_ACCOUNT) - 2


def test_an_auditor_looks_at_an_account_and_changes_nothing(addresses, sign_in, auditor):
    client = sign_in(auditor)
    for name, (needs, how) in ON_AN_ACCOUNT.items():
        answer = getattr(client, how)(addresses(name), {"reason": "x"})
        assert answer.status_code == (200 if needs == "view" else 403), name


def test_people_are_for_administrators_and_to_read_auditors(
    addresses, sign_in, administrator, auditor
):
    manager = UserFactory()
    give(manager, Level.MANAGER, SocialAccountFactory())
    for user, looks, changes in (
        (UserFactory(), 403, 403),
        (manager, 403, 403),
        (UserFactory(is_evidence_officer=True), 403, 403),
        (auditor, 200, 403),
        (administrator, 200, 200),
    ):
        client = sign_in(user)
        for name in LOOKING_AT_PEOPLE:
            assert client.get(addresses(name)).status_code == looks, (name, user)
        for name, how in {**CHANGING_PEOPLE, **CONNECTING}.items():
            if changes == 200 and how == "post":
                continue
            answer = getattr(client, how)(addresses(name))
            assert answer.status_code == changes, (name, user)
            if changes == 403:
                assert client.post(addresses(name), {"reason": "x"}).status_code in {403, 405}


def test_everybody_opens_their_own_page_and_the_register(addresses, sign_in):
    user = UserFactory()
    client = sign_in(user)
    for name in FOR_EVERYBODY:
        assert client.get(addresses(name)).status_code == 200
    assert client.get(reverse("people:person", args=[user.pk])).status_code == 200


def test_the_organisations_page_is_for_administrators(sign_in, administrator, auditor):
    for user, code in ((UserFactory(), 403), (auditor, 403), (administrator, 200)):
        assert sign_in(user).get(reverse("organisation")).status_code == code


def test_only_who_gives_things_to_people_gets_names_suggested(sign_in, administrator, account):
    manager, viewer = UserFactory(), UserFactory(full_name="Zadie Unique")
    give(manager, Level.MANAGER, account)
    give(viewer, Level.APPROVER, account)
    url = reverse("people:options")
    for user, code in ((viewer, 403), (manager, 200), (administrator, 200)):
        answer = sign_in(user).get(url, {"owner": "zadie"})
        assert answer.status_code == code
        assert ("Zadie Unique" in answer.content.decode()) == (code == 200)
    assert sign_in(administrator).get(url).status_code == 200


def test_what_changes_something_is_never_a_link(addresses, sign_in, administrator):
    client = sign_in(administrator)
    for name, how in EVERYTHING:
        if how == "post":
            assert client.get(addresses(name)).status_code == 405, name


def test_a_grant_of_another_account_is_not_found_here(sign_in, account):
    manager, other = UserFactory(), SocialAccountFactory()
    give(manager, Level.MANAGER, account)
    foreign = give(UserFactory(), Level.VIEWER, other)
    url = reverse("accounts:end_grant", args=[account.pk, foreign.pk])
    assert sign_in(manager).post(url).status_code == 404
    foreign.refresh_from_db()
    assert foreign.ended_at is None


@pytest.mark.parametrize(
    "holder", ["user:0", "user:x", "robot:1", "team:99999", "user:" + "9" * 40]
)
def test_a_holder_that_does_not_exist_is_not_found(sign_in, administrator, account, holder):
    url = reverse("accounts:give", args=[account.pk])
    client = sign_in(administrator)
    assert client.get(url, {"holder": holder}).status_code == 404
    assert client.post(url, {"holder": holder, "level": "viewer", "reason": "x"}).status_code == 404


def test_a_platform_that_does_not_exist_is_not_found(sign_in, administrator):
    assert sign_in(administrator).get("/accounts/connect/myspace/").status_code == 404


def test_an_administrator_sees_every_account_but_not_its_content(sign_in, administrator, account):
    client = sign_in(administrator)
    listed = client.get(reverse("accounts:register")).content.decode()
    assert account.display_name in listed
    assert "No content" in listed
    page = client.get(reverse("accounts:account", args=[account.pk])).content.decode()
    assert "You see this as an administrator" in page
    assert "recent" not in page, "what came in is not asked for"


def test_the_register_lists_only_what_one_may_see(sign_in, auditor):
    mine, other = SocialAccountFactory(), SocialAccountFactory()
    user = UserFactory()
    give(user, Level.VIEWER, mine)
    page = sign_in(user).get(reverse("accounts:register")).content.decode()
    assert mine.display_name in page
    assert other.display_name not in page
    page = sign_in(auditor).get(reverse("accounts:register")).content.decode()
    assert other.display_name in page
    empty = sign_in(UserFactory()).get(reverse("accounts:register")).content.decode()
    assert "No account is yours to see yet" in empty
    SocialAccount.objects.all().delete()
    administrator = UserFactory(is_administrator=True)
    assert "No account is connected yet" in (
        sign_in(administrator).get(reverse("accounts:register")).content.decode()
    )
