"""The record as CSV and JSON lines: from the page and from the command."""

from __future__ import annotations

import csv
import io
import json
import stat
import tracemalloc
import uuid
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts.services.social import account_freeze
from audit import exporting
from audit.exporting import COLUMNS, Export, safe_cell
from audit.models import Event
from audit.selectors.events import Cursor, Filters, Scope, events_all, newest
from scheduling.selectors.story import posts_on
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, give, make_team, person

pytestmark = pytest.mark.django_db
EVERYTHING = Scope(posts_on, account_ids=None)


def many(count, **fields):
    values = {"act": uuid.UUID(int=1), "actor_kind": "worker", "actor_label": "publisher"}
    at = datetime(2026, 11, 1, tzinfo=UTC)
    events = [
        Event(name="delivery.published", occurred_at=at, **values, **fields) for _ in range(count)
    ]
    Event.objects.bulk_create(events, batch_size=5_000)


def download(client, **asked):
    response = client.get("/record/export.csv", asked)
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def parsed(raw):
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


# --- from the page --------------------------------------------------------------------------------


def test_it_holds_exactly_what_the_filters_show(sign_in, auditor):
    fire, police = SocialAccountFactory(display_name="Feuerwehr Köln"), SocialAccountFactory()
    for account in (fire, police):
        account_freeze(
            actor=COMMAND, account=account, reason="Überprüfung, “wie besprochen”\nheute"
        )
    client = sign_in(auditor)
    raw = download(client, account=fire.pk)
    assert raw.startswith(b"\xef\xbb\xbfnumber,")
    (row,) = parsed(raw)
    event = Event.objects.get(account_id=fire.pk)
    assert row["number"] == str(event.pk)
    assert row["time"] == event.occurred_at.isoformat()
    assert row["sentence"] == "The command tests froze Feuerwehr Köln (Sandbox)"
    assert json.loads(row["data"]) == event.data
    assert list(row) == list(COLUMNS)


def test_the_answer_is_a_file_nobody_keeps(sign_in, auditor):
    response = sign_in(auditor).get("/record/export.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="record-20')
    assert response["Cache-Control"] == "no-store"
    assert response.streaming
    response.close()


def test_an_export_is_on_record_from_its_beginning_to_its_end(sign_in, auditor):
    account = SocialAccountFactory()
    account_freeze(actor=COMMAND, account=account, reason="x")
    response = sign_in(auditor).get("/record/export.csv", {"account": account.pk})
    began = Event.objects.get(name="record.export_began")
    assert began.actor_id == auditor.pk
    assert began.data == {"account": account.pk, "format": "csv"}
    assert not Event.objects.filter(name="record.exported").exists()
    b"".join(response.streaming_content)
    ended = Event.objects.get(name="record.exported")
    assert ended.data == {"account": account.pk, "format": "csv", "count": 1, "complete": True}


@pytest.mark.django_db(transaction=True)
def test_an_export_that_is_broken_off_says_how_far_it_came(sign_in, auditor, monkeypatch):
    monkeypatch.setattr(exporting, "events_all", _in_tens)
    many(35)
    response = sign_in(auditor).get("/record/export.csv", {"action": "delivery.published"})
    pieces = iter(response.streaming_content)
    next(pieces), next(pieces), next(pieces)
    response.close()
    ended = Event.objects.get(name="record.exported")
    assert (ended.data["count"], ended.data["complete"]) == (20, False)


def _in_tens(scope, filters, *, upto):
    return events_all(scope, filters, upto=upto, size=10)


def test_chunks_miss_nothing_and_what_comes_in_meanwhile_is_not_in_it():
    many(1)
    many(24)
    upto = newest()
    chunks = events_all(EVERYTHING, Filters(), upto=upto, size=5)
    got = [event.pk for event in next(chunks)]
    Event.objects.bulk_create(
        [
            Event(
                name="delivery.published", act=uuid.uuid4(), actor_kind="worker", actor_label="late"
            )
        ]
    )
    for chunk in chunks:
        got += [event.pk for event in chunk]
    expected = Event.objects.exclude(actor_label="late").order_by("-occurred_at", "-id")
    assert got == list(expected.values_list("pk", flat=True))
    assert len(got) == len(set(got)) == 25


def test_a_long_export_stays_small_in_memory(monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(exporting, "events_all", _in_tens)
    many(2_000, data={"padding": "x" * 5_000})
    export = Export(COMMAND, EVERYTHING, Filters(action="delivery.published"), "csv")
    tracemalloc.start()
    with django_assert_max_num_queries(2_000 // 10 + 12):
        length = sum(len(piece) for piece in export.begin())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert export.count == 2_000
    assert length > 10_000_000
    assert peak < 1_500_000


def test_an_empty_record_is_a_header():
    assert newest() is None
    export = Export(COMMAND, EVERYTHING, Filters(action="delivery.published"), "csv")
    assert parsed("".join(export.begin()).encode()) == []
    assert export.complete


# --- cells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "  =1"]
)
def test_no_cell_is_a_formula(cell):
    assert safe_cell(cell) == f"'{cell}"


@given(st.text())
def test_no_text_at_all_is(cell):
    shown = safe_cell(cell)
    assert shown.removeprefix("'") == cell.removeprefix("'") or shown == cell
    assert not shown.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_other_cells_are_left_alone():
    assert safe_cell("a=b") == "a=b"
    assert safe_cell(None) == ""
    assert safe_cell(-5) == "'-5"
    assert safe_cell({"é": 1}) == '{"é": 1}'


def test_names_that_are_formulas_come_out_harmless(sign_in, auditor):
    account = SocialAccountFactory(display_name='=HYPERLINK("http://x","y")', handle="@cmd")
    evil = UserFactory(full_name="@SUM(1+1)*cmd|' /C calc'!A0", is_administrator=True)
    account_freeze(actor=person(evil), account=account, reason="-2+3")
    (row,) = parsed(download(sign_in(auditor), account=account.pk))
    for name in ("sentence", "who", "account", "subject"):
        assert row[name][0] == "'", name
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@"))


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def frozen():
    ana, account = UserFactory(email="ana@x.example"), SocialAccountFactory(handle="@fire")
    give(ana, "manager", account)
    account_freeze(actor=person(ana), account=account, reason="Smoke")
    make_team("Night shift")
    return account


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    call_command("audit_export", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--person", "ANA@x.example"], {"account.frozen"}),
        (["--account", "fire"], {"account.frozen", "grant.given"}),
        (["--action", "account.*"], {"account.frozen"}),
        (["--action", "grant.given"], {"grant.given"}),
        (["--by", "command"], {"grant.given", "team.created"}),
        (["--text", "smok"], {"account.frozen"}),
        (["--address", "192.0.2.7"], {"account.frozen"}),
        (["--address", "2001:DB8::1"], set()),
        (["--from", "2020-01-01"], {"account.frozen", "grant.given", "team.created"}),
        (["--to", "2020-01-01"], set()),
    ],
)
def test_its_filters(frozen, words, names):
    out, err = run("--format", "json", *words)
    rows = [json.loads(line) for line in out.splitlines()]
    assert {row["event"] for row in rows} == names
    assert f"{len(rows)} event{'s' * (len(rows) != 1)} handed over." in err


def test_days_are_of_the_zone_asked_for():
    many(1)  # at 2026-11-01 00:00 UTC
    assert run("--to", "2026-10-31", "--zone", "America/New_York")[0].count("\n") == 2
    assert run("--to", "2026-10-31", "--zone", "UTC")[0].count("\n") == 1


def test_it_is_on_record(frozen):
    run("--account", "fire")
    ended = Event.objects.get(name="record.exported")
    assert (ended.actor_kind, ended.actor_label) == ("command", "audit_export")
    assert ended.data["account"] == frozen.pk
    assert (ended.data["count"], ended.data["complete"]) == (2, True)


def test_csv_on_standard_output_and_the_summary_apart(frozen):
    out, err = run("--json")
    rows = parsed(out.encode())
    assert len(rows) == 3
    assert json.loads(err) == {"ok": True, "count": 3, "format": "csv", "output": "-"}


def test_a_file_is_whole_private_and_not_written_over(frozen, tmp_path):
    path = tmp_path / "record.csv"
    out, _ = run("--output", str(path), "--json")
    assert json.loads(out)["count"] == 3
    assert len(parsed(path.read_bytes())) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="there already") as caught:
        run("--output", str(path))
    assert caught.value.returncode == 1
    run("--output", str(path), "--force", "--action", "team.created")
    assert len(parsed(path.read_bytes())) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_fails_halfway_leaves_nothing(frozen, tmp_path, monkeypatch):
    def breaks(*_, **__):
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(exporting, "events_all", breaks)
    with pytest.raises(ZeroDivisionError):
        run("--output", str(tmp_path / "record.csv"))
    assert not list(tmp_path.iterdir())
    assert Event.objects.get(name="record.exported").data["complete"] is False


def test_a_reader_that_stops_is_no_fault(frozen):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with pytest.raises(CommandError, match="stopped before its end"):
        call_command("audit_export", stdout=Closed(), stderr=io.StringIO())
    assert Event.objects.get(name="record.exported").data["complete"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--person", "nobody@x.example"], "nobody"),
        (["--account", "nothing"], "no account nothing"),
        (["--action", "no.such"], "no event no.such"),
        (["--action", "nosuch.*"], "no event"),
        (["--text", "!!!"], "no word"),
        (["--output", "/nowhere/at/all.csv"], "cannot be written"),
    ],
)
def test_what_it_cannot_do_is_exit_code_1(words, said):
    with pytest.raises(CommandError, match=said) as caught:
        run(*words)
    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--from", "yesterday"],
        ["--address", "192.0.2"],
        ["--to", "1999-12-31"],
        ["--zone", "Mars"],
        ["--format", "xml"],
    ],
)
def test_wrong_usage_is_refused_before_anything_happens(words):
    with pytest.raises(CommandError, match="argument"):
        run(*words)
    assert not Event.objects.exists()


def test_its_help(capsys):
    with pytest.raises(SystemExit) as caught:
        call_command("audit_export", "--help")
    assert caught.value.code == 0
    assert "exit codes:" in capsys.readouterr().out


def test_a_cursor_is_a_place():
    assert Cursor.read("0.5").at.year == 1970
