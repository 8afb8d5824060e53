"""What My day shows of posts: what needs somebody now, and what goes out next."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils import timezone

from accounts.levels import Capability
from accounts.policy import accounts_where
from audit.actors import Actor
from scheduling.models import Approval, Decided, Delivery
from scheduling.selectors.approvals import waiting
from scheduling.selectors.posts import deliveries_visible
from scheduling.states import QUEUED, State

SHOWN = 8
SOON = timedelta(hours=4)
"""An approval whose post is due this soon needs somebody now."""


def needs_now(actor: Actor) -> list[Delivery]:
    """What the person may do something about, and has to.

    First what will not go out as things stand, the next due first; then what failed, is in doubt or
    is held, the latest first. At most SHOWN.
    """
    ends_first = Q(state__in=QUEUED, right_ends_at__lte=F("due_at"))
    will_not = (Q(state=State.SCHEDULED) & ~Q(notice="")) | ends_first
    did_not = Q(state__in=(State.FAILED, State.UNKNOWN, State.HELD))
    rows = Delivery.objects.filter(
        will_not | did_not, account__in=accounts_where(actor, Capability.DRAFT)
    ).order_by(
        Case(When(will_not, then=Value(0)), default=Value(1)),
        Case(When(will_not, then=F("due_at"))),
        F("state_since").desc(),
    )
    return list(rows.select_related("account", "post__author", "sender")[:SHOWN])


def approvals_soon(actor: Actor) -> list[Delivery]:
    """Approvals that wait for the person and whose post is due soon, or was."""
    return list(waiting(actor).filter(due_at__lte=timezone.now() + SOON)[:SHOWN])


def own_drafts(actor: Actor) -> list[Delivery]:
    """The person's own drafts: those that somebody returned (`returned`), then by time ahead."""
    returned = Approval.objects.filter(delivery=OuterRef("pk"), decided=Decided.RETURNED)
    rows = (
        Delivery.objects.filter(post__author=actor.user, state=State.DRAFT)
        .annotate(returned=Exists(returned))
        .filter(Q(returned=True) | Q(due_at__gte=timezone.now()))
    )
    return list(
        rows.select_related("account", "post").order_by("-returned", "due_at", "pk")[:SHOWN]
    )


def next_out(actor: Actor, *, account_id: int | None = None) -> list[Delivery]:
    """What goes out next on the accounts the person may view."""
    rows = deliveries_visible(actor).filter(state=State.SCHEDULED)
    if account_id is not None:
        rows = rows.filter(account_id=account_id)
    return list(rows.order_by("due_at", "pk")[:SHOWN])
