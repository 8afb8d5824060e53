"""How much of each platform's rates is used, counted in the platforms' own fixed windows.

A window is a Redis hash with a field for each account (or server, where all accounts share the
rate). Who wants to do something takes its units first and gives them back when it was too much, so
that two workers cannot both take the last one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from platforms.contract import Allowance, Deed, Rate
from scheduling.traffic.servers import Server
from scheduling.traffic.store import key, redis

FOR_READING = 0.8
"""Reading stops at this share of a budget: the rest is kept for what people want to publish."""
TELLING = 0.25
"""What a server says is left is noted once it is less than this share: it is seldom news before."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Units of one rate that something would take."""

    rate: Rate
    window: str  # the Redis hash
    field: str
    units: int
    until: datetime  # when the window ends

    @property
    def why(self) -> str:
        """Why to wait when there is too little left, for people."""
        whose = "this desk" if self.rate.shared else "an account"
        return (
            f"The platform takes {self.rate.units:,} {self.rate.name} {span(self.rate.per_s)} from "
            f"{whose}, and these are used up."
        )


def charges(
    server: Server, account_id: int, deeds: Mapping[Deed, int], *, now: float | None = None
) -> Iterator[Charge]:
    """What doing these things takes; `now` in seconds since 1970."""
    for rate in server.info.rates:
        units = sum(rate.costs.get(deed, 0) * times for deed, times in deeds.items())
        if units:
            yield charge(rate, server, account_id, units, now=now)


def charge(
    rate: Rate, server: Server, account_id: int, units: int, *, now: float | None = None
) -> Charge:
    number = int((time.time() if now is None else now) // rate.per_s)
    return Charge(
        rate=rate,
        window=key("rate", server.platform, rate.name, rate.per_s, number),
        field=str(server) if rate.shared else str(account_id),
        units=units,
        until=datetime.fromtimestamp((number + 1) * rate.per_s, UTC),
    )


def note_allowance(server: Server, account_id: int, told: Allowance) -> None:
    """Take over what the server says is left, where it is less than we thought."""
    if told.left >= told.limit * TELLING:
        return
    resets_at = time.time() + told.resets_in_s
    windows = [
        charge(rate, server, account_id, 0)
        for rate in server.info.rates
        if rate.units == told.limit
    ]
    # It does not name the rate: of several with this limit, the one whose window ends then.
    meant = min(windows, key=lambda one: abs(one.until.timestamp() - resets_at), default=None)
    if meant is None:
        return
    used = int(redis().hget(meant.window, meant.field) or 0)
    missing = told.limit - told.left - used
    if missing > 0:
        redis().hincrby(meant.window, meant.field, missing)
        redis().expire(meant.window, 2 * meant.rate.per_s)


def span(seconds: int) -> str:
    """A rate's period after a number of units: 'in 5 minutes'."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % size == 0:
            number = seconds // size
            return f"in {number} {word}s" if number > 1 else f"in {_AN[word]} {word}"
    return f"in {seconds} seconds"


_AN = {"day": "a", "hour": "an", "minute": "a"}
