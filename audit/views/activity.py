"""The picture of activity over time: bars that lead to the list of what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateformat import format as written
from django.views.decorators.http import require_safe

from audit.selectors.activity import Activity, Bar, Unit
from audit.selectors.activity import activity as activity_of
from audit.views.record import record_form, record_url

HEIGHT = 100
_LABELS = {Unit.HOUR: "H:i", Unit.DAY: "j M", Unit.MONTH: "M Y", Unit.YEAR: "Y"}
_WHOLE = {Unit.HOUR: "l j F Y, H:i", Unit.DAY: "l j F Y", Unit.MONTH: "F Y", Unit.YEAR: "Y"}
_EVERY = {Unit.HOUR: 6, Unit.DAY: 7, Unit.MONTH: 3, Unit.YEAR: 1}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A bar as the page draws it. `since` and `until` are for choosing several by the keyboard or
    with the mouse: the fields of the filters, as `record_form` takes them."""

    url: str
    says: str
    label: str
    height: int
    top: int
    counted: bool
    since: str
    until: str


@require_safe
def activity(request: HttpRequest) -> HttpResponse:
    """The picture: above the record's list, or as a page."""
    form, scope = record_form(request)
    is_page = not request.htmx  # type: ignore[attr-defined]  # set by middleware
    context: dict[str, Any] = {"is_page": is_page}
    if form.is_valid():
        try:
            found = activity_of(scope, form.filters, form.zone)
        except OperationalError:  # words that are found too often to be counted in time
            found = None
        if found is not None and found.most:
            context |= {"activity": found, "bars": _drawn(found, form.dated), **_ways(form.dated)}
    return render(request, "audit/activity.html", context)


def _drawn(found: Activity, query: Mapping[str, str]) -> list[Drawn]:
    every = _EVERY[found.unit]
    return [
        _bar(bar, found, query, label=number % every == 0) for number, bar in enumerate(found.bars)
    ]


def _bar(bar: Bar, found: Activity, query: Mapping[str, str], *, label: bool) -> Drawn:
    # The smallest count is still seen; nothing is nothing.
    height = max(2, round(HEIGHT * bar.count / found.most)) if bar.count else 0
    since, until = _fields(bar, found.unit)
    asked = {**query, **_named("since", since), **_named("until", until)}
    return Drawn(
        url=record_url({name: value for name, value in asked.items() if value}),
        says=f"{written(bar.begins, _WHOLE[found.unit])}: {_said(bar)}",
        label=written(bar.begins, _LABELS[found.unit]) if label else "",
        height=height,
        top=HEIGHT - height,
        counted=bar.count is not None,
        since=since,
        until=until,
    )


def _said(bar: Bar) -> str:
    if bar.count is None:
        return "not counted"
    least = "at least " if bar.partly else ""
    return f"{least}{bar.count:,} event{'' if bar.count == 1 else 's'}"


def _fields(bar: Bar, unit: Unit) -> tuple[str, str]:
    if unit is Unit.HOUR:
        return f"{bar.begins:%Y-%m-%dT%H:%M}", f"{bar.ends:%Y-%m-%dT%H:%M}"
    return f"{bar.begins:%Y-%m-%d}", f"{bar.ends - timedelta(days=1):%Y-%m-%d}"


def _named(name: str, moment: str) -> dict[str, str]:
    day, _, at = moment.partition("T")
    return {name: day, f"{name}_at": at}


def _ways(query: Mapping[str, str]) -> dict[str, str]:
    """The same with a longer time: of an hour the day, of a day the month, of that everything."""
    rest = {k: v for k, v in query.items() if k.removesuffix("_at") not in ("since", "until")}
    wider, words = dict(rest), "all times"
    if query.get("since") and query.get("until"):
        since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
        if "since_at" in query or "until_at" in query:
            wider |= {"since": query["since"], "until": query["since"]}
            words = "the whole day"
        elif since == until:
            first = since.replace(day=1)
            last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
            wider |= {"since": f"{first:%Y-%m-%d}", "until": f"{last:%Y-%m-%d}"}
            words = "the whole month"
    changed = any(name in query for name in ("since", "until"))
    return {
        "wider_url": record_url(wider) if changed else "",
        "wider": words,
        "base": record_url(rest),
    }
