"""The calendar: a month, or a list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.levels import Capability
from accounts.policy import accounts_where
from accounts.web import actor_of, person_of
from scheduling.models import Delivery
from scheduling.selectors.calendar import (
    PAGE,
    SHOWN,
    Day,
    group_by_day,
    listed,
    may_be_moved,
    month_days,
    movable_accounts,
    planned,
    start_of,
)
from scheduling.states import State

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@require_GET
def calendar(request: HttpRequest) -> HttpResponse:
    """The month, by default; `view=list` a list from a day on; `day` one day of it."""
    return _list(request) if request.GET.get("view") == "list" else _month(request)


def _month(request: HttpRequest) -> HttpResponse:
    zone = ZoneInfo(person_of(request).zone_name)
    today = timezone.now().astimezone(zone).date()
    first = _month_of(request.GET.get("month", ""), today)
    common = _common(request)
    weeks = month_days(common["rows"], first.year, first.month, zone)
    movable = common["movable"]
    context = common | {
        "view": "month",
        "title": f"{first:%B %Y}",
        "weekdays": WEEKDAYS,
        "weeks": [[_day(request, day, today, zone, movable) for day in week] for week in weeks],
        "is_empty": not any(day.total for week in weeks for day in week),
        "previous_url": _url(request, month=f"{first - timedelta(days=1):%Y-%m}"),
        "next_url": _url(request, month=f"{first + timedelta(days=31):%Y-%m}"),
        "today_url": _url(request, month=""),
        "list_url": _url(request, view="list", month="", day=f"{max(first, _near(today, first))}"),
    }
    return render(request, "scheduling/calendar.html", context)


def _list(request: HttpRequest) -> HttpResponse:
    zone = ZoneInfo(person_of(request).zone_name)
    today = timezone.now().astimezone(zone).date()
    day = _date(request.GET.get("day", "")) or today
    common = _common(request)
    only_day = "only" in request.GET
    rows = listed(
        common["rows"],
        start=start_of(day, zone),
        end=start_of(day + timedelta(days=1), zone) if only_day else None,
        after=_after(request.GET.get("after", "")),
    )
    movable = common["movable"]
    days = [
        (on, [_chip(row, zone, movable) for row in found])
        for on, found in group_by_day(rows[:PAGE], zone)
    ]
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    context = common | {
        "view": "list",
        "title": f"{day:%A} {day.day} {day:%B %Y}" if only_day else f"From {day.day} {day:%B %Y}",
        "days": days,
        "today": today,
        "is_empty": not days,
        "previous_url": _url(request, day=f"{day - timedelta(days=1 if only_day else 7)}"),
        "next_url": _url(request, day=f"{day + timedelta(days=1 if only_day else 7)}"),
        "today_url": _url(request, day=""),
        "older_url": _url(request, after=_mark(last)) if last else "",
        "month_url": _url(request, view="", day="", only="", month=f"{day:%Y-%m}"),
    }
    return render(request, "scheduling/calendar.html", context)


def _common(request: HttpRequest) -> dict[str, Any]:
    """What both views filter by."""
    actor = actor_of(request)
    asked = [s for s in request.GET.getlist("state") if s in State.values]
    account = request.GET.get("account", "")
    account_id = int(account) if account.isdecimal() and len(account) < 19 else None
    accounts = list(accounts_where(actor, Capability.VIEW))
    movable = movable_accounts(actor, accounts)
    return {
        "rows": planned(accounts, states=asked or SHOWN, account_id=account_id),
        "movable": movable,
        "accounts": accounts,
        "account_id": account_id,
        "states": _legend(request, asked),
        "asked": asked,
        "zone": person_of(request).zone_name,
        "can_draft": bool(movable[Capability.DRAFT]),
        "clear_url": _url(request, state=[], account=""),
    }


def _legend(request: HttpRequest, asked: list[str]) -> list[dict[str, Any]]:
    on = set(asked) or set(SHOWN)
    entries = []
    for state in SHOWN:
        switched = sorted(on ^ {state.value})
        entries.append(
            {
                "value": state.value,
                "on": state.value in on,
                "url": _url(request, state=switched, after=""),
            }
        )
    return entries


def _day(
    request: HttpRequest, day: Day, today: date, zone: ZoneInfo, movable: dict[Capability, set[int]]
) -> dict[str, Any]:
    can_add = bool(movable[Capability.DRAFT])
    return {
        "date": day.date,
        "url": _url(request, view="list", month="", day=f"{day.date}", only="1"),
        "chips": [_chip(row, zone, movable) for row in day.chips],
        "more": day.more,
        "is_today": day.date == today,
        "is_past": day.date < today,
        "is_other": day.is_other,
        "add_url": f"{reverse('scheduling:compose')}?day={day.date}" if can_add else "",
    }


def _chip(row: Delivery, zone: ZoneInfo, movable: dict[Capability, set[int]]) -> dict[str, Any]:
    assert row.due_at is not None
    local = row.due_at.astimezone(zone)
    can_move = may_be_moved(row, movable)
    return {
        "url": reverse("scheduling:post", args=[row.post_id]),
        "platform": row.account.platform,
        "account": row.account.display_name,
        "row_account": row.account,
        "text": " ".join(row.text.split())[:80] or "Without text",
        "along": row.along,
        "time": f"{local:%H:%M}",
        "date": f"{local:%Y-%m-%d}",
        "due_at": row.due_at,
        "state": row.state,
        "author": row.post.author,
        "move_url": reverse("scheduling:delivery_act", args=[row.pk, "move"]) if can_move else "",
    }


def _url(request: HttpRequest, **changes: str | list[str]) -> str:
    """This page with some of its query changed; empty values leave."""
    query: dict[str, Any] = {k: request.GET.getlist(k) for k in request.GET}
    query.update(changes)
    kept: Mapping[str, Any] = {k: v for k, v in query.items() if v and v != [""]}
    return f"{reverse('scheduling:calendar')}?{urlencode(kept, doseq=True)}"


def _month_of(value: str, today: date) -> date:
    found = _date(f"{value}-01")
    return found or today.replace(day=1)


def _near(today: date, first: date) -> date:
    return today if (today.year, today.month) == (first.year, first.month) else first


def _date(value: str) -> date | None:
    try:
        found = datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007  # a day, not a moment
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2999 else None


def _mark(row: Delivery | None) -> str:
    return f"{row.due_at.isoformat()}~{row.pk}" if row is not None and row.due_at else ""


def _after(value: str) -> tuple[datetime, int] | None:
    moment, _, pk = value.partition("~")
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return None
    if found.tzinfo is None or not 2000 <= found.year <= 2999:
        return None
    if not pk.isdecimal() or len(pk) > 18:
        return None
    return found, int(pk)
