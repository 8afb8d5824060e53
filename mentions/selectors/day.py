"""What My day shows of the inbox: what waits for the person, and what came in where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from accounts.levels import Capability
from accounts.models import User
from accounts.policy import accounts_where
from audit.actors import Actor
from mentions.models import Conversation, Mention, Status

SHOWN = 8


def assigned_to(actor: Actor) -> list[Conversation]:
    """Conversations the person was given and that are not done, the latest first."""
    accounts = accounts_where(actor, Capability.VIEW)
    rows = Conversation.objects.filter(assignee_id=actor.id, account__in=accounts)
    rows = rows.exclude(status=Status.DONE).select_related(
        "account", "contact", "last_mention__author"
    )
    return list(rows.order_by("-last_at", "-pk")[:SHOWN])


def assigned_number(user: User) -> int:
    """How many conversations are somebody's, done ones too."""
    return Conversation.objects.filter(assignee=user).count()


@dataclass(frozen=True, slots=True)
class CameIn:
    """How many mentions came to an account."""

    account_id: int
    name: str
    number: int


def came_in(actor: Actor, *, hours: int = 24) -> list[CameIn]:
    """What came to each account in the last hours, the most first; only accounts with any."""
    accounts = accounts_where(actor, Capability.VIEW)
    since = timezone.now() - timedelta(hours=hours)
    counted = (
        Mention.objects.filter(account__in=accounts, received_at__gte=since)
        .order_by()
        .values_list("account", "account__display_name")
        .annotate(number=Count("pk"))
        .order_by("-number", "account")[:SHOWN]
    )
    return [CameIn(*row) for row in counted]
