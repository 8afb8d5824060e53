"""When credentials end: how far ahead people are told, and how they read it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import SocialAccount
from accounts.models.credentials import ENDS_SOON

WARN_DAYS = (ENDS_SOON.days, 3, 1)
"""How long ahead people are told that an account has to be connected anew."""


def days_left(lapses_at: datetime | None, now: datetime) -> int | None:
    """The narrowest of the WARN_DAYS that `lapses_at` is within, None where it is further off."""
    if lapses_at is None:
        return None
    return min((d for d in WARN_DAYS if lapses_at - now <= timedelta(days=d)), default=None)


def when(account: SocialAccount, at: datetime) -> str:
    """A time as the people of the account read it."""
    return date_format(timezone.localtime(at, ZoneInfo(account.time_zone)), "D j M Y, H:i")
