"""What an operator or a script does at the shell: exit codes, JSON, and what goes where."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core import mail
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.levels import Level
from accounts.models import Credential, Grant, Invitation, SocialAccount
from accounts.moments import end_of_day, zone_names
from audit.models import Event
from tests.factories import CredentialFactory, SocialAccountFactory, UserFactory, give, make_team

pytestmark = pytest.mark.django_db
COMMANDS = (
    "user_invite",
    "account_connect",
    "account_check",
    "grant_set",
    "credentials_rotate",
    "user_freeze",
)


def run(*words, **options):
    """Standard output of a command; CommandError where it ends with another code than 0."""
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def run_json(*words):
    return json.loads(run(*words, "--json"))


def refused(*words):
    """What a refused command says, and its JSON; its exit code is 1."""
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command(*words, "--json", stdout=out)
    assert error.value.returncode == 1
    return str(error.value), json.loads(out.getvalue())


# --- as a process ---------------------------------------------------------------------------------


def shell(*words):
    manage = Path(__file__).resolve().parents[2] / "manage.py"
    return subprocess.run(
        [sys.executable, str(manage), *words], capture_output=True, text=True, timeout=60
    )


CONNECT_WITHOUT_FILE = (
    *("account_connect", "bluesky", "--handle", "x", "--owner", "x@y.example"),
    *("--secret-file", "/no/such/file"),
)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("user_freeze", "--help"), 0, "exit codes:"),
        (("credentials_rotate", "--help"), 0, "Put it first in SOCIALDESK_CREDENTIAL_KEYS"),
        (("user_freeze",), 2, "required: email"),
        (("grant_set", "1", "viewer"), 2, "--user --team"),
        (("grant_set", "1", "king", "--user", "x@y.example"), 2, "invalid choice"),
        (CONNECT_WITHOUT_FILE, 1, "CommandError: secret: /no/such/file cannot be read"),
    ],
    ids=lambda v: " ".join(v)[:30] if isinstance(v, tuple) else "",
)
def test_exit_codes_and_where_words_go(words, code, said):
    done = shell(*words)
    assert done.returncode == code, done.stderr
    assert said in (done.stdout if code == 0 else done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_json_and_exit_codes(name, capsys):
    with pytest.raises(SystemExit) as end:
        call_command(name, "--help")
    assert end.value.code == 0
    words = capsys.readouterr().out
    assert "--json" in words
    assert "exit codes:" in words


# --- inviting -----------------------------------------------------------------------------------


def test_user_invite_sends_and_prints_the_link(django_capture_on_commit_callbacks):
    make_team("Press office")
    with django_capture_on_commit_callbacks(execute=True):
        told = run_json(
            "user_invite", "Ada@northmoor.example", "--name", "Ada", "--role", "administrator",
            "--team", "press office",
        )  # fmt: skip
    invitation = Invitation.objects.get()
    assert told["ok"]
    assert told["email"] == "ada@northmoor.example"
    assert told["link"] in mail.outbox[0].body
    assert invitation.is_administrator
    assert [t.name for t in invitation.teams.all()] == ["Press office"]
    event = Event.objects.get(name="person.invited")
    assert (event.actor_kind, event.actor_label) == ("command", "user_invite")


def test_user_invite_without_e_mail(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        words = run("user_invite", "ada@northmoor.example", "--name", "Ada", "--no-email")
    assert "/people/join/" in words
    assert not mail.outbox


def test_user_invite_refuses():
    UserFactory(email="here@northmoor.example")
    words, told = refused("user_invite", "here@northmoor.example", "--name", "X")
    assert "already here" in words
    assert told == {"ok": False, "error": words.removeprefix("email: "), "field": "email"}
    words, _ = refused("user_invite", "a@northmoor.example", "--name", "X", "--team", "Nope")
    assert "no team called Nope" in words


# --- accounts -----------------------------------------------------------------------------------


@pytest.fixture
def secret_file(tmp_path):
    def write(secret):
        path = tmp_path / "secret"
        path.write_text(f"  {secret}\n")
        return str(path)

    return write


def connect_words(sandbox, file, owner, *more):
    return (
        "account_connect", "sandbox", "--handle", "x", "--base-url", sandbox.url,
        "--secret-file", file, "--owner", owner, *more,
    )  # fmt: skip


def test_account_connect(sandbox, secret_file):
    owner, there = UserFactory(), sandbox.open_account("by_command")
    words = connect_words(sandbox, secret_file(there.secret), owner.email)
    told = run_json(
        *words, "--time-zone", "Europe/Dublin", "--purpose", "Tries", "--approval-required"
    )
    account = SocialAccount.objects.get()
    assert told == {"ok": True, "id": account.pk, "platform": "sandbox", "handle": account.handle}
    assert (account.owner, account.time_zone) == (owner, "Europe/Dublin")
    assert (account.purpose, account.approval_required) == ("Tries", True)
    assert Credential.objects.get().secret == there.secret
    again, _ = refused(*words)
    assert "connected already" in again


def test_account_connect_reads_the_secret_from_standard_input(sandbox, monkeypatch):
    there = sandbox.open_account("by_stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO(there.secret + "\n"))
    words = run(*connect_words(sandbox, "-", UserFactory().email))
    assert "Connected" in words
    assert there.secret not in words


def test_account_connect_refuses(sandbox, secret_file, tmp_path):
    owner = UserFactory().email
    words, told = refused(*connect_words(sandbox, secret_file("canary-wrong"), owner))
    assert told["field"] == "secret"
    assert "canary" not in words
    words, _ = refused(*connect_words(sandbox, str(tmp_path / "none"), owner))
    assert "cannot be read" in words
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    words, _ = refused(*connect_words(sandbox, str(tmp_path / "binary"), owner))
    assert "does not hold text" in words
    words, _ = refused(*connect_words(sandbox, secret_file("x"), "nobody@northmoor.example"))
    assert "There is nobody" in words
    assert not SocialAccount.objects.exists()


def test_account_check(sandbox, secret_file):
    there = sandbox.open_account("checked")
    run(*connect_words(sandbox, secret_file(there.secret), UserFactory().email))
    account = SocialAccount.objects.get()
    for named in (str(account.pk), account.handle, f"sandbox:{account.handle}", "--all"):
        told = run_json("account_check", named)
        assert [row["ok"] for row in told["accounts"]] == [True]
    CredentialFactory(account=SocialAccountFactory(base_url=sandbox.url))
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 2 accounts do not work") as error:
        call_command("account_check", "--all", "--json", stdout=out)
    assert error.value.returncode == 1
    told = json.loads(out.getvalue())
    assert told["ok"] is False
    assert sorted(row["ok"] for row in told["accounts"]) == [False, True]
    assert "canary" not in out.getvalue()


def test_account_check_refuses_what_it_cannot_check():
    from django.utils import timezone

    gone = SocialAccountFactory(handle="gone", disconnected_at=timezone.now())
    assert "disconnected" in refused("account_check", "gone")[0]
    assert "There is no account 999" in refused("account_check", "999")[0]
    SocialAccountFactory(handle="gone", base_url="http://other.example")
    assert "Several accounts" in refused("account_check", "@gone")[0]
    assert str(gone) in refused("account_check", str(gone.pk))[0]
    SocialAccount.objects.all().update(disconnected_at=timezone.now())
    assert "No account is connected" in run("account_check", "--all")


# --- levels -------------------------------------------------------------------------------------


def test_grant_set_gives_changes_and_ends():
    account, user = SocialAccountFactory(handle="fire", time_zone="Asia/Kolkata"), UserFactory()
    who = ("--user", user.email.upper(), "--reason", "Covers", "--until", "2999-12-24")
    told = run_json("grant_set", "fire", "publisher", *who)
    grant = Grant.objects.get(pk=told["id"])
    assert grant.ends_at == end_of_day(date(2999, 12, 24), "Asia/Kolkata")
    assert datetime.fromisoformat(told["ends_at"]) == grant.ends_at
    assert (grant.given_by, grant.given_by_label) == (None, "grant_set")
    run("grant_set", "fire", "viewer", "--user", user.email, "--reason", "Less")
    assert Grant.objects.get(ended_at=None).level == "viewer"
    assert "no level" in run("grant_set", "fire", "none", "--user", user.email)
    assert not Grant.objects.filter(ended_at=None).exists()
    assert "has no level" in refused("grant_set", "fire", "none", "--user", user.email)[0]
    assert account.grants.count() == 2


def test_grant_set_for_a_team():
    account = SocialAccountFactory()
    team = make_team("Press office")
    run("grant_set", str(account.pk), "approver", "--team", "press office", "--reason", "x")
    assert Grant.objects.get(team=team).level == "approver"


def test_grant_set_refuses():
    account, user = SocialAccountFactory(), UserFactory()
    named = str(account.pk)
    assert "Say why" in refused("grant_set", named, "viewer", "--user", user.email)[0]
    words = ("--user", user.email, "--reason", "x", "--until", "2001-01-01")
    assert "lie ahead" in refused("grant_set", named, "viewer", *words)[0]
    with pytest.raises(CommandError, match="no date like"):
        run("grant_set", named, "viewer", "--user", user.email, "--until", "tomorrow")
    assert not Grant.objects.exists()


# --- people and keys ------------------------------------------------------------------------------


def test_user_freeze_and_lift():
    user, account = UserFactory(), SocialAccountFactory()
    give(user, Level.VIEWER, account)
    assert run_json("user_freeze", user.email, "--reason", "Lost phone")["frozen"]
    user.refresh_from_db()
    assert user.is_frozen
    assert user.frozen_by is None
    assert "frozen already" in refused("user_freeze", user.email, "--reason", "again")[0]
    assert run_json("user_freeze", user.email, "--lift")["frozen"] is False
    assert "is not frozen" in refused("user_freeze", user.email, "--lift")[0]
    assert "Say why" in refused("user_freeze", user.email, "--reason", " ")[0]


def test_credentials_rotate(settings):
    CredentialFactory()
    (old,) = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), old]
    assert run_json("credentials_rotate") == {"ok": True, "rotated": 1}
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    words, _ = refused("credentials_rotate")
    assert "Nothing was changed" in words


# --- days and zones -------------------------------------------------------------------------------


def test_the_zones_one_may_choose_are_places():
    names = zone_names()
    assert names[0] == "UTC"
    assert "Europe/London" in names
    assert not [n for n in names if n.startswith(("Etc/", "US/"))]


def test_a_day_ends_where_the_account_is():
    assert end_of_day(date(2026, 7, 1), "Europe/London").isoformat() == "2026-07-01T23:59:59+01:00"
