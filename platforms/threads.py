"""Threads, by its own Graph-shaped API.

Threads takes no key of ours. A post is a container first, of which Threads says whether it was
published; otherwise the account's own posts are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from platforms import measures
from platforms._graph import is_success
from platforms.checking import post_problems
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
    MentionKind,
    NetworkPolicy,
    Outgoing,
    OwnPost,
    PlatformError,
    PlatformInfo,
    PostAddress,
    Published,
    Rate,
    Refused,
    Remember,
    Steps,
    TextUnit,
    VideoLimits,
)
from platforms.declared import LongLived, OAuth, Proof
from platforms.declining import Declining
from platforms.failures import Malformed
from platforms.hosts import own_host
from platforms.lookup import Candidate, look_up
from platforms.markup import clean_text
from platforms.paging import Entry, read_down
from platforms.rest import Row
from platforms.threads_client import ThreadsClient
from platforms.threads_inbox import ThreadsInbox
from platforms.threads_views import (
    POST_FIELDS,
    PROFILE_FIELDS,
    candidate_of,
    entry_of,
    identity_of,
    incoming_of,
    own_post_of,
)
from platforms.threads_writer import ThreadsWriter, is_gone

_PAGE = 50
_REQUESTS = {Deed.PUBLISH: 3, Deed.UPLOAD: 2, Deed.READ: 12, Deed.MODERATE: 1}
_QUOTABLE_PAGES = 5


class ThreadsAdapter(Declining):
    """See `platforms.contract.Adapter`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="threads",
        label="Threads",
        # https://developers.facebook.com/docs/threads/overview (November 2026)
        limits=Limits(
            text_max=500,
            unit=TextUnit.EMOJI_BYTES,
            images_max=20,
            image_bytes_max=8_000_000,
            image_types=("image/jpeg", "image/png"),
            image_ratio=(0.1, 10.0),
            alt_text_max=1_000,
            media_by_url=True,
            video=VideoLimits(1_000_000_000, 300.0, 0.1, ("video/mp4", "video/quicktime")),
        ),
        moderation=measures.THREADS,
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.SEARCH,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.HIDE,
                Feature.VIDEO,
                Feature.QUOTE,
                Feature.AUDIENCE,
                Feature.LINK,
            }
        ),
        secret_label="Access token",  # noqa: S106 - a label on a form
        secret_help=(  # noqa: S106
            "At developers.facebook.com, under your app: Use cases, Threads, User Token Generator. "
            "It lives for 60 days."
        ),
        handle_help="The name without its @, such as northmoor_fire.",
        default_base_url=own_host("threads"),
        asks_base_url=False,
        # 250 posts and 1,000 replies in 24 hours. A reading asks for mentions, for the newest posts
        # and for the answers under at most ten of them.
        rates=(
            Rate("posts", 250, 86_400, {Deed.PUBLISH: 1}),
            Rate("requests", 2_400, 3_600, _REQUESTS),
        ),
        revoke_help=(
            "On Threads: Settings, Account, Website permissions; there is no request that does it."
        ),
        oauth=OAuth(
            authorise_url="https://threads.net/oauth/authorize",
            token_path="/oauth/access_token",  # noqa: S106 - an address
            scopes=(
                "threads_basic",
                "threads_content_publish",
                "threads_manage_replies",
                "threads_read_replies",
                "threads_manage_mentions",
                "threads_keyword_search",
                "threads_delete",
            ),
            app_help=(
                "An app with the use case Access the Threads API. In that use case's settings: "
                "this redirect address under Redirect Callback URLs. Take the id and secret of "
                "Threads, which are not those of the app."
            ),
            console="https://developers.facebook.com/apps/",
            id_label="Threads app ID",
            secret_label="Threads app secret",  # noqa: S106 - a label on a form
            review=(
                "Accounts that accepted an invitation as Threads testers of the app can be "
                "connected at once. For any other Meta wants App Review of each permission."
            ),
            proof=Proof.ASKED,
            separator=",",
            refresh="long_lived",
            long_lived=LongLived("/access_token", "th_exchange_token", "access_token"),
            renewal=LongLived(
                "/refresh_access_token", "th_refresh_token", "access_token", with_client=False
            ),
            uses={
                "threads_basic": "Nothing works.",
                "threads_content_publish": "Nothing can be posted.",
                "threads_manage_replies": "Replies cannot be answered or hidden.",
                "threads_read_replies": "Replies do not come in.",
                "threads_manage_mentions": "Mentions do not come in.",
                "threads_keyword_search": "Topics cannot be searched.",
                "threads_delete": "Posts cannot be deleted.",
            },
            lives=timedelta(days=60),
        ),
        post_address=PostAddress(
            r"https://www\.threads\.(?:net|com)/@[\w.]+/post/[\w-]+",
            r"\g<0>",
            "https://www.threads.com/@name/post/C8H…",
        ),
        note=(
            "Words, links and quotes can be posted. Pictures not yet: Threads fetches them from a "
            "public address, and this desk has none."
        ),
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._client = ThreadsClient(connection, network, remember)
        self._own_id = connection.remote_id
        self._handle = connection.handle.lstrip("@")

    # --- who, and how much --------------------------------------------------------------------

    def verify(self) -> Identity:
        identity = self._client.get("me", "", identity_of, fields=PROFILE_FIELDS)
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
        """Lets Threads fetch the pictures into a container, which shows nothing to anybody."""
        self._check(post)
        post = self._with_quoted(post, steps)
        if post.images or post.video:
            self._writer().container(post, steps)
        else:
            self.verify()

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        self._check(post)
        post = self._with_quoted(post, steps)
        writer = self._writer()
        container = ""
        try:
            container = writer.container(post, steps)
        except Refused as refused:
            if not is_gone(refused) or not steps.get(writer.name_of(post)):
                raise
        if not container:
            writer.forget(post, steps)
            container = writer.container(post, steps)
        steps.put("about_to_send", True)  # the last moment to learn that somebody else has it
        return self._published(writer.show(container))

    def _with_quoted(self, post: Outgoing, steps: Steps) -> Outgoing:
        """The post with the id of what it quotes, in the place of an address.

        An address does not hold the id, so it is looked for among the account's own posts.
        """
        code = post.quote.rpartition("/")[2] if post.quote.startswith("https://") else ""
        if not code:
            return post
        name = f"quote.{code}"
        found = steps.get(name)
        if not isinstance(found, str):
            found = self._own_by_code(code)
            steps.put(name, found)
        return replace(post, quote=found)

    def _own_by_code(self, code: str) -> str:
        place = ""
        for _page in range(_QUOTABLE_PAGES):
            rows, place = self._own_posts(place)
            for one in map(candidate_of, rows):
                if one.published.permalink.rstrip("/").rpartition("/")[2] == code:
                    return one.published.remote_id
            if not place:
                break
        raise Refused(
            "Only newer posts of this very account can be quoted on Threads.", code="quote_unknown"
        )

    def _writer(self) -> ThreadsWriter:
        return ThreadsWriter(self._client, self._id())

    def _check(self, post: Outgoing) -> None:
        limits = self.limits()
        for problem in post_problems(post, self.info, limits):
            raise Refused(problem.message, code=problem.code)
        for number, image in enumerate(post.images, 1):
            if image.mime not in limits.image_types:
                raise Refused(
                    f"Picture {number} is of a kind that cannot be read by Threads.",
                    code="image_type",
                )
            if len(image.data) > limits.image_bytes_max:
                raise Refused(f"Picture {number} is too large.", code="image_too_large")

    def _published(self, remote_id: str) -> Published:
        """What is shown, with its address; that it cannot be read now does not undo it."""
        try:
            post = self._client.get(remote_id, "", own_post_of, fields=POST_FIELDS)
        except PlatformError:
            link = f"https://www.threads.net/@{self._handle}"
            return Published(remote_id, link, datetime.now(UTC))
        return Published(remote_id, post.permalink, post.posted_at)

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Reads the account's own posts, or its own replies."""
        edge = "replies" if post.reply_to else "threads"
        reply_to = post.reply_to.remote_id if post.reply_to else ""

        def page(place: str) -> tuple[Sequence[Candidate], str]:
            rows, following = self._own_posts(place, edge)
            return [candidate_of(row) for row in rows], following

        return look_up(
            post, since=since, page=page, reply_to=reply_to, settled=timedelta(seconds=60)
        )

    def delete(self, remote_id: str) -> None:
        self._client.delete(remote_id)

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        """Posts that name the account, and replies under its newest posts."""
        return ThreadsInbox(self._client, self._id(), self._handle).read(cursor)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        def page(place: str) -> tuple[list[Entry[OwnPost]], str]:
            rows, following = self._own_posts(place)
            entries: list[Entry[OwnPost]] = []
            for row in rows:
                try:
                    post = own_post_of(row)
                    entries.append(Entry(post.remote_id, post.posted_at, post))
                except Malformed:
                    entries.append(Entry(str(row.get("id") or ""), datetime.now(UTC), None))
            return entries, following

        return read_down(cursor, page=page)

    def _own_posts(self, place: str, edge: str = "threads") -> tuple[list[Row], str]:
        return self._client.rows(self._id(), edge, place, fields=POST_FIELDS, limit=_PAGE)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        words = clean_text(query, 300)
        if not words:
            raise Refused("There is nothing to search for.", code="empty_query")
        own = self._id()

        def page(place: str) -> tuple[list[Entry[Incoming]], str]:
            asked: dict[str, str | int] = {
                "q": words,
                "search_type": "RECENT",
                "fields": POST_FIELDS,
                "limit": _PAGE,
            }
            rows, following = self._client.rows("", "keyword_search", place, **asked)
            made = [entry_of(row, lambda r: incoming_of(r, MentionKind.MATCH)) for row in rows]
            ours = (own, self._handle)
            kept = [
                e
                for e in made
                if e.item is None
                or (e.item.author.remote_id not in ours and e.item.author.handle not in ours)
            ]
            return kept, following

        return read_down(cursor, page=page, max_pages=4, resume=False)

    # --- keeping order --------------------------------------------------------------------------

    def hide(self, remote_id: str) -> None:
        """Hide a reply under a post of ours."""
        self._manage(remote_id, "true")

    def show(self, remote_id: str) -> None:
        self._manage(remote_id, "false")

    def _manage(self, remote_id: str, hide: str) -> None:
        self._client.post(remote_id, "manage_reply", {"hide": hide}, is_success, writes=True)
