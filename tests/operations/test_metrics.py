"""What Prometheus is told, and that it is nobody else's."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from audit.models import Event
from mentions.models import Feed
from operations import hearts
from operations.metrics import LATE_BOUNDS_S
from scheduling.models import Attempt, Delivery, Outcome
from tests.factories import CredentialFactory, DeliveryFactory, SocialAccountFactory
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db
TOKEN = "canary-metrics-token"
NOON = "2026-11-25 12:00Z"


@pytest.fixture(autouse=True)
def _token(settings):
    settings.METRICS_TOKEN = TOKEN


def scrape(client):
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found, name, **labels):
    return found[(name, *sorted(labels.items()))]


# --- who may ------------------------------------------------------------------------------------


def test_without_a_token_set_there_is_no_such_page(client, settings):
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
        assert client.get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "given", ["", f"Bearer {TOKEN}x", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer tökén"]
)
def test_the_token_is_asked_for(client, given):
    answer = client.get("/metrics", headers={"Authorization": given} if given else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert b"socialdesk_" not in answer.content


def test_being_signed_in_does_not_help(sign_in, administrator):
    assert sign_in(administrator).get("/metrics").status_code == 401


def test_nothing_is_written_there(client):
    assert client.post("/metrics").status_code in (403, 405)


# --- what is said -------------------------------------------------------------------------------


def test_publishing_is_counted_from_the_rows(client, desk, network):
    delivery = fall_due(desk.scheduled())
    assert value(scrape(client), "socialdesk_due_backlog") == 1
    run_due()
    found = scrape(client)
    assert value(found, "socialdesk_due_backlog") == 0
    assert value(found, "socialdesk_claims_total") == 1
    assert value(found, "socialdesk_attempts_total", outcome="published") == 1
    assert value(found, "socialdesk_attempts_total", outcome="refused") == 0
    assert value(found, "socialdesk_lateness_seconds_count") == 1
    assert Delivery.objects.get(pk=delivery.pk).state == "published"


def test_the_histogram_adds_up(client):
    now = timezone.now()
    with time_machine.travel(NOON):
        for late in (0.2, 0.9, 0.9, 20, 4000):
            at = timezone.now()
            DeliveryFactory(state="published", due_at=at - timedelta(seconds=late), published_at=at)
        # A platform's clock may be behind ours: that is not early.
        DeliveryFactory(state="published", due_at=at, published_at=at - timedelta(seconds=9))
        Delivery.objects.update(state_since=at)
        found = scrape(client)
    counts = [
        value(found, "socialdesk_lateness_seconds_bucket", le=str(bound)) for bound in LATE_BOUNDS_S
    ]
    assert counts == [2, 4, 4, 4, 4, 5, 5, 5, 5, 5]
    assert value(found, "socialdesk_lateness_seconds_bucket", le="+Inf") == 6
    assert value(found, "socialdesk_lateness_seconds_count") == 6
    assert value(found, "socialdesk_lateness_seconds_sum") == pytest.approx(4022.0)
    assert now is not None


def test_counters_begin_at_midnight_and_never_go_down_before(client):
    account = SocialAccountFactory()
    delivery = DeliveryFactory(state="unknown", account=account)

    def attempt(fence, outcome, **ago):
        made = Attempt.objects.create(
            delivery=delivery, number=1, fence=fence, worker="w", content_hash="", content={},
            outcome=outcome, finished_at=timezone.now() - timedelta(**ago),
        )  # fmt: skip
        Attempt.objects.filter(pk=made.pk).update(started_at=timezone.now() - timedelta(**ago))

    with time_machine.travel(NOON, tick=False):
        attempt(1, Outcome.REFUSED, hours=1)
        attempt(2, Outcome.REFUSED, hours=13)  # yesterday
        attempt(3, Outcome.UNKNOWN, seconds=30)  # its worker may yet say what became of it
        attempt(4, Outcome.UNKNOWN, minutes=5)
        attempt(5, Outcome.STARTED, seconds=5)
        found = scrape(client)
    assert value(found, "socialdesk_attempts_total", outcome="refused") == 1
    assert value(found, "socialdesk_attempts_total", outcome="unknown") == 1
    assert not any("started" in str(key) for key in found)


def test_accounts_are_told_by_number_alone(client):
    lost = SocialAccountFactory(health="lost", display_name="canary-name", handle="@canary-handle")
    CredentialFactory(account=lost, secret="canary-secret")
    Feed.objects.create(account=lost, last_polled_at=timezone.now() - timedelta(seconds=90))
    gone = SocialAccountFactory(disconnected_at=timezone.now())
    found = scrape(client)
    who = {"account": str(lost.pk), "platform": "sandbox"}
    assert value(found, "socialdesk_account_health", health="lost", **who) == 1
    assert value(found, "socialdesk_account_health", health="healthy", **who) == 0
    assert value(found, "socialdesk_poll_age_seconds", **who) == pytest.approx(90, abs=10)
    assert "canary" not in str(found)
    assert lost.owner.email not in str(found)
    assert ("account", str(gone.pk)) not in {label for key in found for label in key[1:]}


def test_processes_say_that_they_live(client, monkeypatch):
    hearts.note_tick()
    hearts.beat("beat", "a/1")
    hearts.beat("beat", "b/1")
    hearts.beat("worker", "a/2")
    found = scrape(client)
    assert value(found, "socialdesk_broker_up") == 1
    assert value(found, "socialdesk_processes_alive", kind="beat") == 2
    assert value(found, "socialdesk_processes_alive", kind="worker") == 1
    assert value(found, "socialdesk_processes_memory_bytes", kind="worker") > 1_000_000
    assert value(found, "socialdesk_tick_age_seconds") < 10
    assert value(found, "socialdesk_queue_length", queue="alerts") == 0
    assert value(found, "process_resident_memory_bytes") > 1_000_000


def test_what_is_not_known_is_not_said(client, monkeypatch):
    import redis

    assert ("socialdesk_tick_age_seconds",) not in scrape(client)
    dead = redis.Redis(host="127.0.0.1", port=1)
    monkeypatch.setattr(hearts, "_client", lambda: dead)
    found = scrape(client)
    assert value(found, "socialdesk_broker_up") == 0
    assert not any(key[0].startswith("socialdesk_processes") for key in found)


def test_a_scrape_asks_no_more_however_much_there_is(client):
    def fill():
        for _ in range(8):
            account = SocialAccountFactory()
            Feed.objects.create(account=account, last_polled_at=timezone.now())
            DeliveryFactory(state="published", account=account, published_at=timezone.now())

    fill()
    with CaptureQueriesContext(connection) as asked:
        scrape(client)
    fill()
    with CaptureQueriesContext(connection) as again:
        scrape(client)
    assert len(asked) == len(again) <= 12


@pytest.mark.parametrize("what", ["late", "trouble", "claims"])
def test_what_is_asked_stands_on_an_index(what):
    from operations.selectors import publishing

    now = timezone.now() - timedelta(hours=1)
    lines = [
        Event(name=f"made.up_{n % 50}", act=uuid.uuid4(), actor_kind="worker") for n in range(2000)
    ]
    Event.objects.bulk_create(lines)  # so many that it matters which index it is
    rows = {
        "late": publishing._late(now - timedelta(hours=1)).values("pk"),
        "trouble": Delivery.objects.filter(state__in=publishing.IN_TROUBLE).values("state"),
        "claims": Event.objects.filter(name=publishing.CLAIMED, occurred_at__gte=now).values("pk"),
    }[what]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_event")
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = rows.order_by().explain()
    wanted = {"late": "published_lately", "trouble": "in_trouble", "claims": "event_name"}[what]
    assert wanted in plan
