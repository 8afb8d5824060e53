"""The ceiling of taking mentions in: our own client reading them, and nothing done with them.

    python -m benchmarks.bare_reading http://127.0.0.1:8110 8 40

reads, for each line on standard input, what is new for each of 40 accounts, from 8 threads, and
prints how many mentions that were and how many seconds it took.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from platforms.contract import Connection, NetworkPolicy
from platforms.registry import open_adapter


class Reader:
    """One account and how far it was read."""

    def __init__(self, url: str, number: int) -> None:
        self._adapter = open_adapter(
            "mastodon",
            Connection(f"@a{number}", url, f"token-{number}", remote_id="1001"),
            network=NetworkPolicy(private_hosts=frozenset({url.removeprefix("http://")})),
            remember=lambda _session: None,
        )
        self._cursor = ""

    def read(self) -> int:
        """How many were new."""
        count, more = 0, True
        while more:
            batch = self._adapter.fetch_mentions(self._cursor)
            count, more, self._cursor = count + len(batch.items), batch.more, batch.cursor
        return count


def main(url: str, threads: int, accounts: int) -> None:
    """Read once for each line, and end with the input."""
    readers = [Reader(url, n) for n in range(accounts)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in sys.stdin:
            began = time.perf_counter()
            count = sum(pool.map(Reader.read, readers))
            print(count, time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
