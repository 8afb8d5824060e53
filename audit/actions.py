"""Every change is an action: an explicit actor, a decision, a transaction and events together.

@action("team.created", needs=organisation(PEOPLE))
def team_create(*, actor: Actor, name: str) -> Team:
    team = Team.objects.create(...)
    record("team.created", subject=team)
    return team
"""

from __future__ import annotations

import functools
import inspect
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

import structlog
from django.db import connection, models, transaction

from audit.actors import Actor
from audit.models.event import insert
from audit.plain import clean, plain, searchable

P = ParamSpec("P")
R = TypeVar("R")

REFUSED = "access.refused"


class Verdict(Protocol):
    """The answer of whoever decides; `hidden`: as if the thing did not exist."""

    @property
    def allowed(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def hidden(self) -> bool: ...


class NotAllowed(Exception):  # reads as the answer it is
    """The actor may not do this. `reason` is a sentence for the person."""

    def __init__(self, reason: str, *, hidden: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hidden = hidden
        self.recorded = False


class NothingRecorded(RuntimeError):
    """An action ended well without a single event: a fault in the code, so it is rolled back."""


class UnknownEvent(LookupError):
    """An event name nobody declared, or one that its action did not announce."""


EVENTS: dict[str, str] = {}
"""Event name to what it says of the actor: 'delivery.submitted' -> 'sent {} for approval'."""
_NAME = re.compile(r"[a-z]+\.[a-z_]+")


def declare_events(**said: str) -> None:
    """Declare event names ('__' stands for the dot) and what they say of the actor.

    Where the subject belongs inside the words, `{}` marks the place; else it follows them. Raises
    ValueError on a name that is taken, too long or not of the form 'noun.verb'.
    """
    for key, words in said.items():
        name = key.replace("__", ".", 1)
        if name in EVENTS:
            raise ValueError(f"event {name!r} is declared twice")
        if not _NAME.fullmatch(name) or len(name) > 64:
            raise ValueError(f"{name!r} is no name for an event")
        EVENTS[name] = words


declare_events(
    access__refused="was refused",
    record__read="read the record",
    record__export_began="began to export the record",
    record__exported="exported the record",
    record__export_taken="took an export of the record",
    record__export_removed="removed an export of the record",
    record__query_saved="kept a search of the record",
    record__query_removed="removed a kept search of the record",
    record__proof_given="took a proof out of the record",
    record__erased="erased personal content from the record",
    record__fault_found="found that the record is not as it was sealed",
    record__key_changed="changed the key of the record",
    witness__failing="could not show a checkpoint to a witness",
    witness__recovered="showed checkpoints to a witness again",
    forwarding__failing="could not forward the record",
    forwarding__recovered="forwards the record again",
)

Needs = Callable[[Actor, Mapping[str, Any]], Verdict]


@dataclass(slots=True)
class _Act:
    actor: Actor
    emits: frozenset[str]
    id: uuid.UUID
    outer: _Act | None
    count: int = field(default=0)
    refused: list[tuple[Actor, NotAllowed, str]] = field(default_factory=list)


_current: ContextVar[_Act | None] = ContextVar("act", default=None)


def action(
    *emits: str, needs: Needs, may_find_nothing: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a keyword-only service an action that writes one or more of the events `emits`.

    `needs` decides from the actor and the call's arguments. `may_find_nothing`: the action looks
    for work and may end without an event when there was none. The wrapped function raises
    NotAllowed (after the refusal is on record), TypeError without an actor, NothingRecorded.
    """
    for name in emits:
        if name not in EVENTS:
            raise UnknownEvent(f"declare {name!r} first")

    def wrap(service: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(service)

        @functools.wraps(service)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            actor = bound.arguments.get("actor")
            if not isinstance(actor, Actor):
                raise TypeError(f"{service.__name__} needs an actor")
            outer = _current.get()
            act = _Act(actor, frozenset(emits), outer.id if outer else uuid.uuid4(), outer)
            token = _current.set(act)
            try:
                with transaction.atomic():
                    verdict = needs(actor, bound.arguments)
                    if not verdict.allowed:
                        raise NotAllowed(verdict.reason, hidden=verdict.hidden)
                    result = service(*args, **kwargs)
                    if not act.count and not may_find_nothing:
                        raise NothingRecorded(service.__name__)
            except NotAllowed as refusal:
                act.refused.append((actor, refusal, service.__name__))
                raise
            finally:
                _current.reset(token)
                if outer is None:
                    _refusals_record(act)
                else:
                    # An outer action may live with the refusal; it goes on record all the same.
                    outer.refused += act.refused
            if outer is not None:
                outer.count += act.count
            return result

        run.is_action = True  # type: ignore[attr-defined]  # the architecture test looks for it
        return run

    return wrap


def current_actor() -> Actor:
    """Who acts in the action under way. Raises RuntimeError outside of one."""
    act = _current.get()
    if act is None:
        raise RuntimeError("this changes something, so it belongs inside an action")
    return act.actor


def record(
    name: str,
    *,
    subject: models.Model | None = None,
    account: Any = None,
    post_id: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> int:
    """Write one event of the action under way; returns its number. Raises as `record_many`."""
    return record_many(name, [Line(subject, account, post_id, data or {})])[0]


@dataclass(frozen=True, slots=True)
class Line:
    """What one event of many is about."""

    subject: models.Model | None = None
    account: Any = None
    post_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def record_many(name: str, lines: Sequence[Line]) -> list[int]:
    """Write an event per line in one statement; returns their numbers.

    Raises UnknownEvent, RuntimeError outside of an action.
    """
    act = _current.get()
    if act is None:
        raise RuntimeError(f"{name} was recorded outside of an action")
    if not _announced(act, name):
        raise UnknownEvent(f"the action under way did not announce {name!r}")
    act.count += len(lines)
    return insert([_event(name, act.id, act.actor, line) for line in lines])


def refusal_record(*, actor: Actor, refusal: NotAllowed, attempted: str) -> None:
    """Put a refusal on record, once. Its own transaction: what was refused has been rolled back.

    Inside a transaction of the caller's it may yet be rolled back; then whoever answers the
    refusal (the middleware) puts it on record again.
    """
    if refusal.recorded or connection.needs_rollback:
        return
    refusal.recorded = not any(
        not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks
    )
    data = {"attempted": attempted, "reason": refusal.reason}
    insert([_event(REFUSED, uuid.uuid4(), actor, Line(data=data))])


def _refusals_record(act: _Act) -> None:
    """Each refusal once, named by the outermost action it stopped."""
    latest = {id(refusal): (actor, refusal, attempted) for actor, refusal, attempted in act.refused}
    for actor, refusal, attempted in latest.values():
        refusal_record(actor=actor, refusal=refusal, attempted=attempted)


def _announced(act: _Act | None, name: str) -> bool:
    while act is not None:
        if name in act.emits:
            return True
        act = act.outer
    return False


def _event(name: str, act: uuid.UUID, actor: Actor, line: Line) -> dict[str, Any]:
    """An event, as it is to be written."""
    if name not in EVENTS:
        raise UnknownEvent(name)
    subject, account = line.subject, line.account
    context = structlog.contextvars.get_contextvars()
    data = plain(line.data)
    actor_label = clean(actor.label)
    subject_label = clean(subject) if subject is not None else ""
    account_label = clean(account) if account is not None else ""
    return {
        "name": name,
        "act": act,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": clean(actor_label, 254),
        "actor_via": clean(actor.via, 64),
        "address": clean(actor.address, 45),
        "correlation_id": clean(
            context.get("correlation_id") or context.get("request_id") or "", 64
        ),
        "subject_type": subject._meta.label_lower if subject is not None else "",
        "subject_id": clean(subject.pk, 64) if subject is not None else "",
        "subject_label": clean(subject_label, 254),
        "post_id": line.post_id,
        "account_id": account.pk if account is not None else None,
        "account_label": clean(account_label, 254),
        "data": data,
        "words": searchable([EVENTS[name], actor_label, subject_label, account_label, data]),
    }
