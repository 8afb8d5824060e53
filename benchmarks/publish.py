"""How late and how fast posts go out; prints one JSON line per scenario.

    make bench-publish                        all of them
    make bench-publish SCENARIO=burst_300     one
    DURATION=60 …                             a shorter `steady` (seconds; 300 by default)

Real parts, without the pages: embedded PostgreSQL and Valkey, beat and the workers as `make run`
starts them, and a fake Mastodon server with a latency of 50 ms in a process of its own. What went
out, when, and how often is read from that server's ledger and never from our tables. The ceiling is
our own Mastodon client in a bare loop: as many processes and threads, the same server, no database.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from benchmarks.parts import Parts, bare_loops, running, workers

LATENCY_S = 0.05
ACCOUNTS = 300
PLATFORMS = 5
PLANNED = 100_000
STEADY_PER_S = 20
DURATION_S = int(os.environ.get("DURATION", "300"))
CALM_S = 2.0
"""Workers are calm that use a fifth of a processor at most for so long."""
GIVE_UP_S = 60.0
NEVER = float("inf")
Line = dict[str, Any]


@dataclass
class Planned:
    """A post that has to arrive: what it says and when it is due (Unix time)."""

    text: str
    due: float


class Bench:
    """What the scenarios share: an installation with accounts and one person who may publish."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._author: Any = None

    @cached_property
    def ceiling(self) -> float:
        from scheduling.engine.publisher import SENDERS
        from socialdesk.launcher import programs

        publishers = sum(name.startswith("publish") for name in programs.workers())
        return bare_loops(
            self.parts.network,
            workers=publishers,
            threads=SENDERS // 2,  # what one platform may have
            accounts=ACCOUNTS,
            posts=3000,
        )

    @cached_property
    def accounts(self) -> list[Any]:
        """All on one server."""
        return self.new_accounts(ACCOUNTS, self.parts.network.hosts[:1])

    def new_accounts(self, count: int, hosts: Sequence[str]) -> list[Any]:
        """Connected accounts, spread over `hosts`, on each of which the author may publish."""
        from accounts.levels import Level
        from accounts.models import Credential, SocialAccount, User
        from accounts.services.grants import grant_set
        from audit.actors import Actor

        command = Actor.command("benchmark")
        if self._author is None:
            self._author = User.objects.create(email="officer@bench.example", full_name="Officer")
        first = SocialAccount.objects.count()
        rows = SocialAccount.objects.bulk_create(
            SocialAccount(
                platform="mastodon",
                base_url=f"http://{hosts[n % len(hosts)]}",
                remote_id=f"{first + n}",
                handle=f"@desk{first + n}",
                display_name=f"Desk {first + n}",
                owner=self._author,
                time_zone="Europe/London",
            )
            for n in range(count)
        )
        Credential.objects.bulk_create(Credential(account=row, secret="a-token") for row in rows)
        for row in rows:
            grant_set(
                actor=command, account=row, level=Level.PUBLISHER, reason="bench", user=self._author
            )
        return rows

    def plan(self, label: str, accounts: Sequence[Any], dues: Iterable[float]) -> list[Planned]:
        """Scheduled deliveries, going round the accounts; the tick sees them at once."""
        from scheduling.models import Delivery, Post
        from scheduling.states import State

        planned = [Planned(f"{label} {n}", due) for n, due in enumerate(dues)]
        posts = Post.objects.bulk_create(
            Post(author=self._author, text=each.text) for each in planned
        )
        times = [datetime.fromtimestamp(each.due, UTC) for each in planned]
        Delivery.objects.bulk_create(
            Delivery(
                post=post,
                account=accounts[n % len(accounts)],
                sender=self._author,
                state=State.SCHEDULED,
                due_at=at,
                next_try_at=at,
            )
            for n, (post, at) in enumerate(zip(posts, times, strict=True))
        )
        return planned

    def await_arrival(self, planned: Sequence[Planned]) -> None:
        """Until all have arrived, or nothing has for GIVE_UP_S after the last was due."""
        texts, last = {each.text for each in planned}, max(each.due for each in planned)
        arrived, since = -1, time.time()
        while arrived < len(texts) and time.time() - max(since, last) < GIVE_UP_S:
            time.sleep(0.5 if time.time() < last else 0.1)
            count = len(texts & {text for text, _, _ in self.parts.network.ledger()})
            if count != arrived:
                arrived, since = count, time.time()

    def report(self, scenario: str, planned: Sequence[Planned], cpu: dict[str, float]) -> Line:
        """The figures that every scenario has, from the ledger and the processes."""
        seen = Counter(text for text, _, _ in self.parts.network.ledger())
        late = lateness(self.parts, planned)
        began, span = min(each.due for each in planned), self._span(planned)
        used = {name: after - cpu[name] for name, after in self.parts.cpu_s().items()}
        rate = len(late) / span if late else 0.0
        return {
            "scenario": scenario,
            **quantiles(late),
            "posts_per_s": round(rate, 1),
            "ceiling_posts_per_s": round(self.ceiling, 1),
            "ratio": round(rate / self.ceiling, 2),
            "duplicates": sum(seen[each.text] - 1 for each in planned if each.text in seen),
            "lost": sum(each.text not in seen for each in planned),
            "cpu_s_per_post": round(sum(used.values()) / len(planned), 4),
            "rss_mb": self.parts.rss_mb(),
            "cpu_ms_per_post_by_part": {
                name: round(1000 * each / len(planned), 2) for name, each in used.items()
            },
            "began": began,
        }

    def _span(self, planned: Sequence[Planned]) -> float:
        at = {text: at for text, at, _ in reversed(self.parts.network.ledger())}
        arrived = [at[each.text] for each in planned if each.text in at]
        return max(arrived, default=0.0) - min(each.due for each in planned)


def lateness(parts: Parts, planned: Sequence[Planned]) -> list[float]:
    """Seconds from due to first accepted, of all that arrived."""
    first = {text: at for text, at, _ in reversed(parts.network.ledger())}
    return [first[each.text] - each.due for each in planned if each.text in first]


def quantiles(late: Sequence[float]) -> Line:
    """The middle, the last hundredth and the worst."""
    if len(late) < 2:
        return {"late_p50_s": None, "late_p99_s": None, "late_max_s": None}
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    return {
        "late_p50_s": round(cuts[49], 3),
        "late_p99_s": round(cuts[98], 3),
        "late_max_s": round(max(late), 3),
    }


@contextmanager
def at_work(bench: Bench) -> Iterator[float]:
    """Workers that are up and calm; gives the next whole second to be due at."""
    bench.ceiling  # noqa: B018  # measured while nothing else runs
    bench.parts.network.forget()
    with workers(bench.parts):
        _await_calm(bench.parts)
        yield float(int(time.time()) + 4)


def _await_calm(parts: Parts) -> None:
    """Until the workers have started and polled every account once; a minute at most."""
    until, used, before = time.time() + 60, NEVER, sum(parts.cpu_s().values())
    while used > CALM_S / 5 and time.time() < until:
        time.sleep(CALM_S)
        now = sum(parts.cpu_s().values())
        used, before = now - before, now


def burst(name: str, count: int) -> Callable[[Bench], Line]:
    """`count` posts over all accounts, due in the same second."""

    def run(bench: Bench) -> Line:
        accounts = bench.accounts
        with at_work(bench) as due:
            planned = bench.plan(name, accounts, [due] * count)
            time.sleep(max(0.0, due - 0.5 - time.time()))
            cpu = bench.parts.cpu_s()
            bench.await_arrival(planned)
            return bench.report(name, planned, cpu)

    return run


def steady(bench: Bench) -> Line:
    """20 posts a second for minutes; memory after the first fifth against memory at the end."""
    accounts = bench.accounts
    with at_work(bench) as due:
        dues = [due + n / STEADY_PER_S for n in range(DURATION_S * STEADY_PER_S)]
        planned = bench.plan("steady", accounts, dues)
        cpu = bench.parts.cpu_s()
        time.sleep(max(0.0, due + DURATION_S / 5 - time.time()))
        warm = bench.parts.rss_mb()
        bench.await_arrival(planned)
        line = bench.report("steady", planned, cpu)
        growth = (line["rss_mb"] - warm) / warm * 100
        return line | {"duration_s": DURATION_S, "memory_growth_percent": round(growth, 1)}


def idle(bench: Bench) -> Line:
    """With much planned for later, what a tick takes that finds nothing to do."""
    from django.db import connection
    from django.utils import timezone

    from scheduling.engine.attempts import take
    from scheduling.engine.claim import next_due, take_back_expired
    from scheduling.engine.lanes import Lanes
    from scheduling.engine.order import due
    from scheduling.engine.publisher import AHEAD, SENDERS

    later = time.time() + 86_400
    accounts = bench.accounts
    cpu = bench.parts.cpu_s()
    planned = bench.plan("later", accounts, (later + n for n in range(PLANNED)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = due(datetime.now(UTC)).explain()
    if "delivery_due" not in plan or "Seq Scan on scheduling_delivery" in plan:
        raise SystemExit(f"The tick does not use its index:\n{plan}")
    took = []
    for _ in range(300):
        began = time.perf_counter()
        take_back_expired()
        take(SENDERS, Lanes(SENDERS))
        next_due(timezone.now() + AHEAD)
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    line = bench.report("idle", planned, cpu) | {"lost": 0, "posts_per_s": None, "ratio": None}
    return line | {
        "planned": len(planned),
        "tick_ms": round(cuts[49], 2),
        "tick_p99_ms": round(cuts[98], 2),
        "tick_index": "delivery_due",
    }


def one_hangs(bench: Bench) -> Line:
    """A minute of posts on five platforms, then the same with one of them never answering."""
    hosts = bench.parts.network.hosts[1 : 1 + PLATFORMS]
    accounts = bench.new_accounts(ACCOUNTS, hosts)
    hung = bench.parts.network.ports[1]
    with at_work(bench) as due:
        before = _others_posts(bench, "healthy", accounts, due)
        bench.await_arrival(before)
        healthy = quantiles(lateness(bench.parts, before))
        bench.parts.network.hang(hung)
        due = float(int(time.time()) + 4)
        cpu = bench.parts.cpu_s()
        others = _others_posts(bench, "hanging", accounts, due)
        bench.await_arrival(others)
        line = bench.report("one_hangs", others, cpu)
        growth = line["late_p99_s"] - healthy["late_p99_s"]
        return line | {
            "healthy_p99_s": healthy["late_p99_s"],
            "p99_growth_s": round(growth, 3),
        }


def _others_posts(
    bench: Bench, label: str, accounts: Sequence[Any], due: float, seconds: int = 40
) -> list[Planned]:
    """Posts for every account; those of all but the first of the five platforms."""
    dues = [due + n / STEADY_PER_S for n in range(seconds * STEADY_PER_S)]
    planned = bench.plan(label, accounts, dues)
    return [each for n, each in enumerate(planned) if n % PLATFORMS]


SCENARIOS: dict[str, Callable[[Bench], Line]] = {
    "idle": idle,
    "burst_300": burst("burst_300", 300),
    "burst_3000": burst("burst_3000", 3000),
    "steady": steady,
    # Last: what hangs is looked after for minutes.
    "one_hangs": one_hangs,
}


def main() -> int:
    """Measure, print, and end with 0: the figures are for people to judge."""
    logging.disable(logging.WARNING)
    wanted = os.environ.get("SCENARIO") or None
    if wanted is not None and wanted not in SCENARIOS:
        raise SystemExit(f"There is no scenario {wanted!r}; there are {', '.join(SCENARIOS)}.")
    machine = {"python": platform.python_version(), "cpus": os.cpu_count()}
    with running(1 + PLATFORMS, LATENCY_S) as parts:
        bench = Bench(parts)
        for name in [wanted] if wanted else SCENARIOS:
            load = round(os.getloadavg()[0], 1)
            line = SCENARIOS[name](bench)
            line.pop("began")
            print(json.dumps(line | machine | {"load_before": load}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
