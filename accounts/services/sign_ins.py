"""Sign-ins, failed ones and changes to how a person signs in: events and nothing else."""

from __future__ import annotations

from accounts import events  # noqa: F401  # declares them
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind

_PERSON = by(ActorKind.PERSON)


@action("session.started", needs=_PERSON)
def session_start(*, actor: Actor) -> None:
    record("session.started", subject=actor.user)


@action("session.ended", needs=_PERSON)
def session_end(*, actor: Actor) -> None:
    record("session.ended", subject=actor.user)


@action("session.refused", needs=by(ActorKind.ANONYMOUS))
def session_refuse(*, actor: Actor, tried: str) -> None:
    record("session.refused", data={"tried": tried[:254]})


@action("password.changed", needs=_PERSON)
def password_changed(*, actor: Actor) -> None:
    record("password.changed", subject=actor.user)


@action("mfa.changed", needs=_PERSON)
def mfa_changed(*, actor: Actor, what: str, kind: str) -> None:
    record("mfa.changed", subject=actor.user, data={"what": what, "kind": kind})
