"""What nobody would notice by failing: work that is not taken up, and a clock that stands still."""

from __future__ import annotations

from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from operations import events  # noqa: F401  # declares them


@action("alert.raised", needs=by(ActorKind.WORKER))
def watch_raise(*, actor: Actor, kind: AlertKind, subject: str, message: str) -> None:
    """Raise an alert that concerns the whole installation."""
    raise_alert(kind=kind, subject=subject, message=message)
    record("alert.raised", data={"kind": kind, "subject": subject, "message": message})


@action(needs=by(ActorKind.WORKER), may_find_nothing=True)
def watch_settle(*, actor: Actor, kind: AlertKind, subject: str) -> None:
    """What was raised is over."""
    settle_alert(kind=kind, subject=subject)
