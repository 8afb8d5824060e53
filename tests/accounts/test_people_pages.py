"""The pages of people, teams, invitations and settings, used as a person uses them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.levels import Level
from accounts.models import Invitation, User
from accounts.services.leaving import user_leave
from accounts.services.people import invitation_withdraw, user_invite
from accounts.views import invitations as invitation_views
from tests.factories import (
    COMMAND,
    PASSWORD,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(sign_in, administrator):
    return sign_in(administrator)


def text_of(answer):
    return answer.content.decode()


def main_of(answer):
    return text_of(answer).partition("<main")[2].partition("</main>")[0]


# --- the list ---------------------------------------------------------------------------------


@pytest.fixture
def staff():
    team = make_team("Press office", UserFactory(full_name="Penny Press"))
    UserFactory(full_name="Ada Admin", is_administrator=True)
    UserFactory(full_name="Fritz Frozen", frozen_at=timezone.now())
    UserFactory(full_name="Liz Left", is_active=False)
    Authenticator.objects.create(user=UserFactory(full_name="Max Factor"), type="totp", data={})
    return team


NAMES = ("Penny Press", "Ada Admin", "Fritz Frozen", "Liz Left", "Max Factor")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, set(NAMES)),
        ({"q": "press"}, {"Penny Press"}),
        ({"q": "northmoor.example"}, set(NAMES)),
        ({"role": "is_administrator"}, {"Ada Admin"}),
        ({"state": "active"}, {"Penny Press", "Ada Admin", "Max Factor"}),
        ({"state": "frozen"}, {"Fritz Frozen"}),
        ({"state": "left"}, {"Liz Left"}),
        ({"state": "no_mfa"}, {"Penny Press", "Ada Admin", "Fritz Frozen"}),
        ({"q": "nobody is called so"}, set()),
        ({"role": "is_god"}, set(NAMES)),
    ],
)
def test_people_are_filtered(client, staff, asked, found):
    main = main_of(client.get(reverse("people:people"), asked))
    assert {name for name in NAMES if name in main} == found
    assert ("Nobody matches these filters" in main) == (not found)


def test_people_of_one_team(client, staff):
    main = main_of(client.get(reverse("people:people"), {"team": staff.pk}))
    assert "Penny Press" in main
    assert "Ada Admin" not in main


def test_the_matrix_shows_the_highest_level_and_where_it_comes_from(client):
    account = SocialAccountFactory(display_name="Fire")
    both, by_team = UserFactory(full_name="Bo Both"), UserFactory(full_name="Tim Team")
    gone = UserFactory(full_name="Gus Gone")
    give(gone, Level.MANAGER, account)
    give(both, Level.APPROVER, account)
    give(make_team("Press office", both, by_team), Level.PUBLISHER, account)
    give(UserFactory(full_name="Ed Ended"), Level.MANAGER, account, expired=True)
    user_leave(actor=COMMAND, user=gone, reason="x")
    answer = client.get(reverse("people:matrix"))
    cells = {str(user): row[0] for user, row in answer.context["rows"]}
    assert (cells["Bo Both"].level, cells["Bo Both"].team) == ("approver", "")
    assert (cells["Tim Team"].level, cells["Tim Team"].team) == ("publisher", "Press office")
    assert cells["Ed Ended"] is None
    assert "Gus Gone" not in cells
    assert "through Press office" in text_of(answer)


def test_the_matrix_is_filtered_and_paged_both_ways(client):
    accounts = [SocialAccountFactory(display_name=f"Account {n:02}") for n in range(12)]
    team = make_team("Press office", UserFactory(full_name="Penny Press"))
    for n in range(30):
        UserFactory(full_name=f"Worker {n:02}")
    give(team, Level.VIEWER, accounts[11])
    url = reverse("people:matrix")
    first = client.get(url)
    assert len(first.context["rows"]) == 25
    assert len(first.context["accounts"]) == 10
    across = client.get(url + first.context["columns"]["after_url"])
    assert [a.display_name for a in across.context["accounts"]] == ["Account 10", "Account 11"]
    down = client.get(url + first.context["after_url"])
    assert len(down.context["rows"]) == User.objects.count() - 25
    only = client.get(url, {"q": "penny", "account": "11", "team": team.pk})
    ((user, cells),) = only.context["rows"]
    assert (str(user), [c.level for c in cells]) == ("Penny Press", ["viewer"])
    assert "Nothing matches these filters" in text_of(client.get(url, {"q": "xyzzy"}))


def test_an_empty_matrix_says_what_to_do(client):
    assert "Connect an account and invite people" in text_of(client.get(reverse("people:matrix")))


# --- one person -------------------------------------------------------------------------------


def test_a_persons_page_says_every_right_and_where_it_comes_from(client):
    user = UserFactory(full_name="Rea Rights", is_auditor=True)
    fire, police = (
        SocialAccountFactory(display_name="Fire", owner=user),
        SocialAccountFactory(display_name="Police"),
    )
    give(user, Level.CONTRIBUTOR, fire)
    give(make_team("Press office", user), Level.APPROVER, police)
    give(user, Level.MANAGER, SocialAccountFactory(display_name="Parks"), expired=True)
    page = main_of(client.get(reverse("people:person", args=[user.pk])))
    for words in (
        "Contributor",
        "Through the team Press office",
        "Approver",
        "read and export the record",
        "Owner of",
        "Levels that ended",
        "Manager on Parks",
    ):
        assert words.lower() in page.lower(), words


def test_ones_own_page_offers_nothing_to_change(sign_in):
    user = UserFactory()
    page = main_of(sign_in(user).get(reverse("people:person", args=[user.pk])))
    for words in ("Freeze", "Roles</a>", "leaving", "on record"):
        assert words not in page
    assert "No level on any account" in page


def test_a_person_who_does_not_exist(client):
    assert client.get(reverse("people:person", args=[999_999])).status_code == 404


def test_freezing_and_lifting_by_the_page(client, sign_in):
    user = UserFactory()
    theirs = sign_in(user)
    url = reverse("people:freeze", args=[user.pk])
    assert "signed out" in text_of(client.get(url))
    assert client.post(url, {"reason": ""}).status_code == 422
    client.post(url, {"reason": "Phone stolen"})
    assert theirs.get("/settings/").status_code == 302
    assert "Phone stolen" in text_of(client.get(reverse("people:person", args=[user.pk])))
    assert "frozen already" in text_of(client.post(url, {"reason": "again"}))
    lift = reverse("people:unfreeze", args=[user.pk])
    client.post(lift)
    user.refresh_from_db()
    assert not user.is_frozen
    assert "is not frozen" in text_of(client.post(lift, follow=True))


def test_nobody_freezes_or_closes_themselves(client, administrator):
    for name, words in (("freeze", "cannot freeze yourself"), ("leave", "your own access")):
        answer = client.post(reverse(f"people:{name}", args=[administrator.pk]), {"reason": "whim"})
        assert words in text_of(answer)
    administrator.refresh_from_db()
    assert administrator.is_active
    assert not administrator.is_frozen


def test_roles_are_given_and_taken(client, administrator):
    user = UserFactory()
    url = reverse("people:roles", args=[user.pk])
    client.post(url, {"roles": ["is_auditor", "is_administrator"]})
    user.refresh_from_db()
    assert user.role_labels == ["administrator", "auditor"]
    assert "checked" in text_of(client.get(url))
    client.post(url, {})
    user.refresh_from_db()
    assert user.role_labels == []
    assert client.post(url, {"roles": ["is_god"]}).status_code == 422
    own = reverse("people:roles", args=[administrator.pk])
    assert "Nobody would be left" in text_of(client.post(own, {}))


def test_leaving_says_what_ends_and_ends_it(client, sign_in):
    user = UserFactory(full_name="Lea Leaver", is_auditor=True)
    account = SocialAccountFactory(display_name="Fire", owner=user)
    give(user, Level.PUBLISHER, account)
    make_team("Press office", user)
    theirs = sign_in(user)
    url = reverse("people:leave", args=[user.pk])
    page = main_of(client.get(url))
    for words in ("Publisher on Fire", "Press office", "Auditor", "1 session"):
        assert words in page
    assert "New owner of their accounts" in page
    assert client.post(url, {"reason": ""}).status_code == 422
    client.post(url, {"reason": "Retired"})
    assert theirs.get("/settings/").status_code == 302
    page = main_of(client.get(reverse("people:person", args=[user.pk])))
    assert "Has left" in page
    assert "Freeze" not in page
    assert "left already" in text_of(client.post(url, {"reason": "again"}))


# --- invitations --------------------------------------------------------------------------------


def invited(client, callbacks, **data):
    good = {"full_name": "Nia New", "email": "nia@northmoor.example"}
    with callbacks(execute=True):
        return client.post(reverse("people:invite"), {**good, **data}, follow=True)


def link_of(message):
    return re.search(r"http\S+/people/join/\S+", message.body)[0].partition(":8000")[2] or (
        "/people/join/" + message.body.partition("/people/join/")[2].split()[0]
    )


def test_a_person_comes_in_by_invitation_and_goes_straight_to_the_desk(
    client, django_capture_on_commit_callbacks, caplog
):
    account, team = SocialAccountFactory(), make_team("Press office")
    give(team, Level.CONTRIBUTOR, account)
    answer = invited(client, django_capture_on_commit_callbacks, teams=[team.pk])
    assert "on its way to nia@northmoor.example" in text_of(answer)
    link = link_of(mail.outbox[0])
    token = link.rstrip("/").rpartition("/")[2]

    visitor = Client()
    first = visitor.get(link)
    assert first["Location"] == reverse("people:join"), "the address is clean at once"
    assert first["Referrer-Policy"] == "no-referrer"
    assert "no-store" in first["Cache-Control"]
    assert token not in str(dict(visitor.session.items())), "kept sealed"
    page = visitor.get(first["Location"])
    assert "nia@northmoor.example" in text_of(page)
    assert token not in text_of(page)
    data = {"full_name": "Nia Newcomer", "password": PASSWORD, "again": PASSWORD}
    wrong = visitor.post(reverse("people:join"), {**data, "again": "another-one-42"})
    assert wrong.status_code == 422
    assert "not the same" in text_of(wrong)
    assert PASSWORD not in text_of(wrong)
    weak = visitor.post(reverse("people:join"), {**data, "password": "short", "again": "short"})
    assert "too short" in weak.context["form"].errors["password"][0]
    done = visitor.post(reverse("people:join"), data)
    assert done["Location"] == "/"
    assert visitor.get(reverse("accounts:account", args=[account.pk])).status_code == 200
    assert "invitation" not in visitor.session
    assert token not in caplog.text

    again = Client()
    used = again.get(link, follow=True)
    assert used.status_code == 410
    assert "It was used" in text_of(used)


def test_where_mfa_is_demanded_joining_leads_to_setting_it_up(client, settings):
    _, link = user_invite(actor=COMMAND, email="nia@northmoor.example", full_name="Nia", send=False)
    settings.REQUIRE_MFA = True
    visitor = Client()
    visitor.get(link.partition("/people")[1] + link.partition("/people")[2])
    data = {"full_name": "Nia", "password": PASSWORD, "again": PASSWORD}
    visitor.post(reverse("people:join"), data)
    assert visitor.get("/")["Location"] == reverse("mfa_index")
    page = visitor.get(reverse("mfa_activate_totp"))
    assert page.status_code == 200, "the password just chosen is not asked for again"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("expired", "send it again"),
        ("withdrawn", "It was withdrawn"),
        ("unknown", "not complete, or not one of ours"),
        ("none", "not complete, or not one of ours"),
    ],
)
def test_a_link_that_does_not_work_explains_itself(spoil, words):
    invitation, link = user_invite(
        actor=COMMAND, email="nia@northmoor.example", full_name="Nia", send=False
    )
    visitor, path = Client(), "/people" + link.partition("/people")[2]
    if spoil == "expired":
        invitation.expires_at = timezone.now() - timedelta(seconds=1)
        invitation.save()
    elif spoil == "withdrawn":
        invitation_withdraw(actor=COMMAND, invitation=invitation)
    elif spoil == "unknown":
        path = "/people/join/made-up/"
    if spoil != "none":
        visitor.get(path)
    for answer in (
        visitor.get(reverse("people:join")),
        visitor.post(reverse("people:join"), {"full_name": "N", "password": PASSWORD}),
    ):
        assert answer.status_code == 410
        assert words in text_of(answer)
    assert not User.objects.filter(email="nia@northmoor.example").exists()


def test_an_address_taken_meanwhile_is_said(client):
    _, link = user_invite(actor=COMMAND, email="nia@northmoor.example", full_name="Nia", send=False)
    UserFactory(email="nia@northmoor.example")
    visitor = Client()
    visitor.get("/people" + link.partition("/people")[2])
    data = {"full_name": "Nia", "password": PASSWORD, "again": PASSWORD}
    answer = visitor.post(reverse("people:join"), data)
    assert answer.status_code == 422
    assert "already here" in text_of(answer)


def test_somebody_signed_in_is_told_so(sign_in):
    _, link = user_invite(actor=COMMAND, email="nia@northmoor.example", full_name="Nia", send=False)
    user = UserFactory()
    answer = sign_in(user).get("/people" + link.partition("/people")[2], follow=True)
    assert f"signed in as {user.email}" in text_of(answer)


def test_an_invitation_is_sent_again_and_withdrawn(client, django_capture_on_commit_callbacks):
    team = make_team("Press office")
    invited(client, django_capture_on_commit_callbacks, teams=[team.pk], roles=["is_auditor"])
    first = Invitation.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("people:invite_again", args=[first.pk]))
    first.refresh_from_db()
    assert first.withdrawn_at is not None
    second = Invitation.objects.exclude(pk=first.pk).get()
    assert (second.is_auditor, list(second.teams.all())) == (True, [team])
    assert len(mail.outbox) == 2
    assert link_of(mail.outbox[0]) != link_of(mail.outbox[1])
    url = reverse("people:withdraw", args=[second.pk])
    client.post(url)
    assert "no longer open" in text_of(client.post(url, follow=True))
    assert "No invitation is open" in text_of(client.get(reverse("people:invitations")))
    everything = text_of(client.get(reverse("people:invitations"), {"shown": "all"}))
    assert everything.count("Withdrawn") >= 2


def test_every_state_of_an_invitation_is_said(client, django_capture_on_commit_callbacks):
    for n, how in enumerate(
        ({"accepted_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(days=1)}, {})
    ):
        made, _ = user_invite(
            actor=COMMAND, email=f"n{n}@northmoor.example", full_name="N", send=False
        )
        Invitation.objects.filter(pk=made.pk).update(**how)
    page = main_of(client.get(reverse("people:invitations"), {"shown": "all"}))
    for words in ("Accepted", "Expired", "Open", "The command line"):
        assert words in page


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"full_name": ""}, "full_name"),
        ({"roles": ["is_god"]}, "roles"),
        ({"teams": ["999"]}, "teams"),
        ({"email": "here@northmoor.example"}, "email"),
    ],
)
def test_an_invitation_that_makes_no_sense(client, django_capture_on_commit_callbacks, data, field):
    UserFactory(email="here@northmoor.example")
    answer = invited(client, django_capture_on_commit_callbacks, **data)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert not mail.outbox


def test_a_mail_server_that_fails_is_said_and_the_invitation_stands(client, monkeypatch):
    def fails(**kwargs):
        user_invite(**kwargs, send=False)
        raise ConnectionRefusedError

    monkeypatch.setattr(invitation_views, "user_invite", fails)
    data = {"full_name": "Nia", "email": "nia@northmoor.example"}
    answer = client.post(reverse("people:invite"), data, follow=True)
    assert "could not be sent" in text_of(answer)
    assert Invitation.objects.get().is_open


def test_inviting_again_somebody_who_came_in_meanwhile(client):
    made, _ = user_invite(actor=COMMAND, email="nia@northmoor.example", full_name="N", send=False)
    UserFactory(email="nia@northmoor.example")
    url = reverse("people:invite_again", args=[made.pk])
    assert "already here" in text_of(client.post(url, follow=True))


# --- teams ------------------------------------------------------------------------------------


def test_a_team_from_beginning_to_end(client):
    assert "No team yet" in text_of(client.get(reverse("people:teams")))
    new = reverse("people:team_new")
    assert client.post(new, {"name": ""}).status_code == 422
    page = client.post(new, {"name": "Press", "purpose": "Speaks"}, follow=True)
    assert "Nobody is in this team yet" in text_of(page)
    assert "of this name" in text_of(client.post(new, {"name": "press"}))
    team = page.context["team"]
    user = UserFactory(full_name="Penny Press")
    add = reverse("people:member_add", args=[team.pk])
    page = client.post(add, {"person": "penny press"}, follow=True)
    assert "has its levels" in text_of(page)
    assert "in this team already" in text_of(client.post(add, {"person": user.email}))
    assert client.post(add, {"person": ""}).status_code == 422
    assert client.post(add, {"person": "nobody"}).status_code == 422
    give(team, Level.PUBLISHER, SocialAccountFactory(display_name="Fire"))
    page = main_of(client.get(reverse("people:team", args=[team.pk])))
    assert "Fire" in page
    assert "Publisher" in page
    listed = main_of(client.get(reverse("people:teams")))
    assert "1 person" in listed
    assert "on 1 account" in listed
    change = reverse("people:team_change", args=[team.pk])
    assert client.get(change).status_code == 200
    make_team("Other")
    taken = client.post(change, {"name": "other"})
    assert "of this name" in text_of(taken)
    client.post(change, {"name": "Press office", "purpose": ""})
    team.refresh_from_db()
    assert team.name == "Press office"
    remove = reverse("people:member_remove", args=[team.pk, user.pk])
    client.post(remove)
    assert not user.groups.exists()
    assert "not in this team" in text_of(client.post(remove, follow=True))
    assert client.get(reverse("people:team", args=[999_999])).status_code == 404


# --- settings ---------------------------------------------------------------------------------


def test_a_profile_is_changed(sign_in):
    user = UserFactory(full_name="Old Name")
    client = sign_in(user)
    data = {"full_name": "New Name", "time_zone": "lisbon"}
    client.post(reverse("profile"), data)
    user.refresh_from_db()
    assert (user.full_name, user.time_zone) == ("New Name", "Europe/Lisbon")
    assert client.post(reverse("profile"), {**data, "full_name": " "}).status_code == 422
    assert client.post(reverse("profile"), {**data, "time_zone": "x"}).status_code == 422
    client.post(reverse("profile"), {**data, "time_zone": ""})
    user.refresh_from_db()
    assert user.time_zone == ""


def test_a_profile_says_what_one_may_do(sign_in):
    user = UserFactory()
    give(user, Level.PUBLISHER, SocialAccountFactory(display_name="Fire"))
    page = main_of(sign_in(user).get(reverse("profile")))
    assert "Publisher" in page
    assert "Organisation" not in page


def test_the_organisations_page_draws_the_table_of_the_code(client, settings):
    settings.REQUIRE_MFA = True
    Authenticator.objects.create(user=User.objects.get(is_administrator=True), type="totp", data={})
    page = main_of(client.get(reverse("organisation")))
    assert page.count('aria-label="Yes"') == 1 + 2 + 4 + 5 + 6
    assert "Demanded from everybody" in page
    assert settings.SECRET_KEY not in page
    for key in settings.CREDENTIAL_KEYS:
        assert key not in page
