"""Publishing on Mastodon, and finding out whether a post went out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from mastodon import Mastodon

from platforms.chain import MARK
from platforms.checking import missing_is_gone
from platforms.contract import (
    Lookup,
    Outgoing,
    Presence,
    Published,
    Refused,
    ReplyRef,
    RetryLater,
    Steps,
)
from platforms.failures import Malformed, text_of, time_of
from platforms.mastodon_client import MastodonClient, Row
from platforms.mastodon_inbox import own_statuses
from platforms.mastodon_views import incoming_of, likeness, permalink_of

_LOOK_BACK_PAGES = 5
# A request that we gave up on may still be at work over there; only after this is 'no' certain.
_SETTLED = timedelta(seconds=30)
_CLOCK_SLACK = timedelta(seconds=5)  # the server tells its time in whole seconds, and late
_ALIKE = 0.8

Addressed = tuple[str, str | None]
"""The text as it goes out, and its visibility."""


class MastodonWriter:
    def __init__(self, client: MastodonClient, own_id: str) -> None:
        self._client = client
        self._own_id = own_id

    def send(
        self,
        post: Outgoing,
        addressed: Addressed,
        media: Sequence[str],
        steps: Steps,
        mark: object = True,
    ) -> Published:
        """Publish it with what was uploaded, under the post's own key."""
        text, visibility = addressed
        reply_to = post.reply_to.remote_id if post.reply_to else None

        def pick(api: Mastodon) -> Published:
            poll = post.poll
            asked = api.make_poll(list(poll.options), poll.minutes * 60) if poll else None
            status = api.status_post(
                text,
                in_reply_to_id=reply_to,
                media_ids=list(media) or None,
                visibility=visibility,
                idempotency_key=post.key,
                poll=asked,
            )
            return _published(status)

        steps.put(MARK, mark)  # the last moment to learn that somebody else has it
        try:
            return self._client.ask(pick, writes=True)
        except Refused as refused:
            if "finished processing" not in refused.message:
                raise
        raise RetryLater(
            "The server is still working on a picture or video.",
            code="media_processing",
            delay_s=15.0,
        )

    def edit(self, remote_id: str, text: str) -> None:
        """Let a post of ours say `text`. All else is sent as it stands there, for what is left out
        is taken away (app/services/update_status_service.rb)."""

        def read(api: Mastodon) -> tuple[Row, list[str]]:
            stands = api.status(remote_id)
            if not isinstance(stands, Mapping) or not isinstance(stands["media_attachments"], list):
                raise Malformed("no status")
            return stands, [text_of(one["id"]) for one in stands["media_attachments"]]

        def write(api: Mastodon) -> None:
            status = api.status_update(
                remote_id,
                text,
                spoiler_text=str(stands.get("spoiler_text") or "") or None,
                sensitive=stands.get("sensitive") is True,
                media_ids=list(media) or None,
            )
            if not isinstance(status, Mapping) or str(status.get("id")) != remote_id:
                raise Malformed("not this post")

        with missing_is_gone("404"):
            stands, media = self._client.ask(read)
            if stands.get("poll"):
                raise Refused("What people voted on cannot be changed.", code="not_supported")
            self._client.ask(write, writes=True)

    def addressed(self, post: Outgoing) -> Addressed:
        """Text and visibility of a post.

        A reply names whom it answers, or they would never hear of it, and is never more public
        than what it answers.
        """
        if post.reply_to is None:
            return post.text, None
        extra = post.reply_to.extra
        if "acct" not in extra or "visibility" not in extra:
            extra = self._reply_extra(post.reply_to)
        acct, visibility = extra["acct"], extra["visibility"]
        text = post.text
        named = rf"(?<![\w@])@{re.escape(acct)}(@{re.escape(self._client.host)})?(?![\w@])"
        if extra.get("author_id") != self._own_id and not re.search(named, text, re.IGNORECASE):
            text = f"@{acct} {text}"
        return text, visibility if visibility in ("unlisted", "private", "direct") else None

    def _reply_extra(self, to: ReplyRef) -> Mapping[str, str]:
        def pick(api: Mastodon) -> Mapping[str, str]:
            own = self._own_id
            return incoming_of(
                api.status(to.remote_id), None, own_id=own, host=self._client.host
            ).reply_ref.extra

        try:
            return self._client.ask(pick)
        except Refused as refused:
            if refused.code != "404":
                raise
        raise Refused("The post that this answers is no longer there.", code="post_gone")

    def find(self, post: Outgoing, since: datetime) -> Lookup:
        """The answer for one post, see `MastodonAdapter.find_published`."""
        since = max(since, post.created_at)
        oldest, near = None, False
        try:
            text, _ = self.addressed(post)
        except Refused:
            text = post.text  # what it answered is gone by now
        for _page in range(_LOOK_BACK_PAGES):
            page = own_statuses(self._client, self._own_id, max_id=oldest)
            start = since + self._client.clock_ahead() - _CLOCK_SLACK
            for status in page:
                if _time_of(status) < start:
                    continue
                if not isinstance(status.get("content"), str):
                    near = True
                    continue
                alike = likeness(text, status)
                answers = str(status.get("in_reply_to_id") or "")
                same_place = answers == (post.reply_to.remote_id if post.reply_to else "")
                if alike == 1.0 and same_place and (published := _readable(status)):
                    return Lookup(Presence.FOUND, published)
                near = near or alike >= _ALIKE
            if not page or min(_time_of(status) for status in page) < start:
                break
            oldest = str(page[-1].get("id"))
        else:
            return Lookup(
                Presence.UNCLEAR, reason="There are too many newer posts to look through."
            )
        if near:
            return Lookup(Presence.UNCLEAR, reason="A post with nearly the same text is there.")
        wait = since + _SETTLED - datetime.now(UTC)
        if wait > timedelta(0):
            raise RetryLater(
                "It is too early to tell whether this went out.",
                code="too_early",
                delay_s=wait.total_seconds(),
            )
        return Lookup(Presence.ABSENT)


def _readable(status: Row) -> Published | None:
    """None: it says the same, and not where or when, so that it cannot be told which it is."""
    try:
        return _published(status)
    except Malformed:
        return None


def _published(status: object) -> Published:
    if not isinstance(status, Mapping):
        raise Malformed("no status")
    return Published(
        remote_id=text_of(status.get("id")),
        permalink=text_of(permalink_of(status)),
        published_at=time_of(status.get("created_at")),
    )


def _time_of(status: Row) -> datetime:
    try:
        return time_of(status.get("created_at"))
    except Malformed:
        return datetime.now(UTC)
