"""What /metrics says: read from the database and Redis at each scrape.

Nothing of it is in one process's memory, so any web process answers for the whole installation,
and a restart forgets nothing. Counters begin at midnight UTC, which keeps each question bounded:
to Prometheus that is a restart, and `rate` and `increase` take it as one. Labels hold ids and
fixed words alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.utils import timezone
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from accounts.models import SocialAccount
from accounts.models.social import Health
from mentions.models import Feed
from operations import hearts
from operations.models import Alert, Message, MessageState
from operations.selectors import publishing

LATE_BOUNDS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
KINDS = ("beat", "worker")


def registry() -> CollectorRegistry:
    """All there is to say, for one scrape; `process_…` is the web process that answers."""
    found = CollectorRegistry(auto_describe=False)
    found.register(DeskCollector())
    ProcessCollector(registry=found)
    PlatformCollector(registry=found)
    return found


class DeskCollector(Collector):
    """Reads everything anew each time it is asked."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        yield from _publishing(now, midnight)
        yield from _accounts(now)
        yield from _alerts()
        yield from _processes()


def _publishing(now: datetime, midnight: datetime) -> Iterator[Metric]:
    within, count, total = publishing.lateness_counts(midnight, LATE_BOUNDS_S)
    buckets = [(str(bound), float(n)) for bound, n in zip(LATE_BOUNDS_S, within, strict=True)]
    yield HistogramMetricFamily(
        "socialdesk_lateness_seconds",
        "How much later than due posts were out (published_at minus due_at), since midnight UTC.",
        buckets=[*buckets, ("+Inf", float(count))],
        sum_value=total,
    )
    waiting = publishing.backlog(now)
    age = (now - waiting.oldest).total_seconds() if waiting.oldest else 0.0
    yield _gauge(
        "socialdesk_due_backlog",
        f"Deliveries that could go out now and are not claimed ({publishing.COUNTED} at most).",
        waiting.count,
    )
    yield _gauge(
        "socialdesk_due_oldest_seconds", "For how long the oldest of these has waited.", age
    )
    yield _gauge("socialdesk_publishing", "Deliveries that workers are at.", publishing.under_way())
    yield _labelled(
        "socialdesk_deliveries_in_trouble",
        "Deliveries that need a person, by state.",
        "state",
        ((state.value, n) for state, n in publishing.in_trouble().items()),
    )
    claims = CounterMetricFamily(
        "socialdesk_claims", "Times something due was given to a worker, since midnight UTC."
    )
    claims.add_metric([], publishing.claims(midnight))
    yield claims
    attempts = CounterMetricFamily(
        "socialdesk_attempts",
        "Attempts to publish, by outcome, since midnight UTC.",
        labels=["outcome"],
    )
    for outcome, n in publishing.attempts_by_outcome(midnight).items():
        attempts.add_metric([outcome.value], n)
    yield attempts


def _accounts(now: datetime) -> Iterator[Metric]:
    health = GaugeMetricFamily(
        "socialdesk_account_health",
        "What the last contact showed: 1 for the state the account is in.",
        labels=["account", "platform", "health"],
    )
    connected = SocialAccount.objects.filter(disconnected_at=None).order_by("pk")
    for account_id, platform, is_in in connected.values_list("pk", "platform", "health"):
        for state in Health:
            health.add_metric([str(account_id), platform, state.value], float(state == is_in))
    yield health
    age = GaugeMetricFamily(
        "socialdesk_poll_age_seconds",
        "How long ago the account's mentions were last read; absent: never.",
        labels=["account", "platform"],
    )
    read = Feed.objects.filter(account__disconnected_at=None).exclude(last_polled_at=None)
    for account_id, platform, at in read.order_by("account_id").values_list(
        "account_id", "account__platform", "last_polled_at"
    ):
        age.add_metric([str(account_id), platform], max(0.0, (now - at).total_seconds()))  # type: ignore[operator]  # None is excluded above
    yield age


def _alerts() -> Iterator[Metric]:
    yield _gauge(
        "socialdesk_alerts_open",
        "Alerts whose matter is not over.",
        Alert.objects.filter(settled_at=None).count(),
    )
    failing = Message.objects.filter(state=MessageState.SENDING, tries__gt=0).exclude(problem="")
    yield _gauge(
        "socialdesk_alert_messages_failing",
        "Messages with alerts that did not arrive yet and are tried again.",
        failing.count(),
    )


def _processes() -> Iterator[Metric]:
    signs = hearts.signs()
    yield _gauge("socialdesk_broker_up", "Whether Redis answers.", int(signs.answers))
    if not signs.answers:
        return  # what is not known is not said
    if signs.tick_age_s is not None:
        yield _gauge(
            "socialdesk_tick_age_seconds",
            "How long ago a tick of the clock last reached a worker; absent: never.",
            signs.tick_age_s,
        )
    alive = [heart for heart in signs.hearts if heart.is_alive]
    yield _labelled(
        "socialdesk_processes_alive",
        "Processes that gave a sign of life lately.",
        "kind",
        ((kind, signs.alive(kind)) for kind in KINDS),
    )
    yield _labelled(
        "socialdesk_processes_memory_bytes",
        "Resident memory of these, by kind.",
        "kind",
        ((kind, sum(h.rss_bytes for h in alive if h.kind == kind)) for kind in KINDS),
    )
    yield _labelled(
        "socialdesk_processes_cpu_seconds",
        "Processor time that these have used since they began, by kind.",
        "kind",
        ((kind, sum(h.cpu_s for h in alive if h.kind == kind)) for kind in KINDS),
    )
    yield _labelled("socialdesk_queue_length", "Messages in the broker.", "queue", signs.queues)


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _labelled(
    name: str, help_text: str, label: str, values: Iterable[tuple[str, float]]
) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, help_text, labels=[label])
    for word, value in values:
        found.add_metric([word], value)
    return found
