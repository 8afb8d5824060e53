"""The story of a post: everything that happened to it, as far as a person may see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from audit.actors import Actor
from audit.difference import Part, difference
from audit.models import Event
from audit.telling import pruned
from scheduling.elements import words_of
from scheduling.models import Approval, Attempt, Decided, Delivery, Post
from scheduling.selectors.posts import deliveries_visible, require_view

EVENTS_MAX = 500
"""More than this a story does not show; the rest is in the record."""


def posts_on(account_ids: Collection[int], only: bool = False) -> QuerySet[Any]:
    """Ids of the posts that have a delivery on one of these accounts; `only`: and on no other."""
    found = Delivery.objects.filter(account_id__in=account_ids)
    if only:
        others = Delivery.objects.filter(post_id=OuterRef("post_id"))
        found = found.filter(~Exists(others.exclude(account_id__in=account_ids)))
    return found.values("post_id")


@dataclass(frozen=True, slots=True)
class Told:
    """What was found of a post: rows to make a time line of. `deliveries`: those one may see."""

    post: Post
    deliveries: Sequence[Delivery]
    events: Sequence[Event]
    attempts: dict[int, dict[int, Attempt]]  # by delivery, by number
    approvals: dict[int, list[Approval]]  # by delivery, in order
    cut_short: bool = False


def story_of(actor: Actor, post_id: int, account_id: int | None = None) -> Told:
    """The post's story, or its part about one account. Raises Http404, NotAllowed.

    Five queries, however long the story.
    """
    deliveries = list(
        deliveries_visible(actor).filter(post_id=post_id).order_by("account__display_name", "pk")
    )
    if not deliveries:
        require_view(actor, Delivery.objects.filter(post_id=post_id))
    if account_id not in {None, *(d.account_id for d in deliveries)}:
        require_view(actor, Delivery.objects.filter(post_id=post_id, account_id=account_id))
    shown = [d for d in deliveries if account_id in (None, d.account_id)]
    accounts = {delivery.account_id for delivery in shown}
    found = Event.objects.filter(post_id=post_id).order_by("occurred_at", "id")
    events = [
        _seen(event, accounts)
        for event in found.defer("search", "words")[: EVENTS_MAX + 1]
        if event.account_id is None or event.account_id in accounts
    ]
    ids = [delivery.pk for delivery in shown]
    return Told(
        post=deliveries[0].post,
        deliveries=deliveries,
        events=events[:EVENTS_MAX],
        attempts=_attempts(ids),
        approvals=_approvals(ids),
        cut_short=len(events) > EVENTS_MAX,
    )


def _seen(event: Event, accounts: Collection[int]) -> Event:
    """The event, less what it says of accounts that are not part of this telling."""
    if event.account_id is None:
        event.data = pruned(event.data, accounts)
    return event


def _attempts(delivery_ids: Sequence[int]) -> dict[int, dict[int, Attempt]]:
    found: dict[int, dict[int, Attempt]] = {}
    for attempt in Attempt.objects.filter(delivery__in=delivery_ids).order_by("pk"):
        found.setdefault(attempt.delivery_id, {})[attempt.number] = attempt
    return found


def _approvals(delivery_ids: Sequence[int]) -> dict[int, list[Approval]]:
    found: dict[int, list[Approval]] = {}
    rows = Approval.objects.filter(delivery__in=delivery_ids, decided=Decided.APPROVED)
    for approval in rows.select_related("by").order_by("pk"):
        found.setdefault(approval.delivery_id, []).append(approval)
    return found


# --- versions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """What one account would have said from `at` on, and how it differs from before."""

    number: int
    at: datetime
    who: str
    text: str
    parts: tuple[Part, ...] = ()


@dataclass(slots=True)
class _Versions:
    """Follows what one delivery says through the versions kept of it and of its post."""

    main: str = ""
    main_elements: dict[str, Any] = field(default_factory=dict)
    own: str | None = None
    own_elements: dict[str, Any] | None = None
    exists: bool = False
    found: list[tuple[Any, str]] = field(default_factory=list)

    def take(self, row: Any, *, own: bool) -> None:
        if own:
            self.own, self.own_elements, self.exists = row.own_text, row.own_elements, True
        else:
            self.main, self.main_elements = row.text, row.elements
        if not self.exists:
            return
        elements = self.main_elements if self.own_elements is None else self.own_elements
        text = words_of({"text": self.main if self.own is None else self.own, **elements})
        if self.found and _together(self.found[-1][0], row):
            self.found.pop()
        if not self.found or self.found[-1][1] != text:
            self.found.append((row, text))


def versions_of(deliveries: Sequence[Delivery]) -> dict[int, list[Version]]:
    """Every version of what each delivery says, oldest first, from the versions kept beside the
    rows (and not from the record, so that the two can be held against each other). Two queries."""
    if not deliveries:
        return {}
    posts = Post.history.filter(id=deliveries[0].post_id).select_related("history_user")
    own = Delivery.history.filter(id__in=[d.pk for d in deliveries]).select_related("history_user")
    rows = [(row, False) for row in posts] + [(row, True) for row in own]
    rows.sort(key=lambda pair: (pair[0].history_date, pair[1], pair[0].history_id))
    told: dict[int, list[Version]] = {}
    for delivery in deliveries:
        following = _Versions()
        for row, is_own in rows:
            if not is_own or row.id == delivery.pk:
                following.take(row, own=is_own)
        told[delivery.pk] = _numbered(following.found)
    return told


def _numbered(found: Sequence[tuple[Any, str]]) -> list[Version]:
    versions: list[Version] = []
    for number, (row, text) in enumerate(found, 1):
        parts = difference(versions[-1].text, text) if versions else []
        who = str(row.history_user) if row.history_user else "Socialdesk"
        versions.append(Version(number, row.history_date, who, text, tuple(parts)))
    return versions


def _together(one: Any, other: Any) -> bool:
    """Whether two rows were saved by one act: a post and its deliveries are saved in turn."""
    seconds = abs((other.history_date - one.history_date).total_seconds())
    return bool(seconds < 1 and one.history_user_id == other.history_user_id)
