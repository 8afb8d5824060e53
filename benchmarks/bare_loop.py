"""The ceiling: our own client posting in a bare loop, with no database and no engine.

    python -m benchmarks.bare_loop http://127.0.0.1:8110 16 300 1500

posts 1,500 times from 16 threads as 300 accounts, each with an adapter that is opened once, after
a line on standard input says go.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from platforms.contract import Connection, NetworkPolicy, Outgoing
from platforms.registry import open_adapter


class NoSteps:
    """A text has no steps worth keeping."""

    def get(self, name: str) -> Any:
        return None

    def put(self, name: str, result: Any) -> None:
        pass


def main(url: str, threads: int, accounts: int, count: int) -> None:
    """Post, and end."""
    policy = NetworkPolicy(private_hosts=frozenset({url.removeprefix("http://")}))
    adapters = [
        open_adapter(
            "mastodon",
            Connection(handle=f"@a{n}", base_url=url, secret=f"token-{n}", remote_id="1001"),
            network=policy,
            remember=lambda _session: None,
        )
        for n in range(accounts)
    ]
    numbers = itertools.count()

    def loop() -> None:
        while (n := next(numbers)) < count:
            text = f"ceiling {os.getpid()} {n}"
            post = Outgoing(key=text, text=text, created_at=datetime.now(UTC))
            adapters[n % accounts].publish(post, steps=NoSteps())

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        loops: list[Callable[[], None]] = [loop] * threads
        for done in [pool.submit(each) for each in loops]:
            done.result()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
