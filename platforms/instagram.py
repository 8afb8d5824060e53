"""An Instagram professional account, through the Graph API and the Page it belongs to.

Instagram takes no key of ours, but says of a container whether it was published; where that does
not help, whether a post went out is answered by reading the account's own posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from platforms import measures
from platforms._graph import GraphClient, Row, is_success, part, rows_of
from platforms.checking import post_problems
from platforms.contract import (
    Allowance,
    AuthorisationLost,
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
    PlatformError,
    PlatformInfo,
    Presence,
    Published,
    Rate,
    Refused,
    Remember,
    Steps,
    TextUnit,
    VideoLimits,
)
from platforms.counting import text_problems
from platforms.declining import Declining
from platforms.failures import Malformed, text_of
from platforms.hosts import own_host
from platforms.instagram_inbox import InstagramInbox
from platforms.instagram_views import (
    ACCOUNT_FIELDS,
    COMMENT_FIELDS,
    MEDIA_FIELDS,
    comment_candidate,
    identity_of,
    media_candidate,
    own_post_of,
)
from platforms.instagram_writer import InstagramWriter, is_gone
from platforms.lookup import Candidate, look_up
from platforms.meta_oauth import META_OAUTH, META_REVOKE_HELP
from platforms.paging import Entry, read_down

_PAGE = 50
_REQUESTS = {Deed.PUBLISH: 3, Deed.UPLOAD: 2, Deed.READ: 2, Deed.MODERATE: 1}


class InstagramAdapter(Declining):
    """See `platforms.contract.Adapter`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="instagram",
        label="Instagram",
        limits=Limits(
            text_max=2_200,
            unit=TextUnit.CHARACTER,
            images_max=10,
            image_bytes_max=8_000_000,
            image_types=("image/jpeg",),
            image_ratio=(0.8, 1.91),
            alt_text_max=1_000,
            media_required=True,
            media_by_url=True,
            hashtags_max=30,
            video=VideoLimits(300_000_000, 900.0, 3.0, ("video/mp4", "video/quicktime")),
        ),
        moderation=measures.INSTAGRAM,
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.HIDE,
                Feature.REMOVE,
                Feature.VIDEO,
                Feature.REEL,
                Feature.STORY,
            }
        ),
        secret_label="Page access token",  # noqa: S106 - a label on a form
        secret_help=(  # noqa: S106
            "Of the Facebook Page that the Instagram account belongs to, and long-lived: in the "
            "Graph API Explorer, me/accounts lists it for each Page."
        ),
        handle_help="The name without its @, such as northmoor_fire.",
        default_base_url=own_host("instagram"),
        asks_base_url=False,
        # https://developers.facebook.com/docs/instagram-platform/content-publishing: 100 posts in
        # 24 hours; requests as for Pages. A reading asks two lists.
        rates=(
            Rate("posts", 100, 86_400, {Deed.PUBLISH: 1}),
            Rate("requests", 1_000, 3_600, _REQUESTS),
        ),
        revoke_help=META_REVOKE_HELP,
        oauth=replace(
            META_OAUTH,
            uses={
                "instagram_basic": "The account cannot be read.",
                "instagram_content_publish": "Nothing can be posted.",
                "instagram_manage_comments": "Comments cannot be answered or hidden.",
                "pages_show_list": "The Page it belongs to cannot be found.",
            },
        ),
        note=(
            "Comments and tags are read and answered. Posting is not possible yet: Instagram "
            "fetches pictures from a public address, and this desk has none."
        ),
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._client = GraphClient("instagram", "Instagram", connection, network)
        self._own_id = connection.remote_id
        self._handle = connection.handle.lstrip("@")

    # --- who, and how much --------------------------------------------------------------------

    def verify(self) -> Identity:
        fields = f"instagram_business_account{{{ACCOUNT_FIELDS}}}"
        lost = AuthorisationLost(
            "This token is not of a Page with an Instagram account.", code="not_a_page"
        )
        try:
            account = self._client.get(
                "me", "", lambda page: (text_of(page.get("id")), page), fields=f"id,{fields}"
            )[1]
        except Refused as refused:
            if refused.code != "100":  # a field that a person has not
                raise
            account = {}
        if not part(account, "instagram_business_account"):
            raise lost
        try:
            identity = identity_of(part(account, "instagram_business_account"))
        except Malformed:
            raise lost from None
        self._own_id, self._handle = identity.remote_id, identity.handle
        return identity

    def limits(self) -> Limits:
        return self.info.limits

    def _id(self) -> str:
        return self._own_id or self.verify().remote_id

    def posts_left(self) -> int | None:
        """How many posts Instagram takes today; None where it does not say."""

        def pick(answer: Row) -> int | None:
            rows, _ = rows_of(answer)
            used = rows[0].get("quota_usage") if rows else None
            total = part(rows[0], "config").get("quota_total") if rows else None
            both = isinstance(used, int) and isinstance(total, int)
            return max(0, total - used) if both else None  # type: ignore[operator]  # two numbers

        return self._client.get(
            self._id(), "content_publishing_limit", pick, fields="quota_usage,config"
        )

    # --- out ------------------------------------------------------------------------------------

    def allowance(self) -> Allowance | None:
        return self._client.allowance()

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Lets Instagram fetch the pictures, which shows nothing to anybody."""
        self._check(post)
        if post.reply_to:
            self.verify()
            return
        self._writer().container(post, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        self._check(post)
        if post.reply_to:
            steps.put("about_to_send", True)
            return self._reply(post)
        try:
            container = self._writer().container(post, steps)
        except Refused as refused:
            if not is_gone(refused):
                raise
            container = ""
        if not container:
            self._writer().forget(post, steps)
            container = self._writer().container(post, steps)
        steps.put("about_to_send", True)  # the last moment to learn that somebody else has it
        remote_id = self._writer().show(container)
        return self._published(remote_id)

    def _writer(self) -> InstagramWriter:
        return InstagramWriter(self._client, self._id())

    def _check(self, post: Outgoing) -> None:
        """Raises Refused for what Instagram never takes; it fetches pictures, so none is fitted."""
        limits = self.limits()
        if post.reply_to:
            words = replace(limits, media_required=False, images_max=0)
            problems = text_problems(post.text, words, post.images)
        else:
            problems = list(post_problems(post, self.info, limits))
        for problem in problems:
            raise Refused(problem.message, code=problem.code)
        for number, image in enumerate(post.images, 1):
            if image.mime not in limits.image_types:
                raise Refused(
                    f"Picture {number} is of a kind that cannot be read by Instagram.",
                    code="image_type",
                )
            if len(image.data) > limits.image_bytes_max:
                raise Refused(f"Picture {number} is too large.", code="image_too_large")

    def _published(self, remote_id: str) -> Published:
        """What is shown, with its address; that it cannot be read now does not undo it."""
        try:
            row = self._client.get(remote_id, "", dict, fields=MEDIA_FIELDS)
            post = own_post_of(row)
        except (PlatformError, Malformed):
            link = f"https://www.instagram.com/{self._handle}/"
            return Published(remote_id, link, datetime.now(UTC))
        return Published(remote_id, post.permalink, post.posted_at)

    def _reply(self, post: Outgoing) -> Published:
        to = post.reply_to
        assert to is not None
        kind = to.extra.get("kind", "media")

        def pick(answer: Row) -> str:
            return text_of(answer.get("id"))

        if kind == "comment":
            remote_id = self._client.post(
                to.remote_id, "replies", {"message": post.text}, pick, writes=True
            )
        else:
            remote_id = self._client.post(
                self._id(),
                "mentions",
                {"media_id": to.remote_id, "message": post.text},
                pick,
                writes=True,
            )
        return Published(remote_id, "https://www.instagram.com", datetime.now(UTC))

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Reads the account's own posts, or the answers under the comment that is answered."""
        if post.reply_to and post.reply_to.extra.get("kind", "media") != "comment":
            reason = "Instagram does not let the comments under somebody else's post be read."
            return Lookup(Presence.UNCLEAR, reason=reason)

        def page(place: str) -> tuple[Sequence[Candidate], str]:
            if not post.reply_to:
                rows, following = self._own_posts(place)
                return [media_candidate(row) for row in rows], following
            to = post.reply_to.remote_id
            rows, following = self._client.rows(
                to, "replies", place, fields=COMMENT_FIELDS, limit=_PAGE
            )
            return [comment_candidate(r, to) for r in rows if self._is_ours(r)], following

        return look_up(post, since=since, page=page, settled=timedelta(seconds=60))

    def _is_ours(self, row: Row) -> bool:
        return self._handle in (row.get("username"), part(row, "from").get("username"))

    def delete(self, remote_id: str) -> None:
        self._client.delete(remote_id)

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        """Comments under our posts, and posts that the account is tagged in."""
        return InstagramInbox(self._client, self._id(), self._handle).read(cursor)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        def page(place: str) -> tuple[list[Entry[OwnPost]], str]:
            rows, following = self._own_posts(place)
            return [_own_entry(row) for row in rows], following

        return read_down(cursor, page=page)

    def _own_posts(self, place: str) -> tuple[list[Row], str]:
        return self._client.rows(self._id(), "media", place, fields=MEDIA_FIELDS, limit=_PAGE)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        raise Refused("Instagram lets no program search for words.", code="not_supported")

    # --- keeping order --------------------------------------------------------------------------

    def hide(self, remote_id: str) -> None:
        """Hide a comment under a post of ours."""
        self._client.post(remote_id, "", {"hide": "true"}, is_success, writes=True)

    def show(self, remote_id: str) -> None:
        self._client.post(remote_id, "", {"hide": "false"}, is_success, writes=True)

    def remove(self, remote_id: str) -> None:
        self._client.delete(remote_id)


def _own_entry(row: Row) -> Entry[OwnPost]:
    try:
        post = own_post_of(row)
        return Entry(post.remote_id, post.posted_at, post)
    except Malformed:
        return Entry(str(row.get("id") or ""), datetime.now(UTC), None)
