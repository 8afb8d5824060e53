"""Bluesky: any server of the AT Protocol that speaks `app.bsky`, through the `atproto` library.

A post is written under a record key made from the delivery's own key, so writing it a second time
changes nothing and whether it went out can be read back for certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from atproto import models

from platforms import measures
from platforms.bluesky_client import BlueskyClient
from platforms.bluesky_oauth import OAUTH, BlueskySignIn
from platforms.bluesky_records import (
    POST,
    THREADGATE,
    block_key,
    entries_of,
    gate_with,
    limits_of,
    own_post_of,
    root_of,
    rows_of,
    split_uri,
    tid,
    timestamp,
)
from platforms.bluesky_writer import BlueskyWriter
from platforms.chain import look_up_thread, posts_of, write_thread
from platforms.checking import post_problems
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
    PostAddress,
    Presence,
    Published,
    Rate,
    Refused,
    Remember,
    Steps,
    TextUnit,
    VideoLimits,
)
from platforms.declining import Declining
from platforms.failures import Malformed, time_of
from platforms.images import fit
from platforms.markup import clean_line, clean_text, safe_url
from platforms.paging import Entry, read_ahead, read_down

_PAGE = 50
_POINTS = {Deed.PUBLISH: 3, Deed.MODERATE: 3}
_NOTICES = 100  # the most that the server gives; a page of one millisecond is then unlikely
_BLOCK = "app.bsky.graph.block"


class BlueskyAdapter(Declining):
    """See `platforms.contract.Adapter`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="bluesky",
        label="Bluesky",
        limits=Limits(
            # Lexicons app.bsky.feed.post and app.bsky.embed.images (images of 2 MB since 2026).
            # Alternative text has no limit there; the app itself stops at 2,000.
            text_max=300,
            unit=TextUnit.GRAPHEME,
            text_bytes_max=3_000,
            images_max=4,
            image_bytes_max=2_000_000,
            image_types=("image/jpeg", "image/png", "image/webp"),
            alt_text_max=2_000,
            # Three minutes and 100 MB: https://docs.bsky.app/docs/tutorials/video. The lexicon
            # app.bsky.embed.video has 300 MB since August 2026, which not all servers know.
            video=VideoLimits(bytes_max=100_000_000, seconds_max=180.0),
            parts_max=25,  # no limit there; what somebody may still read
        ),
        moderation=measures.BLUESKY,
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.SEARCH,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.VIDEO,
                Feature.HIDE,
                Feature.BLOCK,
                Feature.FIND_PUBLISHED,
                Feature.THREAD,
                Feature.QUOTE,
            }
        ),
        secret_label="App password",  # noqa: S106 - a label on a form
        secret_help="In Bluesky: Settings, Privacy and security, App passwords.",  # noqa: S106
        handle_help="The full handle, such as council.bsky.social.",
        revoke_help=(
            "In Bluesky: Settings, Privacy and security, App passwords. What was agreed to by "
            "signing in: on the account page of its server, such as bsky.social/account."
        ),
        default_base_url="https://bsky.social",
        asks_base_url=True,
        oauth=OAUTH,
        post_address=PostAddress(
            r"https://bsky\.app/profile/([\w.:-]+)/post/(\w+)",
            r"at://\1/app.bsky.feed.post/\2",
            "https://bsky.app/profile/name.bsky.social/post/3k…",
        ),
        note=(
            "Bluesky prepares a video only once its post is out, so it can be watched a little "
            "later; and only for accounts whose email address is confirmed there."
        ),
        # https://docs.bsky.app/docs/advanced-guides/rate-limits (November 2026): points for what an
        # account writes (a new record takes 3), and requests by address.
        rates=(
            Rate("points", 5_000, 3_600, _POINTS),
            Rate("points", 35_000, 86_400, _POINTS),
            Rate(
                "requests",
                3_000,
                300,
                {Deed.PUBLISH: 2, Deed.UPLOAD: 1, Deed.READ: 1, Deed.MODERATE: 3},
                shared=True,
            ),
        ),
    )

    sign_in = BlueskySignIn

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._client = BlueskyClient(connection, network, remember)
        self._writer = BlueskyWriter(self._client)
        self._limits: Limits | None = None

    # --- who, and how much --------------------------------------------------------------------

    def verify(self) -> Identity:
        """Who the credentials belong to; name and picture too where the server knows them."""
        account = self._client.query("com.atproto.server.getSession", None, dict)
        if account.get("active") is False:
            status = clean_line(account.get("status")) or "not active"
            raise AuthorisationLost(f"Bluesky says that this account is {status}.", code="inactive")
        did = self._client.did
        handle = clean_line(account.get("handle"), 253) or self._client.handle
        try:
            profile = self._client.query(
                "app.bsky.actor.getProfile",
                models.AppBskyActorGetProfile.Params(actor=did),
                dict,
            )
        except PlatformError:
            profile = {}  # the AppView learns of a new account a second or more after its server
        return Identity(
            remote_id=did,
            handle=handle,
            display_name=clean_line(profile.get("displayName")) or handle,
            profile_url=f"https://bsky.app/profile/{handle}",
            avatar_url=safe_url(profile.get("avatar")),
        )

    def limits(self) -> Limits:
        """The network's, less where this server takes in smaller files."""
        if self._limits is None:
            try:
                server = self._client.query("com.atproto.server.describeServer", None, dict)
            except Refused:
                server = {}  # it is one that does not tell
            self._limits = limits_of(server, self.info.limits)
        return self._limits

    def lapses_at(self) -> datetime | None:
        return self._client.lapses_at()

    # --- out ------------------------------------------------------------------------------------

    def allowance(self) -> Allowance | None:
        return self._client.allowance()

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Signs in or renews the session, uploads the pictures, resolves who is named."""
        fitted = self._fitting(post)
        self._client.query("com.atproto.server.getSession", None, dict)
        for one, images in fitted:
            self._writer.prepare(one, images, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        """Write the post under its own key, and so each post of a thread.

        `post.created_at` becomes the post's time there and decides its place in timelines.
        """
        fitted = {one.key: images for one, images in self._fitting(post)}
        if not post.parts:
            return self._writer.write(post, fitted[post.key], steps).published
        return write_thread(
            post,
            steps,
            send=lambda one, mark: self._writer.write(one, fitted[one.key], steps, mark),
        )

    def _fitting(self, post: Outgoing) -> list[tuple[Outgoing, list[Image]]]:
        """Each post of a thread with its pictures as this server takes them.

        Raises Refused for what it never takes.
        """
        films = any(one.video for one in posts_of(post))
        limits = self.limits() if films else self.info.limits  # every server takes a picture
        for problem in post_problems(post, self.info, limits):
            raise Refused(problem.message, code=problem.code)
        return [(one, [fit(image, limits) for image in one.images]) for one in posts_of(post)]

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Certain: the record key of the post is known before it is written."""
        return look_up_thread(post, self._find)

    def _find(self, post: Outgoing) -> Lookup:
        rkey = tid(post.created_at, post.key)
        record = self._record(POST, rkey)
        if record is None:
            return Lookup(Presence.ABSENT)
        if record.get("text") != post.text:
            return Lookup(Presence.UNCLEAR, reason="It went out with another text.")
        try:
            at = time_of(record.get("createdAt"))
        except Malformed:
            at = post.created_at
        return Lookup(Presence.FOUND, self._writer.published(rkey, at))

    def _record(self, collection: str, rkey: str) -> Mapping[str, Any] | None:
        """One of our own records, or None when there is none of this key."""
        try:
            return self._client.query(
                "com.atproto.repo.getRecord",
                models.ComAtprotoRepoGetRecord.Params(
                    repo=self._client.did, collection=collection, rkey=rkey
                ),
                _value,
            )
        except Refused as refused:
            if refused.code == "RecordNotFound" or "not locate record" in refused.message:
                return None
            raise

    def delete(self, remote_id: str) -> None:
        try:
            did, collection, rkey = split_uri(remote_id)
        except Malformed:
            raise Refused("This is not a post on Bluesky.", code="not_a_post") from None
        if did != self._client.did or collection != POST:
            raise Refused("This is not a post of this account.", code="not_our_post")
        self._take_away(POST, rkey)

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        def page(place: str) -> tuple[list[Entry[Incoming]], str]:
            entries, following = self._client.query(
                "app.bsky.notification.listNotifications",
                models.AppBskyNotificationListNotifications.Params(
                    limit=_NOTICES if cursor else _PAGE,
                    cursor=place or None,
                    reasons=["mention", "reply", "quote"],
                ),
                lambda answer: entries_of(answer, "notifications", None),
            )
            return entries, _overlapping(following, place)

        return read_down(cursor, page=page)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        def records(after: str | None) -> list[Entry[OwnPost]]:
            rows = self._client.query(
                "com.atproto.repo.listRecords",
                models.ComAtprotoRepoListRecords.Params(
                    repo=self._client.did,
                    collection=POST,
                    limit=_PAGE,
                    cursor=after or None,
                    reverse=None if after is None else True,
                ),
                lambda answer: rows_of(answer, "records"),
            )
            return [self._own_entry(entry) for entry in rows]

        return read_ahead(cursor, newest=lambda: records(None), after=records, page_size=_PAGE)

    def _own_entry(self, entry: Mapping[str, Any]) -> Entry[OwnPost]:
        try:
            post = own_post_of(entry, self._client.handle)
        except Malformed:
            return Entry(str(entry.get("uri")).rpartition("/")[2], datetime.now(UTC), None)
        return Entry(split_uri(post.remote_id)[2], post.posted_at, post)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        words = clean_text(query, 300)
        if not words:
            raise Refused("There is nothing to search for.", code="empty_query")

        def page(place: str) -> tuple[list[Entry[Incoming]], str]:
            entries, following = self._client.query(
                "app.bsky.feed.searchPosts",
                models.AppBskyFeedSearchPosts.Params(
                    q=words, sort="latest", limit=_PAGE, cursor=place or None
                ),
                lambda answer: entries_of(answer, "posts", MentionKind.MATCH),
            )
            own = self._client.did
            return [e for e in entries if not e.item or e.item.author.remote_id != own], following

        return read_down(cursor, page=page, max_pages=4, resume=False)

    # --- keeping order ----------------------------------------------------------------------

    def hide(self, remote_id: str) -> None:
        """Hide a reply under a post of ours, by the thread's gate (`hiddenReplies`)."""
        self._gate(remote_id, hide=True)

    def show(self, remote_id: str) -> None:
        self._gate(remote_id, hide=False)

    def _gate(self, remote_id: str, *, hide: bool) -> None:
        root = root_of(self._writer.view(remote_id))
        if not root.startswith(f"at://{self._client.did}/{POST}/"):
            raise Refused("Only replies under our own posts can be hidden.", code="not_ours")
        rkey = root.rpartition("/")[2]
        gate = gate_with(self._record(THREADGATE, rkey) or {}, root, remote_id, hide=hide)
        if gate is not None:
            self._write(THREADGATE, rkey, gate)

    def block(self, remote_person_id: str) -> None:
        self._write(
            _BLOCK,
            block_key(remote_person_id),
            {
                "$type": _BLOCK,
                "subject": remote_person_id,
                "createdAt": timestamp(datetime.now(UTC)),
            },
        )

    def unblock(self, remote_person_id: str) -> None:
        self._take_away(_BLOCK, block_key(remote_person_id))

    def _take_away(self, collection: str, rkey: str) -> None:
        data = models.ComAtprotoRepoDeleteRecord.Data(
            repo=self._client.did, collection=collection, rkey=rkey
        )
        self._client.ask(lambda client: client.com.atproto.repo.delete_record(data), writes=True)

    def _write(self, collection: str, rkey: str, record: dict[str, Any]) -> None:
        data = models.ComAtprotoRepoPutRecord.Data(
            repo=self._client.did, collection=collection, rkey=rkey, record=record
        )
        self._client.ask(lambda client: client.com.atproto.repo.put_record(data), writes=True)


def _value(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    value = answer.get("value")
    if not isinstance(value, dict):
        raise Malformed("no record")
    return value


def _overlapping(following: str, place: str) -> str:
    """Where to go on in the notifications without skipping any.

    Their cursor is the time of a page's last one, and the next page starts below it: others of
    that very millisecond would be left out. So ask from a millisecond higher, unless that is
    where this page came from (more of one time than a page holds). A cursor of another form is
    left as it is.
    """
    try:
        last = datetime.fromisoformat(following)
        higher = timestamp(last + timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        return following
    return following if last.tzinfo is None or higher == place else higher
