"""From alerts to messages: who is told what, and when. The task sends what is claimed here.

Any number of workers may do this at once: each step is one transaction, one worker at a time.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.alerts import AlertKind
from accounts.ending import WARN_DAYS
from accounts.models.social import Health
from operations.models import Alert, Message, MessageState
from operations.recipients import Recipients
from scheduling.states import State

GATHER = timedelta(seconds=20)
"""How long a message waits for more to say, so that a burst is told once."""
URGENT = frozenset({AlertKind.PREPARATION, AlertKind.CLOCK})
GATHER_URGENT = timedelta(seconds=2)
DOUBT = timedelta(seconds=30)
"""Most doubtful outcomes are settled by the platform's own answer within this; nobody is told."""
PACE = timedelta(seconds=60)
"""The least time between two messages to the same target, but for what is urgent."""
LEASE = timedelta(seconds=60)
AT_ONCE = 4
"""Messages on their way at once, everywhere together: slow webhooks never fill the workers."""
BATCH = 1000
_LOCK = 0x616C6572  # any number nobody else locks

HOLDS_WHILE = {
    AlertKind.FAILED: Q(delivery__state=State.FAILED),
    AlertKind.UNKNOWN: Q(delivery__state=State.UNKNOWN),
    AlertKind.HELD: Q(delivery__state=State.HELD),
    AlertKind.PREPARATION: Q(delivery__state=State.SCHEDULED),
    AlertKind.CORRECTION: Q(delivery__state=State.PUBLISHED),
    AlertKind.TOKEN: Q(account__disconnected_at=None)
    & (
        Q(account__health=Health.LOST)
        | Q(account__credential__renewal_refused_at__isnull=False)
        | Q(account__credential__lapses_at__lte=Now() + timedelta(days=max(WARN_DAYS)))
    ),
}
"""What an alert says is over as soon as this is not so; the other kinds are settled by name."""


def route() -> None:
    """Put what is new into the waiting messages of those who are to be told."""
    now = timezone.now()
    with transaction.atomic():
        _one_at_a_time()
        settle_over(now)
        new = Alert.objects.filter(routed_at=None, settled_at=None).exclude(
            kind=AlertKind.UNKNOWN, raised_at__gt=now - DOUBT
        )
        alerts = list(new.select_related("account", "delivery__post__author")[:BATCH])
        if alerts:
            _put(alerts, now)


def settle_over(now: datetime) -> None:
    """Close the alerts of which the rows say that it is over."""
    for kind, still in HOLDS_WHILE.items():
        over = Alert.objects.filter(kind=kind, settled_at=None).exclude(still)
        Alert.objects.filter(pk__in=over.values("pk")).update(settled_at=now)


def claim() -> Message | None:
    """The next message to be sent, for LEASE the caller's own; None when there is nothing to do."""
    now = timezone.now()
    with transaction.atomic():
        _one_at_a_time()
        under_way = Message.objects.filter(state=MessageState.SENDING, lease_until__gt=now)
        if under_way.count() >= AT_ONCE:
            return None
        before = Message.objects.filter(target=OuterRef("target"), state=MessageState.SENDING)
        due = Message.objects.filter(
            Q(state=MessageState.SENDING) | (Q(state=MessageState.WAITING) & ~Exists(before)),
            Q(lease_until=None) | Q(lease_until__lte=now),
            next_try_at__lte=now,
        )
        message = due.order_by("next_try_at", "pk").first()
        if message is not None:
            Message.objects.filter(pk=message.pk).update(
                state=MessageState.SENDING, lease_until=now + LEASE, tries=F("tries") + 1
            )
            message.refresh_from_db()
    return message


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _put(alerts: list[Alert], now: datetime) -> None:
    told = Recipients()
    about: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        for target in told.of(alert):
            about[target].append(alert)
    due = _when(about, now)
    waiting = {
        message.target: message
        for message in Message.objects.filter(target__in=about, state=MessageState.WAITING)
    }
    Message.objects.bulk_create(
        Message(target=target, next_try_at=due[target]) for target in about if target not in waiting
    )
    for target, message in waiting.items():
        Message.objects.filter(pk=message.pk, next_try_at__gt=due[target]).update(
            next_try_at=due[target]
        )
    ids = dict(
        Message.objects.filter(target__in=about, state=MessageState.WAITING).values_list(
            "target", "pk"
        )
    )
    link = Message.alerts.through
    link.objects.bulk_create(
        link(message_id=ids[target], alert_id=alert.pk)
        for target, found in about.items()
        for alert in found
    )
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(routed_at=now)


def _when(about: dict[str, list[Alert]], now: datetime) -> dict[str, datetime]:
    """When each target is told, for the first time or again."""
    lately = Message.objects.filter(target__in=about, sent_at__gt=now - PACE).values_list("target")
    last = dict(lately.annotate(Max("sent_at")))
    due = {}
    for target, alerts in about.items():
        if any(alert.kind in URGENT for alert in alerts):
            due[target] = now + GATHER_URGENT
        else:
            due[target] = max(now + GATHER, last.get(target, now - PACE) + PACE)
    return due
