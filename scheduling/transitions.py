"""`move` and `move_many`: the only writers of a delivery's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, Func, JSONField, TextField, Value
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.alerts import AlertKind, Raised, raise_alerts
from accounts.levels import Capability
from accounts.policy import ALLOWED, Decision, decide
from audit.actions import Line, NotAllowed, current_actor, record_many
from audit.actors import Actor, ActorKind
from scheduling.errors import Stale
from scheduling.models import Delivery, HoldKind
from scheduling.states import ENGINE, TRANSITIONS, State, Transition

_ALERTS: Mapping[State, AlertKind] = {
    State.FAILED: AlertKind.FAILED,
    State.UNKNOWN: AlertKind.UNKNOWN,
    State.HELD: AlertKind.HELD,
}
"""Where people are told that the engine led a delivery there."""


class NoSuchMove(ValueError):
    """The table has no such transition: a fault in the code, not in what a person did."""


def may_move(
    actor: Actor, delivery: Delivery, target: State, *, event: str | None = None
) -> Decision:
    """Whether `actor` may walk this transition, without walking it."""
    try:
        row = _row(State(delivery.state), target, event)
    except NoSuchMove:
        return Decision(False, f"What is {delivery.get_state_display()} cannot be {target.label}.")
    if actor.kind is ActorKind.WORKER:
        return ALLOWED  # workers walk only what scheduling.engine walks; they have no pages
    if row.capability == ENGINE:
        return Decision(False, "Only the publishing engine does this.")
    return decide(actor, Capability(row.capability), delivery.account)


def move(
    delivery: Delivery,
    target: State,
    *,
    event: str | None = None,
    data: Mapping[str, Any] | None = None,
    fence: int | None = None,
    **fields: Any,
) -> Delivery:
    """Move `delivery` to `target` and write `fields` with it: policy, compare-and-set, event.

    Belongs inside an action. `event` tells apart two ways between the same states; `fence`: only
    if the claim of that number still stands. Raises NoSuchMove, NotAllowed, Stale (somebody else
    moved it first; nothing was changed).
    """
    source = State(delivery.state)
    row = _row(source, target, event)
    decision = may_move(current_actor(), delivery, target, event=event)
    if not decision:
        raise NotAllowed(decision.reason, hidden=decision.hidden)
    fields = _with_defaults(source, target, fields)
    rows = Delivery.objects.filter(pk=delivery.pk, state=source)
    if fence is not None:
        rows = rows.filter(fence=fence)
    if not rows.update(**fields):
        raise Stale(f"{delivery} was changed by somebody else a moment ago. Look again.")
    _take_over(delivery, fields)
    record_many(row.event, [_line(delivery, source, target, data)])
    _tell([delivery])
    return delivery


def move_many(
    deliveries: Sequence[Delivery],
    target: State,
    *,
    event: str | None = None,
    data: Mapping[str, Any] | None = None,
    data_of: Mapping[int, Mapping[str, Any]] | None = None,
    **fields: Any,
) -> None:
    """`move` for rows of one state that the engine has locked in this transaction.

    Two statements, however many rows. `data_of`: what the event says of each, by the row's id; a
    field that differs from row to row is given as `by_row`. Raises NoSuchMove, NotAllowed for
    anybody but a worker.
    """
    if not deliveries:
        return
    actor = current_actor()
    if actor.kind is not ActorKind.WORKER:
        raise NotAllowed("Only the publishing engine moves many at once.")
    source = State(deliveries[0].state)
    row = _row(source, target, event)
    fields = _with_defaults(source, target, fields)
    ids = [delivery.pk for delivery in deliveries]
    Delivery.objects.filter(pk__any_of=ids, state=source).update(**fields)
    said = data_of or {}
    lines = [_line(each, source, target, said.get(each.pk, data)) for each in deliveries]
    record_many(row.event, lines)
    for delivery in deliveries:
        _take_over(delivery, fields)
    _tell(deliveries)


def by_row(name: str, values: Mapping[int, Any]) -> Cast:
    """The value of field `name` for each row of an update, by the row's id."""
    field = Delivery._meta.get_field(name)
    assert isinstance(field, Field)
    plain = {str(pk): value for pk, value in values.items()}
    found = Func(
        Value(plain, output_field=JSONField(encoder=DjangoJSONEncoder)),
        Cast("pk", TextField()),
        template="(%(expressions)s)",
        arg_joiner=" ->> ",
        output_field=TextField(),
    )
    return Cast(found, field)


def _row(source: State, target: State, event: str | None) -> Transition:
    rows = TRANSITIONS.get((source, target), {})
    if event is None and len(rows) == 1:
        return next(iter(rows.values()))
    if event in rows:
        return rows[event]
    raise NoSuchMove(f"{source} to {target} by {event}")


def _with_defaults(source: State, target: State, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A lease lives as long as publishing, a reason as the hold, a plan until it is over."""
    result: dict[str, Any] = dict(fields)
    if source == State.PUBLISHING:
        result.setdefault("lease_until", None)
    if source == State.HELD:
        result.setdefault("hold_kind", "")
        result.setdefault("hold_reason", "")
    if target not in (State.SCHEDULED, State.PUBLISHING, State.UNKNOWN):
        result.setdefault("next_try_at", None)
    if target == State.SCHEDULED:
        result.setdefault("prepared_at", None)
    result.setdefault("notice", "")
    result.update(state=target, state_since=timezone.now())
    return result


def _take_over(delivery: Delivery, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if not hasattr(value, "resolve_expression"):
            setattr(delivery, name, value)


def _tell(deliveries: Sequence[Delivery]) -> None:
    """Alert people to where the engine led these; what a pause holds they wanted held."""
    if current_actor().kind is not ActorKind.WORKER:
        return
    alerts = [
        Raised(_ALERTS[state], moved, moved.hold_reason or moved.problem, moved.account)
        for moved in deliveries
        if (state := State(moved.state)) in _ALERTS and moved.hold_kind != HoldKind.PAUSED
    ]
    if alerts:
        raise_alerts(alerts)


def _line(delivery: Delivery, source: State, target: State, data: Mapping[str, Any] | None) -> Line:
    return Line(
        subject=delivery,
        account=delivery.account,
        post_id=delivery.post_id,
        data={"from": source, "to": target, **(data or {})},
    )
