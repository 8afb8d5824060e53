"""What became of a message goes on record: who was told of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from operations import events  # noqa: F401  # declares them
from operations.models import Alert, Destination, Message, MessageState

Who = User | Destination | str


@action("alert.sent", needs=by(ActorKind.WORKER))
def message_note_sent(*, actor: Actor, message: Message, who: Who, alerts: Sequence[Alert]) -> None:
    """The message arrived."""
    now = timezone.now()
    _finish(message, state=MessageState.SENT, sent_at=now, problem="")
    posts = {alert.delivery.post_id for alert in alerts if alert.delivery}
    accounts = {alert.account for alert in alerts}
    record(
        "alert.sent",
        subject=None if isinstance(who, str) else who,
        account=accounts.pop() if len(accounts) == 1 else None,
        post_id=posts.pop() if len(posts) == 1 else None,
        data={"of": Counter(alert.kind for alert in alerts), **_named(who)},
    )


@action("alert.given_up", needs=by(ActorKind.WORKER))
def message_give_up(*, actor: Actor, message: Message, who: Who, reason: str) -> None:
    """The message did not arrive and is not tried again."""
    _finish(message, state=MessageState.GIVEN_UP, problem=reason[:300])
    data = {"reason": reason, "tries": message.tries, **_named(who)}
    record("alert.given_up", subject=None if isinstance(who, str) else who, data=data)


def _finish(message: Message, **fields: Any) -> None:
    Message.objects.filter(pk=message.pk).update(lease_until=None, **fields)


def _named(who: Who) -> dict[str, str]:
    return {"address": who} if isinstance(who, str) else {}
