"""What My day shows of posts: what needs somebody now, and what goes out next."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.levels import Capability
from accounts.policy import accounts_where
from audit.actors import Actor
from scheduling.models import Delivery
from scheduling.selectors.approvals import waiting
from scheduling.selectors.posts import deliveries_visible
from scheduling.states import State

SHOWN = 8
SOON = timedelta(hours=4)
"""An approval whose post is due this soon needs somebody now."""


def noticed(actor: Actor) -> list[Delivery]:
    """What is scheduled and will not go out as things stand, or waits for its platform."""
    rows = Delivery.objects.filter(
        account__in=accounts_where(actor, Capability.DRAFT), state=State.SCHEDULED
    ).exclude(notice="")
    return list(rows.select_related("account", "post").order_by("due_at", "pk")[:SHOWN])


def in_trouble(actor: Actor) -> list[Delivery]:
    """Failed, unknown and held deliveries the person may do something about, latest first."""
    accounts = accounts_where(actor, Capability.DRAFT)
    rows = Delivery.objects.filter(
        account__in=accounts, state__in=(State.FAILED, State.UNKNOWN, State.HELD)
    )
    return list(rows.select_related("account", "post").order_by("-state_since")[:SHOWN])


def approvals_soon(actor: Actor) -> list[Delivery]:
    """Approvals that wait for the person and whose post is due soon, or was."""
    return list(waiting(actor).filter(due_at__lte=timezone.now() + SOON)[:SHOWN])


def returned_to(actor: Actor) -> list[Delivery]:
    """The person's own drafts that somebody returned."""
    rows = Delivery.objects.filter(
        Q(post__author=actor.user), state=State.DRAFT, approvals__decided="returned"
    )
    return list(rows.select_related("account", "post").distinct().order_by("-state_since")[:SHOWN])


def drafts_of(actor: Actor) -> list[Delivery]:
    """The person's drafts with a time that lies ahead, the next first."""
    rows = Delivery.objects.filter(
        post__author=actor.user, state=State.DRAFT, due_at__gte=timezone.now()
    )
    return list(rows.select_related("account", "post").order_by("due_at")[:SHOWN])


def next_out(actor: Actor, *, account_id: int | None = None) -> list[Delivery]:
    """What goes out next on the accounts the person may view."""
    rows = deliveries_visible(actor).filter(state=State.SCHEDULED)
    if account_id is not None:
        rows = rows.filter(account_id=account_id)
    return list(rows.order_by("due_at", "pk")[:SHOWN])
