"""What can be corrected of a post, what became of it, and which corrections wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.http import Http404

from accounts.levels import Capability
from accounts.policy import Decision, Rights, accounts_where, require
from audit.actors import Actor
from audit.difference import Part, difference
from scheduling.correcting import why_uncorrectable
from scheduling.models import OPEN, Correction, CorrectionState, Delivery, Post
from scheduling.states import State

WAITING_MOST = 50
UNDER_WAY = "A correction is under way already. Wait for its end, or take it back."


@dataclass(slots=True)
class Saying:
    """One text, and the deliveries that say it: what a person corrects at once."""

    before: str
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def key(self) -> int:
        """Tells it apart in a form."""
        return self.deliveries[0].pk


@dataclass(frozen=True, slots=True)
class Left:
    """A published delivery that is not corrected, and why."""

    delivery: Delivery
    reason: str


def correctable(actor: Actor, post: Post) -> tuple[list[Saying], list[Left]]:
    """What the person may correct of a post that `post_visible` found, and what not, and why.

    Raises NotAllowed when they may draft on none of its accounts.
    """
    deliveries = list(post.deliveries.all())
    rights = Rights(actor, [row.account for row in deliveries])
    may = {row.pk: rights.decide(Capability.DRAFT, row.account) for row in deliveries}
    if deliveries and not any(may.values()):
        require(actor, Capability.DRAFT, deliveries[0].account)
    busy = set(
        Correction.objects.filter(delivery__in=deliveries, state__in=OPEN).values_list(
            "delivery_id", flat=True
        )
    )
    sayings: dict[str, Saying] = {}
    left: list[Left] = []
    for row in deliveries:
        if row.state != State.PUBLISHED:
            continue
        if reason := _why_not(row, may[row.pk], row.pk in busy):
            left.append(Left(row, reason))
        else:
            sayings.setdefault(row.text, Saying(row.text)).deliveries.append(row)
    return list(sayings.values()), left


def _why_not(delivery: Delivery, may: Decision, busy: bool) -> str:
    if not may:
        return may.reason
    return UNDER_WAY if busy else why_uncorrectable(delivery)


@dataclass(frozen=True, slots=True)
class Shown:
    """A correction as a page shows it, with what it changes word by word."""

    correction: Correction
    parts: Sequence[Part]

    @property
    def may_decide(self) -> bool:
        return self.correction.state == CorrectionState.PROPOSED

    @property
    def may_drop(self) -> bool:
        waits = self.correction.state in (CorrectionState.PROPOSED, CorrectionState.QUEUED)
        return waits and not self.correction.in_doubt


def shown(correction: Correction) -> Shown:
    return Shown(correction, difference(correction.before, correction.text))


def corrections_of(deliveries: Iterable[Delivery]) -> dict[int, list[Shown]]:
    """Of each delivery the last correction that was made, and the last one if it is newer.

    One query; what was taken back is left out.
    """
    rows = Correction.objects.filter(delivery__in=[d.pk for d in deliveries])
    rows = rows.exclude(state=CorrectionState.DROPPED).select_related("by", "decided_by")
    last: dict[int, dict[bool, Correction]] = {}
    for row in rows.order_by("pk"):
        of = last.setdefault(row.delivery_id, {})
        if row.state == CorrectionState.CORRECTED:
            of.clear()
        of[row.state == CorrectionState.CORRECTED] = row
    return {pk: [shown(row) for row in of.values()] for pk, of in last.items()}


def waiting_corrections(actor: Actor) -> QuerySet[Correction]:
    """Those in review on accounts the person may approve on, the oldest first."""
    accounts = accounts_where(actor, Capability.APPROVE)
    rows = Correction.objects.filter(state=CorrectionState.PROPOSED, delivery__account__in=accounts)
    return rows.select_related(*_WITH).order_by("at", "pk")


def correction_visible(actor: Actor, correction_id: int) -> Correction:
    """A correction on an account the person may view. Raises Http404, NotAllowed."""
    found = Correction.objects.select_related(*_WITH).filter(pk=correction_id).first()
    if found is None:
        raise Http404
    require(actor, Capability.VIEW, found.account)
    return found


_WITH = ("delivery__account", "delivery__post__author", "delivery__sender", "by", "decided_by")
