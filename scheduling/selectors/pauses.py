"""What is paused, what a pause would hold, and what it held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.levels import Capability
from accounts.models import SocialAccount, Team
from accounts.models.access import in_force_q
from accounts.policy import NO_SUCH, accounts_pausable, accounts_where, decide_pause
from audit.actions import NotAllowed
from audit.actors import Actor
from scheduling.models import Delivery, HoldKind, Pause
from scheduling.models.pause import PauseQuerySet
from scheduling.states import State

SHOWN = 3
"""Banners on a page; the rest is one click away."""


def accounts_of(
    *, account: SocialAccount | None = None, team: Team | None = None
) -> QuerySet[SocialAccount] | None:
    """What a pause would cover: one account, those a team has levels on, or None for everything."""
    if account is not None:
        return SocialAccount.objects.filter(pk=account.pk)
    if team is not None:
        rows = SocialAccount.objects.filter(in_force_q("grants__"), grants__team=team)
        return rows.distinct()
    return None


def covered_by(pause: Pause) -> QuerySet[SocialAccount] | None:
    """What a pause covers, in the same words: None for everything."""
    return None if pause.is_of_everything else pause.covered.all()


def under_way_seen(actor: Actor, pause: Pause) -> list[Delivery]:
    """What was being sent when it began, on accounts the person may view."""
    mine = accounts_where(actor, Capability.VIEW)
    rows = pause.under_way.filter(account__in=mine).select_related("account", "post")
    return list(rows.order_by("pk")[:50])


def teams_pausable(actor: Actor) -> QuerySet[Team]:
    """Teams that have a level on an account on which `actor` may hold everything back."""
    mine = accounts_pausable(actor).values("pk")
    rows = Team.objects.filter(in_force_q("grants__"), grants__account__in=mine)
    return rows.distinct().order_by("name")


def pauses_seen(actor: Actor) -> PauseQuerySet:
    """Pauses over something the person may view; everybody sees a pause of everything."""
    accounts = accounts_where(actor, Capability.VIEW)
    return Pause.objects.covering(accounts).select_related("account", "team")


def in_force_for(actor: Actor) -> list[Pause]:
    """The pauses a person's pages tell of, the widest first; at most SHOWN and one more."""
    rows = pauses_seen(actor).in_force()
    wide = F("account").desc(nulls_first=True)
    return list(rows.order_by(wide, F("team").desc(nulls_first=True), "pk")[: SHOWN + 1])


def pause_seen(actor: Actor, pause_id: int) -> Pause:
    """One that covers something the person may view or hold back. Raises Http404, NotAllowed."""
    found = Pause.objects.select_related("account", "team").filter(pk=pause_id).first()
    if found is None:
        raise Http404
    seen = pauses_seen(actor).filter(pk=pause_id).exists()
    if not seen and not decide_pause(actor, covered_by(found)):
        raise NotAllowed(NO_SUCH.reason, hidden=True)
    return found


@dataclass(frozen=True, slots=True)
class Ahead:
    """What one account would send while a pause lasts. `first`: the next time, in UTC."""

    account: SocialAccount
    hour: int
    day: int
    first: datetime | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a pause would hold, as far as the person may view it; `others`: accounts beyond that."""

    rows: list[Ahead]
    others: int
    under_way: int

    @property
    def hour(self) -> int:
        return sum(row.hour for row in self.rows)

    @property
    def day(self) -> int:
        return sum(row.day for row in self.rows)

    @property
    def busy(self) -> list[Ahead]:
        """The accounts that have something to send in the next day."""
        return [row for row in self.rows if row.day]


def foresee(actor: Actor, accounts: QuerySet[SocialAccount] | None) -> Foreseen:
    """What falls due in the next hour and day on these accounts (None: on all); three queries."""
    now = timezone.now()
    covered = SocialAccount.objects.all() if accounts is None else accounts
    viewed = accounts_where(actor, Capability.VIEW).filter(pk__in=covered.values("pk"))
    mine = {account.pk: account for account in viewed}
    planned = Q(state=State.SCHEDULED, next_try_at__lte=now + timedelta(days=1))
    rows = Delivery.objects.filter(planned | Q(state=State.PUBLISHING), account__in=mine)
    told: dict[int, Any] = {
        row["account"]: row
        for row in rows.values("account").annotate(
            hour=Count("pk", filter=planned & Q(next_try_at__lte=now + timedelta(hours=1))),
            day=Count("pk", filter=planned),
            sending=Count("pk", filter=Q(state=State.PUBLISHING)),
            first=Min("next_try_at", filter=planned),
        )
    }
    none: Any = {"hour": 0, "day": 0, "sending": 0, "first": None}
    found = [(account, told.get(pk, none)) for pk, account in mine.items()]
    return Foreseen(
        [Ahead(account, row["hour"], row["day"], row["first"]) for account, row in found],
        others=covered.count() - len(mine),
        under_way=sum(row["sending"] for _, row in found),
    )


def held_by(actor: Actor, pause: Pause) -> QuerySet[Delivery]:
    """What the pause holds, or held and nobody has reviewed, on accounts the person may view."""
    mine = accounts_where(actor, Capability.VIEW)
    rows = Delivery.objects.filter(state=State.HELD, hold_kind=HoldKind.PAUSED, account__in=mine)
    covered = covered_by(pause)
    if covered is not None:
        rows = rows.filter(account__in=covered.values("pk"))
    return rows.filter(state_since__gte=pause.begun_at).select_related("account", "post")
