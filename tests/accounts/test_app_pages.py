"""The administrator's page about platforms: what an app takes, entering, testing, removing it."""

from __future__ import annotations

import logging

import pytest
from django.urls import reverse
from django.utils.html import escape

from accounts.authorising import redirect_uri
from accounts.models import PlatformApp
from accounts.services.apps import app_set
from audit.models import Event
from platforms.registry import platform_info, platform_keys
from tests.accounts.flow import app_of, network
from tests.factories import COMMAND, CredentialFactory, UserFactory
from tests.platforms.server import Fault, Reply

pytestmark = pytest.mark.django_db
CANARY = "canary-app-secret-typed"
BY_HAND = ["x", "facebook", "threads", "linkedin"]


@pytest.fixture
def client(administrator, sign_in):
    return sign_in(administrator)


def at(platform):
    return reverse("platform_app", args=[platform])


def test_every_platform_with_an_app_is_listed(client):
    shown = client.get(reverse("platform_apps")).content.decode()
    for key in ("mastodon", *BY_HAND):
        assert at(key) in shown
    assert "Facebook Page and Instagram" in shown
    assert at("instagram") not in shown
    assert shown.count("Not set up") == len(BY_HAND)


@pytest.mark.parametrize("key", BY_HAND)
def test_a_page_says_all_that_it_takes(client, key):
    oauth = platform_info(key).oauth
    shown = client.get(at(key)).content.decode()
    told = [oauth.app_help, oauth.console, oauth.review, oauth.id_label, oauth.secret_label]
    assert not [words for words in told if escape(words) not in shown]
    assert not [scope for scope in oauth.scopes if f"<code>{scope}</code>" not in shown]
    assert redirect_uri(key) in shown


def test_no_page_for_what_has_no_app(client):
    for key in set(platform_keys()) - {"bluesky", "mastodon", *BY_HAND}:
        assert client.get(at(key)).status_code == 404


def test_what_is_entered_is_never_shown_again(client, caplog):
    caplog.set_level(logging.DEBUG)
    given = {"client_id": "id-1", "client_secret": CANARY}
    answer = client.post(at("x"), given)
    assert answer["Location"] == at("x")
    shown = (
        client.get(at("x")).content.decode() + client.get("/settings/platforms/").content.decode()
    )
    assert "id-1" in shown
    assert "Sealed, and never shown" in shown
    assert CANARY not in shown + caplog.text + str(list(Event.objects.values()))
    assert PlatformApp.objects.get().client_secret == CANARY


def test_what_is_wrong_keeps_the_id_and_not_the_secret(client):
    answer = client.post(at("linkedin"), {"client_id": "two words", "client_secret": CANARY})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "two words" in shown
    assert CANARY not in shown
    assert client.post(at("linkedin"), {"client_id": "id"}).status_code == 422
    assert not PlatformApp.objects.exists()


@pytest.fixture
def x(settings, monkeypatch):
    with network("x", settings, monkeypatch) as made:
        yield made


def told(client):
    address = reverse("platform_app_test", args=[PlatformApp.objects.get().pk])
    return client.post(address, follow=True).content.decode()


def test_a_test_says_what_the_platform_says_and_no_more(x, client):
    shown = told(client)
    assert "X knows the app" in shown
    assert "shows only when somebody connects" in shown
    app_set(actor=COMMAND, platform="x", client_id=app_of(x)[0], client_secret=CANARY)
    shown = told(client)
    assert "does not accept this id and secret" in shown
    assert CANARY not in shown
    with x.server.going_wrong(Fault(Reply(503, {}))):
        assert "could not be asked just now" in told(client)


def test_one_that_does_not_open_is_to_be_entered_again(x, client):
    PlatformApp.objects.update(client_secret="sealed by nobody")
    assert "Enter them again" in told(client)
    assert (
        "An administrator has to enter them again"
        in client.post(reverse("accounts:connect_begin", args=["x"])).content.decode()
    )


def test_removing_says_what_becomes_of_the_accounts(x, client):
    CredentialFactory(account__platform="x", app=PlatformApp.objects.get())
    assert "1 account connected by them will work until" in client.get(at("x")).content.decode()
    client.post(reverse("platform_app_remove", args=[PlatformApp.objects.get().pk]))
    assert not PlatformApp.objects.exists()


def test_it_is_for_administrators(sign_in):
    client = sign_in(UserFactory(is_auditor=True))
    assert client.get(reverse("platform_apps")).status_code == 403
    assert client.post(at("x"), {"client_id": "1", "client_secret": "2"}).status_code == 403
    assert not PlatformApp.objects.exists()
