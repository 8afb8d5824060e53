"""Times in words for people."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone


def zone_word(zone: dt.tzinfo | None) -> str:
    """'Europe/London' is 'London'; UTC stays 'UTC'; no zone at all is ''."""
    return str(zone or "").rpartition("/")[2].replace("_", " ")


def clock(moment: dt.datetime, now: dt.datetime | None = None) -> str:
    """'Tue 24 Nov, 09:00' in the moment's own zone, with the year when it is not this one."""
    today = (now or timezone.now()).astimezone(moment.tzinfo)
    year = f" {moment.year}" if moment.year != today.year else ""
    return f"{moment:%a} {moment.day} {moment:%b}{year}, {moment:%H:%M}"


def in_full(moment: dt.datetime) -> str:
    """'Tuesday 24 November 2026, 09:00:12 GMT (London)'."""
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M:%S %Z} ({zone_word(moment.tzinfo)})"


def relative(moment: dt.datetime, now: dt.datetime) -> str | None:
    """'3 min ago', 'in 2 h'; None when the moment is a day or more away."""
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "just now" if seconds >= 0 else "in a moment"
    if size < 3570:
        amount = f"{max(1, round(size / 60))} min"
    elif size < 86400:
        amount = f"{max(1, round(size / 3600))} h"
    else:
        return None
    return f"{amount} ago" if seconds > 0 else f"in {amount}"
