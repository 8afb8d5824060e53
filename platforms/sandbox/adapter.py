"""The Sandbox as Socialdesk sees it: over HTTP, like any other network."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import requests

from platforms.contract import (
    Allowance,
    AuthorisationLost,
    Batch,
    Connection,
    Feature,
    Identity,
    Image,
    Incoming,
    Limits,
    Lookup,
    MentionKind,
    NetworkPolicy,
    Outgoing,
    OwnPost,
    PlatformInfo,
    Presence,
    Published,
    Refused,
    Remember,
    RemotePerson,
    ReplyRef,
    RetryLater,
    Steps,
    TextUnit,
)
from platforms.counting import text_problems
from platforms.failures import Asker, Malformed, text_of, time_of
from platforms.guard import GuardedSession
from platforms.images import fit
from platforms.markup import clean_line, clean_text, safe_url

log = logging.getLogger(__name__)
T = TypeVar("T")
Json = dict[str, Any]

_LOOK_AGAIN_S = 2.0

LIMITS = Limits(
    text_max=500,
    unit=TextUnit.CHARACTER,
    images_max=4,
    image_bytes_max=8_000_000,
    image_pixels_max=40_000_000,
    image_types=("image/jpeg", "image/png", "image/webp"),
    alt_text_max=1_500,
)


class SandboxAdapter:
    """The practice network. A post's key is honoured for ever, so nothing is ever sent twice."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="sandbox",
        label="Sandbox",
        limits=LIMITS,
        features=frozenset(Feature),
        secret_label="Access token",  # noqa: S106 - a label, not a token
        secret_help="On the Sandbox, open Accounts and press New token.",  # noqa: S106 - a sentence
        handle_help="The account's handle on the Sandbox, such as northmoor_fire.",
        default_base_url="http://127.0.0.1:8001",
        asks_base_url=True,
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        del remember  # a token is all it takes; there is no session to keep
        self._base = connection.base_url.rstrip("/")
        self._token = connection.secret.strip()
        self._session = GuardedSession(network)
        self._session.headers["Accept"] = "application/json"
        self._asker = Asker("The Sandbox", self._session, secrets=lambda: [self._token])

    # --- the account -----------------------------------------------------------------------

    def verify(self) -> Identity:
        def read() -> Identity:
            told = _object(self._request("GET", "/account"))
            return Identity(
                remote_id=text_of(told.get("id")),
                handle=text_of(told.get("handle")),
                display_name=clean_line(text_of(told.get("display_name"))),
                profile_url=_link(told.get("profile_url")),
            )

        return self._ask(read)

    def limits(self) -> Limits:
        def read() -> Limits:
            told = _object(self._request("GET", "/limits"))
            return Limits(
                text_max=_count(told, "text_max"),
                unit=TextUnit.CHARACTER,
                images_max=_count(told, "images_max"),
                image_bytes_max=_count(told, "image_bytes_max"),
                image_pixels_max=_count(told, "image_pixels_max"),
                image_types=tuple(text_of(one) for one in _list(told, "image_types")),
                alt_text_max=_count(told, "alt_text_max"),
            )

        return self._ask(read)

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    # --- writing ---------------------------------------------------------------------------

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Proves the token and uploads the pictures."""
        images = self._fitting(post)
        self.verify()
        for image in images:
            self._media(image, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        images = self._fitting(post)
        media = [self._media(image, steps) for image in images]
        try:
            return self._post(post, media, steps)
        except Refused as refused:
            if not media or "never uploaded" not in refused.message:
                raise
        # What an earlier attempt uploaded is no longer there: upload it again.
        media = [self._media(image, steps, again=True) for image in images]
        return self._post(post, media, steps)

    def _post(self, post: Outgoing, media: Sequence[str], steps: Steps) -> Published:
        body = {
            "text": post.text,
            "images": [
                {"id": media_id, "alt_text": image.alt_text}
                for media_id, image in zip(media, post.images, strict=True)
            ],
            "in_reply_to": post.reply_to.remote_id if post.reply_to else None,
        }

        def send() -> Published:
            answer = self._request(
                "POST", "/posts", json=body, headers={"Idempotency-Key": post.key}
            )
            return _published(_object(answer))

        steps.put("about_to_send", True)  # the last moment to learn that somebody else has it
        return self._ask(send, writes=True)

    def _fitting(self, post: Outgoing) -> list[Image]:
        """The post's pictures as the Sandbox takes them. Raises Refused for what it never takes."""
        for problem in text_problems(post.text, LIMITS, post.images):
            raise Refused(problem.message, code=problem.code)
        return [fit(image, LIMITS) for image in post.images]

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        del since  # the key says it for certain, whenever it was

        def look() -> Lookup:
            answer = self._request(
                "GET", f"/posts/by-key/{quote(post.key, safe='')}", accept=_is_not_found
            )
            if answer.status_code == 404:
                return Lookup(Presence.ABSENT, reason="The Sandbox has no post with this key.")
            if answer.status_code == 202:
                raise RetryLater(
                    "The Sandbox is still working on this post.",
                    code="in_progress",
                    delay_s=_LOOK_AGAIN_S,
                )
            return Lookup(Presence.FOUND, _published(_object(answer)))

        return self._ask(look)

    def delete(self, remote_id: str) -> None:
        self._act("DELETE", f"/posts/{quote(remote_id, safe='')}", accept=_is_not_found)

    def hide(self, remote_id: str) -> None:
        self._act("POST", f"/posts/{quote(remote_id, safe='')}/hide")

    def block(self, remote_person_id: str) -> None:
        self._act("POST", "/blocks", json={"account_id": remote_person_id})

    # --- reading ---------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        return self._batch("/mentions", {"after": cursor}, _incoming)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        return self._batch("/own-posts", {"after": cursor}, _own_post)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        words = clean_text(query, 200)
        if not words:
            raise Refused("There is nothing to search for.", code="empty_query")
        return self._batch("/search", {"q": words, "after": cursor}, _match)

    # --- the wire --------------------------------------------------------------------------

    def _ask(self, call: Callable[[], T], *, writes: bool = False) -> T:
        if not re.fullmatch(r"[\x21-\x7e]+", self._token):
            raise AuthorisationLost("The access token is empty or holds what no token holds.")
        return self._asker.ask(call, writes=writes)

    def _media(self, image: Image, steps: Steps, *, again: bool = False) -> str:
        """The id of an uploaded image; one that an earlier attempt uploaded is not sent again."""
        step = f"media.{sha256(image.data).hexdigest()[:16]}"
        media_id = steps.get(step)
        if media_id is None or again:
            media_id = self._upload(image)
            steps.put(step, media_id)
        return str(media_id)

    def _upload(self, image: Image) -> str:
        def send() -> str:
            answer = self._request(
                "POST", "/media", data=image.data, headers={"Content-Type": image.mime}
            )
            return text_of(_object(answer).get("id"))

        # Nobody sees an upload that no post holds, so doing it again is harmless: not `writes`.
        return self._ask(send)

    def _act(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        accept: Callable[[requests.Response], bool] | None = None,
    ) -> None:
        def send() -> None:
            answer = self._request(method, path, json=json, accept=accept)
            if answer.status_code not in (204, 404):
                raise Malformed("neither done nor refused")

        self._ask(send, writes=True)

    def _batch(
        self, path: str, parameters: Mapping[str, str], read: Callable[[Json], T]
    ) -> Batch[T]:
        def ask() -> Batch[T]:
            told = _object(self._request("GET", path, params=parameters))
            items = []
            for one in _list(told, "items"):
                try:
                    items.append(read(one))
                except (Malformed, AttributeError):
                    # One that cannot be read must not keep all that follow it from coming in.
                    log.warning("The Sandbox listed something that cannot be read: left out")
            return Batch(items, text_of(told.get("cursor")), more=told.get("more") is True)

        return self._ask(ask)

    def _request(
        self,
        method: str,
        path: str,
        *,
        accept: Callable[[requests.Response], bool] | None = None,
        params: Mapping[str, str] | None = None,
        json: Json | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """A successful answer, or an unsuccessful one that `accept` takes; raises otherwise."""
        answer = self._session.request(
            method,
            f"{self._base}/api{path}",
            params=params,
            json=json,
            data=data,
            headers={"Authorization": f"Bearer {self._token}", **(headers or {})},
            allow_redirects=False,
        )
        if answer.ok or (accept and accept(answer)):
            return answer
        if answer.status_code == 503 and _error_code(answer) == "unavailable":
            # With this code, and no other 5xx, the Sandbox promises that nothing happened.
            raise RetryLater("The Sandbox is down for maintenance.", code="unavailable", down=True)
        raise requests.HTTPError(response=answer)


# --- reading answers -----------------------------------------------------------------------------


def _error_code(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return ""
    return str(told.get("error", "")) if isinstance(told, dict) else ""


def _is_not_found(answer: requests.Response) -> bool:
    """The Sandbox says there is no such post; some other server's 404 says nothing of the kind."""
    return answer.status_code == 404 and _error_code(answer) == "not_found"


def _object(answer: requests.Response) -> Json:
    told = answer.json()
    if not isinstance(told, dict):
        raise Malformed("not an object")
    return told


def _list(told: Json, name: str) -> list[Any]:
    value = told.get(name)
    if not isinstance(value, list):
        raise Malformed(f"no list of {name}")
    return value


def _count(told: Json, name: str) -> int:
    value = told.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed(f"no number for {name}")
    return value


def _link(value: object) -> str:
    link = safe_url(value)
    if not link:
        raise Malformed("an address that is none")
    return link


def _published(told: Json) -> Published:
    return Published(
        remote_id=text_of(told.get("id")),
        permalink=_link(told.get("url")),
        published_at=time_of(told.get("created_at")),
    )


def _text(told: Json) -> str:
    """A post's text, which may be empty where there is an image."""
    value = told.get("text")
    if not isinstance(value, str):
        raise Malformed("no text")
    return clean_text(value)


def _own_post(told: Json) -> OwnPost:
    return OwnPost(
        remote_id=text_of(told.get("id")),
        text=_text(told),
        posted_at=time_of(told.get("created_at")),
        permalink=_link(told.get("url")),
        in_reply_to=str(told.get("in_reply_to") or ""),
    )


_KINDS = {kind.value: kind for kind in (MentionKind.MENTION, MentionKind.REPLY, MentionKind.QUOTE)}


def _incoming(told: Json) -> Incoming:
    return _read_incoming(told, _KINDS.get(str(told.get("kind")), MentionKind.MENTION))


def _match(told: Json) -> Incoming:
    return _read_incoming(told, MentionKind.MATCH)


def _read_incoming(told: Json, kind: MentionKind) -> Incoming:
    author = told.get("author")
    if not isinstance(author, dict):
        raise Malformed("no author")
    remote_id = text_of(told.get("id"))
    return Incoming(
        remote_id=remote_id,
        kind=kind,
        author=RemotePerson(
            remote_id=text_of(author.get("id")),
            handle=clean_line(text_of(author.get("handle"))),
            display_name=clean_line(text_of(author.get("display_name"))),
            profile_url=_link(author.get("profile_url")),
        ),
        text=_text(told),
        posted_at=time_of(told.get("created_at")),
        permalink=_link(told.get("url")),
        reply_ref=ReplyRef(remote_id),
        thread_id=text_of(told.get("thread_id")),
        in_reply_to=str(told.get("in_reply_to") or ""),
    )
