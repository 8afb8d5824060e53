"""An account that was taken over: frozen, out of reach, and its tokens revoked."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts import lockdowns, tasks, turns
from accounts.connections import open_account
from accounts.errors import Invalid
from accounts.levels import Level
from accounts.models import Credential, Lockdown, LockdownState, SocialAccount
from accounts.services.lockdowns import account_lock_down
from accounts.services.social import account_freeze
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.models import Event
from platforms.contract import AuthorisationLost
from scheduling.models import HoldKind
from scheduling.states import State
from tests.factories import (
    COMMAND,
    CredentialFactory,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
)
from tests.platforms.server import Fault, Reply
from tests.platforms.worlds import FacebookWorld, XWorld

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(settings):
    made = XWorld()
    settings.ALLOW_PRIVATE_HOSTS = frozenset({made.server.private_host})
    yield made
    made.close()


@pytest.fixture
def account(world):
    made = SocialAccountFactory(
        platform="x", base_url=world.server.url, remote_id=world.remote_id, handle=world.handle
    )
    CredentialFactory(account=made, secret=world.fake.secret)
    return made


def lock_down(account, **more):
    return account_lock_down(actor=COMMAND, account=account, reason="Taken over.", **more)


def told(account):
    events = Event.objects.filter(account_id=account.pk).order_by("id")
    return [(event.name, event.actor_kind, event.actor_label) for event in events]


def test_at_once_nothing_goes_out_and_nobody_can_speak_for_the_account(world, account):
    delivery = DeliveryFactory(account=account, state=State.SCHEDULED)
    lock_down(account)
    account.refresh_from_db()
    delivery.refresh_from_db()
    assert (account.is_frozen, account.is_connected) == (True, False)
    assert account.frozen_reason == "Taken over."
    assert (delivery.state, delivery.hold_kind) == (State.HELD, HoldKind.FROZEN)
    assert not Credential.objects.exists()
    with pytest.raises(AuthorisationLost, match="disconnected"):
        open_account(SocialAccount.objects.get(pk=account.pk))
    assert world.server.ledger == []


def test_the_platform_is_asked_until_it_says_so_and_then_nothing_is_kept(world, account):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        lockdown = lock_down(account)
    assert lockdown.state == LockdownState.ASKING
    with world.server.going_wrong(Fault(Reply(503, {}), times=9)):
        for minutes, tries in ((0, 1), (0.5, 1), (1.1, 2), (2, 2), (4, 3)):
            with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
                tasks.revoke_tokens()
            lockdown.refresh_from_db()
            assert lockdown.tries == tries
    assert lockdown.state == LockdownState.ASKING
    assert "fault of its own" in lockdown.note
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        assert [tasks.revoke_tokens() for _ in range(2)] == [1, 0]
    lockdown.refresh_from_db()
    assert (lockdown.state, lockdown.secret, lockdown.session) == (LockdownState.REVOKED, "", "")
    assert lockdown.answered_at == now + timedelta(hours=1)
    asked = [a.form()["token"][0] for a in world.server.asked_for("/2/oauth2/revoke")[-2:]]
    assert asked == world.fake.issued[:2]  # the access token and the refresh token
    assert told(account) == [
        ("account.locked_down", "command", COMMAND.label),
        ("account.tokens_revoked", "worker", "lockdown"),
    ]


def test_a_platform_that_refuses_is_not_asked_again(world, account):
    lockdown = lock_down(account)
    with world.server.going_wrong(Fault(Reply(400, {"error": "unsupported_token_type"}))):
        assert [tasks.revoke_tokens() for _ in range(2)] == [1, 0]
    lockdown.refresh_from_db()
    assert (lockdown.state, lockdown.secret) == (LockdownState.BY_HAND, "")
    assert "refused" in lockdown.note
    assert told(account)[-1] == ("account.tokens_left", "worker", "lockdown")


def test_a_token_that_is_not_let_in_is_no_proof_that_it_was_revoked(settings):
    """The Graph API calls every error an OAuthException."""
    page = FacebookWorld()
    settings.ALLOW_PRIVATE_HOSTS = frozenset({page.server.private_host})
    account = SocialAccountFactory(platform="facebook", base_url=page.server.url)
    CredentialFactory(account=account, secret=json.dumps({"access_token": page.secret}))
    lockdown = lock_down(account)
    error = {"error": {"type": "OAuthException", "code": 100, "message": "Unsupported."}}
    with page.server.going_wrong(Fault(Reply(400, error))):
        tasks.revoke_tokens()
    page.close()
    lockdown.refresh_from_db()
    assert (lockdown.state, lockdown.secret) == (LockdownState.BY_HAND, "")
    assert told(account)[-1][0] == "account.tokens_left"


def test_an_app_that_is_not_let_in_has_revoked_nothing(world, account):
    lockdown = lock_down(account)
    world.fake.client_secret = "another"
    with world.server.going_wrong(Fault(Reply(401, {"error": "invalid_client"}), times=3)):
        tasks.revoke_tokens()
        lockdown.refresh_from_db()
        assert lockdown.state == LockdownState.ASKING
        with time_machine.travel(timezone.now() + timedelta(days=8)):
            tasks.revoke_tokens()
    lockdown.refresh_from_db()
    assert lockdown.state == LockdownState.BY_HAND


@pytest.mark.parametrize(
    ("platform", "secret"),
    [
        ("sandbox", "a token"),
        ("bluesky", "an app password"),
        ("linkedin", "pasted"),
        ("threads", json.dumps({"access_token": "t"})),
        ("x", json.dumps({"api_key": "k", "access_token": "t"})),
    ],
)
def test_what_cannot_be_revoked_from_here_is_forgotten_at_once(platform, secret):
    account = SocialAccountFactory(platform=platform)
    CredentialFactory(account=account, secret=secret)
    lockdown = lock_down(account)
    assert (lockdown.state, lockdown.secret) == (LockdownState.BY_HAND, "")
    assert lockdown.answered_at is None
    assert tasks.revoke_tokens() == 0
    assert [name for name, *_ in told(account)] == ["account.locked_down"]


def test_tokens_that_are_just_being_renewed_are_revoked_as_well(world, account):
    secret = Credential.objects.get(account=account).secret
    turn = turns._taken(account, secret)
    lockdown = lock_down(account)
    assert lockdown.next_try_at > timezone.now() + timedelta(minutes=3)
    session = json.dumps({})
    turn.keep(session)
    turn.give_back()
    lockdown.refresh_from_db()
    assert lockdown.session == session
    assert not Credential.objects.exists()


def test_it_is_asked_outside_of_any_transaction(account, monkeypatch):
    lock_down(account)
    outer, seen = len(connection.atomic_blocks), []
    monkeypatch.setattr(
        lockdowns.oauth, "revoke", lambda *a, **k: seen.append(len(connection.atomic_blocks))
    )
    tasks.revoke_tokens()
    assert seen == [outer]


def test_one_fault_does_not_keep_the_others_waiting(account, monkeypatch, caplog):
    lock_down(account)

    def breaks(lockdown):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(tasks, "tokens_revoke", breaks)
    assert tasks.revoke_tokens() == 1
    assert "tokens_revoke_failed" in caplog.text


def test_what_does_not_open_any_more_is_to_be_revoked_by_hand(account, settings):
    settings.CREDENTIAL_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    lockdown = lock_down(account)
    assert lockdown.state == LockdownState.BY_HAND
    assert "does not open" in lockdown.note


def test_a_frozen_account_keeps_its_reason_and_a_locked_one_is_not_locked_again(account):
    account_freeze(actor=COMMAND, account=account, reason="An inquiry.")
    lock_down(account)
    account.refresh_from_db()
    assert account.frozen_reason == "An inquiry."
    with pytest.raises(Invalid, match="nothing left"):
        lock_down(account)
    assert Lockdown.objects.count() == 1


def test_a_reason_is_asked_for(account):
    with pytest.raises(Invalid, match="Say why"):
        account_lock_down(actor=COMMAND, account=account, reason=" ")
    assert Credential.objects.exists()


@pytest.mark.parametrize("level", [None, Level.VIEWER, Level.CONTRIBUTOR, Level.APPROVER])
def test_only_managers_lock_down(account, level):
    person = UserFactory()
    if level:
        give(person, level, account)
    with pytest.raises(NotAllowed):
        account_lock_down(actor=Actor.person(person), account=account, reason="I want to.")
    assert Credential.objects.exists()
    assert not Lockdown.objects.exists()


def test_no_token_is_on_record_or_in_a_log(world, account, caplog):
    caplog.set_level(logging.DEBUG)
    lock_down(account)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_lockdown")
        assert "canary" not in str(cursor.fetchall())
    with world.server.going_wrong(Fault(Reply(500, {"error": world.fake.access}))):
        tasks.revoke_tokens()
    seen = caplog.text + str(list(Event.objects.values())) + Lockdown.objects.get().note
    assert not [secret for secret in world.secrets() + world.fake.issued if secret in seen]


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def page(account, sign_in):
    """The account's page as its manager sees it."""
    manager = UserFactory()
    give(manager, Level.MANAGER, account)
    client = sign_in(manager)

    def see(**post):
        where = reverse("accounts:account", args=[account.pk])
        if post:
            client.post(reverse("accounts:lock_down", args=[account.pk]), post)
        return client.get(where).content.decode()

    return see


def test_the_page_says_what_the_platform_said_and_no_more(world, account, page):
    assert "Lock this account down?" in page()
    seen = page(reason="Posts that are not ours.")
    assert "the tokens are not revoked yet" in seen
    assert "is asked in a moment" in seen
    with world.server.going_wrong(Fault(Reply(503, {}))):
        tasks.revoke_tokens()
    seen = page()
    assert "was asked 1 time and has not said that it did" in seen
    assert "The credentials are gone" not in seen  # they are kept to be revoked
    assert "Connected apps" in seen  # what to do by hand meanwhile
    Lockdown.objects.update(next_try_at=timezone.now())
    tasks.revoke_tokens()
    seen = page()
    assert "X has revoked the tokens" in seen
    assert "not revoked yet" not in seen
    assert "canary" not in seen


def test_the_page_says_what_has_to_be_done_by_hand(account, page):
    Credential.objects.all().delete()
    CredentialFactory(account=account, secret=json.dumps({"api_key": "k", "access_token": "t"}))
    seen = page(reason="Taken over.")
    assert "revoke the credentials by hand" in seen
    assert "cannot be asked from here" in seen


def test_nothing_is_lost_on_bad_input(account, sign_in):
    manager = UserFactory()
    give(manager, Level.MANAGER, account)
    answer = sign_in(manager).post(reverse("accounts:lock_down", args=[account.pk]), {"reason": ""})
    assert answer.status_code == 422
    assert "Not locked down" in answer.content.decode()


def test_the_page_says_what_was_not_granted(account, page):
    Credential.objects.update(scopes=["tweet.read", "users.read", "offline.access"])
    seen = page()
    assert "X did not grant everything" in seen
    assert "Nothing can be posted or deleted." in seen
    assert "tweet.moderate.write" in seen
    Credential.objects.update(scopes=[])
    assert "did not grant" not in page()


def test_the_page_says_why_renewing_fails(account, page):
    Credential.objects.update(renewal_note="X is away <b>", renewal_failures=4)
    seen = page()
    assert "4 times in a row" in seen
    assert "X is away &lt;b&gt;" in seen
