"""PostgreSQL and Valkey together, each only where the environment names no server of its own."""

from __future__ import annotations

from collections.abc import Mapping

from socialdesk.launcher import postgres, valkey
from socialdesk.launcher.environment import is_given
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.postgres import EmbeddedPostgres
from socialdesk.launcher.valkey import EmbeddedValkey


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
    def started(self) -> list[tuple[str, EmbeddedPostgres | EmbeddedValkey]]:
        """The servers that `start` started, by name."""
        return [
            (postgres.NAME if isinstance(server, EmbeddedPostgres) else valkey.NAME, server)
            for server in self._started
        ]

    @property
    def urls(self) -> dict[str, str]:
        """DATABASE_URL and REDIS_URL of the embedded servers."""
        found = {}
        if self.postgres is not None:
            found["DATABASE_URL"] = self.postgres.url
        if self.valkey is not None:
            found["REDIS_URL"] = self.valkey.url
        return found
