"""Whether accounts still work: noted when it changed, asked in a bounded batch."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import connections, health, tasks
from accounts.errors import Invalid
from accounts.health import account_check, health_note
from accounts.models import Credential, SocialAccount
from accounts.models.social import Health
from accounts.services.social import (
    account_change,
    account_connect,
    account_disconnect,
    account_freeze,
    account_reconnect,
    account_warn_of_end,
)
from audit.actors import Actor
from audit.models import Event
from operations.models import Alert
from operations.outbox import settle_over
from platforms.contract import AuthorisationLost, PlatformError, Refused, RetryLater
from tests.factories import COMMAND, CredentialFactory, SocialAccountFactory, UserFactory

pytestmark = pytest.mark.django_db
WORKER = Actor.worker("account-health")


@pytest.fixture
def there(sandbox):
    return sandbox.open_account(f"health_{timezone.now():%H%M%S%f}"[:30])


@pytest.fixture
def account(sandbox, there):
    made = SocialAccountFactory(
        base_url=sandbox.url, remote_id=there.remote_id, handle=there.handle
    )
    CredentialFactory(account=made, secret=there.secret)
    return made


def changes(account):
    events = Event.objects.filter(name="account.health_changed", account_id=account.pk)
    return [(e.data["before"], e.data["after"]) for e in events.order_by("id")]


def test_a_healthy_answer_is_noted_and_is_no_event(account):
    assert account_check(actor=WORKER, account=account) is None
    account.refresh_from_db()
    assert account.condition == "healthy"
    assert account.last_success_at is not None
    assert changes(account) == []


def test_trouble_is_an_event_once_and_getting_well_another(sandbox, account):
    sandbox.fault("unavailable", scope="everything", times=50)
    for _ in range(3):
        assert isinstance(account_check(actor=WORKER, account=account), RetryLater)
    account.refresh_from_db()
    assert account.health == Health.TROUBLED
    sandbox.behave()
    account_check(actor=WORKER, account=account)
    assert changes(account) == [("healthy", "troubled"), ("troubled", "healthy")]


def test_a_revoked_secret_means_reconnecting(account):
    Credential.objects.filter(account=account).delete()
    CredentialFactory(account=account, secret="canary-revoked")
    error = account_check(actor=WORKER, account=account)
    assert isinstance(error, AuthorisationLost)
    account.refresh_from_db()
    assert account.condition == "lost"
    assert "canary" not in account.health_note
    assert "canary" not in str(list(Event.objects.values()))


def test_credentials_that_now_belong_to_another_account_are_lost(account):
    SocialAccount.objects.filter(pk=account.pk).update(remote_id="somebody-else")
    account.refresh_from_db()
    error = account_check(actor=WORKER, account=account)
    assert isinstance(error, AuthorisationLost)
    assert account.handle.lstrip("@") in error.message


def test_several_workers_note_one_change_once(account):
    first, second = (SocialAccount.objects.get(pk=account.pk) for _ in range(2))
    error = Refused("They said no.")
    health_note(actor=WORKER, account=first, error=error)
    health_note(actor=WORKER, account=second, error=error)
    assert changes(account) == [("healthy", "troubled")]


def test_a_new_reason_for_the_same_trouble_replaces_the_old(account):
    health_note(actor=WORKER, account=account, error=RetryLater("busy"))
    health_note(actor=WORKER, account=account, error=RetryLater("still busy" + "!" * 600))
    account.refresh_from_db()
    assert account.health_note.startswith("still busy")
    assert len(account.health_note) == 500


# --- the task -------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """Which accounts the task asks about, without asking anybody."""
    names = []

    def check(*, actor, account):
        assert actor == WORKER
        names.append(account.display_name)

    monkeypatch.setattr(tasks, "account_check", check)
    return names


def test_accounts_are_checked_every_ten_minutes_the_longest_unchecked_first(asked):
    now = timezone.now()
    for name, minutes in (("a", 11), ("b", 9), ("c", 30)):
        SocialAccountFactory(display_name=name, checked_at=now - timedelta(minutes=minutes))
    SocialAccountFactory(display_name="never")
    SocialAccountFactory(display_name="gone", disconnected_at=now)
    assert tasks.check_due_accounts() == 3
    assert asked == ["never", "c", "a"]
    assert tasks.check_due_accounts() == 0
    with time_machine.travel(now + timedelta(minutes=10, seconds=5), tick=False):
        tasks.check_due_accounts()
    assert asked.count("c") == 2


def test_a_run_checks_a_bounded_batch(asked, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 3)
    for _ in range(7):
        SocialAccountFactory()
    assert [tasks.check_due_accounts() for _ in range(4)] == [3, 3, 1, 0]
    assert len(set(asked)) == 7


def test_an_account_another_worker_took_is_left_alone(asked, monkeypatch):
    SocialAccountFactory.create_batch(2)

    def steals(*, actor, account):
        SocialAccount.objects.update(checked_at=timezone.now())
        asked.append(account.pk)

    monkeypatch.setattr(tasks, "account_check", steals)
    assert tasks.check_due_accounts() == 1


def test_one_accounts_fault_does_not_keep_the_others_unchecked(asked, monkeypatch, caplog):
    SocialAccountFactory(display_name="bad")
    SocialAccountFactory(display_name="good")
    plain = tasks.check_due_accounts.__wrapped__

    def check(*, actor, account):
        asked.append(account.display_name)
        if account.display_name == "bad":
            raise RuntimeError("a fault of ours")

    monkeypatch.setattr(tasks, "account_check", check)
    assert plain() == 2
    assert set(asked) == {"bad", "good"}
    assert "account_check_failed" in caplog.text


def test_the_task_does_it_for_real(account):
    assert tasks.check_due_accounts() == 1
    account.refresh_from_db()
    assert account.last_success_at is not None


# --- connections ----------------------------------------------------------------------------------


def prove(sandbox, there, **how):
    given = {
        "platform": "sandbox",
        "handle": there.handle,
        "base_url": sandbox.url,
        "secret": there.secret,
    }
    return connections.account_prove(**{**given, **how})


def test_proving_says_who_the_credentials_belong_to_and_writes_nothing(sandbox, there):
    proven = prove(sandbox, there)
    assert proven.identity.remote_id == there.remote_id
    assert there.secret not in repr(proven)
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"platform": "myspace"}, "platform"),
        ({"secret": "  "}, "secret"),
        ({"platform": "mastodon", "base_url": ""}, "base_url"),
        ({"base_url": "https://u:p@example.org"}, "base_url"),
        ({"base_url": "javascript:alert(1)"}, "base_url"),
        ({"base_url": "https://example.org/?x=1"}, "base_url"),
    ],
)
def test_what_cannot_be_proven_is_said_at_its_field(sandbox, there, how, field):
    with pytest.raises(Invalid) as error:
        prove(sandbox, there, **how)
    assert error.value.field == field


def test_an_address_without_a_scheme_is_taken_as_https(sandbox, there):
    host = sandbox.url.removeprefix("http://")
    with pytest.raises(Invalid) as error:  # the Sandbox speaks plain HTTP
        prove(sandbox, there, base_url=host)
    assert error.value.field == "base_url"


def test_a_session_a_platform_gives_is_kept_sealed(account, monkeypatch):
    kept = {}

    class Speaks:
        def __init__(self, remember):
            kept["remember"] = remember

    monkeypatch.setattr(connections, "open_adapter", lambda *a, remember, **k: Speaks(remember))
    connections.open_account(account)
    kept["remember"]("canary-session")
    assert Credential.objects.get().session == "canary-session"


def test_two_people_connecting_at_once_connect_one_account(sandbox, there, monkeypatch):
    owner, proven = UserFactory(), prove(sandbox, there)

    def connect():
        return account_connect(actor=COMMAND, proven=proven, owner=owner, time_zone="Europe/London")

    connect()
    # The second looked before the first had written: what it finds is nothing.
    plain = SocialAccount.objects.filter
    monkeypatch.setattr(
        SocialAccount.objects, "filter", lambda **k: plain(pk=0) if "remote_id" in k else plain(**k)
    )
    with pytest.raises(Invalid, match="connected already"):
        connect()
    assert SocialAccount.objects.count() == 1


def test_what_services_refuse_of_an_account(sandbox, there, account):
    owner = UserFactory()
    with pytest.raises(Invalid, match="no time zone"):
        account_connect(
            actor=COMMAND, proven=prove(sandbox, there), owner=owner, time_zone="Mars/Base"
        )
    how = {"display_name": "X", "owner": owner, "purpose": "", "approval_required": False}
    with pytest.raises(Invalid, match="no time zone"):
        account_change(actor=COMMAND, account=account, time_zone="Mars/Base", **how)
    with pytest.raises(Invalid, match="Give the account a name"):
        account_change(
            actor=COMMAND, account=account, time_zone="UTC", **{**how, "display_name": " "}
        )
    for service in (account_freeze, account_disconnect):
        with pytest.raises(Invalid, match="Say why"):
            service(actor=COMMAND, account=account, reason=" ")


def test_reconnecting_takes_the_new_handle_and_limits(sandbox, there, account):
    SocialAccount.objects.filter(pk=account.pk).update(
        handle="old", health=Health.LOST, disconnected_at=timezone.now()
    )
    account.refresh_from_db()
    account_reconnect(actor=COMMAND, account=account, proven=prove(sandbox, there))
    account.refresh_from_db()
    assert account.handle.lstrip("@") == there.handle
    assert (account.condition, account.disconnected_at) == ("healthy", None)
    assert account.limits == health.open_account(account).limits()


class Declaring:
    """An account's adapter whose server declares limits of its own, or does not answer."""

    def __init__(self, adapter):
        self._adapter, self.answers, self.asked = adapter, [], 0

    def __getattr__(self, name):
        return getattr(self._adapter, name)

    def limits(self):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, PlatformError):
            raise answer
        return answer


class TestLimits:
    @pytest.fixture
    def declaring(self, account, monkeypatch):
        made = Declaring(health.open_account(account))
        monkeypatch.setattr(health, "open_account", lambda _account: made)
        return made

    def check(self, account, at):
        account = SocialAccount.objects.get(pk=account.pk)
        with time_machine.travel(at, tick=False):
            assert account_check(actor=WORKER, account=account) is None
        account.refresh_from_db()
        return account.limits

    def test_they_are_read_again_once_a_day(self, account, declaring):
        usual, noon = account.info.limits, datetime(2027, 3, 1, 12, tzinfo=UTC)
        before = dataclasses.asdict(usual) | {"text_max": 7, "video": None, "poll": None}
        SocialAccount.objects.filter(pk=account.pk).update(declared_limits=before, checked_at=noon)
        declaring.answers = [dataclasses.replace(usual, text_max=900), usual]
        said = [self.check(account, noon + timedelta(hours=hours)) for hours in (1, 13, 14, 37)]
        assert [limits.text_max for limits in said] == [7, 900, 900, usual.text_max]
        assert {limits.video for limits in said} == {usual.video}
        assert {limits.poll for limits in said} == {usual.poll}
        assert declaring.asked == 2

    def test_a_server_that_does_not_tell_them_now_leaves_them_as_they_were(
        self, account, declaring
    ):
        SocialAccount.objects.update(declared_limits={"text_max": 7}, checked_at=None)
        declaring.answers = [RetryLater("Down")]
        assert self.check(account, timezone.now()).text_max == 7
        account.refresh_from_db()
        assert account.condition == "healthy"


class Ending:
    """An account's adapter that says when its credentials end."""

    def __init__(self, adapter, lapses_at):
        self._adapter, self._lapses_at = adapter, lapses_at

    def __getattr__(self, name):
        return getattr(self._adapter, name)

    def lapses_at(self):
        return self._lapses_at


class TestCredentialsThatEnd:
    @pytest.fixture
    def check(self, account, monkeypatch):
        """Checks the account at a time when its credentials end in so many days."""
        plain = health.open_account
        ends = {"at": timezone.now() + timedelta(days=60)}
        monkeypatch.setattr(health, "open_account", lambda a: Ending(plain(a), ends["at"]))

        def run(days_left):
            ends["at"] = timezone.now() + timedelta(days=days_left)
            assert account_check(actor=WORKER, account=account) is None
            return warned(account)

        return run

    def test_people_are_told_once_at_each_step(self, account, monkeypatch):
        at = timezone.now() + timedelta(days=20)
        plain = connections.open_account
        monkeypatch.setattr(health, "open_account", lambda a: Ending(plain(a), at))
        said = []
        for days_left in (20, 13.9, 13, 5, 2.9, 2, 0.9, 0.5):
            with time_machine.travel(at - timedelta(days=days_left), tick=False):
                account_check(actor=WORKER, account=account)
            said.append(warned(account))
        assert said == [[], [14], [14], [14], [14, 3], [14, 3], [14, 3, 1], [14, 3, 1]]

    def test_the_newest_warning_is_the_open_one(self, account, check):
        check(10)
        check(2)
        first, second = Alert.objects.filter(kind="token", account=account).order_by("pk")
        assert first.settled_at is not None
        assert second.settled_at is None
        assert "Reconnect the account" in second.message

    def test_a_new_end_is_warned_of_anew(self, account, check):
        assert check(2) == [3]
        assert check(60) == [3]
        assert check(13) == [3, 14]

    def test_the_warning_is_over_when_the_end_is_far_again(self, account, check):
        check(2)
        settle_over(timezone.now())
        assert Alert.objects.filter(account=account, settled_at=None).exists()
        check(60)
        settle_over(timezone.now())
        assert not Alert.objects.filter(account=account, settled_at=None).exists()

    def test_two_who_ask_at_once_tell_once(self, account):
        at = timezone.now() + timedelta(days=2)
        for _ in range(2):
            account_warn_of_end(actor=WORKER, account=account, lapses_at=at, days=3)
        assert warned(account) == [3]

    def test_an_account_that_is_disconnected_while_it_is_asked_is_let_be(self, account):
        Credential.objects.filter(account=account).delete()
        health.lapse_note(actor=WORKER, account=account, lapses_at=timezone.now())
        assert warned(account) == []

    def test_what_says_no_end_is_never_warned_of(self, account):
        assert account_check(actor=WORKER, account=account) is None
        assert Credential.objects.get(account=account).lapses_at is None
        assert warned(account) == []


def warned(account):
    events = Event.objects.filter(name="account.credentials_ending", account_id=account.pk)
    return [event.data["days"] for event in events.order_by("pk")]
