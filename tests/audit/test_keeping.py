"""Erasing, witnesses, the record's check of itself, and the change of a key."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.services.social import account_freeze
from audit import witnesses
from audit.actors import Actor
from audit.erasing import Because, CannotErase
from audit.management.commands.audit_seal import to_https
from audit.models import Checkpoint, Erasure, Event, Salt, SelfCheck, Unsealed, Witness
from audit.notes import opened
from audit.sealing import seal, signing_keys
from audit.selectors.seal import seal_of
from audit.selfcheck import check_all, check_next
from audit.services.keeping import content_erase
from audit.witnesses import WitnessFailed, name_of, show_all
from tests.factories import COMMAND, SocialAccountFactory
from tests.tamper.conftest import World, new_key

pytestmark = pytest.mark.django_db
WORKER = Actor.worker("record-check")


@pytest.fixture
def event():
    account = SocialAccountFactory(display_name="Northmoor Fire")
    account_freeze(actor=COMMAND, account=account, reason="Jo Bloggs of 5 Hill Road complained")
    seal()
    return Event.objects.get(name="account.frozen")


def run(name, *words):
    out = io.StringIO()
    call_command(name, *map(str, words), stdout=out, stderr=io.StringIO())
    return out.getvalue()


# --- erasing --------------------------------------------------------------------------------------


def test_erased_content_is_gone_and_every_proof_is_whole(event, tmp_path):
    world = World(tmp_path)
    world.live(2)
    run("audit_erase", event.pk, "--because", "request", "--reference", "SAR/2026-17")
    world.seal()
    after = Event.objects.get(pk=event.pk)
    assert (after.data, after.subject_label, after.account_label, after.words) == ({}, "", "", "")
    assert after.actor_label == event.actor_label
    with connection.cursor() as cursor:
        cursor.execute("SELECT search::text FROM audit_event WHERE id = %s", [event.pk])
        assert cursor.fetchone()[0] == ""
    assert (Salt.objects.get(pk=event.pk).what, list(check_all())) == (None, [])
    code, said = world.verify()
    assert code == 0, said
    assert "What the erased content of 1 events said" in said


def test_the_page_says_on_which_day_by_whom_and_why(event, sign_in, auditor):
    run("audit_erase", event.pk, "--because", "court", "--reference", "C-12/26")
    words = " ".join(sign_in(auditor).get(f"/record/{event.pk}/").content.decode().split())
    assert "What it was about was erased on" in words
    assert "by The command audit_erase because of an order of a court or regulator" in words
    assert "(C-12/26)" in words
    assert "Jo Bloggs" not in words


def test_the_record_of_an_erasure_holds_nothing_of_what_was_erased(event):
    run("audit_erase", event.pk, "--because", "request", "--part", "both")
    by = Event.objects.get(name="record.erased")
    assert by.data == {
        "events": [event.pk], "parts": ["what", "who"], "because": "request", "reference": "",
    }  # fmt: skip
    assert (by.actor_kind, by.subject_label, by.account_label) == ("command", "", "")
    assert "Bloggs" not in by.words
    erased = seal_of(Event.objects.get(pk=event.pk)).erased
    assert [one.part for one in erased] == ["what", "who"]
    assert Event.objects.get(pk=event.pk).actor_label == ""


@pytest.mark.parametrize(
    "reference", ["Jo Bloggs complained", "a b", "/x", "x" * 41, "Überprüfung", "a\nb"]
)
def test_a_reference_holds_no_words(event, reference):
    with pytest.raises(CommandError, match="no words"):
        run("audit_erase", event.pk, "--because", "request", "--reference", reference)
    assert Event.objects.get(pk=event.pk).data
    assert not Erasure.objects.exists()


def test_what_cannot_be_erased(event):
    run("audit_erase", event.pk, "--because", "request")
    by = Event.objects.get(name="record.erased")
    with pytest.raises(CommandError, match="not sealed yet"):
        run("audit_erase", by.pk, "--because", "request")
    seal()
    for number, why in ((by.pk, "nothing to erase"), (event.pk, "before"), (10**9, "not exist")):
        with pytest.raises(CommandError, match=why):
            run("audit_erase", number, "--because", "request")
    assert Event.objects.filter(name="record.erased").count() == 1


def test_only_a_command_erases(event, auditor):
    from audit.actions import NotAllowed
    from tests.factories import person

    with pytest.raises(NotAllowed):
        content_erase(
            actor=person(auditor), event_ids=[event.pk], parts=["what"], because=Because.COURT
        )
    assert Event.objects.filter(name="access.refused").exists()
    with pytest.raises(CannotErase):
        content_erase(actor=COMMAND, event_ids=[], parts=["what"], because=Because.COURT)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_event SET data = '{}', subject_label = '', account_label = '', words = ''",
        "UPDATE audit_event SET words = ''",
        "UPDATE audit_event SET actor_label = ''",
    ],
)
@pytest.mark.parametrize("erased", [False, True])
def test_the_database_lets_nothing_else_be_blanked(event, change, erased):
    other = account_freeze(actor=COMMAND, account=SocialAccountFactory(), reason="x")
    assert other is None or other
    number = Event.objects.filter(name="account.frozen").exclude(pk=event.pk).get().pk
    if erased:
        run("audit_erase", event.pk, "--because", "request")
        if "actor_label" in change:
            number = event.pk
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"{change} WHERE id = {number}")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM audit_event WHERE id = {0}",
        "UPDATE audit_event SET data = '{{\"a\": 1}}' WHERE id = {0}",
        "UPDATE audit_event SET account_id = 5 WHERE id = {0}",
        "UPDATE audit_erasure SET part = 'who'",
        "DELETE FROM audit_erasure",
        "TRUNCATE audit_erasure",
    ],
)
def test_nor_changes_an_event_whose_content_was_erased(event, change):
    run("audit_erase", event.pk, "--because", "request")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change.format(event.pk))


# --- witnesses ------------------------------------------------------------------------------------


def test_a_file_gets_every_checkpoint_after_the_other(event, settings, tmp_path):
    path = tmp_path / "checkpoints"
    settings.WITNESSES = [f"file:{path}"]
    show_all()
    show_all()
    account_freeze(actor=COMMAND, account=SocialAccountFactory(), reason="x")
    seal()
    show_all()
    notes = [note for note in path.read_text().split("\n\n— ") if note]
    assert len(notes) == 3
    witness = Witness.objects.get()
    newest = Checkpoint.objects.first()
    assert (witness.size, witness.covers_until) == (newest.size, newest.at)
    assert opened(newest.note, [signing_keys()[0].public]).size == witness.size
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644


def test_a_witness_that_fails_is_on_record_once_and_when_it_takes_again(event, settings, tmp_path):
    path = tmp_path / "mount" / "checkpoints"
    settings.WITNESSES = [f"file:{path}"]
    show_all()
    show_all()
    failing = Event.objects.get(name="witness.failing")
    assert failing.data["witness"] == f"file:{path}"
    assert "cannot be written" in failing.data["error"]
    assert Witness.objects.get().failing_since is not None
    path.parent.mkdir()
    show_all()  # left alone for a while
    assert not path.exists()
    Witness.objects.update(tried_at=timezone.now() - timedelta(seconds=60))
    show_all()
    assert path.exists()
    assert Event.objects.filter(name="witness.recovered").count() == 1
    witness = Witness.objects.get()
    assert (witness.failing_since, witness.error) == (None, "")


def test_one_that_the_settings_name_no_more_does_not_go_on_failing(event, settings, tmp_path):
    settings.WITNESSES = [f"file:{tmp_path}/mount/x"]
    show_all()
    settings.WITNESSES = []
    show_all()
    witness = Witness.objects.get()
    assert (witness.failing_since, witness.error) == (None, "")


def test_one_that_fails_does_not_keep_the_others_from_theirs(event, settings, tmp_path):
    settings.WITNESSES = ["gopher:x", f"file:{tmp_path}/y"]
    show_all()
    assert {w.name: bool(w.size) for w in Witness.objects.all()} == {
        "gopher:x": False,
        f"file:{tmp_path}/y": True,
    }


def test_e_mail_is_sent_now_and_then(event, settings):
    settings.WITNESSES = ["mailto:records@example.org"]
    show_all()
    account_freeze(actor=COMMAND, account=SocialAccountFactory(), reason="x")
    seal()
    show_all()
    (message,) = mail.outbox
    assert message.to == ["records@example.org"]
    assert message.body == Checkpoint.objects.last().note
    Witness.objects.update(tried_at=timezone.now() - timedelta(seconds=settings.WITNESS_MAIL_S))
    show_all()
    assert len(mail.outbox) == 2


def test_mail_that_fails_is_a_failed_witness(event, settings, monkeypatch):
    def refuses(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(witnesses, "send_mail", refuses)
    with pytest.raises(WitnessFailed, match="did not take it: ConnectionRefusedError"):
        witnesses.to_mail("mailto:a@b.example", Checkpoint.objects.get().note)


@pytest.fixture
def web_witness(settings):
    """A server that takes what is posted, and answers what it is told to."""
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(int(self.path[1:4]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    settings.ALLOW_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{server.server_port}"})
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_witness_is_posted_the_note(web_witness):
    address, taken = web_witness
    to_https(f"{address}/200", "a note\n")
    assert taken == ["a note\n"]
    with pytest.raises(WitnessFailed, match="answered 503"):
        to_https(f"{address}/503", "a note\n")


def test_and_never_at_an_address_that_is_not_allowed(web_witness, settings):
    settings.ALLOW_PRIVATE_HOSTS = frozenset()
    with pytest.raises(WitnessFailed):
        to_https(f"{web_witness[0]}/200", "a note\n")
    assert web_witness[1] == []


def test_the_name_of_a_witness_holds_no_secret():
    name = name_of("https://user:pass@hook.example.org/token-abc?k=1")
    assert name.startswith("https://hook.example.org (")
    for secret in ("pass", "token", "k=1"):
        assert secret not in name
    assert name != name_of("https://hook.example.org/other")


# --- the check of itself --------------------------------------------------------------------------


@pytest.fixture
def whole(event, tmp_path):
    """A record of three rows of hashes."""
    world = World(tmp_path)
    world.live(3, count=200)
    return world


def test_a_whole_record_has_no_fault(whole):
    assert list(check_all()) == []
    assert "are as they were sealed" in run("audit_verify")
    assert check_next(WORKER) == ""
    assert SelfCheck.objects.get().whole_at is not None


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("UPDATE audit_event SET actor_id = 9 WHERE id = {0}", "Event {0} is not what was sealed."),
        ("UPDATE audit_event SET data = '[1]' WHERE id = {0}", "is not what was sealed: what"),
        ("UPDATE audit_event SET address = '' WHERE id = {0}", "is not what was sealed: who"),
        ("DELETE FROM audit_event WHERE id = {0}", "is gone"),
        ("DELETE FROM audit_leaf WHERE event_id = {0}", "is missing"),
        ("UPDATE audit_salt SET what = NULL WHERE event_id = {0}", "gone without an erasure"),
        ("UPDATE audit_node SET hash = sha256('x') WHERE index = 1", "from 256 on is not"),
        ("DELETE FROM audit_leaf WHERE index > 400", "put in past the seal"),
        ("UPDATE audit_checkpoint SET note = 'x' WHERE size > 500", "No key that is known"),
    ],
)
def test_what_is_not_as_it_was_sealed_is_found_and_put_on_record(whole, attack, said):
    number = whole.at(300)
    whole.attack(attack.format(number))
    fault = check_next(WORKER)
    assert re.search(said.format(number), fault), fault
    assert Event.objects.get(name="record.fault_found").data == {"fault": fault}
    assert SelfCheck.objects.get().fault == fault
    assert check_next(WORKER) == fault
    assert Event.objects.filter(name="record.fault_found").count() == 1
    with pytest.raises(CommandError, match="fault") as caught:
        run("audit_verify")
    assert caught.value.returncode == 1


def test_an_event_past_the_seal_is_found(whole):
    event = whole.insert()
    assert check_next(WORKER) == f"Event {event.pk} was put in past the seal."


def test_the_check_goes_round_piece_by_piece(whole, monkeypatch):
    monkeypatch.setattr("audit.selfcheck.PIECE", 256)
    places = []
    for _ in range(4):
        check_next(WORKER)
        places.append(SelfCheck.objects.get().next_index)
    assert places == [256, 512, 0, 256]


def test_a_record_that_is_empty_is_whole():
    assert check_next(WORKER) == ""
    assert list(check_all()) == []


def test_verify_compares_with_what_was_witnessed(whole, tmp_path):
    seen = tmp_path / "seen"
    seen.write_text("\n".join(whole.witnessed))
    assert "are as they were" in run("audit_verify", "--witnessed", seen)
    whole.attack(f"UPDATE audit_event SET actor_id = 9 WHERE id = {whole.at(300)}")
    whole.seal_anew()
    assert list(check_all()) == []  # so far as this server can tell
    with pytest.raises(CommandError, match="is of another record"):
        run("audit_verify", "--witnessed", seen)
    with pytest.raises(CommandError, match="cannot be read"):
        run("audit_verify", "--witnessed", tmp_path / "missing")


# --- another key ----------------------------------------------------------------------------------


def test_a_key_is_changed_with_both_signatures(event, settings):
    (old,) = signing_keys()
    settings.RECORD_KEYS = [new_key(old.public.name), *settings.RECORD_KEYS]
    said = json.loads(run("audit_key_change", "--json"))
    new = signing_keys()[0]
    assert (said["new"], said["old"]) == (str(new.public), str(old.public))
    newest = Checkpoint.objects.first()
    assert said["size"] == newest.size
    for key in (new.public, old.public):
        assert opened(newest.note, [key]).keys == (str(new.public), str(old.public))
    changed = Event.objects.get(name="record.key_changed")
    assert changed.data == {"new": str(new.public), "old": str(old.public)}
    assert not Unsealed.objects.exists()


@pytest.mark.parametrize("keys", ["one", "another name", "twice the same"])
def test_a_change_that_is_none_is_refused(event, settings, keys):
    (old,) = settings.RECORD_KEYS
    settings.RECORD_KEYS = {
        "one": [old],
        "another name": [new_key("else"), old],
        "twice the same": [old, old],
    }[keys]
    with pytest.raises(CommandError):
        run("audit_key_change")
    assert not Event.objects.filter(name="record.key_changed").exists()
