"""Days of the wall calendar as moments."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings


def end_of_day(day: date, zone: str) -> datetime:
    """The last second of `day` in the IANA zone `zone`: until when something given for it holds."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=ZoneInfo(zone))


def start_of_day(day: date, zone: str) -> datetime:
    """The first moment of `day` in the IANA zone `zone`."""
    return datetime.combine(day, time(0), tzinfo=ZoneInfo(zone))


def day_words(moment: datetime) -> str:
    """The day of a moment in the organisation's zone, for sentences: '3 December 2026'."""
    local = moment.astimezone(ZoneInfo(settings.TIME_ZONE))
    return f"{local.day} {local:%B %Y}"


@cache
def known_zones() -> frozenset[str]:
    """All IANA zones of this machine, whose files are looked through once."""
    return frozenset(available_timezones())


def zone_names() -> list[str]:
    """The IANA zones a person may choose: places and UTC, no historical aliases."""
    old = ("Etc/", "SystemV/", "US/", "posix/", "right/")
    names = (n for n in known_zones() if "/" in n and not n.startswith(old))
    return ["UTC", *sorted(names)]
