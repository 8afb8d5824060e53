"""PostgreSQL and Valkey together, each only where the environment names no server of its own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.postgres import EmbeddedPostgres
from socialdesk.launcher.valkey import EmbeddedValkey


def is_given(env: Mapping[str, str], name: str) -> bool:
    """Whether `env` has `name`, directly or as a file."""
    return bool(env.get(name) or env.get(f"{name}_FILE"))


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Hold the data folder: two launchers at once would stop each other's servers.

    The lock goes with the process, however that ends. Raises LauncherError when it is held.
    """
    layout.make()
    path = layout.run / "lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise LauncherError(
                f"Socialdesk already runs from this folder ({layout.root}; process "
                f"{file.read().strip() or 'unknown'}). Stop that one first (Ctrl-C in its window)."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


class Services:
    """What of the two servers has to be embedded, and their addresses."""

    def __init__(self, layout: Layout, env: Mapping[str, str], *, durable: bool = True) -> None:
        layout.make()
        self.postgres = (
            None if is_given(env, "DATABASE_URL") else EmbeddedPostgres(layout, durable=durable)
        )
        self.valkey = None if is_given(env, "REDIS_URL") else EmbeddedValkey(layout)
        self._started: list[EmbeddedPostgres | EmbeddedValkey] = []

    def start(self, *, detached: bool = False) -> None:
        """Start what is missing; servers left running on purpose are used as they are.

        Raises LauncherError, with whatever had been started stopped again.
        """
        try:
            for server in (self.postgres, self.valkey):
                if server is None or server.adopt():
                    continue
                self._started.append(server)
                server.start(detached=detached)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what `start` started."""
        while self._started:
            self._started.pop().stop()

    def stop_all(self) -> None:
        """Stop what runs, whoever started it."""
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()
                if isinstance(server, EmbeddedPostgres):
                    server.stop_leftover()

    @property
    def urls(self) -> dict[str, str]:
        """DATABASE_URL and REDIS_URL of the embedded servers."""
        found = {}
        if self.postgres is not None:
            found["DATABASE_URL"] = self.postgres.url
        if self.valkey is not None:
            found["REDIS_URL"] = self.valkey.url
        return found
