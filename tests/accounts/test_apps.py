"""The app credentials of a platform: sealed, never shown, and spoken for by who was given them."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts import connections
from accounts.connections import app_credentials, kept_adapter, open_account
from accounts.errors import Invalid
from accounts.models import Credential, PlatformApp, SocialAccount
from accounts.services.apps import app_remove, app_set
from accounts.services.credentials import credentials_rotate
from audit.actions import NotAllowed
from audit.models import Event
from platforms.contract import AppCredentials, AuthorisationLost
from platforms.hosts import own_host
from scheduling.engine.claim import SEEN_WITH_IT
from scheduling.models import Delivery
from scheduling.states import State
from tests.factories import (
    COMMAND,
    CredentialFactory,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    person,
)

pytestmark = pytest.mark.django_db
CANARY = "canary-app-secret-77aa"


def set_app(platform="x", **changed):
    given = {"client_id": "id-1", "client_secret": CANARY} | changed
    return app_set(actor=COMMAND, platform=platform, **given)


def test_it_is_sealed_and_its_secret_is_in_no_event():
    app = set_app()
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM accounts_platformapp")
        assert CANARY not in cursor.fetchone()[0]
    assert app_credentials("x", own_host("x")) == AppCredentials("id-1", CANARY)
    assert CANARY not in repr(app_credentials("x", own_host("x")))
    event = Event.objects.get(name="app.added")
    assert event.subject_label == f"X ({own_host('x')})"
    assert event.data == {"client_id": "id-1"}
    assert CANARY not in str(list(Event.objects.values())) + repr(app) + str(app)


def test_it_is_replaced_and_removed_on_record():
    set_app()
    set_app(client_id="id-2", client_secret="another")
    assert PlatformApp.objects.get().credentials() == AppCredentials("id-2", "another")
    replaced = Event.objects.get(name="app.replaced")
    assert replaced.data == {"client_id": "id-2", "before": "id-1"}
    credential = CredentialFactory(app=PlatformApp.objects.get())
    app_remove(actor=COMMAND, app=PlatformApp.objects.get())
    assert app_credentials("x", own_host("x")) is None
    assert Event.objects.get(name="app.removed").data == {"client_id": "id-2", "accounts": 1}
    assert Credential.objects.get(pk=credential.pk).app is None


def test_facebook_and_instagram_share_one():
    set_app("facebook")
    host = own_host("instagram")
    assert app_credentials("instagram", host) == app_credentials("facebook", host)
    with pytest.raises(Invalid, match="no app of its own"):
        set_app("instagram")


@pytest.mark.parametrize(
    ("platform", "changed", "field"),
    [
        ("x", {"client_id": " "}, "client_id"),
        ("x", {"client_id": "two words"}, "client_id"),
        ("x", {"client_secret": "s\nt"}, "client_secret"),
        ("linkedin", {"client_secret": ""}, "client_secret"),
        ("bluesky", {}, "platform"),
        ("nowhere", {}, "platform"),
    ],
)
def test_what_cannot_be_right_is_refused(platform, changed, field):
    with pytest.raises(Invalid) as refused:
        set_app(platform, **changed)
    assert refused.value.field == field
    assert not PlatformApp.objects.exists()


def test_x_takes_an_app_without_a_secret():
    set_app(client_secret="")
    assert app_credentials("x", own_host("x")) == AppCredentials("id-1", "")


def test_only_an_administrator_may():
    app = set_app()
    nobody = person(UserFactory(is_auditor=True))
    with pytest.raises(NotAllowed):
        app_set(actor=nobody, platform="x", client_id="1", client_secret="2")
    with pytest.raises(NotAllowed):
        app_remove(actor=nobody, app=app)
    assert PlatformApp.objects.get().client_id == "id-1"


def test_it_is_sealed_anew_with_a_new_key(settings):
    set_app()
    at = PlatformApp.objects.get().added_at
    settings.CREDENTIAL_KEYS = [
        "bWFkZS11cC1mb3ItdGhlLWNoZWNrLTMyLWJ5dGVzISE=",
        *settings.CREDENTIAL_KEYS,
    ]
    credentials_rotate(actor=COMMAND)
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    assert PlatformApp.objects.get().credentials().client_secret == CANARY
    assert PlatformApp.objects.get().added_at == at


@pytest.fixture
def opened(monkeypatch):
    """The connections that adapters are opened with."""
    seen = []

    def open_with(platform, connection, *, remember):
        seen.append(connection)
        return object()

    monkeypatch.setattr(connections, "open_with", open_with)
    return seen


def test_a_token_is_spoken_for_by_the_app_it_was_given_to(opened):
    CredentialFactory(account__platform="x", account__base_url=own_host("x"), app=set_app())
    pasted = CredentialFactory(account__platform="x", account__base_url=own_host("x"))
    for credential in Credential.objects.order_by("pk"):
        open_account(credential.account)
    apps = {seen.remote_id: seen.app for seen in opened}
    assert apps.pop(pasted.account.remote_id) is None
    assert list(apps.values()) == [AppCredentials("id-1", CANARY)]


def test_a_publisher_finds_it_without_asking_again(opened, django_assert_num_queries):
    account = SocialAccountFactory(platform="x", base_url=own_host("x"))
    CredentialFactory(account=account, app=set_app())
    DeliveryFactory(account=account, state=State.SCHEDULED)
    delivery = Delivery.objects.select_related(*SEEN_WITH_IT).get()
    with django_assert_num_queries(0):
        with kept_adapter(delivery.account) as first:
            pass
        with kept_adapter(delivery.account) as second:
            assert second is first
    set_app(client_secret="another")
    delivery = Delivery.objects.select_related(*SEEN_WITH_IT).get()
    with kept_adapter(delivery.account) as third:
        assert third is not first
    assert opened[-1].app == AppCredentials("id-1", "another")


def test_an_app_that_does_not_open_says_so_like_any_credentials():
    CredentialFactory(account__platform="x", account__base_url=own_host("x"), app=set_app())
    PlatformApp.objects.update(client_secret="sealed by nobody")
    with pytest.raises(AuthorisationLost, match="does not open"):
        open_account(SocialAccount.objects.get())
