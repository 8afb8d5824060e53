"""How the platforms' servers stand: working or down, and how much of their rates is left."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import Count, QuerySet
from redis import RedisError

from accounts.models import SocialAccount
from platforms.contract import Rate
from scheduling.models import Delivery
from scheduling.states import State
from scheduling.traffic.breaker import (
    Opened,
    last_success_key,
    open_key,
    probe_key,
    read_opened,
)
from scheduling.traffic.budgets import charge, span
from scheduling.traffic.servers import Server, server_of
from scheduling.traffic.store import pipeline


@dataclass(frozen=True, slots=True)
class Budget:
    """One rate in its window under way; of an account's rate, the account that has used most."""

    rate: Rate
    used: int
    whose: str
    until: datetime

    @property
    def left(self) -> int:
        return max(0, self.rate.units - self.used)

    @property
    def per(self) -> str:
        return span(self.rate.per_s)


@dataclass(frozen=True, slots=True)
class Standing:
    """One server as it stands. `waiting`: posts that are due and wait for it."""

    server: Server
    accounts: int
    waiting: int
    opened: Opened | None = None
    probing: bool = False
    last_success: datetime | None = None
    budgets: Sequence[Budget] = field(default=())

    @property
    def state(self) -> str:
        """'closed', 'open' or 'half-open', as breakers are called."""
        if self.opened is None:
            return "closed"
        return "half-open" if self.probing or self.opened.probe_at <= time.time() else "open"


def standings(accounts: QuerySet[SocialAccount]) -> tuple[list[Standing], bool]:
    """The servers of these accounts, those in trouble first; and whether Redis could be asked.

    Two queries and one round trip to Redis, however many accounts.
    """
    by_server: dict[Server, list[SocialAccount]] = {}
    for account in accounts.filter(disconnected_at=None).order_by("pk"):
        by_server.setdefault(server_of(account), []).append(account)
    waiting = _waiting(by_server)
    try:
        found = list(_known(by_server, waiting))
    except RedisError:
        plain = [Standing(s, len(of), waiting[s]) for s, of in by_server.items()]
        return sorted(plain, key=lambda one: str(one.server)), False
    return sorted(found, key=lambda one: (one.opened is None, str(one.server))), True


def _waiting(by_server: dict[Server, list[SocialAccount]]) -> dict[Server, int]:
    servers = {a.pk: server for server, accounts in by_server.items() for a in accounts}
    rows = Delivery.objects.filter(account__in=servers, state=State.SCHEDULED).exclude(notice="")
    found = dict.fromkeys(by_server, 0)
    for account_id, number in rows.order_by().values_list("account").annotate(number=Count("pk")):
        found[servers[account_id]] += number
    return found


def _known(
    by_server: dict[Server, list[SocialAccount]], waiting: dict[Server, int]
) -> Iterable[Standing]:
    rates = {server: list(server.info.rates) for server in by_server}
    with pipeline() as asked:
        for server in by_server:
            for name in (open_key, probe_key, last_success_key):
                asked.get(name(server))
            for rate in rates[server]:
                asked.hgetall(charge(rate, server, 0, 0).window)
        answers = iter(asked.execute())
    for server, accounts in by_server.items():
        opened, probe, success = next(answers), next(answers), next(answers)
        budgets = [_budget(rate, server, accounts, next(answers)) for rate in rates[server]]
        yield Standing(
            server=server,
            accounts=len(accounts),
            waiting=waiting[server],
            opened=read_opened(opened),
            probing=probe is not None,
            last_success=datetime.fromtimestamp(float(success), UTC) if success else None,
            budgets=budgets,
        )


def _budget(
    rate: Rate, server: Server, accounts: Sequence[SocialAccount], used: dict[str, str]
) -> Budget:
    until = charge(rate, server, 0, 0).until
    if rate.shared:
        return Budget(rate, int(used.get(str(server), 0)), "this desk", until)
    units, most = max(
        ((int(used.get(str(account.pk), 0)), account) for account in accounts),
        key=lambda pair: pair[0],
    )
    return Budget(rate, units, most.display_name, until)
