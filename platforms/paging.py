"""Reading what is new from a list that grows while it is read: nothing lost, nothing doubled.

Three kinds of list. `read_ahead` is for servers that can give what comes *after* an id.
`read_down` is for servers that only give the newest first, page by page downwards; `read_since` for
those that do, but only down to an id, which is what they charge for. All keep a
small memory of what was handed out in the cursor, because neither order is quite the order of
arrival: rows are committed out of order, and a post may carry an earlier time of its author's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from platforms.contract import Batch

T = TypeVar("T")

OVERLAP = 10  # entries that read_ahead reads again each time
MEMORY = 100  # entries that read_down remembers
REACH = timedelta(hours=24)  # how far back a late entry of read_down is still noticed
_SLACK = timedelta(seconds=10)  # lists are only nearly in order
_NEARLY = timedelta(seconds=30)  # such lists are even less in order
_SETTLED = timedelta(seconds=60)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One row of a list. `item` is None for a row that is not wanted or cannot be read."""

    id: str
    at: datetime
    item: T | None


def _load(cursor: str) -> dict[str, Any]:
    """The state in a cursor, {} when there is none that can be read (then all starts anew)."""
    try:
        state = json.loads(cursor) if cursor else {}
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def _dump(state: dict[str, Any]) -> str:
    return json.dumps(state, separators=(",", ":"), sort_keys=True)


# --- several lists, and lists under the rows of another -----------------------------------------


def cursors_in(cursor: str) -> dict[str, str]:
    """The cursors of several lists that were kept in one, by their names."""
    return {name: one for name, one in _load(cursor).items() if isinstance(one, str)}


def floor_of(cursor: str) -> datetime | None:
    """The time from which on `read_down` will look at a list again; None: it has not been read."""
    state = _load(cursor)
    return _time(state.get("floor")) if "floor" in state else None


def reaches(entries: Sequence[Entry[Any]], floor: datetime) -> bool:
    """Is all of this page newer than what was handed out before, so that the next is wanted?"""
    return bool(entries) and min(entry.at for entry in entries) >= floor - _NEARLY


# --- lists that can be asked for what comes after an id ---------------------------------------


def _order(id_: str) -> tuple[int, str]:
    """Ids are whole numbers or of one length (ULID, TID), and grow."""
    return len(id_), id_


def read_ahead(
    cursor: str,
    *,
    newest: Callable[[], Sequence[Entry[T]]],
    after: Callable[[str], Sequence[Entry[T]]],
    page_size: int,
) -> Batch[T]:
    """What came after `cursor`, oldest first.

    `newest()` gives the newest page, `after(id)` the `page_size` entries that follow `id` (the
    first ones of all for ''); both in any order.
    """
    state = _load(cursor)
    start, seen = str(state.get("after", "")), {str(s) for s in state.get("seen", [])}
    page = after(start) if state else newest()
    entries = sorted({e.id: e for e in page}.values(), key=lambda e: _order(e.id))
    if start:  # a server that does not know 'after' gives its newest page: leave the old ones out
        entries = [e for e in entries if _order(e.id) > _order(start)]
    full = len(page) >= page_size
    known = [e.id for e in entries]
    if len(known) > OVERLAP:
        start = known[-OVERLAP - 1]
    elif not state and full:
        start = known[0]
    # All that was handed out beyond the new start: also what this page was too short to show.
    beyond = {id_ for id_ in {*known, *seen} if _order(id_) > _order(start)}
    return Batch(
        items=[e.item for e in entries if e.id not in seen and e.item is not None],
        cursor=_dump({"after": start, "seen": sorted(beyond, key=_order)}),
        more=bool(state) and full,
    )


# --- lists that are read from the newest downwards, to an id -----------------------------------


def read_since(
    cursor: str,
    *,
    page: Callable[[str, str], Sequence[Entry[T]]],
    page_size: int,
    settle: Callable[[str], str] = lambda id_: id_,
    max_pages: int = 10,
) -> Batch[T]:
    """What came after `cursor`, oldest first.

    `page(since, until)` gives the newest `page_size` entries above `since` and below `until` ('':
    without a bound). `settle(id)` is the id from which to read again after `id` was handed out: a
    lower one as long as something may still come in below it.
    """
    state = _load(cursor)
    since, until = str(state.get("after", "")), str(state.get("until", ""))
    seen = {str(id_) for id_ in state.get("seen", [])}
    found: dict[str, Entry[T]] = {}
    full = False
    for _ in range(max_pages if state else 1):
        rows = page(since, until)
        found |= {entry.id: entry for entry in rows}
        full = len(rows) >= page_size
        if not full:
            break
        until = min((entry.id for entry in rows), key=_order)
    deep = bool(state) and full
    known = {*found, *seen}
    top = max([str(state.get("top", "")), since, *known], key=_order)
    # While it goes down, all that is above the old mark is remembered: it may be shown again.
    after = since if deep or not top else settle(top)
    result: dict[str, Any] = {
        "after": after,
        "seen": sorted((id_ for id_ in known if _order(id_) > _order(after)), key=_order),
    }
    if deep:
        result |= {"until": until, "top": top}
    fresh = sorted((e for e in found.values() if e.id not in seen), key=lambda e: _order(e.id))
    return Batch(
        items=[e.item for e in fresh if e.item is not None], cursor=_dump(result), more=deep
    )


# --- lists that are read from the newest downwards ---------------------------------------------


def _mark(id_: str) -> str:
    return blake2b(id_.encode(), digest_size=8).hexdigest()


def read_down(
    cursor: str,
    *,
    page: Callable[[str], tuple[Sequence[Entry[T]], str]],
    max_pages: int = 10,
    resume: bool = True,
    now: datetime | None = None,
) -> Batch[T]:
    """What came after `cursor`, oldest first.

    `page(place)` gives a page, newest first, and the place of the next one ('' at the end); the
    first page for ''. When more came than `max_pages` hold, the rest follows in the next batch
    (`resume`), or is given up.
    """
    now = now or datetime.now(UTC)
    state = _load(cursor)
    deep = state.get("deep") if isinstance(state.get("deep"), dict) else None
    source = deep or state
    floor = _time(source.get("floor")) if state else None
    seen = {str(mark) for mark in source.get("seen", [])}

    entries, place = _gather(
        page, str(deep.get("place", "")) if deep else "", floor, 1 if not state else max_pages
    )
    fresh = [e for e in entries if (floor is None or e.at >= floor) and _mark(e.id) not in seen]
    items = [e.item for e in sorted(fresh, key=lambda e: (e.at, e.id)) if e.item is not None]

    if deep is None:
        new_floor, marks = _remember(entries, floor, bool(place), now)
    else:
        # What is handed out down here may still be above the floor that the top has by now.
        new_floor, marks = _time(state.get("floor")), list(state.get("seen", []))
        known = set(marks)
        marks += [m for e in entries if e.at >= new_floor and (m := _mark(e.id)) not in known]
    result: dict[str, Any] = {"floor": new_floor.isoformat(), "seen": marks}
    if place and state and resume:
        result["deep"] = {
            "floor": source.get("floor"),
            "seen": source.get("seen", []),
            "place": place,
        }
    return Batch(items=items, cursor=_dump(result), more="deep" in result)


def _time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return _BEGINNING


def _gather(
    page: Callable[[str], tuple[Sequence[Entry[T]], str]],
    place: str,
    floor: datetime | None,
    max_pages: int,
) -> tuple[list[Entry[T]], str]:
    """Entries down to the floor, each once, and where to go on ('' when nothing is left)."""
    found: dict[str, Entry[T]] = {}
    for _ in range(max_pages):
        entries, following = page(place)
        for entry in entries:
            found.setdefault(entry.id, entry)
        below = floor is not None and any(entry.at < floor - _SLACK for entry in entries)
        if below or following == place:
            following = ""
        place = following
        if not place:
            break
    return list(found.values()), place


def _remember(
    entries: Iterable[Entry[T]], floor: datetime | None, unread: bool, now: datetime
) -> tuple[datetime, list[str]]:
    """The time down to which all was handed out, and the marks of all that is at or above it."""
    ordered = sorted(entries, key=lambda e: e.at, reverse=True)
    # Whoever dates a post into the future must not push the floor past what is still to come.
    lowest = min((e.at for e in ordered), default=_BEGINNING)
    base = floor or (lowest if unread else _BEGINNING)
    newest = min(ordered[0].at, now) if ordered else _BEGINNING
    base = max(base, newest - REACH)
    kept = [e for e in ordered if e.at >= base]
    if len(kept) > MEMORY:
        above = [e.at for e in kept[:MEMORY] if e.at > kept[MEMORY].at]
        base = max(base, min(*above, now - _SETTLED) if above else base)
        kept = [e for e in kept if e.at >= base]
    return base, [_mark(e.id) for e in kept]
