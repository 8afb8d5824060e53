"""What My day shows of the inbox: what waits for the person, and what came in where."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts.levels import Capability
from accounts.models import SocialAccount
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


def came_in(actor: Actor, *, hours: int = 24) -> list[tuple[SocialAccount, int]]:
    """How many mentions came to each account in the last hours; only accounts with any."""
    accounts = accounts_where(actor, Capability.VIEW)
    since = timezone.now() - timedelta(hours=hours)
    counted = (
        Mention.objects.filter(account__in=accounts, received_at__gte=since)
        .order_by()
        .values("account")
        .annotate(number=Count("pk"))
        .order_by("-number", "account")[:SHOWN]
    )
    numbers = {row["account"]: row["number"] for row in counted}
    found = {a.pk: a for a in _by_ids(numbers)}
    return [(found[pk], number) for pk, number in numbers.items()]


def _by_ids(ids: dict[int, int]) -> QuerySet[SocialAccount]:
    return SocialAccount.objects.filter(pk__in=list(ids))
