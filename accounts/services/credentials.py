"""Sealing credentials anew after a key was added."""

from __future__ import annotations

from accounts import events  # noqa: F401  # declares them
from accounts.policy import by
from accounts.sealing import Ciphertext, sealed_fields, sealed_with_newest_key
from audit.actions import action, record
from audit.actors import Actor, ActorKind


@action("credential.rotated", needs=by(ActorKind.COMMAND))
def credentials_rotate(*, actor: Actor) -> int:
    """Seal every secret of every room with the newest key; returns how many rows changed.

    Raises SealBroken.
    """
    count = 0
    for model, names in sealed_fields().items():
        for row in model._default_manager.select_for_update().order_by("pk"):
            raw = [row.__dict__[name] for name in names]
            if all(not r or (isinstance(r, Ciphertext) and sealed_with_newest_key(r)) for r in raw):
                continue
            for name in names:
                setattr(row, name, getattr(row, name))
            row.save()
            count += 1
    record("credential.rotated", data={"count": count})
    return count
