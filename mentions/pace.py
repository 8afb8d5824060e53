"""When an account is read again: soon after something came in, seldom while it is quiet."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from platforms.contract import AuthorisationLost, PlatformError, RetryLater

ACTIVE_FOR = timedelta(hours=1)
"""How long an account counts as active after something came in or went out."""
ACTIVE_MAX_S = 8
"""Longest pause while active. With the tick, the reading and the page's own look every 4 s, a
mention is seen within 15 s of being made."""
_GROWTH = 1.25
_LOST_S = 600
_PATIENCE_S = 3_600  # however long a platform asks us to stay away


@dataclass(frozen=True, slots=True)
class Pace:
    """`interval_s`: the pause as it is remembered; `wait_s`: how long it is this time."""

    interval_s: int
    wait_s: float


def after_success(*, interval_s: int, brought: bool, active: bool) -> Pace:
    """The pause after a poll that worked."""
    shortest, longest = settings.POLL_MIN_S, max(settings.POLL_MIN_S, settings.POLL_MAX_S)
    if active:
        longest = min(longest, max(shortest, ACTIVE_MAX_S))
    grown = shortest if brought else max(interval_s + 1, round(interval_s * _GROWTH))
    interval = min(max(grown, shortest), longest)
    # Only ever shorter, so that accounts drift apart and nobody waits longer than promised.
    return Pace(interval, interval * random.uniform(0.85, 1.0))  # noqa: S311  # no secret


def after_failure(*, error: PlatformError | None, failures: int) -> Pace:
    """The pause after the `failures`th failure in a row; `error` None: a fault of our own."""
    shortest, longest = settings.POLL_MIN_S, max(settings.POLL_MIN_S, settings.POLL_MAX_S)
    if isinstance(error, AuthorisationLost):
        return Pace(longest, max(longest, _LOST_S) * random.uniform(0.9, 1.1))  # noqa: S311
    backoff = min(longest, shortest * 2 ** min(failures, 20)) * random.uniform(0.5, 1.0)  # noqa: S311
    if isinstance(error, RetryLater) and error.delay_s is not None:
        backoff = max(backoff, min(error.delay_s, _PATIENCE_S))
    return Pace(shortest, max(backoff, 1.0))
