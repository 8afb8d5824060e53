"""What a person may do about a delivery just now: the buttons of its row."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.levels import Capability
from accounts.policy import Rights
from scheduling.correcting import why_uncorrectable
from scheduling.models import Delivery, HoldKind
from scheduling.rules import release_needs
from scheduling.states import State


@dataclass(frozen=True, slots=True)
class Options:
    """Which acts are offered; the services decide again."""

    edit: bool = False
    take_back: bool = False
    cancel: bool = False
    hold: bool = False
    release: bool = False
    move: bool = False
    schedule: bool = False
    now: bool = False
    retry: bool = False
    withdraw: bool = False
    correct: bool = False
    uncorrectable: str = ""  # why it cannot be corrected, to somebody who otherwise might
    proposes: bool = False  # they may take back what somebody proposed
    decides: bool = False  # they may decide on it
    settle: bool = False
    approve: bool = False

    @property
    def any(self) -> bool:
        acts = (name for name in self.__slots__ if name not in _NO_BUTTONS)
        return any(getattr(self, name) for name in acts)


_NO_BUTTONS = ("uncorrectable", "proposes", "decides")


def options_for(delivery: Delivery, rights: Rights) -> Options:
    """The acts to offer to whom `rights` are, which have to know the delivery's account."""
    state = State(delivery.state)
    may = {c: bool(rights.decide(c, delivery.account)) for c in _asked(state)}
    draft, publish = may.get(Capability.DRAFT, False), may.get(Capability.PUBLISH, False)
    manage = may.get(Capability.MANAGE, False)
    fixed = why_uncorrectable(delivery) if state == State.PUBLISHED else ""
    held = delivery.hold_kind == HoldKind.PERSON
    waiting = state in (State.APPROVED, State.SCHEDULED)
    return Options(
        edit=draft and state in (State.DRAFT, State.FAILED),
        take_back=draft
        and (waiting or state == State.IN_REVIEW or (state == State.HELD and (manage or not held))),
        cancel=draft
        and state in (State.DRAFT, State.IN_REVIEW, State.FAILED, State.HELD, *_WAITING),
        hold=waiting and manage,
        release=state == State.HELD and all(may[c] for c in release_needs(delivery)),
        move=(waiting and publish) or (draft and state in (State.DRAFT, State.IN_REVIEW)),
        schedule=draft and state == State.APPROVED,
        now=publish and waiting,
        retry=publish and state == State.FAILED and _sendable(delivery),
        withdraw=publish
        and state == State.PUBLISHED
        and bool(delivery.remote_id)
        and delivery.account.can("delete"),
        correct=draft and state == State.PUBLISHED and not fixed,
        uncorrectable=fixed if draft else "",
        proposes=draft and state == State.PUBLISHED,
        decides=may.get(Capability.APPROVE, False) and state == State.PUBLISHED,
        settle=publish and state == State.UNKNOWN,
        approve=may.get(Capability.APPROVE, False) and state == State.IN_REVIEW,
    )


_WAITING = (State.APPROVED, State.SCHEDULED)


def _asked(state: State) -> tuple[Capability, ...]:
    if state in (State.CANCELLED, State.WITHDRAWN, State.PUBLISHING):
        return ()
    if state == State.IN_REVIEW:
        return (Capability.DRAFT, Capability.APPROVE)
    if state == State.PUBLISHED:
        return (Capability.DRAFT, Capability.PUBLISH, Capability.APPROVE)
    if state == State.UNKNOWN:
        return (Capability.PUBLISH,)
    return (Capability.DRAFT, Capability.PUBLISH, Capability.MANAGE)


def _sendable(delivery: Delivery) -> bool:
    return delivery.reviewed or not delivery.account.approval_required
