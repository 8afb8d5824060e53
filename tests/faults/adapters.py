"""Adapters for the five fake networks, in the registry only where the fault tests put them.

They do what an adapter for a real network of that kind has to do, and go through the same guard
and the same sorting of failures.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from platforms import registry
from platforms.contract import (
    AuthorisationLost,
    Batch,
    Connection,
    Feature,
    Identity,
    Incoming,
    Limits,
    Lookup,
    NetworkPolicy,
    OutcomeUnknown,
    Outgoing,
    OwnPost,
    PlatformError,
    PlatformInfo,
    Presence,
    Published,
    Refused,
    Remember,
    RetryLater,
    Steps,
    TextUnit,
)
from platforms.failures import Asker, Malformed, text_of, time_of
from platforms.guard import GuardedSession

from .networks import Kind


def _info(kind: Kind) -> PlatformInfo:
    return PlatformInfo(
        key=f"fault-{kind}",
        label=f"A network of the kind {kind}",
        limits=Limits(text_max=500, unit=TextUnit.CHARACTER),
        features=frozenset({Feature.FIND_PUBLISHED}),
        secret_label="Token",
        secret_help="From the test.",
        handle_help="A name.",
        default_base_url="",
        asks_base_url=True,
    )


class FaultAdapter:
    """See `platforms.contract.Adapter`. Subclasses say what their kind offers."""

    info: ClassVar[PlatformInfo]

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._base = connection.base_url
        self._wire = GuardedSession(network)
        self._wire.headers["Authorization"] = f"Bearer {connection.secret}"
        self._asker = Asker("The fake", self._wire, secrets=lambda: [connection.secret], named=True)

    # --- the wire -----------------------------------------------------------------------------

    def _ask(self, method: str, path: str, *, writes: bool = False, **more: Any) -> Any:
        def call() -> Any:
            response = self._wire.request(method, f"{self._base}{path}", **more)
            response.raise_for_status()
            return response.json()

        return self._asker.ask(call, writes=writes)

    def _write(
        self, method: str, path: str, post: Outgoing, steps: Steps, **more: Any
    ) -> Published:
        steps.put("about_to_send", True)

        def call() -> Published:
            response = self._wire.request(
                method, f"{self._base}{path}", json={"text": post.text}, **more
            )
            response.raise_for_status()
            return published(response.json())

        return self._asker.ask(call, writes=True)

    def _own(self, fits: Callable[[dict[str, Any]], bool]) -> Published | None:
        for row in self._ask("GET", "/posts"):
            if fits(row):
                return published(row)
        return None

    # --- what every kind can ------------------------------------------------------------------

    def verify(self) -> Identity:
        name = str(self._ask("GET", "/me")["id"])
        return Identity(name, name, name, self._base)

    def limits(self) -> Limits:
        return self.info.limits

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        return self._write("POST", "/posts", post, steps)

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        return looked_up(self._own(lambda row: row["text"] == post.text))

    def delete(self, remote_id: str) -> None:
        raise Refused("Not here.")

    hide = show = remove = block = unblock = delete

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        return Batch((), "none")

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        return Batch((), "none")

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        return Batch((), "none")


class KeyedAdapter(FaultAdapter):
    info = _info(Kind.KEYED)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        return self._write("POST", "/posts", post, steps, headers={"Idempotency-Key": post.key})

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        return looked_up(self._own(lambda row: row["key"] == post.key))


class RecordedAdapter(FaultAdapter):
    info = _info(Kind.RECORDED)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        return self._write("PUT", f"/records/{post.key}", post, steps)

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        try:
            return looked_up(published(self._ask("GET", f"/records/{post.key}")))
        except Refused as refused:
            if refused.code != "NOT_THERE":
                raise
        return Lookup(Presence.ABSENT)


class UnrepeatingAdapter(FaultAdapter):
    info = _info(Kind.UNREPEATING)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        try:
            return super().publish(post, steps=steps)
        except Refused as refused:
            if refused.code != "DUPLICATE":
                raise
        return self._is_it_ours(post)

    def _is_it_ours(self, post: Outgoing) -> Published:
        try:
            there = self._own(lambda row: row["text"] == post.text)
        except PlatformError:
            there = None
        if there is not None and there.published_at >= post.created_at:
            return there
        raise OutcomeUnknown("The same text is there, perhaps from us.", code="DUPLICATE")


class NamingAdapter(FaultAdapter):
    info = _info(Kind.NAMING)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        try:
            return super().publish(post, steps=steps)
        except Refused as refused:
            answer = self._wire.last
            if refused.code != "DUPLICATE" or answer is None:
                raise
            first = json.loads(answer.body)["first"]
        try:
            there = published(self._ask("GET", f"/posts/{first}"))
        except PlatformError:
            raise OutcomeUnknown("The first post could not be read.", code="DUPLICATE") from None
        if there.published_at < post.created_at:
            raise Refused("The same text was posted before.", code="DUPLICATE")
        return there


class BareAdapter(FaultAdapter):
    info = _info(Kind.BARE)

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        try:
            there = self._own(lambda row: row["text"] == post.text)
        except AuthorisationLost as lost:
            raise RetryLater(lost.message) from None
        # It may yet appear, and nothing would stop a second one: a person decides.
        return looked_up(there) if there else Lookup(Presence.UNCLEAR, reason="It is not there.")


def published(row: Any) -> Published:
    if not isinstance(row, dict):
        raise Malformed("no post")
    id_ = text_of(row.get("id"))
    return Published(id_, f"https://fake.example/{id_}", time_of(row.get("at")).astimezone(UTC))


def looked_up(there: Published | None) -> Lookup:
    return Lookup(Presence.FOUND, there) if there else Lookup(Presence.ABSENT)


def register() -> None:
    """Put the five into this process's registry."""
    for kind in Kind:
        name = f"{kind.capitalize()}Adapter"
        registry.ADAPTERS[f"fault-{kind}"] = f"{__name__}:{name}"
