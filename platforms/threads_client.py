"""Asking Threads things as one account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from platforms._graph import at_place, failure_of, is_lost, node_path, rows_of
from platforms.contract import GONE, Allowance, Connection, NetworkPolicy, Refused, Remember
from platforms.rest import RestClient, Row, row_of

T = TypeVar("T")
VERSION = "v1.0"


class ThreadsClient:
    """Threads answers and fails as the Graph API does, at an address of its own."""

    def __init__(self, connection: Connection, network: NetworkPolicy, remember: Remember) -> None:
        self._rest = RestClient(
            "threads",
            "Threads",
            connection,
            network,
            remember,
            lost=is_lost,
            sort=lambda answer, writes: failure_of("Threads", answer, writes),
        )

    def allowance(self) -> Allowance | None:
        return self._rest.allowance()

    def lapses_at(self) -> datetime | None:
        return self._rest.lapses_at()

    def get(self, node: str, edge: str, pick: Callable[[Row], T], **query: str | int) -> T:
        path = f"/{VERSION}/{node_path(node, edge) if node else edge}"
        return self._rest.get(path, pick, **query)

    def rows(
        self, node: str, edge: str, place: str = "", **query: str | int
    ) -> tuple[list[Row], str]:
        """As `platforms._graph.GraphClient.rows`."""
        return self.get(node, edge, rows_of, **query, **at_place(place))

    def post(
        self,
        node: str,
        edge: str,
        form: Mapping[str, str],
        pick: Callable[[Row], T],
        *,
        writes: bool = False,
    ) -> T:
        path = f"/{VERSION}/{node_path(node, edge)}"
        return self._rest.ask(
            "POST", path, lambda answer: pick(row_of(answer)), writes=writes, data=dict(form)
        )

    def delete(self, node: str) -> None:
        """Take a post down; what is already gone is fine."""
        path = f"/{VERSION}/{node_path(node, '')}"
        try:
            self._rest.ask("DELETE", path, row_of, writes=True)
        except Refused as refused:
            if refused.code != GONE:
                raise
