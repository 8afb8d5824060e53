"""Sending corrections: each asked again at the moment of sending, its try committed before the
call. The same words may be sent twice without harm, so what nobody can tell is sent again."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.alerts import AlertKind, raise_alert
from accounts.connections import kept_adapter
from accounts.health import health_note, health_note_good
from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from platforms.contract import (
    GONE,
    Deed,
    Edits,
    OutcomeUnknown,
    PlatformError,
    Refused,
    RetryLater,
)
from scheduling.correcting import as_corrected, correction_move, hindrance, locked
from scheduling.engine.outcomes import backoff
from scheduling.gate import pass_gate
from scheduling.models import Correction, CorrectionState
from scheduling.recheck import grace
from scheduling.traffic.admission import Wish, admit
from scheduling.traffic.learning import learn
from scheduling.versions import save_version

log = structlog.get_logger(__name__)
CORRECTOR = Actor.worker("corrector")
TAKEN_FOR = timedelta(seconds=30)
"""How long a message may wait for a worker until another is sent."""
BATCH = 50


def due_corrections() -> list[int]:
    """Ids of corrections to send now, each given out once in a while. Safe to run side by side."""
    now = timezone.now()
    waiting = Q(state=CorrectionState.QUEUED, next_try_at__lte=now)
    left = Q(state=CorrectionState.SENDING, lease_until__lt=now)
    due = Correction.objects.filter(waiting | left)
    if not due.exists():
        return []
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True).order_by("pk")[:BATCH]
        found = [(row.pk, row.state) for row in rows]
        ids = [pk for pk, state in found if state == CorrectionState.QUEUED]
        # When it is taken up is the tick's own plan and no change to what it is.
        Correction.objects.filter(pk__in=ids).update(next_try_at=now + TAKEN_FOR)
    return [pk for pk, _ in found]


def correct(correction_id: int) -> str:
    """Send one correction; returns the state it came to, '' when there was nothing to do."""
    found = Correction.objects.filter(pk=correction_id).first()
    begun = found and _begin(actor=CORRECTOR, correction=found)
    if not begun:
        return ""
    error: PlatformError | None = None
    try:
        _send(begun)
    except PlatformError as raised:
        error = raised
    except Exception as raised:  # whatever a library throws, the truth is 'unknown'
        log.exception("adapter_fault", correction=begun.pk, kind=type(raised).__name__)
        error = OutcomeUnknown("The platform's answer could not be understood.", code="fault")
    state = _finish(actor=CORRECTOR, begun=begun, error=error)
    log.info("correct", correction=begun.pk, account=begun.account.pk, state=state)
    if error is None or isinstance(error, OutcomeUnknown):
        health_note_good(actor=CORRECTOR, accounts=[begun.account])
    elif not isinstance(error, Refused):
        health_note(actor=CORRECTOR, account=begun.account, error=error)
    return state


@action(
    "correction.tried",
    "correction.failed",
    "correction.in_doubt",
    needs=by(ActorKind.WORKER),
    may_find_nothing=True,
)
def _begin(*, actor: Actor, correction: Correction) -> Correction | None:
    """Its try, committed; None when it is not to be sent now, or ever."""
    shut = pass_gate()  # nothing is begun once a pause is acknowledged
    correction, now = locked(correction), timezone.now()
    left = correction.state == CorrectionState.SENDING and (correction.lease_until or now) < now
    if correction.state != CorrectionState.QUEUED and not left:
        return None
    correction.in_doubt = correction.in_doubt or left
    reason = hindrance(correction, shut) or _too_late(correction)
    if reason:
        _give_up(correction, reason)
        return None
    (wait,) = admit([Wish(correction.account, {Deed.PUBLISH: 1})])
    if wait is not None:
        # When it is tried is the tick's own plan and no change to what it is: nothing to record.
        mine = Correction.objects.filter(pk=correction.pk, fence=correction.fence)
        mine.update(next_try_at=wait.until, problem=wait.why[:500])
        return None
    return correction_move(
        correction,
        CorrectionState.SENDING,
        lease_until=now + timedelta(seconds=3 * settings.REQUEST_TIMEOUT_S),
        fence=correction.fence + 1,
        in_doubt=correction.in_doubt,
    )


def _too_late(correction: Correction) -> str:
    """As a post that is overdue, it waits for a person and does not go out hours later."""
    since = correction.queued_at or correction.at
    if timezone.now() - since <= grace():
        return ""
    said = f" The last that was heard: {correction.problem}" if correction.problem else ""
    minutes = int(grace().total_seconds() // 60)
    return f"It could not be sent within {minutes} minutes.{said}"


def _send(correction: Correction) -> None:
    delivery = correction.delivery
    with kept_adapter(correction.account) as adapter:
        if not isinstance(adapter, Edits):
            raise Refused("This platform cannot correct posts.", code="not_supported")
        try:
            adapter.edit(delivery.remote_id, as_corrected(delivery, correction.text))
        except PlatformError as error:
            learn(correction.account, adapter=adapter, error=error)
            raise
        learn(correction.account, adapter=adapter, error=None)


@action(
    "correction.made",
    "correction.retried",
    "correction.failed",
    "correction.in_doubt",
    needs=by(ActorKind.WORKER),
    may_find_nothing=True,
)
def _finish(*, actor: Actor, begun: Correction, error: PlatformError | None) -> str:
    """Write down what the platform said; '' where the try no longer stands."""
    correction = locked(begun)
    if correction.state != CorrectionState.SENDING or correction.fence != begun.fence:
        log.warning("late_outcome", correction=begun.pk, fence=begun.fence)
        return ""
    if error is None:
        _made(correction)
    elif isinstance(error, (RetryLater, OutcomeUnknown)):
        _again(correction, error)
    else:
        _give_up(correction, error.message, error)
    return str(correction.state)


def _made(correction: Correction) -> None:
    """The platform said so: from now on this is what the account says, in its proposer's words."""
    correction_move(
        correction,
        CorrectionState.CORRECTED,
        {"before": correction.before, "after": correction.text},
        problem="",
        in_doubt=False,
    )
    correction.delivery.own_text = correction.text
    save_version(correction.delivery, Actor.person(correction.by))


def _again(correction: Correction, error: PlatformError) -> None:
    """Not now, or nobody knows. In doubt, the first request is given as long again to be done."""
    unknown = isinstance(error, OutcomeUnknown)
    wish = error.delay_s if isinstance(error, RetryLater) else None
    wait = timedelta(seconds=settings.REQUEST_TIMEOUT_S) if unknown else backoff(0, wish)
    correction_move(
        correction,
        CorrectionState.QUEUED,
        {"message": error.message, "code": error.code},
        next_try_at=timezone.now() + wait,
        in_doubt=correction.in_doubt or unknown,
        problem=error.message[:500],
    )


def _give_up(correction: Correction, reason: str, error: PlatformError | None = None) -> None:
    """It is not tried again. What an earlier try has done is not known where one ended in doubt."""
    doubt = correction.in_doubt and (error is None or error.code != GONE)
    said = {"reason": reason} if error is None else {"message": reason, "code": error.code}
    correction_move(
        correction,
        CorrectionState.UNKNOWN if doubt else CorrectionState.FAILED,
        said,
        problem=reason[:500],
        in_doubt=doubt,
    )
    delivery = correction.delivery
    told = {correction.by_id, correction.decided_by_id} - {None}
    what = "It is not known whether a post was corrected" if doubt else "A post was not corrected"
    raise_alert(
        kind=AlertKind.CORRECTION,
        subject=delivery,
        account=delivery.account,
        message=f"{what} on {delivery.account.display_name}: {reason}"[:500],
        people=tuple(sorted(pk for pk in told if pk is not None)),
    )
