"""A minute ahead: what will be due is checked, and what can be done before its time is done.

Preparing publishes nothing and moves nothing. What it finds is a notice on the delivery, an event
and an alert, while there is time for somebody to do something about it; the check at the moment of
sending decides. A preparer that dies in the middle has done no harm: publishing does itself what it
does not find done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.alerts import AlertKind, raise_alert
from accounts.connections import open_account
from accounts.health import health_note
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from platforms.contract import (
    AuthorisationLost,
    Deed,
    PlatformError,
    Prepares,
    Refused,
    RetryLater,
)
from scheduling import events  # noqa: F401  # declares them
from scheduling.attached import files_of
from scheduling.engine.publish import FenceLost, outgoing_of
from scheduling.models import Delivery
from scheduling.recheck import why_not
from scheduling.states import State
from scheduling.traffic.admission import Wish, admit
from scheduling.traffic.learning import learn

log = structlog.get_logger(__name__)
PREPARER = Actor.worker("preparer")
LEAD = timedelta(seconds=60)
"""How long before its time a delivery is prepared."""
TOO_LATE = timedelta(seconds=10)
"""So close to its time nobody can do anything about what is found; publishing needs the room."""
KNOWN_GOOD = timedelta(minutes=1)
"""Credentials that worked this recently are not tried again for a post without pictures."""
BATCH = 500


class PreparedSteps:
    """Steps of a publish, kept before it begins; only as long as nobody has claimed it."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._done: dict[str, Any] = dict(delivery.steps)

    def get(self, name: str) -> Any:
        return self._done.get(name)

    def put(self, name: str, result: Any) -> None:
        """Raises FenceLost when it is no longer as it was: due, changed, held or called off."""
        self._done[name] = result
        if not _untouched(self._delivery).update(steps=self._done):
            raise FenceLost


def claim_soon() -> list[int]:
    """Ids of what falls due within LEAD, each given out once. Safe to run side by side."""
    now = timezone.now()
    soon = Delivery.objects.filter(
        state=State.SCHEDULED,
        next_try_at__gt=now + TOO_LATE,
        next_try_at__lte=now + LEAD,
        due_at__gt=now,
        prepared_at=None,
    )
    if not soon.exists():
        return []
    with transaction.atomic():
        rows = soon.select_for_update(skip_locked=True).order_by("next_try_at", "pk")
        ids = list(rows.values_list("pk", flat=True)[:BATCH])
        # That somebody is looking at it changes nothing of what it is.
        Delivery.objects.filter(pk__in=ids).update(prepared_at=now)
    return ids


def prepare(delivery_id: int) -> str:
    """Prepare one delivery; returns what would go wrong, for people, '' when all is well.

    Does nothing when it comes too late, or when it is no longer scheduled.
    """
    delivery = (
        Delivery.objects.select_related("account", "post__author", "sender")
        .filter(pk=delivery_id, state=State.SCHEDULED, due_at__gt=timezone.now() + TOO_LATE)
        .first()
    )
    if delivery is None:
        return ""
    hold = why_not(delivery)
    try:
        problem = f"It cannot go out as things stand. {hold.reason}" if hold else _try(delivery)
    except FenceLost:
        return ""
    if problem:
        _warn(actor=PREPARER, delivery=delivery, problem=problem)
    log.info("prepared", delivery=delivery.pk, account=delivery.account_id, well=not problem)
    return problem


def _try(delivery: Delivery) -> str:
    """Do what the platform lets us do ahead of time; what would go wrong, '' when all is well."""
    account = delivery.account
    try:
        post = outgoing_of(delivery)
    except OSError:
        return "A picture or video of this post cannot be read."
    except Refused as refused:
        return f"It cannot go out as it is: {refused.message}"
    since = timezone.now() - KNOWN_GOOD
    uploads = files_of(post)
    if not uploads and account.last_success_at and account.last_success_at > since:
        return ""
    (wait,) = admit([Wish(account, {Deed.READ: 1, Deed.UPLOAD: uploads})])
    if wait is not None:
        return wait.why
    error: PlatformError | None = None
    try:
        adapter = open_account(account)
        try:
            if isinstance(adapter, Prepares):
                adapter.prepare(post, steps=PreparedSteps(delivery))
        except PlatformError as raised:
            error = raised
        learn(account, adapter=adapter, error=error, reading=True)
    except AuthorisationLost as raised:  # there is nothing to open it with
        error = raised
    if error is None or isinstance(error, AuthorisationLost):
        health_note(actor=PREPARER, account=account, error=error)
    return _words(delivery, error) if error is not None else ""


def _words(delivery: Delivery, error: PlatformError) -> str:
    if isinstance(error, RetryLater):
        return f"It could not be prepared: {error.message} It is tried at its time all the same."
    if isinstance(error, AuthorisationLost):
        return f"The account needs reconnecting before this can go out: {error.message}"
    return f"{delivery.account.info.label} will not take it as it is: {error.message}"


@action("delivery.warned", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _warn(*, actor: Actor, delivery: Delivery, problem: str) -> None:
    if not _untouched(delivery).update(notice=problem[:500]):
        return  # it has been changed, or has begun, meanwhile
    record(
        "delivery.warned",
        subject=delivery,
        account=delivery.account,
        post_id=delivery.post_id,
        data={"message": problem},
    )
    raise_alert(
        kind=AlertKind.PREPARATION, subject=delivery, account=delivery.account, message=problem
    )


def _untouched(delivery: Delivery) -> Any:
    """The row, if nobody has claimed, moved or rescheduled it since it was loaded."""
    return Delivery.objects.filter(
        pk=delivery.pk,
        state=State.SCHEDULED,
        fence=delivery.fence,
        prepared_at=delivery.prepared_at,
    )
