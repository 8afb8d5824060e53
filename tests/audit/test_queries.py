"""Searches that are kept."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from audit.models import Event, RecordExport, SavedQuery
from tests.factories import SocialAccountFactory, UserFactory, give

pytestmark = pytest.mark.django_db
NEW = "/record/searches/new/"


def keep(client, name="Fires", query="text=fire", **more):
    return client.post(NEW, {"name": name, "query": query, **more})


def test_a_search_is_kept_by_name_and_opened_as_any(sign_in, auditor):
    client = sign_in(auditor)
    assert keep(client)["Location"] == "/record/?text=fire"
    saved = SavedQuery.objects.get()
    event = Event.objects.get(name="record.query_saved")
    assert event.data == {"name": "Fires", "query": "text=fire", "shared": False}
    page = client.get("/record/searches/").content.decode()
    assert "/record/?text=fire" in page
    client.get("/record/", {"text": "fire"})
    assert Event.objects.filter(name="record.read").count() == 1
    client.post(f"/record/searches/{saved.pk}/remove/")
    assert not SavedQuery.objects.exists()
    assert Event.objects.get(name="record.query_removed").data == {"name": "Fires"}


def test_the_same_name_replaces_what_was_kept(sign_in, auditor):
    client = sign_in(auditor)
    keep(client)
    keep(client, query="text=flood")
    assert SavedQuery.objects.get().query == "text=flood"


def test_only_what_can_be_searched_is_kept(sign_in, auditor):
    client = sign_in(auditor)
    for query in ("", "since=never", "unknown=1"):
        keep(client, query=query)
    keep(client, name="  ")
    keep(client, name="x" * 81)
    assert not SavedQuery.objects.exists()


def test_they_are_ones_own_unless_shared_with_readers_of_everything(sign_in, auditor):
    client = sign_in(auditor)
    keep(client, name="Mine alone")
    keep(client, name="For all", shared="1")
    other = sign_in(UserFactory(is_auditor=True))
    page = other.get("/record/searches/").content.decode()
    assert "For all" in page
    assert "Mine alone" not in page
    for saved in SavedQuery.objects.all():
        assert other.post(f"/record/searches/{saved.pk}/remove/").status_code == 404
    viewer = UserFactory()
    give(viewer, "viewer", SocialAccountFactory())
    theirs = sign_in(viewer)
    assert "For all" not in theirs.get("/record/searches/").content.decode()
    keep(theirs, name="Of a viewer", shared="1")
    assert not SavedQuery.objects.get(name="Of a viewer").shared


def test_not_for_those_who_read_nothing(sign_in):
    client = sign_in(UserFactory())
    assert client.get("/record/searches/").status_code == 403
    assert keep(client).status_code == 403


@pytest.mark.parametrize(
    ("span", "since", "until"),
    [
        ("today", "2026-03-29", "2026-03-30"),
        ("7-days", "2026-03-23", "2026-03-30"),
        ("30-days", "2026-02-28", "2026-03-30"),
        ("month", "2026-03-01", "2026-03-30"),
        ("last-month", "2026-02-01", "2026-03-01"),
    ],
)
def test_a_span_is_counted_from_the_day_it_is_opened(sign_in, auditor, span, since, until):
    """Until the moment the day after begins; the day is that of the reader's own zone."""
    auditor.time_zone = "Europe/London"
    auditor.save()
    with time_machine.travel("2026-03-29T12:00:00Z", tick=False):
        client = sign_in(auditor)
        keep(client, query=f"text=fire&span={span}")
        assert SavedQuery.objects.get().query == f"text=fire&span={span}"
        client.get("/record/", {"text": "fire", "span": span})
    read = Event.objects.filter(name="record.read").latest("pk").data
    assert "span" not in read
    asked = {name: datetime.fromisoformat(read[name]) for name in ("since", "until")}
    london = ZoneInfo("Europe/London")
    assert asked["since"] == datetime.fromisoformat(since).replace(tzinfo=london)
    assert asked["until"] == datetime.fromisoformat(until).replace(tzinfo=london)


def test_a_kept_span_moves_on_and_an_export_of_it_does_not(sign_in, auditor):
    auditor.time_zone = "Etc/UTC"
    auditor.save()
    with time_machine.travel("2026-01-31T23:30:00Z", tick=False):
        client = sign_in(auditor)
        keep(client, query="action=session.started&span=month")
        client.post("/record/exports/new/", {"query": "span=month", "format": "csv"})
    export = RecordExport.objects.get()
    assert export.query == "since=2026-01-01&until=2026-01-31"
    assert export.filters["until"] == "2026-02-01T00:00:00+00:00"
    with time_machine.travel("2026-02-01T00:30:00Z", tick=False):
        sign_in(auditor).get("/record/?" + SavedQuery.objects.get().query)
    read = Event.objects.filter(name="record.read").latest("pk").data
    assert read["since"] == "2026-02-01T00:00:00+00:00"


def test_a_span_and_days_of_ones_own_are_not_mixed(sign_in, auditor):
    client = sign_in(auditor)
    page = client.get("/record/", {"span": "month", "since": "2026-01-01"}).content.decode()
    assert "Choose one of these or days of your own, not both." in page
    assert "Nothing is shown" in client.get("/record/", {"span": "ever"}).content.decode()
    keep(client, query="span=month&until=2026-01-01")
    assert not SavedQuery.objects.exists()
