"""Reading and exporting the record goes on record itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.actions import action, record
from audit.actors import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Allowed:
    """An answer of the record itself, which knows no policy."""

    allowed: bool
    reason: str = ""
    hidden: bool = False


def _a_reader(actor: Actor, _: Mapping[str, Any]) -> Allowed:
    """What is read was filtered by the policy before; here only somebody has to be named."""
    if actor.kind in (ActorKind.PERSON, ActorKind.COMMAND):
        return Allowed(True)
    return Allowed(False, "Sign in to read the record.")


@action("record.read", needs=_a_reader)
def record_read(*, actor: Actor, filters: Mapping[str, Any]) -> None:
    """Somebody looked at a page of the record."""
    record("record.read", data=filters)


@action("record.export_began", needs=_a_reader)
def record_export_begin(*, actor: Actor, filters: Mapping[str, Any], format: str) -> None:
    """Somebody is about to be given the record; written before the first line leaves."""
    record("record.export_began", data={**filters, "format": format})


@action("record.exported", needs=_a_reader)
def record_export_end(
    *,
    actor: Actor,
    filters: Mapping[str, Any],
    format: str,
    count: int,
    complete: bool,
    file: Mapping[str, Any] | None = None,
) -> int:
    """An export ended; returns the number of its event. `count`: lines handed over; `complete`:
    none was left when it ended; `file`: its hash and size, where there is one."""
    data = {**filters, "format": format, "count": count, "complete": complete, **(file or {})}
    return record("record.exported", data=data)


@action("record.proof_given", needs=_a_reader)
def proof_give(*, actor: Actor, what: Mapping[str, Any]) -> None:
    """Somebody is given proofs. `what`: of which events or post."""
    record("record.proof_given", data=what)
