"""Connecting in the browser: the happy path of each network, and every way it goes wrong."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.authorising import FOUND_LASTS, STATE_LASTS, request_forget_old
from accounts.connections import open_account
from accounts.levels import Level
from accounts.models import AuthorisationRequest, Credential, PlatformApp, SocialAccount
from accounts.services.apps import app_remove
from audit.models import Event
from platforms import oauth
from platforms.guard import GuardedSession
from platforms.hosts import own_host
from platforms.keeping import Kept, kept
from tests.accounts.flow import CODE, app_of, begin, choose, come_back, network, said, secrets_of
from tests.factories import (
    COMMAND,
    CredentialFactory,
    SocialAccountFactory,
    UserFactory,
    give,
)
from tests.platforms.server import Fault, Reply

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["x", "threads", "linkedin", "mastodon", "facebook", "bluesky"])
def world(request, settings, monkeypatch):
    with network(request.param, settings, monkeypatch) as made:
        yield made


@pytest.fixture
def x(settings, monkeypatch):
    with network("x", settings, monkeypatch) as made:
        yield made


@pytest.fixture
def facebook(settings, monkeypatch):
    with network("facebook", settings, monkeypatch) as made:
        yield made


@pytest.fixture
def client(administrator, sign_in):
    return sign_in(administrator)


def why(answer):
    """Why nothing was connected, as the address after the answer says; it says nothing else."""
    assert answer.status_code == 302
    assert "?" not in answer["Location"]
    return answer["Location"].rstrip("/").rpartition("/")[2]


def page(client, answer):
    return client.get(answer["Location"]).content.decode()


# --- the happy paths ----------------------------------------------------------------------------


def test_an_account_is_connected_by_signing_in(world, administrator, client, caplog, settings):
    caplog.set_level(logging.DEBUG)
    asked = begin(client, world)
    assert asked["redirect_uri"] == f"{settings.BASE_URL}/accounts/connect/back/{world.key}/"
    back = come_back(client, world.key, code=CODE, state=asked["state"])
    assert back["Referrer-Policy"] == "no-referrer"
    found = client.get(back["Location"])
    number = next(
        n
        for n, (one, _) in enumerate(found.context["rows"])
        if one.identity.remote_id == world.remote_id
    )
    done = choose(client, back["Location"], number, owner=administrator.email, follow=False)
    account = SocialAccount.objects.get()
    assert done["Location"] == reverse("accounts:account", args=[account.pk])
    assert (account.platform, account.remote_id) == (world.key, world.remote_id)
    assert account.credential.app == PlatformApp.objects.get()
    open_account(account).verify()
    assert not AuthorisationRequest.objects.exists()
    connected = Event.objects.get(name="account.connected")
    assert connected.actor_id == administrator.pk
    pages = found.content.decode() + page(client, done)
    told = pages + caplog.text + str(list(Event.objects.values())) + back["Location"]
    hidden = [*secrets_of(world), asked["state"], Credential.objects.get().secret]
    assert not [secret for secret in hidden if secret in told]


def test_the_way_there_says_what_rfc_7636_and_the_platform_want(world, client):
    asked = begin(client, world)
    declared = oauth.declared(world.key)
    assert asked["client_id"] == app_of(world)[0]
    assert asked["scope"].split(declared.separator) == list(declared.scopes)
    assert ("code_challenge" in asked) == declared.pkce
    assert app_of(world)[1] not in str(asked)
    waiting = AuthorisationRequest.objects.get()
    assert waiting.verifier not in str(asked)
    assert asked["state"] not in str(AuthorisationRequest.objects.values())


def test_nothing_waits_for_a_network_within_a_transaction(
    world, client, administrator, monkeypatch
):
    usual = GuardedSession.request
    depth, seen = len(connection.savepoint_ids), set()

    def request(self, *args, **kwargs):
        seen.add(len(connection.savepoint_ids))
        return usual(self, *args, **kwargs)

    monkeypatch.setattr(GuardedSession, "request", request)
    back = come_back(client, world.key, code=CODE, state=begin(client, world)["state"])
    choose(client, back["Location"], 0, owner=administrator.email)
    assert seen == {depth}


def test_what_waits_is_sealed(facebook, client):
    back = come_back(client, "facebook", code=CODE, state=begin(client, facebook)["state"])
    assert back.status_code == 302
    with connection.cursor() as cursor:
        cursor.execute("SELECT verifier, found FROM accounts_authorisationrequest")
        stored = str(cursor.fetchone())
    assert not [secret for secret in secrets_of(facebook) if secret in stored]
    waiting = AuthorisationRequest.objects.get()
    assert facebook.secret in waiting.found
    assert waiting.verifier not in stored


# --- the host -----------------------------------------------------------------------------------


def test_the_way_back_is_made_of_the_setting_and_not_of_the_request(x, client, settings):
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://desk.example.org", ["*"]
    answer = client.post(
        reverse("accounts:connect_begin", args=["x"]), headers={"host": "evil.example"}
    )
    assert said(answer)["redirect_uri"] == "https://desk.example.org/accounts/connect/back/x/"


# --- several at once ----------------------------------------------------------------------------


def test_pages_and_instagram_accounts_are_picked_and_connected_at_once(
    facebook, client, administrator
):
    back = come_back(client, "facebook", code=CODE, state=begin(client, facebook)["state"])
    rows = client.get(back["Location"]).context["rows"]
    assert [one.platform for one, _ in rows] == ["facebook", "instagram"]
    owner = UserFactory()
    done = choose(
        client,
        back["Location"],
        0,
        1,
        owner=administrator.email,
        **{"a1-owner": owner.email, "a1-purpose": "Pictures", "a1-approval_required": "on"},
    )
    assert done["Location"] == reverse("accounts:register")
    by_platform = {account.platform: account for account in SocialAccount.objects.all()}
    assert set(by_platform) == {"facebook", "instagram"}
    assert by_platform["facebook"].owner == administrator
    instagram = by_platform["instagram"]
    assert (instagram.owner, instagram.purpose, instagram.approval_required) == (
        owner,
        "Pictures",
        True,
    )
    for account in by_platform.values():
        open_account(account).verify()
        assert account.credential.app.platform == "facebook"


def test_what_is_connected_already_is_shown_so_and_not_connected_again(
    facebook, client, administrator
):
    here = SocialAccountFactory(
        platform="facebook", base_url=own_host("facebook"), remote_id=facebook.remote_id
    )
    back = come_back(client, "facebook", code=CODE, state=begin(client, facebook)["state"])
    shown = client.get(back["Location"]).content.decode()
    assert "Connected already" in shown
    assert here.display_name in shown
    answer = choose(client, back["Location"], 0, owner=administrator.email)
    assert answer.status_code == 422
    assert "Nothing is chosen" in answer.content.decode()
    assert SocialAccount.objects.count() == 1


def test_what_one_account_lacks_keeps_none_of_the_rest_from_being_filled_in(
    facebook, client, administrator
):
    back = come_back(client, "facebook", code=CODE, state=begin(client, facebook)["state"])
    answer = choose(
        client,
        back["Location"],
        0,
        1,
        owner=administrator.email,
        **{"a1-owner": "nobody@here.example", "a0-purpose": "Kept purpose"},
    )
    assert answer.status_code == 422
    assert "Kept purpose" in answer.content.decode()
    assert not SocialAccount.objects.exists()
    assert choose(client, back["Location"], 0, owner=administrator.email).status_code == 302


def test_one_that_the_platform_takes_back_meanwhile_leaves_the_others_connected(
    facebook, client, administrator
):
    back = come_back(client, "facebook", code=CODE, state=begin(client, facebook)["state"])
    gone = Fault(
        Reply(500, {}), match=lambda asked: "instagram_business_account" in asked.one("fields")
    )
    with facebook.server.going_wrong(gone):
        answer = choose(client, back["Location"], 0, 1, owner=administrator.email)
    assert answer.status_code == 422
    assert "could not be reached" in answer.content.decode()
    assert [one.platform for one in SocialAccount.objects.all()] == ["facebook"]
    assert choose(client, back["Location"], 1, owner=administrator.email).status_code == 302
    assert SocialAccount.objects.count() == 2


def test_another_account_than_was_offered_is_not_connected(facebook, client, administrator):
    back = come_back(client, "facebook", code=CODE, state=begin(client, facebook)["state"])
    other = Fault(change=lambda told: {**told, "id": "999", "username": "other"})
    with facebook.server.going_wrong(other):
        answer = choose(client, back["Location"], 0, owner=administrator.email)
    assert "offered council and now says that it is other" in answer.content.decode()
    assert not SocialAccount.objects.exists()


# --- nothing is made of an answer ---------------------------------------------------------------


@pytest.mark.parametrize(
    "error", ["access_denied", "user_cancelled_login", "user_cancelled_authorize"]
)
def test_a_person_who_does_not_agree(x, client, error):
    state = begin(client, x)["state"]
    answer = come_back(client, "x", error=error, error_description="<b>No</b>", state=state)
    assert why(answer) == "denied"
    shown = page(client, answer)
    assert "You did not agree" in shown
    assert "Begin again" in shown
    assert "<b>No" not in shown
    assert x.server.ledger == []


@pytest.mark.parametrize("query", [{"error": "invalid_scope"}, {"error_code": "1349168"}])
def test_a_platform_that_reports_an_error(x, client, query):
    answer = come_back(client, "x", state=begin(client, x)["state"], **query)
    assert why(answer) == "error"
    assert "an administrator should compare" in page(client, answer)


def test_an_answer_without_a_code(x, client):
    assert why(come_back(client, "x", state=begin(client, x)["state"])) == "no_code"


def test_an_answer_that_nobody_asked_for(x, client):
    begin(client, x)
    for query in ({}, {"code": CODE}, {"code": CODE, "state": "made-up"}, {"error": "x"}):
        assert why(come_back(client, "x", **query)) == "unknown"
    assert x.server.ledger == []


def test_an_answer_is_taken_once(x, client):
    state = begin(client, x)["state"]
    first = come_back(client, "x", code=CODE, state=state)
    assert "/found/" in first["Location"]
    asked = len(x.server.ledger)
    assert why(come_back(client, "x", code=CODE, state=state)) == "used"
    assert len(x.server.ledger) == asked


def test_even_one_that_said_no(x, client):
    state = begin(client, x)["state"]
    come_back(client, "x", error="access_denied", state=state)
    assert why(come_back(client, "x", code=CODE, state=state)) == "used"


def test_an_answer_that_comes_too_late(x, client):
    state = begin(client, x)["state"]
    AuthorisationRequest.objects.update(begun_at=timezone.now() - STATE_LASTS)
    assert why(come_back(client, "x", code=CODE, state=state)) == "expired"
    assert x.server.ledger == []


def test_somebody_elses_answer_is_thrown_away_and_on_record(x, client, sign_in):
    state = begin(client, x)["state"]
    other = UserFactory(is_administrator=True)
    answer = come_back(sign_in(other), "x", code=CODE, state=state)
    assert why(answer) == "foreign"
    refusal = Event.objects.get(name="access.refused")
    assert refusal.actor_id == other.pk
    assert "another session" in refusal.data["reason"]
    assert why(come_back(client, "x", code=CODE, state=state)) == "used"
    assert x.server.ledger == []


def test_so_is_ones_own_from_another_session(x, client, administrator, sign_in):
    state = begin(client, x)["state"]
    assert why(come_back(sign_in(administrator), "x", code=CODE, state=state)) == "foreign"


def test_an_answer_of_another_platform(x, client):
    state = begin(client, x)["state"]
    assert why(come_back(client, "threads", code=CODE, state=state)) == "unknown"
    assert client.get("/accounts/connect/back/sandbox/").status_code == 404
    assert client.get("/accounts/connect/back/nowhere/").status_code == 404


def test_whoever_was_signed_out_meanwhile_takes_no_code_to_the_sign_in_page(x, client):
    state = begin(client, x)["state"]
    answer = come_back(Client(), "x", code=CODE, state=state)
    assert answer["Location"] == "/auth/sign-in/?next=/accounts/connect/back/x/"
    assert why(client.get("/accounts/connect/back/x/")) == "unknown"


def test_the_right_to_connect_is_asked_for_again(x, client, administrator):
    state = begin(client, x)["state"]
    administrator.is_administrator = False
    administrator.save()
    answer = come_back(client, "x", code=CODE, state=state)
    assert why(answer) == "not_allowed"
    shown = page(client, answer)
    assert "your rights changed" in shown
    assert "Begin again" not in shown
    assert Event.objects.filter(name="access.refused").count() == 1
    assert x.server.ledger == []


def test_and_at_the_choice(x, client, administrator):
    back = come_back(client, "x", code=CODE, state=begin(client, x)["state"])
    administrator.is_administrator = False
    administrator.save()
    assert client.get(back["Location"]).status_code == 403
    assert client.post(back["Location"], {"a0-chosen": "on"}).status_code == 403
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(400, {"error": "invalid_grant", "error_description": CODE}), "does not accept"),
        (Reply(503, {}), "fault of its own"),
        (Reply(200, body=b"<html>"), "cannot be understood"),
    ],
)
def test_a_platform_that_does_not_take_the_code(x, client, reply, words):
    state = begin(client, x)["state"]
    with x.server.going_wrong(Fault(reply)):
        answer = come_back(client, "x", code=CODE, state=state)
    assert why(answer) == "refused"
    shown = page(client, answer)
    assert words in shown
    assert CODE not in shown


def test_a_person_who_manages_nothing(facebook, client):
    state = begin(client, facebook)["state"]
    empty = Fault(Reply(200, {"data": []}), match=lambda asked: asked.path.endswith("/accounts"))
    with facebook.server.going_wrong(empty):
        answer = come_back(client, "facebook", code=CODE, state=state)
    assert why(answer) == "nothing"
    assert "for no account" in page(client, answer)


def test_an_app_that_was_removed_meanwhile(x, client):
    state = begin(client, x)["state"]
    app_remove(actor=COMMAND, app=PlatformApp.objects.get())
    assert why(come_back(client, "x", code=CODE, state=state)) == "unknown"


def test_no_reason_that_is_none_is_shown(client):
    assert client.get("/accounts/connect/failed/because/").status_code == 404
    assert client.get("/accounts/connect/failed/expired/").status_code == 200


# --- what waits ---------------------------------------------------------------------------------


def test_what_was_found_waits_a_quarter_of_an_hour_and_is_thrown_away(x, client, administrator):
    back = come_back(client, "x", code=CODE, state=begin(client, x)["state"])
    found_at = timezone.now() - FOUND_LASTS
    AuthorisationRequest.objects.update(found_at=found_at + timedelta(minutes=1))
    assert request_forget_old() == 0
    assert client.get(back["Location"]).status_code == 200
    AuthorisationRequest.objects.update(found_at=found_at)
    assert why(client.get(back["Location"])) == "gone"
    assert why(client.post(back["Location"], {"a0-chosen": "on"})) == "gone"
    assert request_forget_old() == 1
    assert not AuthorisationRequest.objects.exists()


def test_it_waits_for_nobody_else(x, client, sign_in, administrator):
    back = come_back(client, "x", code=CODE, state=begin(client, x)["state"])
    other = sign_in(UserFactory(is_administrator=True))
    assert why(other.get(back["Location"])) == "gone"
    assert why(sign_in(administrator).get(back["Location"])) == "gone"
    assert client.get(back["Location"]).status_code == 200


def test_what_nobody_came_back_for_is_thrown_away(x, client):
    begin(client, x)
    assert request_forget_old() == 0
    AuthorisationRequest.objects.update(begun_at=timezone.now() - timedelta(minutes=13))
    assert request_forget_old() == 1


# --- the way there ------------------------------------------------------------------------------


def test_without_app_credentials_the_page_says_what_is_needed(
    client, settings, monkeypatch, sign_in
):
    with network("x", settings, monkeypatch, app=False):
        shown = client.get(reverse("accounts:connect_to", args=["x"])).content.decode()
        assert "Set up the app credentials" in shown
        assert "Connect with X" not in shown
        answer = client.post(reverse("accounts:connect_begin", args=["x"]))
    assert answer.status_code == 422
    assert "nobody has entered its app credentials yet" in answer.content.decode()


def test_the_sandbox_is_connected_by_its_token_alone(client):
    assert client.post("/accounts/connect/sandbox/begin/").status_code == 404
    shown = client.get("/accounts/connect/sandbox/").content.decode()
    assert "Sign in at" not in shown


def test_a_form_and_not_a_link_begins_it(x, client):
    assert client.get(reverse("accounts:connect_begin", args=["x"])).status_code == 405


# --- mastodon -----------------------------------------------------------------------------------


@pytest.fixture
def mastodon(settings, monkeypatch):
    with network("mastodon", settings, monkeypatch) as made:
        yield made


def test_a_server_is_registered_with_once(mastodon, client):
    begin(client, mastodon)
    begin(client, mastodon)
    assert len(mastodon.server.asked_for("/api/v1/apps", "POST")) == 1
    app = PlatformApp.objects.get()
    assert (app.platform, app.base_url) == ("mastodon", mastodon.server.url)
    registered = Event.objects.get(name="app.registered")
    assert app_of(mastodon)[1] not in str(registered.data)


def test_and_anew_when_the_desks_address_changed(mastodon, client, settings):
    begin(client, mastodon)
    settings.BASE_URL = "https://desk.example.org"
    assert begin(client, mastodon)["redirect_uri"].startswith("https://desk.example.org/")
    assert len(mastodon.server.asked_for("/api/v1/apps", "POST")) == 2
    assert PlatformApp.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "This field is required"),
        ("ftp://x", "Enter an address like"),
        ("http://127.0.0.1:1", "could not register itself there"),
        ("http://10.0.0.7", "could not register itself there"),
    ],
)
def test_a_server_that_cannot_be_registered_with(mastodon, client, given, words):
    answer = client.post("/accounts/connect/mastodon/begin/", {"base_url": given})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert words in shown
    assert f'value="{given}"' in shown or not given
    assert not PlatformApp.objects.exists()


# --- reconnecting -------------------------------------------------------------------------------


def known(world, **more):
    account = SocialAccountFactory(
        platform=world.key, base_url=own_host(world.key), remote_id=world.remote_id, **more
    )
    tokens = oauth.Tokens("old-access", "canary-old-refresh")
    CredentialFactory(account=account, secret=tokens.dump(), app=PlatformApp.objects.get())
    return account


def again(client, account):
    return said(client.post(reverse("accounts:reconnect_begin", args=[account.pk])))


def test_an_account_is_reconnected_by_its_manager(x, sign_in):
    manager = UserFactory()
    account = known(x)
    give(manager, Level.MANAGER, account)
    client = sign_in(manager)
    assert (
        "Reconnect with X"
        in client.get(reverse("accounts:reconnect", args=[account.pk])).content.decode()
    )
    state = again(client, account)["state"]
    answer = come_back(client, "x", code=CODE, state=state)
    assert answer["Location"] == reverse("accounts:account", args=[account.pk])
    assert oauth.load(Credential.objects.get().secret).access_token == x.fake.access
    assert Event.objects.filter(name="account.reconnected", actor_id=manager.pk).count() == 1
    assert not AuthorisationRequest.objects.exists()


def test_a_manager_who_is_one_no_longer(x, sign_in):
    manager = UserFactory()
    account = known(x)
    grant = give(manager, Level.MANAGER, account)
    client = sign_in(manager)
    state = again(client, account)["state"]
    grant.delete()
    assert why(come_back(client, "x", code=CODE, state=state)) == "not_allowed"
    assert oauth.load(Credential.objects.get().secret).access_token == "old-access"


@pytest.mark.parametrize("key", ["x", "facebook"])
def test_another_account_is_refused_in_words_that_name_both(key, client, settings, monkeypatch):
    with network(key, settings, monkeypatch) as world:
        account = known(world)
        SocialAccount.objects.update(remote_id="12345", handle="@ours")
        answer = come_back(client, key, code=CODE, state=again(client, account)["state"])
        assert why(answer) == "another"
        shown = page(client, answer)
        assert "You agreed for council" in shown
        assert "This account is @ours." in shown
        assert oauth.load(Credential.objects.get().secret).access_token == "old-access"


def test_a_page_is_reconnected_out_of_those_that_are_offered(facebook, client):
    account = known(facebook)
    answer = come_back(client, "facebook", code=CODE, state=again(client, account)["state"])
    assert answer["Location"] == reverse("accounts:account", args=[account.pk])
    assert Credential.objects.get().secret == facebook.secret


def without_refresh_token(told):
    return {k: v for k, v in told.items() if k != "refresh_token"}


def test_a_refresh_token_that_does_not_come_anew_is_kept(x, client):
    account = known(x)
    state = again(client, account)["state"]
    with x.server.going_wrong(
        Fault(change=without_refresh_token, match=lambda asked: "token" in asked.path)
    ):
        come_back(client, "x", code=CODE, state=state)
    credential = Credential.objects.get()
    now = kept(credential.secret, credential.session).tokens
    assert (now.access_token, now.refresh_token) == (x.fake.access, "canary-old-refresh")
    assert credential.lapses_at is None


def test_the_newest_is_kept_that_a_worker_renewed_meanwhile(x, client):
    account = known(x)
    secret = account.credential.secret
    session = Kept(oauth.Tokens("newer", "canary-newer-refresh")).dump(secret)
    Credential.objects.get().delete()
    CredentialFactory(
        account=account, secret=secret, session=session, app=PlatformApp.objects.get()
    )
    state = again(client, account)["state"]
    with x.server.going_wrong(
        Fault(change=without_refresh_token, match=lambda asked: "token" in asked.path)
    ):
        come_back(client, "x", code=CODE, state=state)
    credential = Credential.objects.get()
    now = kept(credential.secret, credential.session).tokens
    assert now.refresh_token == "canary-newer-refresh"


def test_one_of_another_app_is_not_kept(x, client):
    account = known(x)
    Credential.objects.update(app=None)
    state = again(client, account)["state"]
    with x.server.going_wrong(
        Fault(change=without_refresh_token, match=lambda asked: "token" in asked.path)
    ):
        come_back(client, "x", code=CODE, state=state)
    assert oauth.load(Credential.objects.get().secret).refresh_token == ""
