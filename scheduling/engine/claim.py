"""The tick: gives due deliveries to workers, and takes them back from workers that died."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from scheduling.engine.lanes import Lane, Lanes
from scheduling.engine.order import due, next_in_line
from scheduling.engine.waiting import admitted
from scheduling.gate import Shut, pass_gate
from scheduling.models import Attempt, Delivery, HoldKind, Outcome, Pause
from scheduling.recheck import grace, overdue_reason
from scheduling.states import State
from scheduling.transitions import move, move_many

CLAIM_LEASE = timedelta(seconds=10)
"""How long a claimed delivery may wait for a worker; nothing has been sent while it waits."""
BATCH = 500
OTHERS = 8
"""As many publishers at once find something to lock; the rest of what is due is not looked at."""
DISPATCHER = Actor.worker("dispatcher")
SEEN_WITH_IT = ("account__credential__app", "post")


def next_due(until: datetime) -> datetime | None:
    """When the next delivery becomes due that is not yet, if it does so before `until`."""
    soon = Delivery.objects.filter(
        state=State.SCHEDULED, next_try_at__gt=timezone.now(), next_try_at__lte=until
    )
    return soon.order_by("next_try_at").values_list("next_try_at", flat=True).first()


def claim_due(limit: int = BATCH, *, lanes: Lanes | None = None) -> list[tuple[int, int]]:
    """Claim what is due and next in its account's order; (delivery id, fence) of each.

    At most `limit`, and of each platform no more than `lanes` lets in; None: no bounds. What is
    paused or overdue is held instead. Safe to run in several processes at once.
    """
    if not due(timezone.now()).exists():
        return []
    return _claim(actor=DISPATCHER, limit=limit, lanes=lanes or Lanes.unbounded())


def take_back_expired() -> int:
    """Deliveries whose worker's lease ran out: in doubt if it had begun, else due again."""
    gone = Delivery.objects.filter(state=State.PUBLISHING, lease_until__lt=timezone.now())
    if not gone.exists():
        return 0
    return _take_back(actor=DISPATCHER)


@action("delivery.claimed", "delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _claim(*, actor: Actor, limit: int, lanes: Lanes) -> list[tuple[int, int]]:
    claimed = lock_due(limit, lanes)
    lease = timezone.now() + CLAIM_LEASE
    move_many(
        claimed,
        State.PUBLISHING,
        event="delivery.claimed",
        lease_until=lease,
        fence=F("fence") + 1,
    )
    return [(delivery.pk, delivery.fence + 1) for delivery in claimed]


def lock_due(limit: int, lanes: Lanes) -> list[Delivery]:
    """What may be claimed, locked, with all that a look at it needs; part of an action.

    What is paused or overdue is held instead.
    """
    shut = pass_gate()  # nothing is claimed or begun once a pause is acknowledged
    now = timezone.now()
    _hold_what_is_kept_back(shut, now)
    claimed: list[Delivery] = []
    places = {place.pk: place.lane for place in next_in_line(now)}
    while (most := limit - len(claimed)) > 0:
        found = _locked(places, lanes, now, most)
        # What waits behind a platform that by then has its share is found by the next round.
        let_in = []
        for delivery in found:
            lane = places.pop(delivery.pk)
            if shut.over(delivery.account_id) is None and lanes.admit(lane):
                let_in.append(delivery)
        claimed += admitted(let_in, lanes)
        if len(found) < most:
            break
    return with_people(claimed)


def with_people(deliveries: list[Delivery]) -> list[Delivery]:
    """The same, with authors and senders: few people are behind many of them, each read once."""
    wanted = {pk for each in deliveries for pk in (each.post.author_id, each.sender_id) if pk}
    people = User.objects.in_bulk(wanted)
    for each in deliveries:
        each.post.author = people[each.post.author_id]
        each.sender = people[each.sender_id] if each.sender_id else None
    return deliveries


def _locked(places: Mapping[int, Lane], lanes: Lanes, now: datetime, most: int) -> list[Delivery]:
    """Of these the first that nobody else is at, on platforms that have not got their share."""
    ids = [pk for pk, lane in places.items() if lanes.has_room(lane)][: most * OTHERS]
    if not ids:
        return []
    # Asked again of each row as it is locked: another tick may have been quicker.
    rows = due(now).filter(pk__any_of=ids).select_for_update(of=("self",), skip_locked=True)
    return list(rows.select_related(*SEEN_WITH_IT).order_by("due_at", "pk")[:most])


def _hold_what_is_kept_back(shut: Shut, now: datetime) -> None:
    """Hold what is paused or overdue: all of it, whatever its order, so that it stops nothing."""
    rows = due(now).select_for_update(of=("self",), skip_locked=True)
    rows = rows.select_related("account", "post").order_by("next_try_at", "pk")
    if shut.everything is not None:
        hold_paused(rows[:BATCH], shut)
    elif shut.by_account:
        hold_paused(rows.filter(account__in=shut.by_account)[:BATCH], shut)
    reasons: dict[str, list[Delivery]] = {}
    for delivery in rows.filter(due_at__lt=now - grace())[:BATCH]:
        reasons.setdefault(overdue_reason(delivery.due_at or now, now), []).append(delivery)
    for reason, late in reasons.items():
        move_many(
            late,
            State.HELD,
            data={"reason": reason},
            hold_kind=HoldKind.OVERDUE,
            hold_reason=reason,
        )


def hold_paused(deliveries: Iterable[Delivery], shut: Shut) -> None:
    """Hold what is due and locked, each with the pause that is over it; part of an action."""
    held: dict[Pause, list[Delivery]] = {}
    for delivery in deliveries:
        pause = shut.over(delivery.account_id)
        if pause is not None:
            held.setdefault(pause, []).append(delivery)
    for pause, rows in held.items():
        move_many(
            rows,
            State.HELD,
            data={"reason": pause.held_reason},
            hold_kind=HoldKind.PAUSED,
            hold_reason=pause.held_reason[:500],
        )


@action("delivery.retried", "delivery.in_doubt", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _take_back(*, actor: Actor) -> int:
    now = timezone.now()
    rows = Delivery.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=State.PUBLISHING, lease_until__lt=now
    )
    expired = list(rows.select_related("account", "post").order_by("lease_until")[:BATCH])
    for delivery in expired:
        attempt = Attempt.objects.filter(delivery=delivery, fence=delivery.fence).first()
        if attempt is None:
            # Nobody began, so nothing was sent: the message was lost, not the post.
            move(delivery, State.SCHEDULED, next_try_at=now, data={"because": "no worker began"})
            continue
        Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.STARTED).update(
            outcome=Outcome.UNKNOWN,
            finished_at=now,
            message="The worker stopped in the middle of it.",
        )
        move(
            delivery,
            State.UNKNOWN,
            next_try_at=now,
            checks=0,
            problem="The worker that was sending it stopped in the middle.",
            data={"because": "the worker stopped"},
        )
    return len(expired)


def lease_end() -> datetime:
    """When the lease of a worker that begins or goes on now runs out; see engine.pulse."""
    return timezone.now() + timedelta(seconds=settings.PUBLISH_LEASE_S)
