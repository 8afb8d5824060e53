"""What pages and the clock read of access reviews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.levels import Level
from accounts.models import AccessReview, Grant, ReviewItem, SocialAccount, Team, User
from accounts.policy import accounts_answered_for
from audit.actors import Actor

REMIND = timedelta(days=7)
WAITING_SHOWN = 200
DECIDED_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Progress:
    """How many grants of a review are where."""

    waiting: int = 0
    confirmed: int = 0
    removed: int = 0
    lapsed: int = 0
    overtaken: int = 0

    @property
    def total(self) -> int:
        return self.waiting + self.confirmed + self.removed + self.lapsed + self.overtaken

    @property
    def decided(self) -> int:
        return self.total - self.waiting


@dataclass(frozen=True, slots=True)
class Task:
    """What waits for a person in one review on one account."""

    review: AccessReview
    account: SocialAccount
    waiting: int


def tasks_of(actor: Actor) -> list[Task]:
    """What waits for the person's word, the review that ends first at the top. Two queries."""
    accounts = accounts_answered_for(actor).values("pk")
    items = ReviewItem.objects.filter(outcome="", account__in=accounts)
    items = items.filter(review__closed_at=None, review__due_at__gt=timezone.now())
    counted = items.order_by().values_list("review", "account").annotate(n=Count("pk"))
    order = ("review__due_at", "account__display_name", "account")
    waiting = counted.order_by(*order)[:100]
    found = list(waiting)
    if not found:
        return []
    reviews = AccessReview.objects.in_bulk({review for review, _, _ in found})
    on = SocialAccount.objects.in_bulk({account for _, account, _ in found})
    return [Task(reviews[review], on[account], n) for review, account, n in found]


def reviews_with_progress() -> list[tuple[AccessReview, Progress]]:
    """The latest reviews, open ones first. Two queries."""
    rows = list(AccessReview.objects.order_by("closed_at", "-pk")[:50])
    rows.sort(key=lambda one: (one.closed_at is not None, -one.pk))
    counts = _progress(ReviewItem.objects.filter(review__in=rows), "review")
    return [(review, counts.get(review.pk, Progress())) for review in rows]


def progress_of(review: AccessReview) -> Progress:
    counts = _progress(ReviewItem.objects.filter(review=review), "review")
    return counts.get(review.pk, Progress())


def accounts_under(review: AccessReview) -> QuerySet[SocialAccount]:
    """The accounts with grants under review, with their owners."""
    items = ReviewItem.objects.filter(review=review, account=OuterRef("pk"))
    return SocialAccount.objects.filter(Exists(items)).select_related("owner")


def progress_on(
    review: AccessReview, accounts: Sequence[SocialAccount]
) -> list[tuple[SocialAccount, Progress]]:
    items = ReviewItem.objects.filter(review=review, account__in=accounts)
    counts = _progress(items, "account")
    return [(account, counts.get(account.pk, Progress())) for account in accounts]


def _progress(items: QuerySet[ReviewItem], by: str) -> dict[int, Progress]:
    rows = items.order_by().values_list(by, "outcome").annotate(n=Count("pk"))
    found: dict[int, dict[str, int]] = {}
    for key, outcome, number in rows:
        found.setdefault(key, {})[outcome or "waiting"] = number
    return {key: Progress(**numbers) for key, numbers in found.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One grant under review; `own`: it is the looker's own, or of a team of theirs."""

    item: ReviewItem
    own: bool
    people: int

    @property
    def grant(self) -> Grant:
        return self.item.grant


def entries(actor: Actor, review: AccessReview, account: SocialAccount) -> list[Entry]:
    """What waits on an account, the highest level first; at most WAITING_SHOWN."""
    items = ReviewItem.objects.filter(review=review, account=account, outcome="")
    here = Q(grant__team__group__user_set__is_active=True)
    rows = items.select_related("grant__user", "grant__team__group", "grant__given_by").annotate(
        people=Count("grant__team__group__user_set", filter=here)
    )
    mine = set(Team.objects.filter(group__user_set=actor.id or 0).values_list("pk", flat=True))
    ranks = {level.value: rank for rank, level in enumerate(Level)}
    found = [
        Entry(
            item,
            item.grant.user_id == actor.id or item.grant.team_id in mine,
            item.people,
        )
        for item in rows.order_by("pk")[:WAITING_SHOWN]
    ]
    return sorted(found, key=lambda e: (-ranks[e.grant.level], e.grant.holder.casefold()))


def decided(review: AccessReview, account: SocialAccount) -> list[ReviewItem]:
    """What was decided on an account, the latest first."""
    items = ReviewItem.objects.filter(review=review, account=account).exclude(outcome="")
    rows = items.select_related("grant__user", "grant__team").order_by("-decided_at", "-pk")
    return list(rows[:DECIDED_SHOWN])


# --- for the clock --------------------------------------------------------------------------------


def reviews_due() -> list[AccessReview]:
    """Those whose day is over and that are not closed."""
    return list(AccessReview.objects.filter(closed_at=None, due_at__lte=timezone.now()))


def reviews_to_remind() -> list[AccessReview]:
    soon = timezone.now() + REMIND
    rows = AccessReview.objects.filter(closed_at=None, reminded_at=None, due_at__lte=soon)
    return list(rows.filter(due_at__gt=timezone.now()))


def accounts_undecided(review: AccessReview) -> list[SocialAccount]:
    waiting = ReviewItem.objects.filter(review=review, account=OuterRef("pk"), outcome="")
    return list(SocialAccount.objects.filter(Exists(waiting)).order_by("pk"))


def answering(review: AccessReview) -> set[int]:
    """Who is asked: the owners of the accounts with something undecided, and their managers."""
    accounts = accounts_undecided(review)
    managing = Grant.objects.in_force().filter(account__in=accounts, level=Level.MANAGER)
    teams = Team.objects.filter(pk__in=managing.values("team")).values("group")
    who = Q(pk__in=[a.owner_id for a in accounts]) | Q(pk__in=managing.values("user"))
    people = User.objects.filter(who | Q(groups__in=teams), is_active=True, frozen_at=None)
    return set(people.values_list("pk", flat=True))
