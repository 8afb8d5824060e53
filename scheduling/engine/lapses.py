"""What is queued is held at once when the right to send it goes."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from accounts.models import SocialAccount, User
from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from scheduling.models import Delivery
from scheduling.recheck import Hold, why_not
from scheduling.states import QUEUED, State
from scheduling.transitions import move

WATCHER = Actor.worker("rights watcher")


def on_rights_changed(
    *, actor: Actor, account: SocialAccount | None, user: User | None, reason: str, **_: Any
) -> dict[str, int]:
    """Receiver of accounts.hooks.rights_changed; answers with how many it held."""
    held = _hold_lapsed(actor=WATCHER, account=account, user=user, caused_by=actor.label)
    return {"held": held}


@action("delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _hold_lapsed(
    *, actor: Actor, account: SocialAccount | None, user: User | None, caused_by: str
) -> int:
    rows = Delivery.objects.filter(state__in=QUEUED)
    if account is not None:
        rows = rows.filter(account=account)
    if user is not None:
        rows = rows.filter(Q(sender=user) | Q(sender=None, post__author=user))
    locked = rows.select_for_update(of=("self",)).select_related(
        "account", "post__author", "sender"
    )
    held = 0
    for delivery in locked.order_by("pk"):
        hold = why_not(delivery)
        if hold is not None:
            _hold(delivery, hold, caused_by)
            held += 1
    return held


def _hold(delivery: Delivery, hold: Hold, caused_by: str) -> None:
    move(
        delivery,
        State.HELD,
        data={"reason": hold.reason, "caused_by": caused_by},
        hold_kind=hold.kind,
        hold_reason=hold.reason[:500],
    )
