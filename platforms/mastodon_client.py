"""Asking a Mastodon server things as one account, under the guard, through Mastodon.py."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mastodon import Mastodon

from platforms import oauth
from platforms.contract import (
    Allowance,
    AuthorisationLost,
    Connection,
    Image,
    NetworkPolicy,
    Refused,
    RetryLater,
    Steps,
    Video,
)
from platforms.failures import Asker, Malformed, text_of
from platforms.guard import USER_AGENT, Answer, GuardedSession
from platforms.mastodon_views import objects

T = TypeVar("T")
Row = Mapping[str, Any]

_VERSION = (4, 3, 0)
_VERSION_WITHOUT_MEDIA_V2 = (3, 1, 0)
_EXTENSIONS = {"jpeg": "jpg", "quicktime": "mov"}
_PROCESSING_WAITS_S = (0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0)
# Takahē answers 400 to a token that is no longer good, in plain text or JSON.
_BAD_TOKEN = re.compile(rb"bearer token|invalid_token|identity_token_required", re.IGNORECASE)
# Mastodon's words where the account itself is shut: suspended, not confirmed, not let in yet.
_SHUT = re.compile(rb"login is (currently|missing)|account is suspended", re.IGNORECASE)


def _is_lost(answer: Answer) -> bool:
    said = {400: _BAD_TOKEN, 403: _SHUT}.get(answer.status)
    return said is not None and said.search(answer.body[:2_000]) is not None


class MastodonClient:
    """A `mastodon.Mastodon` for one account. Failures are PlatformErrors."""

    def __init__(self, connection: Connection, network: NetworkPolicy) -> None:
        self._base = connection.base_url
        self.host = urlsplit(connection.base_url).hostname or ""
        self._token = oauth.load(connection.secret).access_token
        self._wire = GuardedSession(network)
        app_secret = connection.app.client_secret if connection.app else ""
        hidden = [self._token, app_secret]
        self._asker = Asker("Mastodon", self._wire, secrets=lambda: hidden, lost=_is_lost)
        self._api = Mastodon(
            api_base_url=connection.base_url,
            # With a version given the library asks for none; asking went wrong badly on a 503.
            mastodon_version=".".join(map(str, _VERSION)),
            version_check_mode="none",
            ratelimit_method="throw",
            session=self._wire,
            user_agent=USER_AGENT,
        )
        # In the mode "none" the constructor reads no version, not even the one it was given, and
        # takes the server for a 1.0.0 without /api/v2/media.
        self._set_version(_VERSION)
        # Not by the constructor: that opens a file of this name, if there is one.
        self._api.access_token = self._token

    def _set_version(self, version: tuple[int, int, int]) -> None:
        api = self._api
        api.mastodon_major, api.mastodon_minor, api.mastodon_patch = version

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    def ask(self, call: Callable[[Mastodon], T], *, writes: bool = False) -> T:
        if not re.fullmatch(r"[\x21-\x7e]+", self._token):
            raise AuthorisationLost("The access token is empty or holds what no token holds.")
        return self._asker.ask(lambda: call(self._api), writes=writes)

    def rows(self, path: str, query: Mapping[str, Any]) -> list[Row]:
        """The objects of the list that is at `path`, as they came.

        Not through the library: it makes typed objects of all that is in them, which takes 5 ms for
        a mention, and a list of anything, an empty one of '{}'; and an empty list here would mean
        for certain that a post did not go out.
        """

        def pick(_api: Mastodon) -> list[Row]:
            bearer = {"Authorization": f"Bearer {self._token}"}
            answer = self._wire.get(f"{self._base}{path}", params=query, headers=bearer)
            told = answer.json() if answer.ok else None
            if not isinstance(told, list):
                raise Malformed("not a list")
            return list(objects(told))

        return self.ask(pick)

    def instance(self) -> Row:
        """What the server says of itself, {} when it says nothing."""
        for read in (Mastodon.instance_v2, Mastodon.instance_v1):

            def pick(api: Mastodon, read: Callable[[Mastodon], Any] = read) -> Row:
                instance = read(api)
                if not isinstance(instance, Mapping):
                    raise Malformed("no instance")
                return instance

            try:
                return self.ask(pick)
            except Refused as refused:  # Takahē has no v2
                if refused.code in ("address_refused", "redirect", "not_sent"):
                    raise
        return {}

    def upload(self, file: Image | Video, steps: Steps) -> str:
        """The id of an uploaded and processed picture or video."""
        digest = sha256(file.data + b"\0" + file.alt_text.encode()).hexdigest()[:16]
        name = f"media.{digest}"
        media_id = steps.get(name)
        if isinstance(media_id, str):
            try:
                self._await_media(media_id)
            except Refused as refused:
                if refused.code != "404":  # what no post took up is thrown away after a day
                    raise
            else:
                return media_id

        def send(api: Mastodon) -> tuple[str, bool]:
            kind = file.mime.rpartition("/")[2]
            media = api.media_post(
                file.data,
                mime_type=file.mime,
                description=file.alt_text or None,
                file_name=f"{digest}.{_EXTENSIONS.get(kind, kind)}",
            )
            return text_of(media.get("id")), bool(media.get("url"))

        # An upload by itself publishes nothing: doing it twice is safe.
        try:
            media_id, ready = self.ask(send)
        except Refused as refused:
            if refused.code != "404":
                raise
            self._set_version(_VERSION_WITHOUT_MEDIA_V2)
            media_id, ready = self.ask(send)
        steps.put(name, media_id)
        if not ready:
            self._await_media(media_id)
        return media_id

    def _await_media(self, media_id: str) -> None:
        for wait in (0.0, *_PROCESSING_WAITS_S):
            time.sleep(wait)
            if self.ask(lambda api: bool(api.media(media_id).get("url"))):
                return
        raise RetryLater(
            "The server is still working on a picture or video.",
            code="media_processing",
            delay_s=15.0,
        )

    def clock_ahead(self) -> timedelta:
        """How far the server's clock is ahead of ours, by the answer that just came."""
        date = self._wire.last.header("date") if self._wire.last else ""
        try:
            there = parsedate_to_datetime(date)
        except (ValueError, TypeError):
            return timedelta(0)
        if there.tzinfo is None:
            return timedelta(0)
        return there - datetime.now(UTC)
