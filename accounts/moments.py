"""Days of the wall calendar as moments."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo, available_timezones


def end_of_day(day: date, zone: str) -> datetime:
    """The last second of `day` in the IANA zone `zone`: until when something given for it holds."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=ZoneInfo(zone))


def zone_names() -> list[str]:
    """The IANA zones a person may choose: places and UTC, no historical aliases."""
    old = ("Etc/", "SystemV/", "US/", "posix/", "right/")
    names = (n for n in available_timezones() if "/" in n and not n.startswith(old))
    return ["UTC", *sorted(names)]
