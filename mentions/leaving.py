"""What a leaver was at in the inbox is nobody's, so that somebody takes it up."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.policy import by
from audit.actions import Line, action, record_many
from audit.actors import Actor, ActorKind
from mentions import events  # noqa: F401  # declares them
from mentions.models import Conversation

WATCHER = Actor.worker("leavers")


def on_person_left(*, user: User, **_: Any) -> dict[str, int]:
    """Receiver of accounts.hooks.person_left; answers with how many conversations it was."""
    return {"conversations": _unassign(actor=WATCHER, user=user)}


@action("conversation.unassigned", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _unassign(*, actor: Actor, user: User) -> int:
    rows = Conversation.objects.select_for_update(of=("self",)).filter(assignee=user)
    found = list(rows.select_related("account", "contact").order_by("pk"))
    Conversation.objects.filter(pk__in=[one.pk for one in found]).update(
        assignee=None, version=F("version") + 1, changed_at=timezone.now()
    )
    data = {"before": user, "after": None}
    record_many(
        "conversation.unassigned",
        [Line(subject=one, account=one.account, data=data) for one in found],
    )
    return len(found)
