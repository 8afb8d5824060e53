"""How fast mentions are taken in; prints one JSON line.

    make bench-ingest
    ROUNDS=5 MENTIONS=500 make bench-ingest     more rounds, fewer mentions for each account

Real parts, without the pages: embedded PostgreSQL and Valkey, beat and the workers as `make run`
starts them, one of which polls, and a fake Mastodon server in a process of its own. In each round
every one of ACCOUNTS accounts is mentioned MENTIONS times and becomes due; the time runs from the
first page that the server is asked for until the last mention can be seen in the database. The
ceiling is our own client reading the same pages in a process with as many threads and keeping
nothing; it reads right before, in the same round. Of the rounds the middle one counts.

At the end all is read again from the beginning, as after a restore from a backup. `duplicates` and
`lost` are told by the number that each mention has in its text.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.parts import Parts, running, workers

ACCOUNTS = 40
MENTIONS = int(os.environ.get("MENTIONS", "500"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
GIVE_UP_S = 120.0
TARGET = {"mentions_per_s": 2_000, "ratio": 0.5, "duplicates": 0}
Line = dict[str, Any]


@contextmanager
def bare_reader(parts: Parts) -> Iterator[Callable[[], float]]:
    """Gives what reads all that is new and says how many mentions a second that were."""
    from socialdesk.launcher.programs import POLLING_THREADS

    words = (f"http://{parts.network.hosts[0]}", str(POLLING_THREADS), str(ACCOUNTS))
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_reading", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def read() -> float:
            process.stdin.write("go\n")
            process.stdin.flush()
            count, took = process.stdout.readline().split()
            return int(count) / float(took)

        yield read
        process.stdin.close()


def connect(parts: Parts) -> None:
    """ACCOUNTS accounts on the server."""
    from accounts.models import Credential, SocialAccount, User

    owner = User.objects.create(email="officer@bench.example", full_name="Officer")
    rows = SocialAccount.objects.bulk_create(
        SocialAccount(
            platform="mastodon",
            base_url=f"http://{parts.network.hosts[0]}",
            remote_id=f"{n}",
            handle=f"@desk{n}",
            display_name=f"Desk {n}",
            owner=owner,
            time_zone="Europe/London",
        )
        for n in range(ACCOUNTS)
    )
    Credential.objects.bulk_create(Credential(account=row, secret="a-token") for row in rows)


def be_due() -> None:
    """Every account is read with the next tick."""
    from django.utils import timezone

    from mentions.models import Feed

    Feed.objects.update(next_poll_at=timezone.now())


def await_true(what: str, holds: Callable[[], bool]) -> None:
    """Ends the run when it does not come true in GIVE_UP_S."""
    until = time.monotonic() + GIVE_UP_S
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"This did not come about in {GIVE_UP_S:.0f} s: {what}.")
        time.sleep(0.02)


def taken_in() -> int:
    from mentions.models import Mention

    return Mention.objects.count()


def all_polled() -> bool:
    """Whether every account was read, and nobody reads one now."""
    from mentions.models import Feed

    done = Feed.objects.filter(lease_until=None, last_polled_at__isnull=False, problem="")
    return done.count() == ACCOUNTS


def one_round(parts: Parts, number: int, bare: Callable[[], float]) -> tuple[float, float]:
    """Mentions a second taken in, and merely read."""
    parts.network.mention(number * MENTIONS)
    ceiling = bare()
    parts.network.mention(number * MENTIONS)  # for the time of the first request
    be_due()
    wanted = number * MENTIONS * ACCOUNTS
    await_true(f"{wanted} mentions", lambda: taken_in() == wanted)
    took = time.time() - parts.network.asked_at()
    return MENTIONS * ACCOUNTS / took, ceiling


def read_again() -> None:
    """Forget how far each account was read, and read it all anew."""
    from django.utils import timezone

    from mentions.models import Feed

    began = timezone.now()
    Feed.objects.update(cursor='{"after":"","seen":[]}', next_poll_at=began)
    fresh = Feed.objects.filter(last_polled_at__gt=began, next_poll_at__gt=timezone.now())
    await_true("all read again", lambda: fresh.count() == ACCOUNTS)


def miscounted() -> Line:
    """Mentions that are there twice, and those that are not there."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT (account_id, substring(text FROM 'Report ([0-9]+):')))"
            " FROM mentions_mention"
        )
        rows, distinct = cursor.fetchone()
    return {"duplicates": rows - distinct, "lost": ROUNDS * MENTIONS * ACCOUNTS - distinct}


def main() -> int:
    """Measure, print, and end with 0: the figures are for people to judge."""
    logging.disable(logging.WARNING)
    load = round(os.getloadavg()[0], 1)
    with running(1, 0.0) as parts, bare_reader(parts) as bare:
        connect(parts)
        bare()
        with workers(parts):
            await_true("every account polled", all_polled)
            cpu = parts.cpu_s()
            rounds = [one_round(parts, number, bare) for number in range(1, ROUNDS + 1)]
            used = {name: after - cpu[name] for name, after in parts.cpu_s().items()}
            read_again()
        rate, ceiling, ratio = (
            statistics.median(each)
            for each in (*zip(*rounds, strict=True), [mine / bare for mine, bare in rounds])
        )
        line = {
            "benchmark": "ingest",
            "mentions_per_s": round(rate),
            "ceiling_per_s": round(ceiling),
            "ratio": round(ratio, 2),
            **miscounted(),
            "mentions": ROUNDS * MENTIONS * ACCOUNTS,
            "cpu_ms_per_mention_by_part": {
                name: round(1000 * each / (ROUNDS * MENTIONS * ACCOUNTS), 3)
                for name, each in used.items()
            },
            "rounds": [[round(mine), round(bare)] for mine, bare in rounds],
        }
    about = {"target": TARGET, "python": platform.python_version(), "cpus": os.cpu_count()}
    print(json.dumps(line | about | {"load_before": load}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
