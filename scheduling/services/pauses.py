"""Holding everything, and ending that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.errors import Invalid
from accounts.models import SocialAccount, Team
from accounts.policy import Decision, by, decide_pause
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from scheduling import events  # noqa: F401  # declares them
from scheduling.engine.claim import DISPATCHER, hold_paused
from scheduling.gate import Shut, shut_gate
from scheduling.models import Delivery, Pause
from scheduling.selectors.pauses import accounts_of, covered_by
from scheduling.states import State


def _may_begin(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    account, team = arguments["account"], arguments["team"]
    return decide_pause(actor, accounts_of(account=account, team=team))


@action("pause.begun", needs=_may_begin)
def pause_begin(
    *,
    actor: Actor,
    reason: str,
    account: SocialAccount | None = None,
    team: Team | None = None,
) -> Pause:
    """Let nothing go out any more: of one account, of what a team has levels on, or of everything.

    When this has returned, no claim and no attempt begins there; what was being sent already is
    in `under_way`. Raises Invalid, NotAllowed.
    """
    shut_gate()
    if not reason.strip():
        raise Invalid("reason", "Say why; everybody at the desk will read it.")
    standing = Pause.objects.in_force().filter(account=account, team=team).first()
    if standing is not None:
        raise Invalid("", f"It is held already: {standing.held_reason}")
    pause = Pause.objects.create(
        account=account,
        team=team,
        reason=reason.strip()[:300],
        begun_at=timezone.now(),
        begun_by=actor.user,
        begun_by_label=actor.label,
    )
    accounts = accounts_of(account=account, team=team)
    if accounts is not None:
        pause.covered.set(accounts)
    begun = _of(pause).filter(state=State.PUBLISHING, attempts__fence=F("fence"))
    pause.under_way.set(begun)
    data = {
        "reason": pause.reason,
        "accounts": "all" if accounts is None else list(accounts),
        "under_way": list(pause.under_way.all()),
    }
    record("pause.begun", subject=pause, account=account, data=data)
    return pause


def _may_end(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    pause: Pause = arguments["pause"]
    return decide_pause(actor, covered_by(pause))


@action("pause.ended", "delivery.held", needs=_may_end)
def pause_end(*, actor: Actor, pause: Pause) -> Pause:
    """Let go out again what is not due yet. What fell due meanwhile stays held for a person.

    Raises Invalid, NotAllowed.
    """
    shut_gate()
    pause = Pause.objects.select_related("account", "team").get(pk=pause.pk)
    if pause.ended_at is not None:
        raise Invalid("", f"{pause.ended_by_label} ended it already.")
    # The tick may not have come round to the last of them, or no worker may have run at all.
    _hold_due(actor=DISPATCHER, pause=pause)
    pause.ended_at, pause.ended_by, pause.ended_by_label = timezone.now(), actor.user, actor.label
    pause.save(update_fields=["ended_at", "ended_by", "ended_by_label"])
    record("pause.ended", subject=pause, account=pause.account, data={"reason": pause.reason})
    return pause


@action("delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _hold_due(*, actor: Actor, pause: Pause) -> None:
    now = timezone.now()
    due = _of(pause).filter(Q(next_try_at__lte=now) | Q(due_at__lte=now), state=State.SCHEDULED)
    locked = due.select_for_update(of=("self",)).select_related("account", "post")
    hold_paused(locked.order_by("pk"), Shut(everything=pause))


def _of(pause: Pause) -> QuerySet[Delivery]:
    covered = covered_by(pause)
    rows = Delivery.objects.all()
    return rows if covered is None else rows.filter(account__in=covered.values("pk"))
