"""The picture of activity: what its bars count, and where they lead."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection

from audit.models import Event, Quarter
from audit.sealing import seal
from audit.selectors import activity as selectors
from audit.selectors.activity import Unit, activity
from audit.selectors.events import Filters, Scope, events_page
from scheduling.selectors.story import posts_on
from tests.factories import SocialAccountFactory, UserFactory, give

pytestmark = pytest.mark.django_db
EVERYTHING = Scope(posts_on, account_ids=None)
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL = "/record/activity/"


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


def put(*moments, name="delivery.published", **fields):
    values = {"act": uuid.uuid4(), "actor_kind": "worker", "actor_label": "x", **fields}
    Event.objects.bulk_create(Event(name=name, occurred_at=at, **values) for at in moments)


def counts(found):
    return {bar.begins: bar.count for bar in found.bars if bar.count}


def test_it_counts_everything_that_is_sealed_but_readings():
    put(*(datetime(2026, 3, day, 10, tzinfo=UTC) for day in (1, 2, 3)))
    put(datetime(2026, 7, 9, tzinfo=UTC), name="record.read")
    assert activity(EVERYTHING, Filters(), LONDON).most == 0
    seal()
    found = activity(EVERYTHING, Filters(), LONDON)
    assert (found.unit, counts(found)) == (Unit.MONTH, {datetime(2026, 3, 1): 3})
    assert counts(activity(EVERYTHING, Filters(readings=True), LONDON))[datetime(2026, 7, 1)] == 1
    assert [bar.begins.month for bar in found.bars] == list(range(3, 12))


def test_sealing_in_pieces_counts_each_event_once():
    put(*[NOW - timedelta(minutes=20 * n) for n in range(9)])
    while seal(limit=2):
        pass
    assert sum(quarter.events for quarter in Quarter.objects.all()) == 9


@pytest.mark.parametrize(
    ("days", "unit"), [(1, Unit.HOUR), (20, Unit.DAY), (300, Unit.MONTH), (4_000, Unit.YEAR)]
)
def test_the_longer_the_time_the_wider_the_bars(days, unit):
    put(NOW - timedelta(days=days), NOW - timedelta(minutes=1))
    seal()
    found = activity(EVERYTHING, Filters(), LONDON)
    assert found.unit is unit
    assert sum(counts(found).values()) == 2
    assert len(found.bars) <= selectors.BARS_MAX


def test_days_are_those_of_the_viewer():
    put(datetime(2026, 11, 9, 11, tzinfo=UTC))
    seal()
    asked = Filters(since=datetime(2026, 11, 5, tzinfo=UTC))
    auckland = activity(EVERYTHING, asked, ZoneInfo("Pacific/Auckland"))
    assert counts(auckland) == {datetime(2026, 11, 10): 1}
    assert counts(activity(EVERYTHING, asked, LONDON)) == {datetime(2026, 11, 9): 1}


@pytest.mark.parametrize("asked", [Filters(), Filters(kind="worker"), Filters(action="delivery.*")])
def test_each_bar_is_what_the_list_shows_of_that_time(asked):
    moments = [NOW - timedelta(hours=7 * n, minutes=n) for n in range(1, 61)]
    put(*moments)
    seal()
    found = activity(EVERYTHING, asked, LONDON)
    assert sum(counts(found).values()) == 60
    for bar in found.bars:
        since, until = (at.replace(tzinfo=LONDON) for at in (bar.begins, bar.ends))
        of_bar = Filters(kind=asked.kind, action=asked.action, since=since, until=until)
        assert len(events_page(EVERYTHING, of_bar, size=100).events) == bar.count


def test_what_is_filtered_is_counted_so_far_and_no_further(monkeypatch):
    monkeypatch.setattr(selectors, "COUNTED", 5)
    monkeypatch.setattr(selectors, "COUNTED_WORDS", 2)
    put(*[NOW - timedelta(days=n) for n in range(1, 11)])
    found = activity(EVERYTHING, Filters(kind="worker"), LONDON)
    assert found.cut == 5
    assert [bar.count for bar in found.bars] == [None] * 4 + [1] * 6 + [0]
    assert [bar.partly for bar in found.bars].index(True) == 4
    put(*[NOW - timedelta(days=n) for n in range(1, 11)], words="fire")
    assert activity(EVERYTHING, Filters(text="fire"), LONDON).cut == 2


def test_nothing_is_read_but_the_counts_of_everything(django_assert_num_queries):
    put(NOW - timedelta(days=1))
    seal()
    with django_assert_num_queries(2) as questions:
        activity(EVERYTHING, Filters(), LONDON)
    assert "audit_quarter" in questions[1]["sql"]


def test_with_nothing_on_record_there_is_no_picture():
    assert activity(EVERYTHING, Filters(), LONDON) is None
    assert activity(EVERYTHING, Filters(since=NOW + timedelta(days=1)), LONDON) is None


def test_whoever_sees_accounts_alone_gets_the_picture_of_one():
    mine, other = SocialAccountFactory(), SocialAccountFactory()
    put(NOW - timedelta(days=1), account_id=mine.pk)
    put(NOW - timedelta(days=1), account_id=other.pk)
    scope = Scope(posts_on, frozenset({mine.pk}))
    assert activity(scope, Filters(), LONDON).most == 1
    assert activity(scope, Filters(account=other.pk), LONDON) is None
    both = Scope(posts_on, frozenset({mine.pk, other.pk}))
    assert activity(both, Filters(), LONDON) is None
    assert activity(both, Filters(account=mine.pk), LONDON).most == 1


# --- the page -------------------------------------------------------------------------------------


def bars(response):
    found = re.findall(r'<a href="([^"]*)"\s*class="activity-bar[^"]*"\s*aria-label="([^"]*)"',
                       response.content.decode())  # fmt: skip
    return [(unescape(url), label) for url, label in found]


def test_a_bar_leads_to_its_part_of_the_list_and_to_finer_bars(sign_in, auditor):
    put(datetime(2026, 3, 2, 10, 20, tzinfo=UTC), datetime(2026, 3, 9, 10, tzinfo=UTC))
    seal()
    client = sign_in(auditor)
    march = next(url for url, said in bars(client.get(URL)) if said == "March 2026: 2 events")
    assert parse_qs(urlsplit(march).query) == {"since": ["2026-03-01"], "until": ["2026-03-31"]}
    shown = client.get(march).content.decode()
    assert shown.count("record-when") == 2
    day = next(
        url
        for url, said in bars(client.get(URL + "?" + urlsplit(march).query))
        if said == "Monday 2 March 2026: 1 event"
    )
    hours = bars(client.get(URL + "?" + urlsplit(day).query))
    hour = next(url for url, said in hours if said.endswith(", 10:00: 1 event"))
    assert client.get(hour).content.decode().count("record-when") == 1
    page = client.get(URL + "?" + urlsplit(hour).query).content.decode()
    assert "Show the whole day" in page


def test_the_picture_is_no_reading_of_its_own(sign_in, auditor):
    client = sign_in(auditor)
    client.get(URL, headers={"HX-Request": "true"})
    assert not Event.objects.filter(name="record.read").exists()


def test_words_that_take_too_long_are_not_drawn(sign_in, auditor, monkeypatch):
    from django.db import OperationalError

    def slow(*_):
        raise OperationalError

    monkeypatch.setattr("audit.views.activity.activity_of", slow)
    assert "nothing to draw" in sign_in(auditor).get(URL).content.decode()


def test_it_is_for_readers_of_the_record(sign_in):
    assert sign_in(UserFactory()).get(URL).status_code == 403
    viewer = UserFactory()
    give(viewer, "viewer", SocialAccountFactory())
    assert sign_in(viewer).get(URL).status_code == 200


def test_the_counts_of_a_quarter_stand_on_a_key():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT sum(events) FROM audit_quarter WHERE at >= now()")
        assert "audit_quarter_pkey" in " ".join(row[0] for row in cursor.fetchall())
