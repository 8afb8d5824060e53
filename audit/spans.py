"""Spans of days told by when one looks: a search that is kept with one stays up to date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

Days = tuple[date, date]
"""The first and the last day, both included."""


def _last(days: int) -> Callable[[date], Days]:
    return lambda today: (today - timedelta(days=days - 1), today)


def _last_month(today: date) -> Days:
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


SPANS: dict[str, tuple[str, Callable[[date], Days]]] = {
    "today": ("Today", _last(1)),
    "7-days": ("The last 7 days", _last(7)),
    "30-days": ("The last 30 days", _last(30)),
    "month": ("This month", lambda today: (today.replace(day=1), today)),
    "last-month": ("Last month", _last_month),
}
"""By the key in an address: what people call it, and its days as seen from one. Today is one of
the last 7 days."""
