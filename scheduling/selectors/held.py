"""Everything that is kept back, by why; and how much waits for a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Case, CharField, DateTimeField, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from accounts.levels import Capability
from accounts.policy import Rights, accounts_where
from audit.actors import Actor
from scheduling.gate import shut
from scheduling.models import Delivery, HoldKind
from scheduling.rules import release_needs
from scheduling.selectors.approvals import COUNTED, waiting
from scheduling.selectors.corrections import waiting_corrections
from scheduling.selectors.posts import deliveries_visible
from scheduling.states import State

PAGE = 50
MOST = 500
"""Held rows that are counted by kind; beyond that a count says so and no more."""
ORDER = (
    HoldKind.PAUSED,
    HoldKind.OVERDUE,
    HoldKind.AUTHORISATION,
    HoldKind.FROZEN,
    HoldKind.LAPSED,
    HoldKind.CHANGED,
    HoldKind.PERSON,
)
"""What a person looks at first: what only waits for a word, before what has to be mended."""
_RANK = {kind: rank for rank, kind in enumerate([*ORDER, *(k for k in HoldKind if k not in ORDER)])}
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)

Key = tuple[int, datetime, int]
"""Rank of the reason, planned time, id: the order of the list."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One held delivery, and what the person may do; `shut`: a pause is over it still."""

    delivery: Delivery
    release: bool
    cancel: bool
    shut: bool

    @property
    def key(self) -> Key:
        row = self.delivery
        return _RANK[HoldKind(row.hold_kind)], row.due_at or _NO_TIME, row.pk


def held(actor: Actor, *, why: str = "", account_id: int | None = None) -> QuerySet[Delivery]:
    """Held deliveries the person may view; `why`: of one HoldKind alone."""
    rows = deliveries_visible(actor).filter(state=State.HELD)
    if why:
        rows = rows.filter(hold_kind=why)
    return rows if account_id is None else rows.filter(account=account_id)


def held_page(actor: Actor, rows: QuerySet[Delivery], *, after: Key | None = None) -> list[Kept]:
    """A page in order, and one more; `after`: the last row of the page before. Four queries."""
    ranks = [When(hold_kind=kind, then=Value(rank)) for kind, rank in _RANK.items()]
    rows = rows.annotate(
        rank=Case(*ranks, default=Value(len(ranks)), output_field=IntegerField()),
        planned=Coalesce("due_at", Value(_NO_TIME), output_field=DateTimeField()),
    )
    if after is not None:
        rank, planned, pk = after
        same = Q(rank=rank)
        rows = rows.filter(
            Q(rank__gt=rank) | same & (Q(planned__gt=planned) | Q(planned=planned, pk__gt=pk))
        )
    return kept(actor, rows.order_by("rank", "planned", "pk")[: PAGE + 1])


def kept(actor: Actor, rows: QuerySet[Delivery]) -> list[Kept]:
    """The rows with what the person may do to them."""
    found = list(rows)
    rights = Rights(actor, [delivery.account for delivery in found])
    paused = shut()

    def looked_at(delivery: Delivery) -> Kept:
        may = all(rights.decide(c, delivery.account) for c in release_needs(delivery))
        over = paused.over(delivery.account_id) is not None
        cancel = bool(rights.decide(Capability.DRAFT, delivery.account))
        return Kept(delivery, release=may and not over, cancel=cancel, shut=may and over)

    return [looked_at(delivery) for delivery in found]


def counts_by_kind(rows: QuerySet[Delivery]) -> Counter[str]:
    """How many of each kind, counted no further than MOST in all; one query."""
    return Counter(rows.order_by().values_list("hold_kind", flat=True)[:MOST])


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person, counted no further than COUNTED each; and whether they may write."""

    approvals: int
    held: int
    unknown: int
    may_write: bool


def waiting_counts(actor: Actor) -> Waiting:
    """Approvals (of corrections, too), held and unknown that the person may do something about.

    In one query, since every page asks; that is why it also says whether they may write.
    """
    drafting = accounts_where(actor, Capability.DRAFT)
    mine = Delivery.objects.filter(account__in=drafting)
    of_state = [
        rows.order_by().values_list("state", flat=True)[:COUNTED]
        for rows in (
            waiting(actor),
            mine.filter(state=State.HELD),
            mine.filter(state=State.UNKNOWN),
        )
    ]
    writes = drafting.order_by().values_list(Value(_WRITES, CharField()), flat=True)[:1]
    corrections = (
        waiting_corrections(actor)
        .order_by()
        .values_list(Value(State.IN_REVIEW, CharField()), flat=True)
    )
    found = Counter(writes.union(*of_state, corrections[:COUNTED], all=True))
    return Waiting(
        found[State.IN_REVIEW], found[State.HELD], found[State.UNKNOWN], bool(found[_WRITES])
    )


_WRITES = "may write"
