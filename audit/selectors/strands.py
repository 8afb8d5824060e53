"""Several lookups, each on an index of its own, read as one list: the lives of things."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from audit.models import Event
from audit.selectors.events import PAGE, Cursor, Page, beyond


def strands_page(strands: Sequence[Q], *, before: Cursor | None = None, size: int = PAGE) -> Page:
    """The events of any of the strands, the newest first, older than a place.

    Two queries. One with OR would walk the whole record by time instead of the strands' indexes.
    """
    place = beyond(before, upwards=False) if before else Q()
    found = [
        Event.objects.filter(strand & place)
        .order_by("-occurred_at", "-id")
        .values_list("occurred_at", "id")[: size + 1]
        for strand in strands
    ]
    if not found:
        return Page((), None, None)
    every = found[0].union(*found[1:]).order_by("-occurred_at", "-id") if found[1:] else found[0]
    places = list(every[: size + 1])
    numbers = [number for _, number in places[:size]]
    events = {e.pk: e for e in Event.objects.filter(pk__in=numbers).defer("search", "words")}
    rows = [events[number] for number in numbers]
    older = Cursor.of(rows[-1]) if len(places) > size else None
    return Page(rows, newer=Cursor.of(rows[0]) if rows and before else None, older=older)
