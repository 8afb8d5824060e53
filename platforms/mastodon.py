"""Mastodon, and servers that speak its API (GoToSocial, Takahē, Pleroma), through Mastodon.py.

A second sending under the same idempotency key is refused by Mastodon for an hour and by nobody
else, so whether a post went out is answered by reading the account's own posts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from mastodon import Mastodon

from platforms.chain import MARK, Link, look_up_thread, write_thread
from platforms.checking import fitting, post_problems
from platforms.contract import (
    Allowance,
    AuthorisationLost,
    Batch,
    Connection,
    Deed,
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
    PlatformError,
    PlatformInfo,
    PollLimits,
    Presence,
    Published,
    Rate,
    Refused,
    Remember,
    ReplyRef,
    RetryLater,
    Steps,
    TextUnit,
)
from platforms.failures import Malformed, text_of, time_of
from platforms.markup import clean_text
from platforms.mastodon_client import MastodonClient, Row
from platforms.mastodon_views import (
    incoming_of,
    likeness,
    limits_of,
    objects,
    own_post_of,
    permalink_of,
    person_of,
)
from platforms.paging import Entry, read_ahead, read_down

_PAGE = 40  # the most that Mastodon gives of statuses and notifications
_LOOK_BACK_PAGES = 5
# A request that we gave up on may still be at work over there; only after this is 'no' certain.
_SETTLED = timedelta(seconds=30)
_CLOCK_SLACK = timedelta(seconds=5)  # the server tells its time in whole seconds, and late
_ALIKE = 0.8


class MastodonAdapter:
    """See `platforms.contract.Adapter`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="mastodon",
        label="Mastodon",
        limits=Limits(
            text_max=500,
            unit=TextUnit.GRAPHEME,
            url_length=23,
            short_mentions=True,
            images_max=4,
            image_bytes_max=16_000_000,
            image_pixels_max=33_177_600,
            image_types=("image/gif", "image/jpeg", "image/png", "image/webp"),
            alt_text_max=1_500,
            # app/validators/poll_options_validator.rb and poll_expiration_validator.rb
            poll=PollLimits(4, 50, 5, 43_829),
            parts_max=25,  # no limit there; what somebody may still read
        ),
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.SEARCH,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.BLOCK,
                Feature.FIND_PUBLISHED,
                Feature.THREAD,
                Feature.POLL,
            }
        ),
        secret_label="Access token",  # noqa: S106 - a label on a form
        secret_help="On your server: Preferences, Development, New application.",  # noqa: S106
        handle_help="The name with its server, such as council@mastodon.social.",
        revoke_help=(
            "On your server: Preferences, Development for an application of your own, otherwise "
            "Account, Authorised apps."
        ),
        default_base_url="",
        asks_base_url=True,
        # config/initializers/rack_attack.rb and app/lib/rate_limiter.rb of Mastodon 4.5: requests
        # by token, uploads and posts by account. Its like (GoToSocial) count 300 requests too.
        rates=(
            Rate("requests", 300, 300, {Deed.PUBLISH: 1, Deed.UPLOAD: 2, Deed.READ: 1}),
            Rate("uploads", 30, 1_800, {Deed.UPLOAD: 1}),
            Rate("posts", 300, 10_800, {Deed.PUBLISH: 1}),
        ),
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._client = MastodonClient(connection, network)
        self._limits: Limits | None = None
        self._own_id = connection.remote_id

    # --- who, and how much --------------------------------------------------------------------

    def verify(self) -> Identity:
        def pick(api: Mastodon) -> Identity:
            account = api.account_verify_credentials()
            if not isinstance(account, Mapping):
                raise Malformed("no account")
            person = person_of(account, self._client.host)
            return Identity(
                remote_id=person.remote_id,
                handle=person.handle,
                display_name=person.display_name,
                profile_url=person.profile_url,
                avatar_url=person.avatar_url,
            )

        identity = self._client.ask(pick)
        self._own_id = identity.remote_id
        self._check_scopes()
        return identity

    def _check_scopes(self) -> None:
        """Better now than at the first post. Servers that do not tell are believed."""
        try:
            scopes = self._client.ask(lambda api: api.app_verify_credentials().get("scopes"))
        except PlatformError:
            return
        if isinstance(scopes, list) and not {"write", "write:statuses"} & {str(s) for s in scopes}:
            raise AuthorisationLost(
                "This access token may only read. Make one with the scopes read and write.",
                code="scopes",
            )

    def limits(self) -> Limits:
        """As this server declares them; Mastodon's own defaults for what it does not declare."""
        if self._limits is None:
            self._limits = limits_of(self._client.instance(), self.info.limits)
        return self._limits

    def _id(self) -> str:
        return self._own_id or self.verify().remote_id

    # --- out ------------------------------------------------------------------------------------

    def allowance(self) -> Allowance | None:
        return self._client.allowance()

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Proves the token and uploads the pictures."""
        images = self._fitting(replace(post, text=self._addressed(post)[0]))
        if not images:
            self.verify()  # an upload proves the token as well
        for image in images:
            self._client.upload(image, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        if not post.parts:
            return self._publish(post, steps)
        self._fitting(post)
        own, since = self._id(), post.created_at
        # Our own posts are answered without naming ourselves, and as publicly as they are.
        extra = {"acct": own, "author_id": own, "visibility": "public"}
        return write_thread(
            post,
            steps,
            send=lambda one, mark: Link(self._publish(one, steps, mark), extra),
            find=lambda one: self._find(one, since),
        )

    def _publish(self, post: Outgoing, steps: Steps, mark: object = True) -> Published:
        text, visibility = self._addressed(post)
        images = self._fitting(replace(post, text=text))
        media = [self._client.upload(image, steps) for image in images]
        reply_to = post.reply_to.remote_id if post.reply_to else None

        def pick(api: Mastodon) -> Published:
            poll = post.poll
            asked = api.make_poll(list(poll.options), poll.minutes * 60) if poll else None
            status = api.status_post(
                text,
                in_reply_to_id=reply_to,
                media_ids=media or None,
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
            "The server is still working on an image.", code="media_processing", delay_s=15.0
        )

    def _fitting(self, post: Outgoing) -> list[Image]:
        """The pictures as this server takes them. Raises Refused for what it never takes."""
        return fitting(post, self.info, self._limits_for(post))

    def _limits_for(self, post: Outgoing) -> Limits:
        """The server's limits, asked for only where they could matter."""
        usual = self._limits or self.info.limits
        plain = not post.images and not post.poll and not any(one.images for one in post.parts)
        if plain and not any(post_problems(post, self.info, usual)):
            return usual
        return self.limits()

    def _addressed(self, post: Outgoing) -> tuple[str, str | None]:
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

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Reads the account's own posts since `since` (the server's clock is allowed for).

        Nothing went out before the first attempt, so an equal post from before it is another one.
        Raises RetryLater while a request that was given up on may still be at work.
        """
        return look_up_thread(post, lambda one: self._find(one, since))

    def _find(self, post: Outgoing, since: datetime) -> Lookup:
        since = max(since, post.created_at)
        own, oldest, near = self._id(), None, False
        try:
            text, _ = self._addressed(post)
        except Refused:
            text = post.text  # what it answered is gone by now
        for _page in range(_LOOK_BACK_PAGES):
            page = self._own_statuses(own, max_id=oldest)
            start = since + self._client.clock_ahead() - _CLOCK_SLACK
            for status in page:
                if time_of_row(status) < start:
                    continue
                if not isinstance(status.get("content"), str):
                    near = True
                    continue
                alike = likeness(text, status)
                answers = str(status.get("in_reply_to_id") or "")
                same_place = answers == (post.reply_to.remote_id if post.reply_to else "")
                if alike == 1.0 and same_place:
                    return Lookup(Presence.FOUND, _published(status))
                near = near or alike >= _ALIKE
            if not page or min(time_of_row(status) for status in page) < start:
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

    def _own_statuses(
        self, own: str, *, max_id: str | None = None, min_id: str | None = None
    ) -> list[Row]:
        return self._client.rows(
            lambda api: api.account_statuses(
                own, exclude_reblogs=True, limit=_PAGE, max_id=max_id, min_id=min_id
            )
        )

    def delete(self, remote_id: str) -> None:
        try:
            self._client.ask(lambda api: api.status_delete(remote_id), writes=True)
        except Refused as refused:
            if refused.code != "404":
                raise

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        own = self._id()

        def page(min_id: str | None) -> list[Entry[Incoming]]:
            rows = self._client.rows(
                lambda api: api.notifications(
                    types=["mention", "quote"], limit=_PAGE, min_id=min_id
                )
            )
            return [self._notified(row, own) for row in rows]

        batch = read_ahead(
            cursor, newest=lambda: page(None), after=lambda id_: page(id_ or "0"), page_size=_PAGE
        )
        return replace(batch, items=self._with_threads(batch.items))

    def _notified(self, row: Row, own: str) -> Entry[Incoming]:
        at = datetime.now(UTC)
        item = None
        try:
            kind = MentionKind.QUOTE if row.get("type") == "quote" else None
            status = row.get("status")
            if row.get("type") in ("mention", "quote") and isinstance(status, Mapping):
                item = incoming_of(status, kind, own_id=own, host=self._client.host)
                at = time_of(row.get("created_at"))
                # Its author's server says when it was written; it cannot be after we heard of it.
                item = replace(item, posted_at=min(item.posted_at, at))
        except Malformed:
            item = None  # one row that somebody's server wrote wrongly must not stop the rest
        return Entry(str(row.get("id", "")), at, item)

    def _with_threads(self, items: Sequence[Incoming]) -> list[Incoming]:
        """The same with `thread_id` set to the first post of each thread."""
        roots: dict[str, str] = {}
        result = []
        for item in items:
            if item.in_reply_to and item.in_reply_to not in roots:
                self._find_root(item, roots)
            root = roots.get(item.in_reply_to, item.thread_id)
            roots[item.remote_id] = root
            result.append(replace(item, thread_id=root))
        return result

    def _find_root(self, item: Incoming, roots: dict[str, str]) -> None:
        def pick(api: Mastodon) -> list[str]:
            context = api.status_context(item.remote_id)
            return [text_of(above.get("id")) for above in objects(context.get("ancestors"))]

        try:
            above = self._client.ask(pick)
        except (Refused, RetryLater):
            above = []  # it stays under its parent, which is all that the server tells
        for status_id in above:
            roots[status_id] = above[0]

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        own = self._id()

        def page(min_id: str | None) -> list[Entry[OwnPost]]:
            entries: list[Entry[OwnPost]] = []
            for row in self._own_statuses(own, min_id=min_id):
                try:
                    post = own_post_of(row)
                    entries.append(Entry(post.remote_id, post.posted_at, post))
                except Malformed:
                    entries.append(Entry(str(row.get("id", "")), datetime.now(UTC), None))
            return entries

        return read_ahead(
            cursor, newest=lambda: page(None), after=lambda id_: page(id_ or "0"), page_size=_PAGE
        )

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        """Posts with a hashtag ('#flood'), or with words where the server can search for words."""
        words = clean_text(query, 300)
        if not words:
            raise Refused("There is nothing to search for.", code="empty_query")
        own = self._id()
        if re.fullmatch(r"#\w+", words):
            return read_ahead(
                cursor,
                newest=lambda: self._tagged(words[1:], None, own),
                after=lambda id_: self._tagged(words[1:], id_ or "0", own),
                page_size=_PAGE,
            )

        def page(place: str) -> tuple[list[Entry[Incoming]], str]:
            offset = int(place) if place.isdigit() else 0
            found = self._found(words, offset)
            following = str(offset + len(found)) if len(found) >= _PAGE else ""
            return [e for row in found for e in self._match(row, own)], following

        return read_down(cursor, page=page, max_pages=4, resume=False)

    def _tagged(self, tag: str, min_id: str | None, own: str) -> list[Entry[Incoming]]:
        rows = self._client.rows(lambda api: api.timeline_hashtag(tag, limit=_PAGE, min_id=min_id))
        return [entry for row in rows for entry in self._match(row, own)]

    def _found(self, words: str, offset: int) -> list[Row]:
        def pick(api: Mastodon) -> list[Row]:
            answer = api.search_v2(
                words, resolve=False, result_type="statuses", offset=offset or None, limit=_PAGE
            )
            if not isinstance(answer.get("statuses"), list):
                raise Malformed("no statuses")
            return list(objects(answer["statuses"]))

        try:
            return self._client.ask(pick)
        except Refused as refused:
            if refused.code != "404":
                raise
        raise Refused(
            f"{self._client.host} cannot search for words. Try a hashtag.", code="no_search"
        )

    def _match(self, row: Row, own: str) -> list[Entry[Incoming]]:
        try:
            item = incoming_of(row, MentionKind.MATCH, own_id=own, host=self._client.host)
        except Malformed:
            return []
        if item.author.remote_id == own:
            return [Entry(item.remote_id, item.posted_at, None)]
        return [Entry(item.remote_id, item.posted_at, item)]

    # --- keeping order --------------------------------------------------------------------------

    def hide(self, remote_id: str) -> None:
        raise Refused("Mastodon has no way to hide somebody's reply.", code="not_supported")

    def block(self, remote_person_id: str) -> None:
        self._client.ask(lambda api: api.account_block(remote_person_id), writes=True)


def _published(status: object) -> Published:
    if not isinstance(status, Mapping):
        raise Malformed("no status")
    return Published(
        remote_id=text_of(status.get("id")),
        permalink=text_of(permalink_of(status)),
        published_at=time_of(status.get("created_at")),
    )


def time_of_row(status: Row) -> datetime:
    try:
        return time_of(status.get("created_at"))
    except Malformed:
        return datetime.now(UTC)
