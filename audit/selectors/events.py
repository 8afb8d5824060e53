"""Reading the record: who may see which events is a `Scope`, made by whoever knows the policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Timer
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from audit.actions import EVENTS
from audit.models import Event
from audit.selectors.words import events_with

PAGE = 50
CHUNK = 1_000
"""Events fetched at a time for an export: what it holds in memory, whatever its length."""
PATIENCE_S = 5
"""How long a page waits for a search; many common words over millions of lines can take longer."""
READING = "record.read"
_CURSOR = re.compile(r"(\d{1,17})\.(\d{1,19})")
_TIMES = ("since", "until")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PostsOn = Callable[[Collection[int], bool], QuerySet[Any]]
"""Ids of the posts that have a delivery on one of these accounts; True: and on no other."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events somebody may see. `account_ids` None: all of them.

    Else the events of these accounts, and those of whole posts that `posts_on` finds for them.
    """

    posts_on: PostsOn
    account_ids: frozenset[int] | None = frozenset()


@dataclass(frozen=True, slots=True)
class Filters:
    """What was asked for. Times are aware; `until` itself is not included."""

    person: int | None = None
    kind: str = ""  # an ActorKind, for what no person did
    account: int | None = None
    post: int | None = None
    action: str = ""  # an event's name, or 'delivery.*' for all of a noun
    address: str = ""  # from which somebody acted, whole, as `ipaddress` writes it
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    readings: bool = False  # show readings of the record too

    @property
    def hides_readings(self) -> bool:
        return not self.readings and not self.action

    def as_data(self) -> dict[str, Any]:
        """What was asked, and nothing that was not; for the record of the reading itself."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "", False)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Filters:
        """What `as_data` gave, after it was kept as JSON."""
        times = {name: datetime.fromisoformat(data[name]) for name in _TIMES if name in data}
        return cls(**{**data, **times})


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the record, between pages."""

    at: datetime
    id: int

    @classmethod
    def of(cls, event: Event) -> Cursor:
        return cls(event.occurred_at, event.pk)

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """A cursor from an address; None where it is none."""
        found = _CURSOR.fullmatch(text)
        if found is None or int(found[2]) >= 2**63:
            return None
        return cls(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, newest first, and where the pages beside it begin."""

    events: Sequence[Event]
    newer: Cursor | None
    older: Cursor | None


def events_page(
    scope: Scope,
    filters: Filters,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
    size: int = PAGE,
) -> Page:
    """The events before (older than) or after (newer than) a place; without one, the newest.

    Raises OperationalError when a search for words takes longer than PATIENCE_S.
    """
    upwards = after is not None and before is None
    with patience(filters):
        rows = events_beyond(scope, filters, after if upwards else before, upwards, size + 1)
    more, rows = len(rows) > size, rows[:size]
    if upwards:
        rows.reverse()
    newer = more if upwards else before is not None
    older = True if upwards else more
    return Page(
        rows,
        newer=Cursor.of(rows[0]) if rows and newer else None,
        older=Cursor.of(rows[-1]) if rows and older else None,
    )


def events_all(
    scope: Scope, filters: Filters, *, upto: Cursor, size: int = CHUNK
) -> Iterator[Sequence[Event]]:
    """Every event from `upto` (included) to the oldest, newest first, a chunk at a time."""
    place: Cursor | None = replace(upto, id=upto.id + 1)
    while place is not None:
        rows = events_beyond(scope, filters, place, False, size)
        if rows:
            yield rows
        place = Cursor.of(rows[-1]) if len(rows) == size else None


def event_get(scope: Scope, event_id: int) -> Event | None:
    """One event, if it lies within the scope."""
    if event_id >= 2**63:
        return None
    found = Event.objects.filter(pk=event_id)
    if scope.account_ids is not None:
        whole = Q(account_id=None, post_id__in=scope.posts_on(scope.account_ids, False))
        found = found.filter(Q(account_id__in=scope.account_ids) | whole)
    return found.first()


def event_exists(event_id: int) -> bool:
    """Whether there is such an event, whoever may see it."""
    return event_id < 2**63 and Event.objects.filter(pk=event_id).exists()


def newest() -> Cursor | None:
    """The place of the newest event there is."""
    event = Event.objects.defer("search", "words").first()
    return None if event is None else Cursor.of(event)


@contextmanager
def patience(filters: Filters) -> Iterator[None]:
    """Stop a search that takes too long. A statement_timeout would be four statements more."""
    if not filters.text:
        yield
        return
    connection.ensure_connection()
    watch = Timer(PATIENCE_S, connection.connection.cancel_safe, kwargs={"timeout": 2})
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        watch.join()  # so that a cancellation on its way meets no later statement


def events_beyond(
    scope: Scope, filters: Filters, place: Cursor | None, upwards: bool, size: int
) -> list[Event]:
    """Up to `size` events beyond the place in the direction asked for; None: from the end."""
    order = ("occurred_at", "id") if upwards else ("-occurred_at", "-id")
    found = Event.objects.filter(_wanted(filters)).order_by(*order).defer("search", "words")
    if place is not None:
        found = found.filter(beyond(place, upwards))
    ids = _accounts_asked(scope, filters)
    if ids is None:
        return list(found[:size])
    if not ids:
        return []
    mine, whole = _of_accounts(found, ids, size), _of_posts(found, scope, filters, ids)[:size]
    return list(mine.union(whole, all=True).order_by(*order)[:size])


def _accounts_asked(scope: Scope, filters: Filters) -> frozenset[int] | None:
    """The accounts whose events are asked for and may be seen; None: of all and of none."""
    if filters.account is None:
        return scope.account_ids
    one = frozenset({filters.account})
    return one if scope.account_ids is None else scope.account_ids & one


def moments(scope: Scope, filters: Filters, size: int) -> QuerySet[Any, Any] | None:
    """When the newest `size` of the events were; None where that is not one walk on an index."""
    wanted = Event.objects.filter(_wanted(filters)).order_by("-occurred_at", "-id")
    found = wanted.values("occurred_at", "id")
    ids = _accounts_asked(scope, filters)
    if ids is None:
        return found[:size]
    if len(ids) != 1:
        return None
    mine = found.filter(account_id=next(iter(ids)))[:size]
    whole = _of_posts(found, scope, filters, ids)[:size]
    return mine.union(whole, all=True).order_by("-occurred_at", "-id")[:size]


def _of_accounts(found: QuerySet[Event], ids: Collection[int], size: int) -> QuerySet[Event]:
    if len(ids) == 1:
        return found.filter(account_id=next(iter(ids)))[:size]
    # The newest of each account by its own index, then the newest of those: a person whose
    # accounts are quiet does not wait for the record of all others to be read through.
    each = found.extra(where=["audit_event.account_id = mine.id"])
    sql, params = each.values("id")[:size].query.sql_with_params()
    # What is put together is what Django compiled; every value goes as a parameter.
    lateral = f"SELECT e.id FROM unnest(%s::bigint[]) AS mine(id) CROSS JOIN LATERAL ({sql}) AS e"  # noqa: S608
    newest = RawSQL(lateral, [sorted(ids), *params])  # noqa: S611  # as above
    rows = Event.objects.filter(pk__in=newest).order_by(*found.query.order_by)
    return rows.defer("search", "words")[:size]


def _of_posts(
    found: QuerySet[Event, Any], scope: Scope, filters: Filters, ids: Collection[int]
) -> QuerySet[Event, Any]:
    """Events of whole posts. The text search looks through all that such an event holds, so it
    finds none that also speaks of accounts outside the scope."""
    whole = found.filter(account_id=None, post_id__isnull=False)
    whole = whole.filter(post_id__in=scope.posts_on(ids, False))
    if filters.text and scope.account_ids is not None:
        whole = whole.filter(post_id__in=scope.posts_on(scope.account_ids, True))
    return whole


def beyond(place: Cursor, upwards: bool) -> Q:
    """What is older than a place, or upwards: newer."""
    way = "gt" if upwards else "lt"
    return Q(**{f"occurred_at__{way}e": place.at}) & (
        Q(**{f"occurred_at__{way}": place.at}) | Q(**{f"id__{way}": place.id})
    )


def _wanted(filters: Filters) -> Q:
    wanted = Q()
    if filters.person is not None:
        wanted &= Q(actor_id=filters.person, actor_kind="person")
    if filters.kind:
        wanted &= Q(actor_id=None, actor_kind=filters.kind)
    if filters.post is not None:
        wanted &= Q(post_id=filters.post)
    if filters.action.endswith(".*"):
        noun = filters.action[:-1]
        wanted &= Q(name__in=[name for name in EVENTS if name.startswith(noun)])
    elif filters.action:
        wanted &= Q(name=filters.action)
    if filters.address:
        wanted &= Q(address=filters.address)
    if filters.hides_readings:
        wanted &= ~Q(name=READING)
    if filters.since is not None:
        wanted &= Q(occurred_at__gte=filters.since)
    if filters.until is not None:
        wanted &= Q(occurred_at__lt=filters.until)
    if filters.text:
        wanted &= events_with(filters.text)
    return wanted
