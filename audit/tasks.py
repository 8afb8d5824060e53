"""What Celery runs for the record: exports. Sealing is a process of its own."""

from __future__ import annotations

import time

from celery import shared_task

from accounts.models import User
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.exports.work import claim, forget_old, work
from audit.selectors.events import Scope
from audit.views.scope import scope_of

TURN_S = 10.0
"""One run works for no longer than about this; the next goes on, here or elsewhere."""


@shared_task(name="audit.write_exports")
def write_exports() -> None:
    """Every two seconds: go on with the exports that nobody works on."""
    until = time.monotonic() + TURN_S
    forget_old()
    while time.monotonic() < until and (export := claim()) is not None:
        work(export, right_of, lambda: time.monotonic() < until)


def right_of(owner_id: int) -> tuple[Actor, Scope]:
    """An owner, and what they may see just now. Raises NotAllowed."""
    user = User.objects.filter(pk=owner_id).first()
    if user is None:
        raise NotAllowed("There is no such person any more.")
    actor = Actor.person(user)
    return actor, scope_of(actor)[0]
