"""Deliveries in doubt: the platform is asked what became of them before anything is sent again."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.connections import open_account
from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from platforms.contract import DUPLICATE, Lookup, PlatformError, Presence
from scheduling.engine.outcomes import mark_published
from scheduling.engine.points import Point, reached
from scheduling.engine.publish import outgoing_of
from scheduling.errors import Stale
from scheduling.models import Delivery
from scheduling.states import State
from scheduling.transitions import move

log = structlog.get_logger(__name__)
RECONCILER = Actor.worker("reconciler")
LOOK_LEASE = timedelta(seconds=60)
MOST_LOOKS = 12
"""After so many looks without an answer a person decides."""
ABSENT_TWICE = timedelta(seconds=10)
"""A platform may show a post late: absent counts when it is absent again after this long."""
CLOCK_SKEW = timedelta(minutes=5)
BATCH = 50


def due_looks() -> list[int]:
    """Ids of deliveries to look up now, each claimed for LOOK_LEASE. Safe to run side by side."""
    now = timezone.now()
    with transaction.atomic():
        rows = Delivery.objects.select_for_update(skip_locked=True).filter(
            state=State.UNKNOWN, next_try_at__lte=now
        )
        ids = list(rows.order_by("next_try_at").values_list("pk", flat=True)[:BATCH])
        # A look is no change to what the delivery is; the plan for the next one is telemetry.
        Delivery.objects.filter(pk__in=ids).update(next_try_at=now + LOOK_LEASE)
    reached(Point.LOOK_CLAIMED)
    return ids


def reconcile(delivery_id: int) -> str:
    """Ask the platform about one delivery in doubt; returns what was found, '' if it is settled."""
    delivery = (
        Delivery.objects.select_related("account", "post")
        .filter(pk=delivery_id, state=State.UNKNOWN)
        .first()
    )
    if delivery is None:
        return ""
    first = delivery.attempts.order_by("pk").first()
    down = False
    since = (first.started_at if first else delivery.created_at) - CLOCK_SKEW
    try:
        post = outgoing_of(delivery, with_data=False)
        lookup = open_account(delivery.account).find_published(post, since=since)
    except PlatformError as error:
        down = error.down
        lookup = Lookup(Presence.UNCLEAR, reason=error.message)
    reached(Point.LOOK_ANSWERED)
    try:
        _settle(actor=RECONCILER, delivery=delivery, lookup=lookup, down=down)
    except Stale:
        return ""
    reached(Point.LOOK_COMMITTED)
    return lookup.presence.value


@action("delivery.settled", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _settle(*, actor: Actor, delivery: Delivery, lookup: Lookup, down: bool) -> None:
    if lookup.presence is Presence.FOUND and lookup.published is not None:
        mark_published(delivery, lookup.published)
    elif (
        lookup.presence is Presence.ABSENT
        and delivery.steps.get("absent")
        and _quiet_in(delivery) <= timedelta(0)
    ):
        _absent(delivery)
    else:
        _look_again(delivery, lookup, down)
    reached(Point.LOOK_WRITTEN)


def _absent(delivery: Delivery) -> None:
    """It is not there: sent again, unless the platform has said that it would refuse it again."""
    steps = {name: done for name, done in delivery.steps.items() if name != "absent"}
    if delivery.problem_code == DUPLICATE:
        words = "The account has said exactly this before, in another post. Change the text."
        move(delivery, State.FAILED, data={"found": words}, problem=words, steps=steps)
        return
    move(
        delivery,
        State.SCHEDULED,
        data={"found": "It is not there, so it is sent again."},
        next_try_at=timezone.now(),
        steps=steps,
    )


def _quiet_in(delivery: Delivery) -> timedelta:
    """How long until the last request can no longer be at work over there, whoever sent it.

    A platform that answers too late may also act too late: it is given as long again as we waited.
    """
    last = delivery.attempts.order_by("-pk").first()
    if last is None:
        return timedelta(0)
    ended = last.finished_at or last.started_at
    return ended + timedelta(seconds=settings.REQUEST_TIMEOUT_S) - timezone.now()


def _look_again(delivery: Delivery, lookup: Lookup, down: bool) -> None:
    """Plan the next look, or leave it to a person; what is known of the post does not change.

    A server that is `down` has not been asked: it is looked at again, however long that lasts.
    """
    now = timezone.now()
    steps = dict(delivery.steps)
    looks = min(delivery.checks + 1, MOST_LOOKS - 1) if down else delivery.checks + 1
    wait = timedelta(seconds=min(600, 5 * 2 ** min(looks, 8)))
    if lookup.presence is Presence.ABSENT:
        steps["absent"] = True
        wait = max(ABSENT_TWICE, _quiet_in(delivery))
    else:
        steps.pop("absent", None)
    Delivery.objects.filter(pk=delivery.pk, state=State.UNKNOWN).update(
        checks=looks,
        steps=steps,
        next_try_at=now + wait if looks < MOST_LOOKS else None,
        problem=(lookup.reason or delivery.problem)[:500],
    )
