"""May this go out now, as far as the platform is concerned? Asked once for a whole batch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from redis import RedisError

from accounts.models import SocialAccount
from platforms.contract import Deed
from scheduling.traffic.breaker import PROBE_S, Opened, open_key, read_opened, take_probe
from scheduling.traffic.budgets import FOR_READING, Charge, charges
from scheduling.traffic.rebuilding import epoch_key, rebuild
from scheduling.traffic.servers import Server, server_of
from scheduling.traffic.store import key, pipeline, redis

log = structlog.get_logger(__name__)
LOOK_AGAIN_S = 5
"""While somebody else's probe is under way, the others ask again after this long."""
PEEK_S = 30
"""One reader in so many seconds is let through to a server that is down, to see whether it is."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Something to do with one account: what, and whether it is only to read."""

    account: SocialAccount
    deeds: Mapping[Deed, int]
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "server", server_of(self.account))

    @property
    def reads(self) -> bool:
        return set(self.deeds) <= {Deed.READ, Deed.ITEM}


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `why` is a sentence for people; `down`: because the server is."""

    until: datetime
    why: str
    down: bool = False


def admit(wishes: Sequence[Wish]) -> list[Wait | None]:
    """For each wish None (go, and its units are taken), or until when it has to wait and why.

    One round trip to Redis, and another where something has to wait; without Redis all may go.
    """
    if not wishes:
        return []
    try:
        return _admit(wishes)
    except RedisError as error:
        log.warning("traffic_unknown", kind=type(error).__name__)
        return [None] * len(wishes)


def spend(wish: Wish) -> None:
    """Count what is done without asking: it was known too late to wait for it."""
    costs = list(charges(wish.server, wish.account.pk, wish.deeds))
    try:
        with pipeline() as asked:
            for one in costs:
                asked.hincrby(one.window, one.field, one.units)
                asked.expire(one.window, 2 * one.rate.per_s)
            asked.execute()
    except RedisError as error:
        log.warning("traffic_not_noted", kind=type(error).__name__)


def _admit(wishes: Sequence[Wish], *, again: bool = False) -> list[Wait | None]:
    now = time.time()
    taken = [list(charges(w.server, w.account.pk, w.deeds, now=now)) for w in wishes]
    servers = list({wish.server for wish in wishes})
    with pipeline() as asked:
        asked.get(epoch_key())
        asked.mget([open_key(server) for server in servers])
        asked.mget([pause_key(wish.account.pk) for wish in wishes])
        for one in _all(taken):
            asked.hincrby(one.window, one.field, one.units)
        for window, seconds in {c.window: c.rate.per_s for c in _all(taken)}.items():
            asked.expire(window, 2 * seconds)
        epoch, breakers, pauses, *used = asked.execute()
    if epoch is None and not again:
        _give_back(_all(taken))
        rebuild()
        return _admit(wishes, again=True)
    opened = {s: read_opened(stored) for s, stored in zip(servers, breakers, strict=True)}
    totals = iter(used)
    answers: list[Wait | None] = []
    for wish, costs, pause in zip(wishes, taken, pauses, strict=True):
        sums = [next(totals) for _ in costs]
        answers.append(
            _paused(wish, pause, now) or _short(wish, costs, sums) or _down(wish, opened, now)
        )
    refused = [costs for costs, answer in zip(taken, answers, strict=True) if answer is not None]
    _give_back(_all(refused))
    return answers


def _all(taken: Sequence[Sequence[Charge]]) -> list[Charge]:
    return [one for costs in taken for one in costs]


def _paused(wish: Wish, stored: str | None, now: float) -> Wait | None:
    if stored is None or float(stored) <= now:
        return None
    why = f"{wish.server} has asked this account to slow down."
    return Wait(datetime.fromtimestamp(float(stored), UTC), why)


def _short(wish: Wish, costs: Sequence[Charge], sums: Sequence[int]) -> Wait | None:
    share = FOR_READING if wish.reads else 1.0
    waits = [
        Wait(cost.until, cost.why)
        for cost, total in zip(costs, sums, strict=True)
        if total > cost.rate.units * share
    ]
    return max(waits, key=lambda wait: wait.until, default=None)


def _down(wish: Wish, opened: Mapping[Server, Opened | None], now: float) -> Wait | None:
    breaker = opened[wish.server]
    if breaker is None:
        return None
    why = down_words(wish.server)
    if wish.reads:
        if redis().set(key("peek", wish.server), "1", nx=True, ex=PEEK_S):
            return None
        return Wait(datetime.fromtimestamp(now, UTC) + timedelta(seconds=PEEK_S), why, down=True)
    if breaker.probe_at > now:
        return Wait(breaker.next_probe_at, why, down=True)
    if take_probe(wish.server):
        log.info("probe", server=str(wish.server), account=wish.account.pk, patience_s=PROBE_S)
        return None
    return Wait(datetime.fromtimestamp(now + LOOK_AGAIN_S, UTC), why, down=True)


def down_words(server: Server) -> str:
    """What a post says of itself that waits for a server."""
    return f"{server} does not work at the moment, and posts for it wait until it does."


def _give_back(taken: Sequence[Charge]) -> None:
    if not taken:
        return
    with pipeline() as asked:
        for one in taken:
            asked.hincrby(one.window, one.field, -one.units)
        asked.execute()


def pause_key(account_id: int) -> str:
    """Until when (seconds since 1970) a platform wants to hear nothing of an account."""
    return key("pause", account_id)
