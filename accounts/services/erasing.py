"""Erasing personal content from the record, by an administrator."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.levels import OrgCapability
from accounts.policy import organisation
from audit.actions import action
from audit.actors import Actor
from audit.erasing import Because, erase


@action("record.erased", needs=organisation(OrgCapability.ERASE))
def record_erase(
    *,
    actor: Actor,
    event_ids: Sequence[int],
    parts: Sequence[str],
    because: Because,
    reference: str = "",
) -> int:
    """Erase what events say of people; how many parts were. Raises CannotErase."""
    return erase(event_ids=event_ids, parts=parts, because=because, reference=reference)
