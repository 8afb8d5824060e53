"""Asking Meta's Graph API things, through facebook-sdk: what Facebook and Instagram share.

The library is of 2018: it puts the token into addresses, takes any JSON without an 'error' for a
success whatever the status, and knows no version that is still there. All of that is put right
here, in the session that it is given.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote

import facebook
import requests

from platforms import oauth
from platforms.contract import (
    DUPLICATE,
    GONE,
    Allowance,
    AuthorisationLost,
    Connection,
    NetworkPolicy,
    OutcomeUnknown,
    PlatformError,
    Refused,
    RetryLater,
)
from platforms.failures import Asker, Malformed, delay_of, reason_of
from platforms.guard import Answer
from platforms.hosts import SentOn, api_base, own_host

T = TypeVar("T")
Row = Mapping[str, Any]

VERSION = "v23.0"
_HOST = "https://graph.facebook.com"
_VIDEO_HOST = "https://graph-video.facebook.com"

# https://developers.facebook.com/docs/graph-api/guides/error-handling
_LOST = {102, 190}
_TOO_MUCH = {4, 17, 32, 341, 613, 9, *range(80_000, 80_015)}
_TROUBLED = {1, 2}
_SAME_TEXT = 506
_NOT_READY = {2207027, 2207052}  # Instagram is still at work on what it fetched
_USED_UP = {2207042, 2207069}  # Instagram's own limit of posts in a day


class _Session(SentOn):
    """Sends the token in a header, never in an address, and takes no failure for a success."""

    def __init__(self, policy: NetworkPolicy, base: str, app_secret: str) -> None:
        super().__init__(policy, (_HOST,), base)
        self._app_secret = app_secret
        self._own = base == _HOST

    def request(  # type: ignore[override]  # requests declares each of a dozen parameters
        self, method: str, url: str, **kwargs: Any
    ) -> requests.Response:
        token = ""
        for place in ("params", "data"):
            given = dict(kwargs.get(place) or {})
            token = str(given.pop("access_token", "") or token)
            kwargs[place] = given or None
        headers = dict(kwargs.pop("headers", None) or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
            if self._app_secret:
                proof = {"appsecret_proof": proof_of(token, self._app_secret)}
                kwargs["params"] = {**(kwargs["params"] or {}), **proof}
        if self._own and url.endswith("/videos") and method == "POST":
            url = url.replace(_HOST, _VIDEO_HOST)
        kwargs.pop("proxies", None)
        response = super().request(method, url, headers=headers, **kwargs)
        if response.status_code >= 400:
            raise Malformed(f"status {response.status_code}")
        return response


def proof_of(token: str, app_secret: str) -> str:
    """https://developers.facebook.com/docs/graph-api/guides/secure-requests"""
    return hmac.new(app_secret.encode(), token.encode(), sha256).hexdigest()


class GraphClient:
    """A `facebook.GraphAPI` for one Page or Instagram account. Failures are PlatformErrors."""

    def __init__(self, key: str, who: str, connection: Connection, network: NetworkPolicy) -> None:
        self._token = oauth.load(connection.secret).access_token
        self._app_secret = connection.app.client_secret if connection.app else ""
        base = api_base(key, connection.base_url or own_host(key))
        self._wire = _Session(network, base, self._app_secret)
        self._asker = Asker(
            who,
            self._wire,
            secrets=self._secrets,
            lost=is_lost,
            sort=lambda answer, writes: failure_of(who, answer, writes),
        )
        self._graph = facebook.GraphAPI(
            access_token=self._token, timeout=network.total_timeout_s, session=self._wire
        )
        self._graph.version = VERSION  # its constructor takes nothing newer than 3.1

    def _secrets(self) -> list[str]:
        proof = proof_of(self._token, self._app_secret) if self._app_secret else ""
        return [secret for secret in (self._token, self._app_secret, proof) if secret]

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    def _ask(self, call: Callable[[], Any], pick: Callable[[Row], T], *, writes: bool) -> T:
        if not re.fullmatch(r"[\x21-\x7e]+", self._token):
            raise AuthorisationLost("The access token is empty or holds what no token holds.")

        def asked() -> T:
            answer = call()
            if not isinstance(answer, Mapping):
                raise Malformed("not an object")
            return pick(answer)

        return self._asker.ask(asked, writes=writes)

    def get(self, node: str, edge: str, pick: Callable[[Row], T], **query: str | int) -> T:
        path = f"{VERSION}/{node_path(node, edge)}"
        return self._ask(lambda: self._graph.request(path, dict(query)), pick, writes=False)

    def rows(
        self, node: str, edge: str, place: str = "", **query: str | int
    ) -> tuple[list[Row], str]:
        """One page of an edge, that at `place` ('': the first); its rows, and the place of the
        next ('' at the end)."""
        return self.get(node, edge, rows_of, **query, **at_place(place))

    def post(
        self,
        node: str,
        edge: str,
        form: Mapping[str, str | int],
        pick: Callable[[Row], T],
        *,
        writes: bool = False,
        files: Mapping[str, Any] | None = None,
    ) -> T:
        path = f"{VERSION}/{node_path(node, edge)}"
        # The library adds the token to the form, so it gets a new one each time.
        return self._ask(
            lambda: self._graph.request(path, post_args=dict(form), files=files),
            pick,
            writes=writes,
        )

    def delete(self, node: str, edge: str = "", **query: str) -> None:
        """Take a post or comment down, or something off an edge; what is already gone is fine."""
        path = f"{VERSION}/{node_path(node, edge)}"

        def call() -> Any:
            return self._graph.request(path, dict(query), method="DELETE")

        try:
            self._ask(call, is_success, writes=True)
        except Refused as refused:
            if refused.code != GONE:
                raise


def failure_of(who: str, answer: Answer, writes: bool) -> PlatformError | None:
    """What Graph's own codes mean, whose status is 400 for nearly everything."""
    error = error_of(answer)
    code, subcode = _number(error, "code"), _number(error, "error_subcode")
    _, reason = reason_of(answer)
    said = f" It says: {reason}" if reason else ""
    told = str(code)
    if code in _TOO_MUCH or subcode in _USED_UP:
        return RetryLater(
            f"{who} wants us to slow down.",
            code=told,
            delay_s=delay_of(answer) or regain_of(answer),
            too_much=True,
        )
    if subcode in _NOT_READY or code == 9007:
        return RetryLater(f"{who} is still at work on the pictures.", code=told, delay_s=15.0)
    if code in _TROUBLED or error.get("is_transient") is True:
        message = f"{who} has a fault of its own ({code})."
        if writes:
            return OutcomeUnknown(message, code=told, down=True)
        return RetryLater(message, code=told, down=True)
    if code == _SAME_TEXT:
        return Refused(f"{who} has just taken the same text.{said}", code=DUPLICATE)
    if code == 803 or (code == 100 and subcode == 33):
        return Refused(f"{who} knows no such post.{said}", code=GONE)
    return None


def node_path(node: str, edge: str) -> str:
    """A node and one of its edges as a path. Raises Refused for what cannot be an id."""
    if not node or not re.fullmatch(r"[\w.:=\-]{1,200}", node, re.ASCII):
        raise Refused("This is nothing that the Graph API knows.", code=GONE)
    return f"{quote(node, safe='')}/{edge}" if edge else quote(node, safe="")


def error_of(answer: Answer) -> Row:
    try:
        told = json.loads(answer.body[:20_000])
    except (ValueError, RecursionError):
        return {}
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, dict) else {}


def _number(error: Row, name: str) -> int:
    value = error.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def is_lost(answer: Answer) -> bool:
    """Do Graph's own codes say that the token is no longer good?"""
    return _number(error_of(answer), "code") in _LOST


def regain_of(answer: Answer) -> float | None:
    """Seconds until Meta lets the app ask again, by its usage header (which counts minutes)."""
    try:
        told = json.loads(answer.header("x-business-use-case-usage") or "{}")
        rows = [row for rows in told.values() for row in rows]
        minutes = [float(row.get("estimated_time_to_regain_access", 0)) for row in rows]
    except (ValueError, AttributeError, TypeError):
        return None
    longest = max(minutes, default=0.0)
    return min(longest * 60.0, 86_400.0) if longest > 0 else None


# --- picking answers apart --------------------------------------------------------------------


def objects(value: object) -> Iterator[Row]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def part(value: object, name: str) -> Row:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def at_place(place: str) -> dict[str, str]:
    """What asks for the page at this place of a list."""
    return {"after": place} if place else {}


def rows_of(answer: Row) -> tuple[list[Row], str]:
    """The rows of a list, and the cursor of the next page ('' at the end)."""
    if not isinstance(answer.get("data"), list):
        raise Malformed("no list")
    paging = part(answer, "paging")
    after = part(paging, "cursors").get("after")
    return list(objects(answer["data"])), str(after) if after and paging.get("next") else ""


def is_success(answer: Row) -> None:
    if answer.get("success") is not True:
        raise Malformed("no success")
