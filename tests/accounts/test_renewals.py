"""Accounts stay connected: tokens are renewed ahead, by one at a time, as the same account."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts import connections, tasks, turns
from accounts.connections import account_renew, open_account
from accounts.ending import when
from accounts.health import account_check, lapse_note
from accounts.models import Credential, SocialAccount
from accounts.models.social import Health
from accounts.services.apps import app_set
from accounts.services.social import account_reconnect
from audit.actors import Actor
from audit.models import Event
from operations.models import Alert
from operations.outbox import settle_over
from platforms.contract import AuthorisationLost, RetryLater
from platforms.keeping import kept
from tests.factories import COMMAND, CredentialFactory, SocialAccountFactory
from tests.platforms.server import Fault, Reply
from tests.platforms.worlds import XWorld

pytestmark = pytest.mark.django_db
CANARY = "canary-secret-5d1f"
CHECKER = Actor.worker("account-health")


@pytest.fixture
def world(settings, monkeypatch):
    made = XWorld()
    settings.ALLOW_PRIVATE_HOSTS = frozenset({made.server.private_host})
    monkeypatch.setattr(turns, "LOOK_AGAIN_S", 0.01)
    yield made
    made.close()


def connected(world, ends_in=timedelta(seconds=20), *, due=True, **more):
    """The account, with tokens that end soon and are to be renewed."""
    told = json.loads(world.fake.secret)
    told["expires_at"] = (datetime.now(UTC) + ends_in).isoformat()
    account = SocialAccountFactory(
        platform="x",
        base_url=world.server.url,
        remote_id=more.pop("remote_id", world.remote_id),
        handle=world.handle,
        time_zone="UTC",
    )
    CredentialFactory(
        account=account,
        secret=json.dumps(told),
        ends_at=timezone.now() + ends_in,
        renew_at=timezone.now() if due else None,
        given_at=timezone.now(),
        **more,
    )
    return SocialAccount.objects.get(pk=account.pk)


def stored(account):
    return Credential.objects.get(account=account)


def tokens(account):
    row = stored(account)
    return kept(row.secret, row.session)


def names(account):
    events = Event.objects.filter(account_id=account.pk).order_by("id")
    return [(event.name, event.actor_label) for event in events]


def alerts(account):
    return list(Alert.objects.filter(account=account, settled_at=None))


# --- ahead of the end -----------------------------------------------------------------------------


def test_tokens_are_renewed_ahead_so_that_nothing_meets_an_end(world):
    account = connected(world, timedelta(minutes=59))
    assert tasks.renew_tokens() == 1
    assert tasks.renew_tokens() == 0
    row = stored(account)
    assert tokens(account).tokens.access_token == world.fake.access
    assert row.ends_at - timezone.now() > timedelta(hours=1, minutes=59)
    assert timedelta(minutes=59) < row.renew_at - timezone.now() < timedelta(minutes=61)
    assert names(account) == [("account.credentials_renewed", "account-renewal")]
    world.server.ledger.clear()
    open_account(SocialAccount.objects.get(pk=account.pk)).verify()
    assert [asked.path for asked in world.server.ledger] == ["/2/users/me"]
    assert (row.renewal_by, row.renewal_until, row.renewal_asked_at) == (None, None, None)


def test_every_renewal_is_due_at_half_time(world):
    account, now = connected(world, timedelta(minutes=59)), timezone.now()
    for hours in range(3):
        with time_machine.travel(now + timedelta(hours=hours, minutes=2 * hours), tick=False):
            assert tasks.renew_tokens() == 1
            assert tasks.renew_tokens() == 0
    assert world.fake.renewals == 3
    assert len(names(account)) == 3


def test_what_nothing_renews_is_looked_at_once(world):
    account = connected(world)
    told = json.loads(stored(account).secret)
    del told["refresh_token"]
    Credential.objects.filter(account=account).delete()
    CredentialFactory(account=account, secret=json.dumps(told), renew_at=timezone.now())
    assert [tasks.renew_tokens() for _ in range(2)] == [1, 0]
    assert world.server.ledger == []
    assert stored(account).renew_at is None
    assert stored(account).ends_at is not None
    assert names(account) == []


def test_a_run_renews_a_bounded_batch_and_none_that_is_disconnected(world, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks, "account_renew", lambda account: asked.append(account.pk))
    monkeypatch.setattr(tasks, "BATCH", 2)
    for _ in range(3):
        CredentialFactory(renew_at=timezone.now())
    gone = CredentialFactory(renew_at=timezone.now()).account
    SocialAccount.objects.filter(pk=gone.pk).update(disconnected_at=timezone.now())
    assert [tasks.renew_tokens() for _ in range(3)] == [2, 1, 0]
    assert gone.pk not in asked


def test_one_accounts_fault_does_not_keep_the_others_from_being_renewed(monkeypatch, caplog):
    for _ in range(2):
        CredentialFactory(renew_at=timezone.now())

    def renew(account):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(tasks, "account_renew", renew)
    assert tasks.renew_tokens() == 2
    assert "account_renew_failed" in caplog.text


# --- one at a time --------------------------------------------------------------------------------


def at_once(number, do):
    """`do` in so many threads, begun together; what each raised or returned."""
    barrier, results = threading.Barrier(number), []

    def work():
        try:
            barrier.wait(30)
            results.append(do())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seconds", [20, -20])
def test_eight_at_once_renew_once_and_all_go_on(world, seconds):
    account = connected(world, timedelta(seconds=seconds))

    def speak():
        mine = SocialAccount.objects.select_related("credential__app").get(pk=account.pk)
        return open_account(mine).verify().remote_id

    assert at_once(8, speak) == [world.remote_id] * 8
    assert world.fake.renewals == 1  # the fake takes a refresh token once
    assert tokens(account).tokens.refresh_token == world.fake.refresh
    assert names(account) == [("account.credentials_renewed", "account-renewal")]


@pytest.mark.django_db(transaction=True)
def test_the_task_in_several_workers_and_a_worker_that_speaks_renew_once(world):
    account = connected(world)

    def work():
        tasks.renew_tokens()
        return open_account(SocialAccount.objects.get(pk=account.pk)).verify().remote_id

    assert at_once(4, work) == [world.remote_id] * 4
    assert world.fake.renewals == 1


def test_whoever_waits_too_long_comes_back_later(world, monkeypatch):
    monkeypatch.setattr(turns, "WAIT_S", 0)
    account = connected(world, timedelta(seconds=-5))
    Credential.objects.update(renewal_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(RetryLater, match="being renewed") as caught:
        open_account(account).verify()
    assert caught.value.delay_s == 15
    assert world.server.ledger == []


def test_whoever_need_not_wait_does_not(world, monkeypatch):
    monkeypatch.setattr(turns, "WAIT_S", 0)
    account = connected(world, timedelta(seconds=30))
    Credential.objects.update(renewal_until=timezone.now() + timedelta(minutes=1))
    assert open_account(account).verify().remote_id == world.remote_id
    assert world.fake.renewals == 0


def test_no_transaction_is_open_while_the_platform_is_asked(world, monkeypatch):
    account, seen = connected(world), []
    plain = connections.Keeper._ask
    outer = len(connection.atomic_blocks)

    def ask(self, *args):
        seen.append(len(connection.atomic_blocks) - outer)
        return plain(self, *args)

    monkeypatch.setattr(connections.Keeper, "_ask", ask)
    account_renew(account)
    assert seen == [0]


# --- death, and answers that are lost -------------------------------------------------------------

DIES = """
import os, django
django.setup()
from platforms import keeping
plain = keeping.oauth.refresh
def refresh(*args, **how):
    plain(*args, **how)
    os._exit(9)
keeping.oauth.refresh = refresh
from accounts.connections import account_renew
from accounts.models import SocialAccount
account_renew(SocialAccount.objects.get(pk=int(os.environ["ACCOUNT"])))
"""


def die_between_answer_and_storing(world, account):
    """In a process of its own, as a killed worker."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    env = {
        **os.environ,
        "DATABASE_URL": database,
        "SOCIALDESK_ALLOW_PRIVATE_HOSTS": world.server.private_host,
        "SOCIALDESK_CREDENTIAL_KEYS": ",".join(django_settings.CREDENTIAL_KEYS),
        "ACCOUNT": str(account.pk),
    }
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run([sys.executable, "-c", DIES], env=env, cwd=root, capture_output=True)
    assert ended.returncode == 9, ended.stderr.decode()[-2000:]


@pytest.mark.django_db(transaction=True)
def test_death_between_the_answer_and_storing_it_is_told_and_never_a_loop(world, monkeypatch):
    monkeypatch.setattr(turns, "WAIT_S", 0)
    account = connected(world, timedelta(minutes=59))
    die_between_answer_and_storing(world, account)
    assert world.fake.renewals == 1
    assert stored(account).renewal_asked_at is not None
    # While the turn of the dead lasts, nobody asks.
    with pytest.raises(RetryLater, match="being renewed"):
        account_renew(account)
    Credential.objects.update(renewal_until=timezone.now())
    world.server.ledger.clear()
    # Then it is known that nobody knows; what is in force is used as long as it is good.
    with pytest.raises(RetryLater, match="Nobody knows"):
        account_renew(account)
    assert world.server.ledger == []
    assert stored(account).renewal_asked_at is not None
    # At the end it is asked once more: the platform has given the tokens to the dead.
    Credential.objects.update(renew_at=timezone.now())
    with time_machine.travel(timezone.now() + timedelta(minutes=58, seconds=30)):
        tasks.renew_tokens()
    row = stored(account)
    assert len(world.server.asked_for("/2/oauth2/token")) == 1
    assert row.renewal_refused_at is not None
    assert row.renew_at is None  # no loop
    assert [name for name, _ in names(account)] == ["account.renewal_refused"]
    (alert,) = alerts(account)
    assert "Reconnect" in alert.message
    settle_over(timezone.now())
    assert alerts(account) == [alert]
    assert isinstance(account_check(actor=CHECKER, account=account), AuthorisationLost)
    account.refresh_from_db()
    assert account.condition == "lost"
    assert len(alerts(account)) == 1


def test_an_answer_that_was_lost_is_asked_for_again_at_the_end(world):
    account = connected(world, timedelta(minutes=30))
    with world.server.going_wrong(Fault(Reply(502, {}))), pytest.raises(RetryLater):
        account_renew(account)
    row = stored(account)
    assert row.renewal_asked_at is not None
    assert (row.renewal_failures, row.renewal_by) == (1, None)
    with pytest.raises(RetryLater, match="Nobody knows"):
        account_renew(account)
    assert world.fake.renewals == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=29, seconds=30)):
        account_renew(account)
    row = stored(account)
    assert world.fake.renewals == 1
    assert (row.renewal_failures, row.renewal_note, row.renewal_asked_at) == (0, "", None)


def test_what_certainly_did_nothing_is_tried_again_each_time_later(world):
    account, waits = connected(world, timedelta(hours=10)), []
    with world.server.going_wrong(Fault(Reply(429, {}), times=99)):
        for _ in range(6):
            with pytest.raises(RetryLater):
                account_renew(account)
            waits.append(round((stored(account).renew_at - timezone.now()) / timedelta(minutes=1)))
    assert waits == [5, 10, 20, 40, 60, 60]
    assert stored(account).renewal_asked_at is None
    account_renew(account)
    assert world.fake.renewals == 1


def test_a_turn_that_was_lost_keeps_nothing(world):
    account = connected(world)
    turn = turns._taken(account, stored(account).secret)
    Credential.objects.update(renewal_by=None)
    with pytest.raises(RetryLater, match="connected anew"):
        turn.keep("canary-session")
    assert stored(account).session == ""


def test_whoever_was_opened_before_a_reconnection_renews_nothing(world):
    account = connected(world)
    adapter = open_account(account)
    Credential.objects.filter(account=account).delete()
    CredentialFactory(account=account, secret=world.fake.secret)
    with pytest.raises(RetryLater, match="connected anew"):
        adapter._client._keeper.renew()
    assert world.fake.renewals == 0
    assert stored(account).renewal_until is None
    Credential.objects.filter(account=account).delete()
    with pytest.raises(AuthorisationLost, match="disconnected"):
        adapter._client._keeper.renew()


# --- whose the fresh tokens are -------------------------------------------------------------------


def test_tokens_of_another_account_are_not_taken_and_people_are_told(world):
    account = connected(world, timedelta(minutes=59), remote_id="999")
    before = tokens(account)
    assert tasks.renew_tokens() == 1
    assert tokens(account) == before
    assert names(account) == [("account.renewal_refused", "account-renewal")]
    (alert,) = alerts(account)
    assert "belong to council" in alert.message
    assert "They end" in alert.message
    assert stored(account).lapses_at == stored(account).ends_at
    with time_machine.travel(timezone.now() + timedelta(minutes=30)):
        assert tasks.renew_tokens() == 0


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [None, Reply(503, {}), Reply(400, {"error": "invalid_grant"})])
def test_no_token_is_on_record_or_in_a_log(world, reply, caplog):
    caplog.set_level(logging.DEBUG)
    account = connected(world, timedelta(seconds=-5))
    with world.server.going_wrong(Fault(reply)) if reply else nullcontext():
        account_check(actor=CHECKER, account=account)
    told = str(list(Event.objects.values())) + str(list(Alert.objects.values()))
    row = stored(account)
    seen = told + caplog.text + row.renewal_note + str(account.__dict__)
    assert not [secret for secret in world.secrets() + world.fake.issued if secret in seen]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_credential")
        assert "canary" not in str(cursor.fetchall())


# --- telling people -------------------------------------------------------------------------------


def warned(account):
    events = Event.objects.filter(name="account.credentials_ending", account_id=account.pk)
    return [event.data["days"] for event in events.order_by("pk")]


def test_what_was_pasted_without_its_end_is_warned_of_by_the_platforms_rule(monkeypatch):
    at = timezone.now()
    account = SocialAccountFactory(platform="linkedin")
    CredentialFactory(account=account, given_at=at)
    said = []
    for day in (40, 46.5, 50, 57.5, 59.5):
        with time_machine.travel(at + timedelta(days=day), tick=False):
            lapse_note(actor=CHECKER, account=account, lapses_at=None)
        said.append(warned(account))
    assert said == [[], [14], [14], [14, 3], [14, 3, 1]]


@pytest.mark.parametrize("platform", ["facebook", "instagram"])
def test_that_metas_access_to_data_ends_is_warned_of_and_shown(platform, administrator, sign_in):
    """90 days after somebody agreed, however long the token lives by itself."""
    at = timezone.now()
    app = app_set(actor=COMMAND, platform="facebook", client_id="id", client_secret=CANARY)
    account = SocialAccountFactory(platform=platform)
    CredentialFactory(account=account, app=app, given_at=at, secret=CANARY)
    ends_at, said = at + timedelta(days=90), []
    for day in (75, 76.5, 80, 87.5, 89.5):
        with time_machine.travel(at + timedelta(days=day), tick=False):
            lapse_note(actor=CHECKER, account=account, lapses_at=None)
        said.append(warned(account))
    assert said == [[], [14], [14], [14, 3], [14, 3, 1]]
    assert stored(account).lapses_at == ends_at
    (alert,) = alerts(account)
    assert f"The credentials end {when(account, ends_at)}. Reconnect the account" in alert.message
    client = sign_in(administrator)
    shown = client.get(reverse("accounts:account", args=[account.pk])).content.decode()
    assert "Credentials end" in shown
    assert "Reconnect before that" in shown
    assert "Credentials end" in client.get(reverse("accounts:full_register")).content.decode()
    table = client.get(reverse("accounts:register_csv")).content.decode()
    assert ends_at.isoformat() in table
    assert CANARY not in shown + table + alert.message


@pytest.mark.parametrize("platform", ["facebook", "instagram"])
def test_whoever_agrees_anew_has_metas_90_days_again(platform):
    long_ago = timezone.now() - timedelta(days=89)
    app = app_set(actor=COMMAND, platform="facebook", client_id="id", client_secret=CANARY)
    account = SocialAccountFactory(platform=platform)
    credential = CredentialFactory(account=account, app=app, given_at=long_ago)
    lapse_note(actor=CHECKER, account=account, lapses_at=None)
    assert warned(account) == [1]
    Credential.objects.filter(pk=credential.pk).update(given_at=timezone.now())
    lapse_note(actor=CHECKER, account=account, lapses_at=None)
    assert (warned(account), stored(account).told_days) == ([1], None)
    assert stored(account).lapses_at > timezone.now() + timedelta(days=89)


def test_a_pages_token_that_was_pasted_is_not_said_to_end():
    """Nobody agreed to an app of ours by it, so nothing is known of its end."""
    account = SocialAccountFactory(platform="facebook")
    CredentialFactory(account=account, given_at=timezone.now() - timedelta(days=200))
    lapse_note(actor=CHECKER, account=account, lapses_at=None)
    assert (stored(account).lapses_at, warned(account)) == (None, [])


def test_a_renewal_that_keeps_failing_is_warned_of(world):
    account = connected(world, timedelta(hours=2))
    slow = Fault(Reply(429, {}), match=lambda a: "oauth2" in a.path, times=9)
    with world.server.going_wrong(slow):
        for _ in range(3):
            with pytest.raises(RetryLater):
                account_renew(account)
            account_check(actor=CHECKER, account=account)
    assert warned(account) == [1]
    assert "Renewing them fails" in alerts(account)[0].message
    account_renew(account)
    account_check(actor=CHECKER, account=account)
    settle_over(timezone.now())
    assert alerts(account) == []


def test_an_alert_of_lost_credentials_ends_when_the_account_works_again(world):
    account = connected(world, timedelta(days=1), due=False)
    Credential.objects.update(lapses_at=timezone.now() + timedelta(days=2), told_days=3)
    with world.server.going_wrong(Fault(Reply(403, {"detail": "Your account is suspended."}))):
        account_check(actor=CHECKER, account=account)
    account.refresh_from_db()
    assert account.health == Health.LOST
    (lost,) = alerts(account)
    account_check(actor=CHECKER, account=account)
    settle_over(timezone.now())
    lost.refresh_from_db()
    assert lost.settled_at is not None


def test_losing_an_account_is_told_although_a_warning_is_open(world):
    account = connected(world, timedelta(days=1), due=False)
    with world.server.going_wrong(Fault(Reply(403, {"detail": "Your account is suspended."}))):
        Credential.objects.update(renewal_failures=3)
        account_check(actor=CHECKER, account=account)
    assert len(alerts(account)) == 1
    assert "suspended" in alerts(account)[0].message


# --- reconnecting ---------------------------------------------------------------------------------


def proven(world, secret, app=None):
    made = connections.account_prove(
        platform="x", handle=world.handle, base_url=world.server.url, secret=secret
    )
    return connections.dataclasses.replace(made, app=app)


def test_reconnecting_begins_anew(world):
    account = connected(world)
    Credential.objects.update(
        renewal_failures=4, renewal_note="x", renewal_refused_at=timezone.now()
    )
    told = json.loads(world.fake.secret) | {
        "expires_at": (datetime.now(UTC) + timedelta(hours=2)).isoformat(),
        "scopes": ["tweet.read", "users.read"],
    }
    with transaction.atomic():
        account_reconnect(actor=COMMAND, account=account, proven=proven(world, json.dumps(told)))
    row = stored(account)
    assert (row.renewal_failures, row.renewal_note, row.renewal_refused_at) == (0, "", None)
    assert row.renew_at is not None
    assert [scope.name for scope in row.missing_scopes] == [
        "tweet.write",
        "tweet.moderate.write",
        "media.write",
        "offline.access",
    ]
    assert row.missing_scopes[0].so == "Nothing can be posted or deleted."
