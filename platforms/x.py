"""X, through tweepy: API v2 with OAuth 2 tokens or OAuth 1.0a keys.

X takes no key of ours. It refuses a text that the account has just posted, and otherwise whether a
post went out is answered by reading the account's own posts. Reading is charged for, so lists are
asked for what is above the newest id that is known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

from platforms import measures
from platforms.chain import Link, look_up_thread, posts_of, write_thread
from platforms.checking import fitting
from platforms.contract import (
    Allowance,
    Batch,
    Connection,
    Deed,
    Feature,
    Identity,
    Incoming,
    Limits,
    Lookup,
    NetworkPolicy,
    Outgoing,
    OwnPost,
    PlatformInfo,
    PollLimits,
    PostAddress,
    Published,
    Rate,
    Refused,
    Remember,
    Steps,
    TextUnit,
    VideoLimits,
)
from platforms.declared import OAuth, SecretPart
from platforms.declining import Declining
from platforms.failures import Malformed
from platforms.hosts import own_host
from platforms.images import fit
from platforms.lookup import Candidate, look_up
from platforms.markup import clean_text
from platforms.paging import Entry, read_since
from platforms.x_client import XClient
from platforms.x_inbox import PAGE, XInbox, page_size
from platforms.x_views import (
    FIELDS,
    PEOPLE,
    Row,
    candidate_of,
    own_post_of,
    part,
    person_of,
    rows_of,
    settled,
    time_in,
)
from platforms.x_writer import XWriter

T = TypeVar("T")

_MONTH_S = 30 * 86_400


def _budget(variable: str, usual: int) -> int:
    told = os.environ.get(variable, "")
    return int(told) if told.isdigit() and int(told) > 0 else usual


_WRITTEN = _budget("X_MONTHLY_POSTS", 3_000)
_READ = _budget("X_MONTHLY_READS", 10_000)


class XAdapter(Declining):
    """See `platforms.contract.Adapter`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="x",
        label="X",
        # https://docs.x.com/x-api/media/quickstart/best-practices (November 2026)
        limits=Limits(
            text_max=280,
            unit=TextUnit.WEIGHTED,
            url_length=23,
            images_max=4,
            image_bytes_max=5_000_000,
            image_types=("image/gif", "image/jpeg", "image/png", "image/webp"),
            gif_alone=True,
            alt_text_max=1_000,
            video=VideoLimits(512_000_000, 140.0, 0.5, ("video/mp4", "video/quicktime")),
            poll=PollLimits(4, 25, 5, 10_080),
            parts_max=25,
        ),
        post_address=PostAddress(
            r"https://(?:www\.|mobile\.)?(?:x|twitter)\.com/\w+/status/(\d{1,20})",
            r"\1",
            "https://x.com/name/status/123…",
        ),
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.SEARCH,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.HIDE,
                Feature.VIDEO,
                Feature.THREAD,
                Feature.POLL,
                Feature.QUOTE,
                Feature.AUDIENCE,
            }
        ),
        secret_label="Keys and tokens",  # noqa: S106 - a label on a form
        secret_help=(  # noqa: S106
            "At developer.x.com, under your app: Keys and tokens. Make the access token with read "
            "and write permission."
        ),
        handle_help="The name without its @, such as northmoor_fire.",
        default_base_url=own_host("x"),
        asks_base_url=False,
        # https://docs.x.com/x-api/fundamentals/rate-limits (November 2026), for a user's requests.
        # Each post that is written or read costs money, on the bill of the app that all accounts
        # share: the budget for a month is the organisation's own, and one bad day takes at most a
        # tenth of what may be read.
        rates=(
            Rate("posts", 100, 900, {Deed.PUBLISH: 1}),
            Rate("requests", 300, 900, {Deed.READ: 1}),
            Rate("uploads", 500, 900, {Deed.UPLOAD: 1}),
            Rate("hidden replies", 50, 900, {Deed.MODERATE: 1}),
            Rate("paid posts", _WRITTEN, _MONTH_S, {Deed.PUBLISH: 1}, shared=True),
            Rate("paid readings", _READ, _MONTH_S, {Deed.ITEM: 1}, shared=True),
            Rate("paid readings", max(1, _READ // 10), 86_400, {Deed.ITEM: 1}, shared=True),
        ),
        moderation=measures.X,
        secret_parts=(
            SecretPart("api_key", "API key"),
            SecretPart("api_key_secret", "API key secret"),
            SecretPart("access_token", "Access token"),
            SecretPart("access_token_secret", "Access token secret"),
        ),
        revoke_help=(
            "On X: Settings, Security and account access, Apps and sessions, Connected apps. Keys "
            "of OAuth 1.0a are made anew at developer.x.com."
        ),
        oauth=OAuth(
            authorise_url="https://x.com/i/oauth2/authorize",
            token_path="/2/oauth2/token",  # noqa: S106 - an address
            scopes=(
                "tweet.read",
                "tweet.write",
                "tweet.moderate.write",
                "users.read",
                "media.write",
                "offline.access",
            ),
            app_help=(
                "A project with an app. Under User authentication settings: Read and write, Web "
                "App and this redirect address. Take the OAuth 2.0 Client ID and Client Secret, "
                "not the API keys."
            ),
            console="https://developer.x.com/en/portal/dashboard",
            id_label="Client ID",
            secret_label="Client Secret",  # noqa: S106 - a label on a form
            review=(
                "X reviews no app, but lets one post and read only as far as its plan is paid for."
            ),
            pkce=True,
            public=True,
            client_by_basic=True,
            refresh="refresh_token",
            revoke_path="/2/oauth2/revoke",
            uses={
                "tweet.read": "Nothing can be read.",
                "tweet.write": "Nothing can be posted or deleted.",
                "tweet.moderate.write": "Replies cannot be hidden.",
                "users.read": "Whose account it is cannot be checked.",
                "media.write": "Pictures and video cannot be posted.",
                "offline.access": "The credentials end after two hours.",
            },
        ),
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._client = XClient(connection, network, remember)
        self._handle = connection.handle.lstrip("@")
        self._own_id = connection.remote_id
        self._writer = XWriter(self._client)

    # --- who, and how much --------------------------------------------------------------------

    def verify(self) -> Identity:
        def pick(answer: Row) -> Identity:
            person = person_of(part(answer, "data"))
            return Identity(
                remote_id=person.remote_id,
                handle=person.handle,
                display_name=person.display_name,
                profile_url=person.profile_url,
                avatar_url=person.avatar_url,
            )

        keys = self._client.by_keys
        identity = self._client.ask(
            lambda api: api.get_me(user_auth=keys, user_fields=PEOPLE), pick
        )
        self._own_id, self._handle = identity.remote_id, identity.handle
        return identity

    def limits(self) -> Limits:
        return self.info.limits

    def _id(self) -> str:
        return self._own_id or self.verify().remote_id

    # --- out ------------------------------------------------------------------------------------

    def allowance(self) -> Allowance | None:
        return self._client.allowance()

    def lapses_at(self) -> datetime | None:
        return self._client.lapses_at()

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Proves the tokens and uploads pictures and videos."""
        fitting(post, self.info, self.limits())
        if not any(one.images or one.video for one in posts_of(post)):
            self.verify()  # an upload proves the tokens as well
        limits = self.limits()
        for one in posts_of(post):
            self._writer.upload([fit(image, limits) for image in one.images], one.video, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        images = fitting(post, self.info, self.limits())
        if not post.parts:
            return self._published(self._writer.write(post, images, steps))
        since = post.created_at
        return write_thread(
            post,
            steps,
            send=lambda one, mark: self._send_one(one, steps, mark),
            find=lambda one: self._find(one, since, any_place=True),
        )

    def _send_one(self, post: Outgoing, steps: Steps, mark: str) -> Link:
        images = [fit(image, self.limits()) for image in post.images]
        return Link(self._published(self._writer.write(post, images, steps, mark)))

    def _published(self, remote_id: str) -> Published:
        link = f"https://x.com/{self._handle or 'i'}/status/{remote_id}"
        return Published(remote_id, link, time_in(remote_id) or datetime.now(UTC))

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Reads the account's own posts since `since`. Of a thread, every part has to be there."""
        first = post.key

        def find(one: Outgoing) -> Lookup:
            return self._find(one, since, any_place=one.key != first)

        return look_up_thread(post, find, goes_on=False)

    def _find(self, post: Outgoing, since: datetime, *, any_place: bool = False) -> Lookup:
        def page(place: str) -> tuple[Sequence[Candidate], str]:
            def pick(answer: Row) -> tuple[list[Candidate], str]:
                rows = [candidate_of(row, self._handle) for row in rows_of(answer)]
                return rows, str(part(answer, "meta").get("next_token") or "")

            return self._own_posts(pick, start=since, token=place)

        reply_to = post.reply_to.remote_id if post.reply_to else ""
        return look_up(post, since=since, page=page, reply_to=None if any_place else reply_to)

    def _own_posts(
        self,
        pick: Callable[[Row], T],
        *,
        start: datetime | None = None,
        token: str = "",
        since: str = "",
        until: str = "",
        number: int = PAGE,
    ) -> T:
        keys, own = self._client.by_keys, self._id()
        asked: dict[str, Any] = {"tweet_fields": FIELDS, "max_results": number}
        # X takes whole seconds, and leaves out posts of the very second it is given.
        asked |= {"start_time": _second_before(start)} if start else {}
        asked |= {"pagination_token": token} if token else {}
        asked |= {"since_id": since} if since else {}
        asked |= {"until_id": until} if until else {}
        return self._client.ask(
            lambda api: api.get_users_tweets(own, user_auth=keys, exclude=["retweets"], **asked),
            pick,
        )

    def delete(self, remote_id: str) -> None:
        keys = self._client.by_keys
        try:
            self._client.ask(
                lambda api: api.delete_tweet(remote_id, user_auth=keys), _done, writes=True
            )
        except Refused as refused:
            if refused.code != "404":
                raise

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        return self._inbox().read(cursor)

    def _inbox(self) -> XInbox:
        own = self._id()
        return XInbox(self._client, own, self._handle)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        def pick(answer: Row) -> list[Entry[OwnPost]]:
            entries: list[Entry[OwnPost]] = []
            for row in rows_of(answer):
                try:
                    post = own_post_of(row, self._handle)
                    entries.append(Entry(post.remote_id, post.posted_at, post))
                except Malformed:
                    entries.append(Entry(str(row.get("id", "")), datetime.now(UTC), None))
            return entries

        def page(since: str, until: str) -> list[Entry[OwnPost]]:
            return self._own_posts(pick, since=since, until=until, number=page_size(cursor))

        return read_since(cursor, page=page, page_size=page_size(cursor), settle=settled)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        """Posts of the last week. X's own operators may be used; our own posts are left out."""
        words = clean_text(query, 400)
        if not words:
            raise Refused("There is nothing to search for.", code="empty_query")
        return self._inbox().search(words, cursor)

    # --- keeping order --------------------------------------------------------------------------

    def hide(self, remote_id: str) -> None:
        """Hide a reply under a post of ours."""
        self._client.ask(
            lambda api: api.hide_reply(remote_id, user_auth=self._client.by_keys),
            lambda answer: _has_it(answer, hidden=True),
            writes=True,
        )

    def show(self, remote_id: str) -> None:
        self._client.ask(
            lambda api: api.unhide_reply(remote_id, user_auth=self._client.by_keys),
            lambda answer: _has_it(answer, hidden=False),
            writes=True,
        )


def _second_before(at: datetime) -> str:
    return (at - timedelta(seconds=10)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _has_it(answer: Row, *, hidden: bool) -> None:
    if part(answer, "data").get("hidden") is not hidden:
        raise Malformed("not as it was asked")


def _done(answer: Row) -> None:
    if not part(answer, "data"):
        raise Malformed("no answer")
