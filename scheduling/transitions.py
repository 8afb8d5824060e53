"""`move`: the only writer of a delivery's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from accounts.levels import Capability
from accounts.policy import ALLOWED, Decision, decide
from audit.actions import NotAllowed, current_actor, record
from audit.actors import Actor, ActorKind
from scheduling.errors import Stale
from scheduling.models import Delivery
from scheduling.states import ENGINE, TRANSITIONS, State


class NoSuchMove(ValueError):
    """The table has no such transition: a fault in the code, not in what a person did."""


def may_move(actor: Actor, delivery: Delivery, target: State) -> Decision:
    """Whether `actor` may walk this transition, without walking it."""
    row = TRANSITIONS.get((State(delivery.state), target))
    if row is None:
        return Decision(False, f"{delivery.get_state_display()} cannot become {target.label}.")
    if actor.kind is ActorKind.WORKER:
        return ALLOWED  # workers walk only what scheduling.engine walks; they have no pages
    if row.capability == ENGINE:
        return Decision(False, "Only the publishing engine does this.")
    return decide(actor, Capability(row.capability), delivery.account)


def move(
    delivery: Delivery,
    target: State,
    *,
    data: Mapping[str, Any] | None = None,
    fence: int | None = None,
    **fields: Any,
) -> Delivery:
    """Move `delivery` to `target` and write `fields` with it: policy, compare-and-set, event.

    Belongs inside an action. `fence`: only if the claim of that number still stands. Raises
    NoSuchMove, NotAllowed, Stale (somebody else moved it first; nothing was changed).
    """
    source = State(delivery.state)
    row = TRANSITIONS.get((source, target))
    if row is None:
        raise NoSuchMove(f"{source} to {target}")
    decision = may_move(current_actor(), delivery, target)
    if not decision:
        raise NotAllowed(decision.reason, hidden=decision.hidden)
    if source == State.PUBLISHING:
        fields.setdefault("lease_until", None)
    if source == State.HELD:
        fields.setdefault("hold_kind", "")
        fields.setdefault("hold_reason", "")
    fields |= {"state": target, "state_since": timezone.now()}
    rows = Delivery.objects.filter(pk=delivery.pk, state=source)
    if fence is not None:
        rows = rows.filter(fence=fence)
    if not rows.update(**fields):
        raise Stale(f"{delivery} was changed by somebody else a moment ago. Look again.")
    for name, value in fields.items():
        setattr(delivery, name, value)
    record(
        row.event,
        subject=delivery,
        account=delivery.account,
        post_id=delivery.post_id,
        data={"from": source, "to": target, **(data or {})},
    )
    return delivery
