"""An account on Bluesky, connected by signing in there: on the pages, renewed, ended."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import jwt
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import tasks
from accounts.connections import account_renew, open_account
from accounts.health import account_check
from accounts.models import (
    AuthorisationRequest,
    Credential,
    Lockdown,
    LockdownState,
    PlatformApp,
    SocialAccount,
)
from accounts.services.lockdowns import account_lock_down
from audit.models import Event
from platforms import oauth
from platforms.contract import StepsInMemory
from tests.accounts.flow import CODE, app_of, begin, choose, come_back, network
from tests.factories import COMMAND, CredentialFactory, SocialAccountFactory
from tests.platforms.fake_bluesky import DID, HANDLE, STRANGER
from tests.platforms.server import Fault, Reply
from tests.platforms.world import outgoing

pytestmark = pytest.mark.django_db
DOCUMENT = "/oauth-client-metadata.json"
BEGIN = "/accounts/connect/bluesky/begin/"


@pytest.fixture
def world(settings, monkeypatch):
    with network("bluesky", settings, monkeypatch) as made:
        yield made


@pytest.fixture
def there(world):
    return world.fake.sign_in


@pytest.fixture
def client(administrator, sign_in):
    return sign_in(administrator)


def why(answer):
    return answer["Location"].rstrip("/").rpartition("/")[2]


def page(client, answer):
    return client.get(answer["Location"]).content.decode()


def agreed(client, world, **said):
    state = begin(client, world)["state"]
    return come_back(client, "bluesky", code=CODE, state=state, **said)


@pytest.fixture
def account(world, client, administrator):
    choose(client, agreed(client, world)["Location"], 0, owner=administrator.email)
    return SocialAccount.objects.get()


# --- what servers read ----------------------------------------------------------------------------


def test_whoever_reads_the_document_can_check_that_it_was_this_desk(world, there, client):
    assert Client().get(DOCUMENT).status_code == 404  # nothing has a key yet
    begin(client, world)
    answer = Client().get(DOCUMENT)
    assert answer["Content-Type"] == "application/json"
    assert "Set-Cookie" not in answer
    told = answer.json()
    assert told["client_id"] == f"https://desk.example.org{DOCUMENT}"
    assert told["redirect_uris"] == [there.pushed[0]["redirect_uri"]]
    (key,) = told["jwks"]["keys"]
    for assertion in there.assertions:
        assert jwt.get_unverified_header(assertion)["kid"] == key["kid"]
        jwt.decode(
            assertion,
            jwt.PyJWK(key).key,
            algorithms=["ES256"],
            audience=there.issuer,
            issuer=told["client_id"],
        )
    assert "d" not in key
    assert app_of(world)[1] not in answer.content.decode()
    assert Client().post(DOCUMENT).status_code == 405


def test_the_key_is_made_once_and_stays(world, client):
    begin(client, world)
    first = app_of(world)
    begin(client, world)
    assert app_of(world) == first
    assert Event.objects.filter(name="app.registered").count() == 1
    PlatformApp.objects.update(client_secret="sealed by nobody")
    assert Client().get(DOCUMENT).status_code == 404


def test_a_desk_on_one_machine_is_a_client_for_development(world, client, settings):
    settings.BASE_URL = "http://127.0.0.1:8000"
    asked = begin(client, world)
    assert asked["client_id"].startswith("http://localhost?redirect_uri=")
    assert Client().get(DOCUMENT).status_code == 404


def test_a_desk_that_nobody_can_read_says_so_before_anybody_is_sent_away(world, client, settings):
    settings.BASE_URL = "http://desk.internal"
    answer = client.post(BEGIN, {"who": HANDLE})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "has to begin with https://" in shown
    assert HANDLE in shown
    assert world.server.ledger == []
    platform = client.get(reverse("platform_app", args=["bluesky"])).content.decode()
    assert "Nobody can sign in there yet" in platform


# --- there ----------------------------------------------------------------------------------------


def test_the_page_offers_to_sign_in_first_and_the_app_password_beneath(client):
    shown = client.get("/accounts/connect/bluesky/").content.decode()
    by_browser, pasted = shown.index("Sign in at Bluesky"), shown.index("App password")
    assert by_browser < pasted
    assert "Handle or server" in shown


@pytest.mark.parametrize(
    ("who", "words"),
    [("", "This field is required"), ("nobody.bsky.test", "Nobody on Bluesky is called")],
)
def test_whoever_is_not_found_is_asked_again_and_nothing_is_lost(client, world, who, words):
    answer = client.post(BEGIN, {"who": who})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert words in shown
    assert f'value="{who}"' in shown or not who
    assert not AuthorisationRequest.objects.exists()


def test_the_way_there_names_the_server_and_holds_no_state(client, world, there):
    answer = client.post(BEGIN, {"who": HANDLE})
    shown = answer.content.decode()
    assert f"Go to {there.url}" in shown
    assert there.pushed[0]["state"] not in shown
    waiting = AuthorisationRequest.objects.get()
    kept = json.loads(waiting.verifier)
    assert not [one for one in (kept["key"], kept["verifier"]) if one in shown]


# --- and back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", ["", "https://evil.example"])
def test_an_answer_that_another_server_gave(client, world, issuer):
    answer = agreed(client, world, iss=issuer)
    assert why(answer) == "refused"
    assert "another server" in page(client, answer)
    assert world.server.asked_for("/oauth/token") == []


def test_whoever_agreed_as_somebody_else(client, world, there):
    there.agrees = STRANGER
    answer = agreed(client, world)
    assert why(answer) == "refused"
    assert "another account" in page(client, answer)
    assert there.grants == []


def test_an_answer_is_taken_once(client, world):
    state = begin(client, world)["state"]
    assert "/found/" in come_back(client, "bluesky", code=CODE, state=state)["Location"]
    assert why(come_back(client, "bluesky", code=CODE, state=state)) == "used"


def test_the_account_says_where_it_signs_in(account, there):
    assert (account.base_url, account.remote_id, account.handle) == (there.issuer, DID, HANDLE)
    credential = account.credential
    assert credential.app == PlatformApp.objects.get()
    assert credential.scopes == ["atproto", "transition:generic"]
    assert credential.missing_scopes == []
    assert credential.renew_at < credential.ends_at
    open_account(account).publish(outgoing("Good morning"), steps=StepsInMemory())


def test_the_accounts_page_says_that_it_renews_itself(account, client):
    shown = client.get(reverse("accounts:account", args=[account.pk])).content.decode()
    assert "Next renewal" in shown
    assert "By itself" in shown


# --- again ----------------------------------------------------------------------------------------


def test_an_account_of_an_app_password_signs_in_and_stays_the_same(world, client, there):
    """It is known by its DID, whatever address it was connected at."""
    account = SocialAccountFactory(
        platform="bluesky", base_url="https://bsky.social", remote_id=DID, handle=HANDLE
    )
    CredentialFactory(account=account, secret="abcd-efgh-ijkl-mnop")
    answer = client.post(reverse("accounts:reconnect_begin", args=[account.pk]))
    assert answer.status_code == 200
    assert there.pushed[-1]["login_hint"] == DID
    state = there.pushed[-1]["state"]
    done = come_back(client, "bluesky", code=CODE, state=state)
    assert done["Location"] == reverse("accounts:account", args=[account.pk])
    account = SocialAccount.objects.get()
    assert account.base_url == "https://bsky.social"
    assert oauth.load(account.credential.secret).bound.server == world.server.url
    open_account(account).verify()
    shown = client.get(agreed(client, world)["Location"]).content.decode()
    assert "Connected already" in shown


def test_with_another_account_nothing_is_changed(account, client, there):
    before = account.credential.secret
    client.post(reverse("accounts:reconnect_begin", args=[account.pk]))
    there.agrees = STRANGER
    answer = come_back(client, "bluesky", code=CODE, state=there.pushed[-1]["state"])
    assert why(answer) == "refused"
    assert Credential.objects.get().secret == before


# --- kept connected -------------------------------------------------------------------------------


def test_tokens_are_renewed_ahead_and_on_record(account, there):
    first = oauth.load(account.credential.secret)
    Credential.objects.update(renew_at=timezone.now())
    tasks.renew_tokens()
    assert there.grants[0].used == {first.refresh_token}
    credential = Credential.objects.get()
    assert credential.renewed_at is not None
    assert credential.renew_at - timezone.now() > timedelta(minutes=20)
    assert Event.objects.filter(name="account.credentials_renewed").count() == 1
    open_account(SocialAccount.objects.get()).verify()


def test_two_that_were_opened_before_renew_once(account, there):
    one, other = (SocialAccount.objects.select_related("credential").get() for _ in range(2))
    there.grants[0].access = "ended early"
    open_account(one).verify()
    open_account(other).verify()
    assert len(there.grants[0].used) == 1
    assert len(there.grants) == 1


def test_a_sign_in_that_was_ended_there_needs_a_person(account, there, client):
    there.grants.clear()
    assert account_check(actor=COMMAND, account=account) is not None
    account.refresh_from_db()
    assert account.health == "lost"
    shown = client.get(reverse("accounts:account", args=[account.pk])).content.decode()
    assert "Bluesky ended this sign-in" in shown


def test_a_desk_that_cannot_be_read_just_now_stays_connected(account, world):
    unread = Fault(
        Reply(400, {"error": "invalid_client_metadata"}), match=lambda a: a.path == "/oauth/token"
    )
    Credential.objects.update(renew_at=timezone.now())
    with world.server.going_wrong(unread):
        tasks.renew_tokens()
    credential = Credential.objects.get()
    assert credential.renewal_failures == 1
    assert credential.renewal_refused_at is None
    assert account_renew(SocialAccount.objects.get())


# --- ended ----------------------------------------------------------------------------------------


def test_a_lockdown_ends_the_sign_in_at_the_server(account, there, caplog):
    caplog.set_level(logging.DEBUG)
    secret = account.credential.secret
    account_lock_down(actor=COMMAND, account=account, reason="Taken over.")
    assert Lockdown.objects.get().state == LockdownState.ASKING
    tasks.revoke_tokens()
    lockdown = Lockdown.objects.get()
    assert (lockdown.state, lockdown.secret) == (LockdownState.REVOKED, "")
    assert there.grants == []
    told = caplog.text + str(list(Event.objects.values()))
    assert not [one for one in oauth.load(secret).secrets() if one in told]


# --- under Settings -------------------------------------------------------------------------------


def test_the_settings_say_that_there_is_nothing_to_register(world, client):
    shown = client.get(reverse("platform_apps")).content.decode()
    assert "Nothing to register" in shown
    address = reverse("platform_app", args=["bluesky"])
    shown = client.get(address).content.decode()
    assert f"https://desk.example.org{DOCUMENT}" in shown
    assert "Enter them" not in shown
    answer = client.post(address, {"client_id": "x", "client_secret": "y"})
    assert answer.status_code == 422
    assert not PlatformApp.objects.exists()


def test_it_can_be_tested_whether_servers_read_about_the_desk(world, client, there, monkeypatch):
    begin(client, world)
    PlatformApp.objects.update(base_url=world.server.url)  # the one that is asked
    test = reverse("platform_app_test", args=[PlatformApp.objects.get().pk])
    assert "Bluesky knows this desk" in client.post(test, follow=True).content.decode()
    for error in ("invalid_client_metadata", "invalid_client"):
        unread = Fault(Reply(400, {"error": error}), match=lambda a: a.path == "/oauth/par")
        with world.server.going_wrong(unread):
            assert "does not know this desk" in client.post(test, follow=True).content.decode()
    with world.server.going_wrong(Fault(Reply(503, {}))):
        assert "fault of its own" in client.post(test, follow=True).content.decode()
