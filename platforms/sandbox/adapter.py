"""The Sandbox as Socialdesk sees it: over HTTP, like any other network."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import requests

from platforms import measures
from platforms.chain import MARK, Link, comment_of, look_up_thread, posts_of, write_thread
from platforms.checking import missing_is_gone, post_problems, refuse_uncorrectable
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
    NetworkPolicy,
    Outgoing,
    OwnPost,
    PlatformError,
    PlatformInfo,
    PollLimits,
    PostAddress,
    Presence,
    Published,
    Refused,
    Remember,
    ReplyRef,
    RetryLater,
    Steps,
    TextUnit,
    Video,
    VideoLimits,
)
from platforms.declining import Declining
from platforms.failures import Asker, Malformed, text_of
from platforms.guard import GuardedSession
from platforms.images import fit
from platforms.markup import clean_line, clean_text
from platforms.sandbox.answers import (
    count_of,
    error_code,
    incoming_of,
    is_not_found,
    link_of,
    list_of,
    match_of,
    object_of,
    own_post_of,
    poll_limits_of,
    published_of,
    video_limits_of,
)

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
    video=VideoLimits(50_000_000, None),
    poll=PollLimits(4, 50, 5, 10_080),
    parts_max=25,
)


class SandboxAdapter(Declining):
    """The practice network. A post's key is honoured for ever, so nothing is ever sent twice."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="sandbox",
        label="Sandbox",
        limits=LIMITS,
        features=frozenset(Feature),
        moderation=measures.SANDBOX,
        secret_label="Access token",  # noqa: S106 - a label, not a token
        secret_help="On the Sandbox, open Accounts and press New token.",  # noqa: S106 - a sentence
        handle_help="The account's handle on the Sandbox, such as northmoor_fire.",
        revoke_help="On the Sandbox, open Accounts and press Revoke all.",
        default_base_url="http://127.0.0.1:8001",
        asks_base_url=True,
        post_address=PostAddress(
            r"{server}/@\w+/(\d{1,18})", r"\1", "http://127.0.0.1:8001/@northmoor_fire/12"
        ),
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
            told = object_of(self._request("GET", "/account"))
            return Identity(
                remote_id=text_of(told.get("id")),
                handle=text_of(told.get("handle")),
                display_name=clean_line(text_of(told.get("display_name"))),
                profile_url=link_of(told.get("profile_url")),
            )

        return self._ask(read)

    def limits(self) -> Limits:
        def read() -> Limits:
            told = object_of(self._request("GET", "/limits"))
            return Limits(
                text_max=count_of(told, "text_max"),
                unit=TextUnit.CHARACTER,
                images_max=count_of(told, "images_max"),
                image_bytes_max=count_of(told, "image_bytes_max"),
                image_pixels_max=count_of(told, "image_pixels_max"),
                image_types=tuple(text_of(one) for one in list_of(told, "image_types")),
                alt_text_max=count_of(told, "alt_text_max"),
                video=video_limits_of(told.get("video")),
                poll=poll_limits_of(told.get("poll")),
                parts_max=count_of(told, "parts_max"),
            )

        return self._ask(read)

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    # --- writing ---------------------------------------------------------------------------

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Proves the token and uploads the pictures and the video."""
        fitted = self._fitting(post)
        self.verify()
        for _, media in fitted:
            for one in media:
                self._media(one, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        fitted = {one.key: media for one, media in self._fitting(post)}
        if post.parts:
            # Every post of it has a key, so sending one twice is sending it once.
            published = write_thread(
                post, steps, send=lambda one, mark: Link(self._one(one, fitted, steps, mark))
            )
        else:
            published = self._one(post, fitted, steps)
        return self._with_comment(post, published, steps) if post.first_comment else published

    def _with_comment(self, post: Outgoing, published: Published, steps: Steps) -> Published:
        """A step of its own: it fails without making the post look as if it had not gone out."""
        comment = replace(comment_of(post), reply_to=ReplyRef(published.remote_id))
        try:
            self._one(comment, {comment.key: []}, steps)
        except PlatformError as error:
            return replace(published, note=f"Its first comment was not made: {error.message}")
        return published

    def _one(
        self,
        post: Outgoing,
        fitted: Mapping[str, Sequence[Image | Video]],
        steps: Steps,
        mark: object = True,
    ) -> Published:
        files = fitted[post.key]
        media = [self._media(file, steps) for file in files]
        try:
            return self._post(post, media, steps, mark)
        except Refused as refused:
            if not media or "never uploaded" not in refused.message:
                raise
        # What an earlier attempt uploaded is no longer there: upload it again.
        media = [self._media(file, steps, again=True) for file in files]
        return self._post(post, media, steps, mark)

    def _post(self, post: Outgoing, media: Sequence[str], steps: Steps, mark: object) -> Published:
        poll = post.poll
        body = {
            "text": post.text,
            "images": [
                {"id": media_id, "alt_text": one.alt_text}
                for media_id, one in zip(media, _media_of(post, post.images), strict=True)
            ],
            "in_reply_to": post.reply_to.remote_id if post.reply_to else None,
            "poll": {"options": list(poll.options), "minutes": poll.minutes} if poll else None,
            "quote": post.quote or None,
            "link": post.link,
            "audience": post.audience,
            "form": post.form,
        }

        def send() -> Published:
            answer = self._request(
                "POST", "/posts", json=body, headers={"Idempotency-Key": post.key}
            )
            return published_of(object_of(answer))

        steps.put(MARK, mark)  # the last moment to learn that somebody else has it
        return self._ask(send, writes=True)

    def _fitting(self, post: Outgoing) -> list[tuple[Outgoing, Sequence[Image | Video]]]:
        """Each post of a thread with its pictures or video as the Sandbox takes them.

        Raises Refused for what it never takes.
        """
        for problem in post_problems(post, self.info, LIMITS):
            raise Refused(problem.message, code=problem.code)
        return [
            (one, _media_of(one, [fit(image, LIMITS) for image in one.images]))
            for one in posts_of(post)
        ]

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        del since  # the key says it for certain, whenever it was
        return look_up_thread(post, self._find)

    def _find(self, post: Outgoing) -> Lookup:
        def look() -> Lookup:
            answer = self._request(
                "GET", f"/posts/by-key/{quote(post.key, safe='')}", accept=is_not_found
            )
            if answer.status_code == 404:
                return Lookup(Presence.ABSENT, reason="The Sandbox has no post with this key.")
            if answer.status_code == 202:
                raise RetryLater(
                    "The Sandbox is still working on this post.",
                    code="in_progress",
                    delay_s=_LOOK_AGAIN_S,
                )
            return Lookup(Presence.FOUND, published_of(object_of(answer)))

        return self._ask(look)

    def edit(self, remote_id: str, post: Outgoing) -> None:
        refuse_uncorrectable(post, self.info, LIMITS)

        def send() -> None:
            path = f"/posts/{quote(remote_id, safe='')}"
            told = object_of(self._request("PUT", path, json={"text": post.text}))
            if told.get("id") != remote_id:
                raise Malformed("another post")

        with missing_is_gone("404"):
            self._ask(send, writes=True)

    def delete(self, remote_id: str) -> None:
        self._act("DELETE", f"/posts/{quote(remote_id, safe='')}", accept=is_not_found)

    def hide(self, remote_id: str) -> None:
        self._act("POST", f"/posts/{quote(remote_id, safe='')}/hide")

    def show(self, remote_id: str) -> None:
        self._act("POST", f"/posts/{quote(remote_id, safe='')}/show")

    def remove(self, remote_id: str) -> None:
        self._act("POST", f"/posts/{quote(remote_id, safe='')}/remove", accept=is_not_found)

    def block(self, remote_person_id: str) -> None:
        self._act("POST", "/blocks", json={"account_id": remote_person_id})

    def unblock(self, remote_person_id: str) -> None:
        person = quote(remote_person_id, safe="")
        self._act("DELETE", f"/blocks/{person}", accept=is_not_found)

    # --- reading ---------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        return self._batch("/mentions", {"after": cursor}, incoming_of)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        return self._batch("/own-posts", {"after": cursor}, own_post_of)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        words = clean_text(query, 200)
        if not words:
            raise Refused("There is nothing to search for.", code="empty_query")
        return self._batch("/search", {"q": words, "after": cursor}, match_of)

    # --- the wire --------------------------------------------------------------------------

    def _ask(self, call: Callable[[], T], *, writes: bool = False) -> T:
        if not re.fullmatch(r"[\x21-\x7e]+", self._token):
            raise AuthorisationLost("The access token is empty or holds what no token holds.")
        return self._asker.ask(call, writes=writes)

    def _media(self, file: Image | Video, steps: Steps, *, again: bool = False) -> str:
        """The id of an uploaded file; one that an earlier attempt uploaded is not sent again."""
        step = f"media.{sha256(file.data).hexdigest()[:16]}"
        media_id = steps.get(step)
        if media_id is None or again:
            media_id = self._upload(file)
            steps.put(step, media_id)
        return str(media_id)

    def _upload(self, file: Image | Video) -> str:
        def send() -> str:
            answer = self._request(
                "POST", "/media", data=file.data, headers={"Content-Type": file.mime}
            )
            return text_of(object_of(answer).get("id"))

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
            told = object_of(self._request("GET", path, params=parameters))
            items = []
            for one in list_of(told, "items"):
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
        if answer.status_code == 503 and error_code(answer) == "unavailable":
            # With this code, and no other 5xx, the Sandbox promises that nothing happened.
            raise RetryLater("The Sandbox is down for maintenance.", code="unavailable", down=True)
        raise requests.HTTPError(response=answer)


def _media_of(post: Outgoing, images: Sequence[Image]) -> Sequence[Image | Video]:
    return [post.video] if post.video else images
