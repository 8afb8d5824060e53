"""What happens to the record itself goes on record: erasures, witnesses, faults, keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audit.actions import NotAllowed, action, record
from audit.actors import Actor, ActorKind
from audit.erasing import Because, erase
from audit.services.reading import Allowed


def _of_kind(*kinds: ActorKind) -> Any:
    def needs(actor: Actor, _: Mapping[str, Any]) -> Allowed:
        return Allowed(actor.kind in kinds, "Only Socialdesk itself does this.")

    return needs


@action("record.erased", needs=_of_kind(ActorKind.COMMAND))
def content_erase(
    *,
    actor: Actor,
    event_ids: Sequence[int],
    parts: Sequence[str],
    because: Because,
    reference: str = "",
) -> int:
    """By command. Raises CannotErase; see audit.erasing."""
    return erase(event_ids=event_ids, parts=parts, because=because, reference=reference)


@action("witness.failing", needs=_of_kind(ActorKind.WORKER))
def witness_failing_record(*, actor: Actor, witness: str, error: str) -> None:
    """A witness does not take checkpoints any more."""
    record("witness.failing", data={"witness": witness, "error": error})


@action("witness.recovered", needs=_of_kind(ActorKind.WORKER))
def witness_recovered_record(*, actor: Actor, witness: str) -> None:
    """It takes them again."""
    record("witness.recovered", data={"witness": witness})


@action("forwarding.failing", needs=_of_kind(ActorKind.WORKER))
def forward_failing_record(*, actor: Actor, place: str, error: str) -> None:
    """A place that the record is forwarded to does not take it any more."""
    record("forwarding.failing", data={"place": place, "error": error})


@action("forwarding.recovered", needs=_of_kind(ActorKind.WORKER))
def forward_recovered_record(*, actor: Actor, place: str) -> None:
    """It takes it again."""
    record("forwarding.recovered", data={"place": place})


@action("record.fault_found", needs=_of_kind(ActorKind.WORKER, ActorKind.COMMAND))
def fault_record(*, actor: Actor, fault: str) -> None:
    """The record's check of itself found that something is not as it was sealed."""
    record("record.fault_found", data={"fault": fault})


@action("record.key_changed", needs=_of_kind(ActorKind.COMMAND))
def key_change_record(*, actor: Actor, old: str, new: str) -> None:
    """Another key signs from here on. Both are public keys."""
    if old == new:
        raise NotAllowed("This is the key that signs already.")
    record("record.key_changed", data={"old": old, "new": new})
