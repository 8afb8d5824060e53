"""Sealing credentials anew after a key was added."""

from __future__ import annotations

from accounts import events  # noqa: F401  # declares them
from accounts.models import Credential
from accounts.policy import by
from accounts.sealing import Ciphertext, sealed_with_newest_key
from audit.actions import action, record
from audit.actors import Actor, ActorKind


@action("credential.rotated", needs=by(ActorKind.COMMAND))
def credentials_rotate(*, actor: Actor) -> int:
    """Seal every credential with the newest key; returns how many changed. Raises SealBroken."""
    count = 0
    for credential in Credential.objects.select_for_update().order_by("pk"):
        raw = [credential.__dict__["secret"], credential.__dict__["session"]]
        if all(not r or (isinstance(r, Ciphertext) and sealed_with_newest_key(r)) for r in raw):
            continue
        credential.secret, credential.session = credential.secret, credential.session
        credential.save()
        count += 1
    record("credential.rotated", data={"count": count})
    return count
