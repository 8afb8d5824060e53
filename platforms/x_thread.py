"""Writing to X: one post or a thread, with what goes along; each step kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from platforms.contract import (
    DUPLICATE,
    Audience,
    Image,
    Outgoing,
    PlatformError,
    Refused,
    RetryLater,
    Steps,
    Video,
)
from platforms.failures import text_of
from platforms.x_client import Row, XClient
from platforms.x_media import step_name, upload
from platforms.x_views import part

_SETTINGS = {Audience.FOLLOWED: "following", Audience.MENTIONED: "mentionedUsers"}


class XWriter:
    def __init__(self, client: XClient) -> None:
        self._client = client

    def upload(self, images: Sequence[Image], video: Video | None, steps: Steps) -> list[str]:
        return [upload(self._client, one, steps) for one in _all(images, video)]

    def write(self, post: Outgoing, images: Sequence[Image], steps: Steps) -> str:
        """Send the post and what follows in its thread; the first one's id.

        What was sent is kept after each, so that a restart goes on where it stopped.
        """
        first = last = self._first(post, images, steps)
        for number, one in enumerate(post.parts, 2):
            done = steps.get(f"post.{number}")
            if isinstance(done, str):
                last = done
                continue
            try:
                last = self._send(
                    f"post.{number}",
                    steps,
                    images=one.images,
                    text=one.text,
                    in_reply_to_tweet_id=last,
                )
            except PlatformError as error:
                raise _so_far(error, number - 1, len(post.parts) + 1) from None
        return first

    def _first(self, post: Outgoing, images: Sequence[Image], steps: Steps) -> str:
        done = steps.get("post.1")
        if isinstance(done, str):
            return done
        what: dict[str, Any] = {"text": post.text or None}
        if post.reply_to:
            what["in_reply_to_tweet_id"] = post.reply_to.remote_id
        if post.quote:
            what["quote_tweet_id"] = post.quote
        if post.poll:
            what["poll_options"] = list(post.poll.options)
            what["poll_duration_minutes"] = post.poll.minutes
        if post.audience in _SETTINGS:
            what["reply_settings"] = _SETTINGS[post.audience]
        # One post alone needs no step of its own: the engine keeps its outcome.
        name = "post.1" if post.parts else ""
        return self._send(name, steps, images=images, video=post.video, **what)

    def _send(
        self,
        name: str,
        steps: Steps,
        *,
        images: Sequence[Image],
        video: Video | None = None,
        **what: Any,
    ) -> str:
        media = self.upload(images, video, steps)
        steps.put("about_to_send", name or True)  # the last moment to learn that another has it
        try:
            sent = self._create(what, media)
        except Refused as refused:
            if not media or "media" not in refused.message.lower() or refused.code != "400":
                raise
            # What X no longer has is uploaded anew, once; the refused request made nothing.
            for one in _all(images, video):
                steps.put(step_name(one), None)
            sent = self._create(what, self.upload(images, video, steps))
        if name:
            steps.put(name, sent)
        return sent

    def _create(self, what: dict[str, Any], media: Sequence[str]) -> str:
        keys = self._client.by_keys

        def pick(answer: Row) -> str:
            return text_of(part(answer, "data").get("id"))

        try:
            return self._client.ask(
                lambda api: api.create_tweet(user_auth=keys, media_ids=media or None, **what),
                pick,
                writes=True,
            )
        except Refused as refused:
            if refused.code == "403" and "duplicate" in refused.message.lower():
                raise Refused(refused.message, code=DUPLICATE) from None
            raise


def _all(images: Sequence[Image], video: Video | None) -> list[Image | Video]:
    return [*images, *([video] if video else [])]


def _so_far(error: PlatformError, sent: int, whole: int) -> PlatformError:
    """The same error, told as one in the middle of a thread."""
    message = f"{sent} of {whole} posts of this thread are out. {error.message}"
    if isinstance(error, RetryLater):
        return RetryLater(
            message,
            code=error.code,
            down=error.down,
            delay_s=error.delay_s,
            too_much=error.too_much,
        )
    return type(error)(message, code=error.code, down=error.down)
