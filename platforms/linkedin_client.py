"""Asking LinkedIn things as one person who looks after a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from platforms.contract import (
    DUPLICATE,
    Allowance,
    Connection,
    NetworkPolicy,
    PlatformError,
    Refused,
    Remember,
)
from platforms.failures import Malformed, text_of
from platforms.guard import Answer
from platforms.rest import RestClient, Row, row_of

T = TypeVar("T")
VERSION = "202511"
GONE_CODES = ("404", "NOT_FOUND", "RESOURCE_NOT_FOUND")
_PLAIN = re.compile(r"[\w:,()\-.]+", re.ASCII)


class LinkedInClient:
    """The versioned API: `/rest/…`, with ids that are URNs."""

    def __init__(self, connection: Connection, network: NetworkPolicy, remember: Remember) -> None:
        self._rest = RestClient(
            "linkedin",
            "LinkedIn",
            connection,
            network,
            remember,
            headers={"LinkedIn-Version": VERSION, "X-Restli-Protocol-Version": "2.0.0"},
            sort=_sorted,
        )

    def allowance(self) -> Allowance | None:
        return self._rest.allowance()

    def lapses_at(self) -> datetime | None:
        return self._rest.lapses_at()

    def get(self, path: str, pick: Callable[[Row], T]) -> T:
        return self._rest.get(f"/rest/{path}", pick)

    def find(self, path: str, finder: str, pick: Callable[[Row], T], **query: str | int) -> T:
        """A list, by one of its finders. Rest.li wants its own brackets unescaped."""
        told = {"q": finder, **query}
        asked = "&".join(f"{name}={_value(value)}" for name, value in told.items())
        return self._rest.ask(
            "GET",
            f"/rest/{path}?{asked}",
            lambda answer: pick(row_of(answer)),
            headers={"X-RestLi-Method": "FINDER"},
        )

    def create(self, path: str, body: Mapping[str, Any]) -> str:
        """The id of what was made: it is in a header, as a rule."""

        def pick(answer: requests.Response) -> str:
            told = answer.headers.get("x-restli-id", "")
            if told.startswith("urn:li:"):
                return told
            row = row_of(answer)  # a comment's own URN stands in the answer
            return text_of(row.get("commentUrn") or row.get("$URN") or told or row.get("id"))

        return self._rest.ask("POST", f"/rest/{path}", pick, writes=True, json=dict(body))

    def act(self, path: str, body: Mapping[str, Any], pick: Callable[[Row], T]) -> T:
        """For what publishes nothing. Of some LinkedIn says nothing but that it is done."""

        def picked(answer: requests.Response) -> T:
            return pick(row_of(answer) if answer.content.strip() else {})

        return self._rest.ask("POST", f"/rest/{path}", picked, json=dict(body))

    def put_file(self, address: str, data: bytes, mime: str) -> None:
        self._put(address, data, mime, lambda _answer: None)

    def put_piece(self, address: str, data: bytes) -> str:
        """The tag by which LinkedIn knows this piece of a file."""

        def pick(answer: requests.Response) -> str:
            return text_of(answer.headers.get("etag", "").strip('"'))

        return self._put(address, data, "application/octet-stream", pick)

    def _put(
        self, address: str, data: bytes, mime: str, pick: Callable[[requests.Response], T]
    ) -> T:
        return self._rest.ask("PUT", address, pick, data=data, headers={"Content-Type": mime})

    def delete(self, path: str) -> None:
        """Take something down; what is already gone is fine."""

        headers = {"X-RestLi-Method": "DELETE"}
        try:
            self._rest.ask("DELETE", f"/rest/{path}", _silent, writes=True, headers=headers)
        except Refused as refused:
            if refused.code not in GONE_CODES:
                raise

    def patch(self, path: str, patch: Mapping[str, Any]) -> None:
        """Change part of something (Rest.li's partial update)."""
        headers = {"X-RestLi-Method": "PARTIAL_UPDATE"}
        body = {"patch": dict(patch)}
        self._rest.ask("POST", f"/rest/{path}", _silent, writes=True, headers=headers, json=body)


def _silent(answer: requests.Response) -> None:
    """LinkedIn says nothing when it is done. Raises Malformed."""
    if answer.content.strip():
        raise Malformed("no answer of LinkedIn's")


def quoted(urn: str) -> str:
    """A URN as a part of a path. Raises Refused for what is none."""
    if not urn.startswith("urn:li:") or not _PLAIN.fullmatch(urn):
        raise Refused("This is nothing on LinkedIn.", code="404")
    return quote(urn, safe="")


def _value(value: str | int) -> str:
    text = str(value)
    return text if text.startswith("List(") else quote(text, safe="")


def first_post_in(answer: Answer) -> str:
    """The URN that a refusal of the same text names, '' when it is no such refusal."""
    try:
        told = json.loads(answer.body[:20_000])
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict) or "DUPLICATE_POST" not in json.dumps(told):
        return ""
    named = re.search(r"urn:li:(?:share|ugcPost):\d+", str(told.get("message")), re.ASCII)
    return named[0] if named else "unknown"


def _sorted(answer: Answer, _writes: bool) -> PlatformError | None:
    if answer.status != 422:
        return None
    first = first_post_in(answer)
    if not first:
        return None
    return Refused(f"LinkedIn has just taken the same text, as {first}.", code=DUPLICATE)
