"""Exports in the background: what they hold, whose they are, how they go on after a stop."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import uuid
import zipfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from accounts.services.people import user_freeze
from accounts.services.social import account_freeze
from audit import tasks
from audit.exports import files, sheet
from audit.exports import work as work_module
from audit.exports.cover import asked_in_words, cover_of
from audit.exports.store import Store
from audit.exports.work import claim, forget_old, work
from audit.models import Checkpoint, Event, RecordExport, Stage
from audit.sealing import seal, signing_keys
from audit.selectors.events import Filters, Scope
from audit.services.handing import CannotKeep, export_begin
from audit.telling import event_words
from scheduling.selectors.story import posts_on
from scheduling.services.posts import post_create
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, give, person

pytestmark = pytest.mark.django_db
EVERYTHING = Scope(posts_on, account_ids=None)
VERIFIER = Path(__file__).parents[2] / "tools" / "verify_socialdesk.py"


@pytest.fixture(autouse=True)
def _apart(settings, tmp_path):
    settings.EXPORTS_DIR = tmp_path / "exports"


def many(count, **fields):
    values = {"act": uuid.uuid4(), "actor_kind": "worker", "actor_label": "publisher"}
    Event.objects.bulk_create(
        Event(name="delivery.published", data={"number": n}, **{**values, **fields})
        for n in range(count)
    )


def begin(owner, format="csv", scope=EVERYTHING, **filters):
    return export_begin(
        actor=person(owner), scope=scope, filters=Filters(**filters), query="", format=format
    )


def run(export, times=20):
    """Work on it as the clock would, until it is done."""
    for _ in range(times):
        RecordExport.objects.filter(lease_until__isnull=False).update(lease_until=None)
        tasks.write_exports()
        seal()
        export.refresh_from_db()
        if not export.is_working:
            break
    return export


def taken(export):
    kind = files.kind_of(export)
    return (Store(export).folder / files.NAMES[kind]).read_bytes()


def check(export, tmp_path):
    """What the verifier says of its proof."""
    words = ["proof", str(Store(export).folder / files.PROOF)]
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *words, "--key", str(signing_keys()[0].public)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


# --- what they hold -------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(work_module, "PART", 10)


@pytest.mark.parametrize("format", ["csv", "json"])
def test_it_holds_exactly_what_was_shown_when_it_began(auditor, small_parts, format):
    many(25)
    user_freeze(actor=COMMAND, user=UserFactory(), reason="Not asked for")
    export = begin(auditor, format, action="delivery.published")
    many(5)
    run(export)
    assert (export.stage, export.count, export.percent) == (Stage.READY, 25, 100)
    text = taken(export).decode("utf-8-sig")
    if format == "csv":
        numbers = [int(row["number"]) for row in csv.DictReader(io.StringIO(text, newline=""))]
    else:
        numbers = [json.loads(line)["number"] for line in text.splitlines()]
    shown = Event.objects.filter(name="delivery.published").order_by("-occurred_at", "-id")[5:]
    assert numbers == list(shown.values_list("pk", flat=True))


def cells(raw, number=1):
    """The cells of a sheet: text, and whether it is a formula."""
    space = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        tree = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
    return [
        [("".join(cell.itertext()), cell.find("x:f", space) is not None) for cell in row]
        for row in tree.iterfind(".//x:row", space)
    ]


def test_a_workbook_has_a_row_for_each_and_no_formula(auditor, small_parts):
    evil = SocialAccountFactory(display_name='=HYPERLINK("http://x","y")')
    account_freeze(actor=COMMAND, account=evil, reason="https://evil.example/ \x0b+1")
    many(12)
    rows = cells(taken(run(begin(auditor, "xlsx"))))
    assert len(rows) == 14 + Event.objects.filter(name="grant.given").count()
    assert not any(formula for row in rows for _, formula in row)
    assert any(text.startswith("=HYPERLINK") for row in rows for text, _ in row)


def test_a_sheet_that_is_full_is_followed_by_another(auditor, small_parts, monkeypatch):
    monkeypatch.setattr(sheet, "ROWS_MAX", 10)
    many(15)
    raw = taken(run(begin(auditor, "xlsx", action="delivery.published")))
    assert (len(cells(raw, 1)), len(cells(raw, 2))) == (11, 6)


def test_a_cell_that_holds_too_much_says_where_the_rest_is(auditor):
    many(1, subject_label="", correlation_id="c" * 9)
    Event.objects.bulk_create(
        [
            Event(
                name="delivery.published",
                act=uuid.uuid4(),
                actor_kind="worker",
                actor_label="x",
                data={"text": "x" * 40_000},
            )
        ]
    )
    rows = cells(taken(run(begin(auditor, "xlsx", action="delivery.published"))))
    longest = max(len(text) for row in rows for text, _ in row)
    assert longest == sheet.CELL_MAX
    assert any(text.endswith(sheet.CUT) for row in rows for text, _ in row)


def test_on_paper_and_in_volumes(auditor, small_parts):
    many(15)
    one = taken(run(begin(auditor, "pdf", action="delivery.published")))
    assert one.startswith(b"%PDF-")
    many(60)
    several = run(begin(auditor, "pdf", action="delivery.published"))
    with zipfile.ZipFile(io.BytesIO(taken(several))) as packed:
        assert packed.namelist() == ["volume-001.pdf", "volume-002.pdf"]
        assert all(packed.read(name).startswith(b"%PDF-") for name in packed.namelist())


def test_paper_says_what_it_shows_to_whom_and_how_it_is_checked(auditor, tmp_path):
    account = SocialAccountFactory(display_name="Northmoor Fire")
    account_freeze(actor=COMMAND, account=account, reason="A reason")
    seal()
    since = datetime(2020, 1, 1, tzinfo=UTC)
    export = run(begin(auditor, "pdf", account=account.pk, action="account.*", since=since))
    cover = cover_of(export, 1, 1, "record.pdf")
    shows = dict(cover.facts)["Shows"]
    assert shows.startswith("on the account Northmoor Fire (")
    assert "every event of the kind account; from 2020-01-01 00:00:00 UTC" in shows
    assert dict(cover.facts)["Exported for"] == f"{auditor.full_name}, who may see the whole record"
    checkpoint = Checkpoint.objects.latest("size")
    assert checkpoint.note.splitlines()[2] in dict(cover.closing)["Checkpoint"]
    assert export.sha256 not in str(cover)
    assert "sha256sum record.pdf" in cover.commands


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({}, ["everything", "without readings of the record"]),
        ({"readings": True}, ["everything"]),
        ({"kind": "worker", "readings": True}, ["what Socialdesk itself did"]),
        ({"person": 987, "readings": True}, ["what number 987 did"]),
        ({"action": "delivery.published"}, [f"the event “{event_words('delivery.published')}”"]),
        (
            {"post": 5, "address": "192.0.2.7", "text": "fire", "readings": True},
            ["about post 5", "from the address 192.0.2.7", "with the words “fire”"],
        ),
    ],
)
def test_filters_are_told_in_words(filters, words):
    assert asked_in_words(Filters(**filters)) == words


def test_nothing_found_is_a_file_and_a_proof_too(auditor, tmp_path):
    many(1)
    for format in ("csv", "json", "xlsx", "pdf"):
        export = run(begin(auditor, format, action="team.created"))
        assert (export.stage, export.count) == (Stage.READY, 0)
        assert check(export, tmp_path)[0] == 0


# --- the proof ------------------------------------------------------------------------------------


def test_the_proof_shows_each_event_and_the_hash_of_the_file(auditor, small_parts, tmp_path):
    for n in range(40):
        many(1, account_id=n % 3)
    seal()
    export = run(begin(auditor, "csv", action="delivery.published", account=1))
    code, said = check(export, tmp_path)
    assert code == 0, said
    assert "13 events were recorded exactly as they are listed." in said
    assert sha256(taken(export)).hexdigest() == export.sha256
    assert f'"sha256":"{export.sha256}"' in said


def test_it_holds_no_event_but_those_listed(auditor, small_parts):
    many(20, account_id=1)
    many(20, account_id=2)
    export = run(begin(auditor, "json", action="delivery.published", account=2))
    numbers = [json.loads(line)["number"] for line in taken(export).splitlines()]
    proofs = gzip.decompress((Store(export).folder / files.PROOF).read_bytes()).splitlines()
    listed = [
        json.loads(event["leaf"])["number"]
        for proof in map(json.loads, proofs[:-1])
        for event in proof["events"]
        if "leaf" in event
    ]
    assert sorted(listed) == sorted(numbers)


@pytest.mark.parametrize("part", ["leaf", "who", "what", "hash", "count"])
def test_a_proof_that_was_touched_is_found(auditor, small_parts, tmp_path, part):
    for n in range(30):
        many(1, account_id=n % 2)
    seal()
    export = run(begin(auditor, "csv", action="delivery.published", account=1))
    path = Store(export).folder / files.PROOF
    first, *rest = gzip.decompress(path.read_bytes()).decode().splitlines()
    proof = json.loads(first)
    event = next(one for one in proof["events"] if ("hash" if part == "hash" else "leaf") in one)
    if part == "hash":
        event["hash"] = "0" * 64
    elif part == "count":
        proof["events"].remove(event)
    else:
        event[part] = event[part].replace("publish", "PUBLISH", 1).replace("number", "NUMBER", 1)
    path.write_bytes(gzip.compress("\n".join([json.dumps(proof), *rest, ""]).encode()))
    assert check(export, tmp_path)[0] in (1, 2)


def test_whoever_sees_some_accounts_gets_nothing_of_others(tmp_path):
    mine, other = SocialAccountFactory(), SocialAccountFactory(display_name="Chief's office")
    ana = UserFactory()
    for account in (mine, other):
        give(ana, "contributor", account)
    viewer = UserFactory()
    give(viewer, "viewer", mine)
    own = {other.pk: "The secret version."}
    post_create(actor=person(ana), text="Hello.", accounts=[mine, other], own_texts=own)
    _, scope = tasks.right_of(viewer.pk)
    export = run(begin(viewer, "json", scope=scope))
    assert export.stage == Stage.READY
    proof = gzip.decompress((Store(export).folder / files.PROOF).read_bytes())
    for raw in (taken(export), proof):
        assert b"Hello." in taken(export)
        assert b"secret version" not in raw
        assert b"Chief" not in raw
    assert check(export, tmp_path)[0] == 0


# --- stops ----------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_leaves_the_rest_to_another(auditor, small_parts, monkeypatch):
    """At every step of every stage: what is lost is at most a part, and the result is the same."""
    many(35)
    whole = run(begin(auditor, "csv", action="delivery.published"))
    export = begin(auditor, "csv", action="delivery.published")
    keep, killed = work_module._keep, []

    class Killed(BaseException):
        pass

    def once_each(export, **values):
        step = (values.get("stage"), export.stage, export.parts, export.written, export.proven)
        if "token" not in values and step not in killed:
            killed.append(step)
            raise Killed
        keep(export, **values)

    monkeypatch.setattr(work_module, "_keep", once_each)
    for _ in range(60):
        RecordExport.objects.update(lease_until=None)
        with suppress(Killed):
            tasks.write_exports()
        seal()
        export.refresh_from_db()
        if not export.is_working:
            break
    assert len(killed) > 8
    assert (export.stage, export.count) == (Stage.READY, 35)
    assert taken(export) == taken(whole)


def test_a_worker_that_wakes_up_too_late_changes_nothing(auditor, small_parts):
    many(35)
    export = begin(auditor, "csv")
    slow = claim()
    assert claim() is None
    RecordExport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    other = claim()
    assert other.token != slow.token
    work(slow, tasks.right_of, lambda: True)
    export.refresh_from_db()
    assert (export.parts, export.token) == (0, other.token)


def test_an_unsealed_end_is_waited_for(auditor):
    many(3)
    export = begin(auditor)
    tasks.write_exports()
    export.refresh_from_db()
    assert export.stage == Stage.PROVING
    assert export.lease_until > timezone.now()
    assert run(export).stage == Stage.READY


def test_rights_that_change_meanwhile_end_it(auditor, small_parts):
    many(35)
    export = begin(auditor)
    type(auditor).objects.filter(pk=auditor.pk).update(is_auditor=False)
    assert run(export).stage == Stage.FAILED
    assert "has changed" in export.error
    assert not Store(export).folder.exists()


def test_a_full_disk_ends_it_with_the_reason(auditor, monkeypatch):
    many(3)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "put", full)
    export = run(begin(auditor))
    assert (export.stage, export.error) == (
        Stage.FAILED, "The file could not be written: No space left on device.",
    )  # fmt: skip


def test_a_fault_of_ours_ends_it_and_is_on_record(auditor, monkeypatch):
    many(3)

    def faulty(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(work_module, "write_file", faulty)
    export = run(begin(auditor))
    assert export.stage == Stage.FAILED
    ended = Event.objects.get(name="record.exported")
    assert (ended.actor_id, ended.data["complete"]) == (auditor.pk, False)


def test_the_workers_are_left_time_for_other_things(auditor):
    many(1)
    for _ in range(3):
        begin(auditor)
    assert [claim() is not None for _ in range(3)] == [True, True, False]


def test_a_long_step_keeps_its_lease(auditor, monkeypatch):
    many(1)
    begin(auditor)
    monkeypatch.setattr(work_module, "LEASE", timedelta(seconds=0.03))
    export = claim()
    renewed = []
    monkeypatch.setattr(
        type(RecordExport.objects.all()), "update", lambda *_, **v: renewed.append(v)
    )
    with work_module._held(export):
        until = timezone.now() + timedelta(seconds=5)
        while not renewed and timezone.now() < until:
            pass
    assert "lease_until" in renewed[0]


def test_what_is_removed_while_it_is_written_leaves_nothing(auditor, small_parts, monkeypatch):
    many(15)
    export = begin(auditor)
    put = Store.put_part

    def removed_meanwhile(store, *args):
        RecordExport.objects.update(stage=Stage.REMOVED)
        put(store, *args)

    monkeypatch.setattr(Store, "put_part", removed_meanwhile)
    run(export)
    assert not Store(export).folder.exists()


def test_files_are_kept_for_a_week(auditor):
    many(1)
    export = run(begin(auditor))
    assert forget_old() == 0
    RecordExport.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert forget_old() == 1
    assert not Store(export).folder.exists()


# --- on record ------------------------------------------------------------------------------------


def test_its_beginning_its_end_and_each_taking_are_on_record(sign_in, auditor):
    many(2)
    client = sign_in(auditor)
    client.post("/record/exports/new/", {"query": "action=delivery.published", "format": "csv"})
    export = RecordExport.objects.get()
    began = Event.objects.get(name="record.export_began")
    assert began.data == {
        "action": "delivery.published", "format": "csv", "export": str(export.pk),
    }  # fmt: skip
    run(export)
    ended = Event.objects.get(name="record.exported")
    assert (ended.actor_id, ended.actor_via) == (auditor.pk, "export")
    assert (ended.data["sha256"], ended.data["count"]) == (export.sha256, 2)
    for what, name in (("file", "record.csv"), ("proof", files.PROOF)):
        response = client.get(f"/record/exports/{export.pk}/{what}/")
        assert b"".join(response.streaming_content)
        assert response["Cache-Control"] == "no-store"
        assert Event.objects.filter(name="record.export_taken")[0].data["what"] == name


def test_an_export_is_its_owners_alone(sign_in, auditor):
    many(1)
    export = run(begin(auditor))
    other = sign_in(UserFactory(is_auditor=True))
    assert str(export.pk) not in other.get("/record/exports/").content.decode()
    for what in ("file", "proof"):
        assert other.get(f"/record/exports/{export.pk}/{what}/").status_code == 404
    assert other.post(f"/record/exports/{export.pk}/remove/").status_code == 404
    type(auditor).objects.filter(pk=auditor.pk).update(is_auditor=False)
    mine = sign_in(auditor)
    assert mine.get(f"/record/exports/{export.pk}/file/").status_code == 403
    give(auditor, "viewer", SocialAccountFactory())
    assert mine.get(f"/record/exports/{export.pk}/file/").status_code == 404


def test_it_can_be_stopped_and_removed(sign_in, auditor, small_parts):
    many(30)
    client = sign_in(auditor)
    export = begin(auditor)
    page = client.get("/record/exports/").content.decode()
    assert "Reading the record" in page
    assert 'hx-trigger="every 2s"' in page
    client.post(f"/record/exports/{export.pk}/remove/")
    assert run(export).stage == Stage.REMOVED
    assert not Store(export).folder.exists()
    assert Event.objects.filter(name="record.export_removed").count() == 1


def test_three_at_a_time(auditor):
    many(1)
    for _ in range(3):
        begin(auditor)
    with pytest.raises(CannotKeep, match="Wait until"):
        begin(auditor)


def test_wrong_filters_and_forms_export_nothing(sign_in, auditor):
    many(1)
    client = sign_in(auditor)
    for data in ({"query": "since=never", "format": "csv"}, {"query": "", "format": "exe"}):
        client.post("/record/exports/new/", data)
    assert not RecordExport.objects.exists()


def test_filters_come_back_from_json_as_they_were():
    asked = Filters(
        person=1, since=datetime(2026, 11, 1, tzinfo=UTC), until=datetime(2026, 11, 2, tzinfo=UTC)
    )
    kept = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asked.as_data().items()
    }
    assert Filters.from_data(kept) == asked
