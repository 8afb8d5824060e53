"""How attempts ended: what the platform said is written down, for many deliveries at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.utils import timezone

from accounts.health import health_note, health_note_good
from accounts.models import SocialAccount
from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from platforms.contract import (
    DUPLICATE,
    AuthorisationLost,
    OutcomeUnknown,
    PlatformError,
    Published,
    Refused,
    RetryLater,
)
from scheduling.engine.attempts import PUBLISHER, Begun
from scheduling.engine.points import Point, reached
from scheduling.models import Attempt, Delivery, HoldKind, Outcome
from scheduling.states import State
from scheduling.transitions import by_row, move, move_many

log = structlog.get_logger(__name__)
FIRST_LOOK = timedelta(seconds=2)
"""How soon after a doubtful outcome the platform is asked what became of it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the call to the platform came to: `published` or `error`."""

    begun: Begun
    published: Published | None = None
    error: PlatformError | None = None


def finish(sent: Sequence[Sent]) -> dict[int, str]:
    """Write down the outcomes; their names by delivery, '' where the claim no longer stands."""
    outcomes = _finish(actor=PUBLISHER, sent=sent)
    reached(Point.OUTCOME_COMMITTED)
    good: list[SocialAccount] = []
    for each in sent:
        delivery, error = each.begun.delivery, each.error
        log.info(
            "publish",
            delivery=delivery.pk,
            account=delivery.account_id,
            outcome=outcomes[delivery.pk],
        )
        if error is None or isinstance(error, OutcomeUnknown):
            good.append(delivery.account)
        elif not isinstance(error, Refused):
            health_note(actor=PUBLISHER, account=delivery.account, error=error)
    if good:
        health_note_good(actor=PUBLISHER, accounts=good)
    reached(Point.PUBLISH_ENDED)
    return outcomes


@action(
    "delivery.published",
    "delivery.retried",
    "delivery.failed",
    "delivery.in_doubt",
    "delivery.held",
    "delivery.settled",
    needs=by(ActorKind.WORKER),
    may_find_nothing=True,
)
def _finish(*, actor: Actor, sent: Sequence[Sent]) -> dict[int, str]:
    current = _locked(sent)
    _note_attempts(sent)
    outcomes: dict[int, str] = {}
    went_out: dict[int, Published] = {}
    for each in sent:
        delivery, fence = current[each.begun.delivery.pk], each.begun.delivery.fence
        outcomes[delivery.pk] = _outcome_of(each).value
        if delivery.fence != fence:
            log.warning("late_outcome", delivery=delivery.pk, fence=fence)
            outcomes[delivery.pk] = ""
        elif each.published is not None and delivery.state == State.PUBLISHING:
            went_out[delivery.pk] = each.published
        elif each.published is not None and delivery.state == State.UNKNOWN:
            mark_published(delivery, each.published)
        elif each.error is not None and delivery.state == State.PUBLISHING:
            _step_after(each.error)(delivery, each.error)
    for pk in [pk for pk, published in went_out.items() if published.parts or published.note]:
        mark_published(current[pk], went_out.pop(pk))
    _mark_many_published([current[pk] for pk in went_out], went_out)
    reached(Point.OUTCOME_WRITTEN)
    return outcomes


def _locked(sent: Sequence[Sent]) -> dict[int, Delivery]:
    """The deliveries as they are now, locked; what never changes of them is not read again."""
    known = {each.begun.delivery.pk: each.begun.delivery for each in sent}
    rows = Delivery.objects.select_for_update().filter(pk__any_of=known).order_by("pk")
    for pk, state, fence in rows.values_list("pk", "state", "fence"):
        known[pk] = copy(known[pk])
        known[pk].state, known[pk].fence = state, fence
    return known


def _outcome_of(sent: Sent) -> Outcome:
    return Outcome.PUBLISHED if sent.error is None else _OUTCOMES[_kind_of(sent.error)]


def _kind_of(error: PlatformError) -> type[PlatformError]:
    """Which of the four it is; what is none of them says nothing of what became of the post."""
    return next((kind for kind in _OUTCOMES if isinstance(error, kind)), OutcomeUnknown)


def _note_attempts(sent: Sequence[Sent]) -> None:
    """What each attempt came to; what went well is one statement for all."""
    now = timezone.now()
    good = [each.begun.attempt.pk for each in sent if each.error is None]
    Attempt.objects.filter(pk__any_of=good).update(
        outcome=Outcome.PUBLISHED, finished_at=now, message="", code=""
    )
    for each in sent:
        if each.error is not None:
            Attempt.objects.filter(pk=each.begun.attempt.pk).update(
                outcome=_outcome_of(each),
                finished_at=now,
                message=each.error.message[:500],
                code=each.error.code[:64],
            )


def _step_after(error: PlatformError) -> Callable[[Delivery, PlatformError], None]:
    if isinstance(error, Refused) and error.code == DUPLICATE:
        return _doubt  # the same text is there: ours, if an answer was lost, so it is looked up
    return _STEPS_AFTER[_kind_of(error)]


def mark_published(delivery: Delivery, published: Published) -> None:
    """The platform said so; part of an action."""
    move(
        delivery,
        State.PUBLISHED,
        data=_data_of(published),
        remote_parts=list(published.parts),
        notice=published.note[:500],
        remote_id=published.remote_id[:255],
        permalink=published.permalink[:500],
        published_at=published.published_at,
        problem="",
        problem_code="",
    )


def _data_of(published: Published) -> dict[str, object]:
    note = {"message": published.note} if published.note else {}
    return {"permalink": published.permalink, "published_at": published.published_at, **note}


def _mark_many_published(deliveries: Sequence[Delivery], said: Mapping[int, Published]) -> None:
    """`mark_published` for many that were publishing, in two statements."""
    move_many(
        deliveries,
        State.PUBLISHED,
        data_of={pk: _data_of(published) for pk, published in said.items()},
        remote_id=by_row("remote_id", {pk: each.remote_id[:255] for pk, each in said.items()}),
        permalink=by_row("permalink", {pk: each.permalink[:500] for pk, each in said.items()}),
        published_at=by_row("published_at", {pk: each.published_at for pk, each in said.items()}),
        problem="",
        problem_code="",
    )


def backoff(tries: int, wish_s: float | None = None) -> timedelta:
    """How long to wait after `tries` failures: 5 s doubling to 5 min with jitter, or as asked."""
    if wish_s is not None:
        return timedelta(seconds=max(1.0, wish_s) + random.uniform(0, 1))  # noqa: S311  # no secret
    top = min(300.0, 5.0 * 2 ** min(tries, 10))
    return timedelta(seconds=random.uniform(top / 2, top))  # noqa: S311  # spreads load, no secret


def _retry(delivery: Delivery, error: PlatformError) -> None:
    wish = error.delay_s if isinstance(error, RetryLater) else None
    move(
        delivery,
        State.SCHEDULED,
        data={"message": error.message, "code": error.code},
        next_try_at=timezone.now() + backoff(delivery.tries, wish),
        tries=delivery.tries + 1,
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


def _fail(delivery: Delivery, error: PlatformError) -> None:
    move(
        delivery,
        State.FAILED,
        data={"message": error.message, "code": error.code},
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


def _hold(delivery: Delivery, error: PlatformError) -> None:
    reason = f"The platform no longer accepts the account's credentials: {error.message}"
    move(
        delivery,
        State.HELD,
        data={"reason": reason, "code": error.code},
        hold_kind=HoldKind.AUTHORISATION,
        hold_reason=reason[:500],
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


def _doubt(delivery: Delivery, error: PlatformError) -> None:
    move(
        delivery,
        State.UNKNOWN,
        data={"message": error.message, "code": error.code},
        next_try_at=timezone.now() + FIRST_LOOK,
        checks=0,
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


_OUTCOMES: dict[type[PlatformError], Outcome] = {
    RetryLater: Outcome.RETRY,
    Refused: Outcome.REFUSED,
    AuthorisationLost: Outcome.AUTHORISATION,
    OutcomeUnknown: Outcome.UNKNOWN,
}
_STEPS_AFTER: dict[type[PlatformError], Callable[[Delivery, PlatformError], None]] = {
    RetryLater: _retry,
    Refused: _fail,
    AuthorisationLost: _hold,
    OutcomeUnknown: _doubt,
}
