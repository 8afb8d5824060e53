"""Writing to X: one post with what goes along; each step kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from platforms.chain import MARK
from platforms.contract import DUPLICATE, Audience, Image, Outgoing, Refused, Steps, Video
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

    def write(
        self, post: Outgoing, images: Sequence[Image], steps: Steps, mark: object = True
    ) -> str:
        """Send one post; its id."""
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
        media = self.upload(images, post.video, steps)
        steps.put(MARK, mark)  # the last moment to learn that another has it
        try:
            return self._create(what, media)
        except Refused as refused:
            if not media or "media" not in refused.message.lower() or refused.code != "400":
                raise
        # What X no longer has is uploaded anew, once; the refused request made nothing.
        for one in _all(images, post.video):
            steps.put(step_name(one), None)
        return self._create(what, self.upload(images, post.video, steps))

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
