"""LinkedIn, for the page of an organisation, by its versioned REST API.

LinkedIn takes no key of ours. It refuses a text that it has just taken and names the first post,
which need not be there: whether a post went out is answered by reading the organisation's posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from platforms import measures
from platforms.checking import fitting, refuse_uncorrectable
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
    NetworkPolicy,
    Offered,
    Outgoing,
    OwnPost,
    PlatformInfo,
    Published,
    Rate,
    Refused,
    Remember,
    Steps,
    TextUnit,
    Video,
    VideoLimits,
)
from platforms.declared import OAuth
from platforms.declining import Declining
from platforms.failures import Malformed
from platforms.hosts import own_host
from platforms.linkedin_client import LinkedInClient, quoted
from platforms.linkedin_views import (
    candidate_of,
    comment_candidate,
    id_in,
    identity_of,
    incoming_of,
    own_post_of,
    urn_of,
)
from platforms.linkedin_writer import LinkedInWriter
from platforms.lookup import Candidate, look_up
from platforms.paging import Entry, read_down
from platforms.rest import Row, objects

_PAGE = 50


class LinkedInAdapter(Declining):
    """See `platforms.contract.Adapter`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="linkedin",
        label="LinkedIn",
        # https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api,
        # images-api and videos-api (November 2026)
        limits=Limits(
            text_max=3_000,
            unit=TextUnit.UTF16,
            images_max=20,
            image_bytes_max=8_000_000,
            image_pixels_max=36_152_320,
            image_types=("image/gif", "image/jpeg", "image/png"),
            alt_text_max=4_086,
            video=VideoLimits(500_000_000, 1_800.0, 3.0, ("video/mp4",)),
        ),
        moderation=measures.LINKEDIN,
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.VIDEO,
                Feature.LINK,
                Feature.EDIT,
            }
        ),
        secret_label="Access token",  # noqa: S106 - a label on a form
        secret_help=(  # noqa: S106
            "At linkedin.com/developers, under your app with Community Management: OAuth token "
            "tools. It lives for 60 days."
        ),
        handle_help="The page's name as it stands in its address, such as northmoor-fire.",
        default_base_url=own_host("linkedin"),
        asks_base_url=False,
        # LinkedIn publishes no numbers; its developer portal shows an app's own for each day.
        rates=(
            Rate("requests", 500, 86_400, {Deed.PUBLISH: 1, Deed.UPLOAD: 2}),
            Rate("readings", 60, 3_600, {Deed.READ: 1}),
        ),
        revoke_help=(
            "On LinkedIn, as the person who connected the page: Settings, Data privacy, Other "
            "applications, Permitted services."
        ),
        oauth=OAuth(
            authorise_url="https://www.linkedin.com/oauth/v2/authorization",
            token_path="https://www.linkedin.com/oauth/v2/accessToken",  # noqa: S106 - an address
            scopes=(
                "r_organization_admin",
                "r_organization_social",
                "w_organization_social",
                "r_organization_social_feed",
                "w_organization_social_feed",
            ),
            app_help=(
                "An app of your organisation's page, verified by it, with the product Community "
                "Management API and no other. Under Auth: this redirect address, and the id and "
                "secret."
            ),
            console="https://www.linkedin.com/developers/apps",
            id_label="Client ID",
            secret_label="Primary Client Secret",  # noqa: S106 - a label on a form
            review=(
                "LinkedIn looks at who asks for the Community Management API: a form for its "
                "Development tier, and a recording of the desk at work for the Standard tier."
            ),
            refresh="refresh_token",
            revoke_path="https://www.linkedin.com/oauth/v2/revoke",
            uses={
                "r_organization_admin": "Whose page it is cannot be checked.",
                "r_organization_social": "The page's own posts cannot be read.",
                "w_organization_social": "Nothing can be posted or deleted.",
                "r_organization_social_feed": "Comments do not come in.",
                "w_organization_social_feed": "Comments cannot be answered.",
            },
            lives=timedelta(days=60),
            lists_accounts=True,
        ),
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._client = LinkedInClient(connection, network, remember)
        self._secret = connection.secret
        self._own = connection.remote_id
        self._handle = connection.handle.strip().lstrip("@").lower()

    # --- who, and how much --------------------------------------------------------------------

    def verify(self) -> Identity:
        """The organisation that was named, as long as the token's person looks after its page."""
        managed = self._managed()
        if self._own and urn_of(self._own) in managed:
            return self._organisation(urn_of(self._own))
        found = [self._organisation(urn) for urn in managed]
        for identity in found:
            told = {identity.handle.lower(), identity.display_name.lower(), identity.remote_id}
            if self._handle in told or (not self._handle and len(found) == 1):
                self._own = identity.remote_id
                return identity
        raise AuthorisationLost(
            "The person of this token is no administrator of that page.", code="no_page"
        )

    def offered(self) -> list[Offered]:
        """The pages that the token's person looks after."""
        return [
            Offered("linkedin", self._organisation(urn), self._secret) for urn in self._managed()
        ]

    def _managed(self) -> list[str]:
        def pick(answer: Row) -> list[str]:
            if not isinstance(answer.get("elements"), list):
                raise Malformed("no list")
            rows = objects(answer["elements"])
            urns = [str(row.get("organization") or "") for row in rows]
            return [urn for urn in urns if urn.startswith("urn:li:organization:")]

        return self._client.find(
            "organizationAcls", "roleAssignee", pick, role="ADMINISTRATOR", state="APPROVED"
        )[:20]

    def _organisation(self, urn: str) -> Identity:
        return self._client.get(f"organizations/{id_in(urn)}", identity_of)

    def limits(self) -> Limits:
        return self.info.limits

    def _urn(self) -> str:
        return urn_of(self._own or self.verify().remote_id)

    # --- out ------------------------------------------------------------------------------------

    def allowance(self) -> Allowance | None:
        return self._client.allowance()

    def lapses_at(self) -> datetime | None:
        return self._client.lapses_at()

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Proves the token and uploads pictures and video, which nobody sees yet."""
        media = self._media(post)
        if not media:
            self.verify()  # an upload proves the token as well
        writer = LinkedInWriter(self._client, self._urn())
        for one in media:
            writer.upload(one, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        media = self._media(post)
        writer = LinkedInWriter(self._client, self._urn())
        remote_id = writer.write(post, media, steps)
        return Published(remote_id, _link(remote_id), datetime.now(UTC))

    def _media(self, post: Outgoing) -> list[Image | Video]:
        """What goes along, as LinkedIn takes it. Raises Refused for what it never takes."""
        if post.reply_to and len(post.images) > 1:
            raise Refused("A comment has one picture at most.", code="too_many_images")
        if post.reply_to and post.video:
            raise Refused("A comment has no video on LinkedIn.", code="not_supported")
        images = fitting(post, self.info, self.limits())
        return [*images, *([post.video] if post.video else [])]

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Reads the organisation's own posts, or the comments under what a reply answers."""
        if post.reply_to:
            return self._find_comment(post, since)

        def page(place: str) -> tuple[Sequence[Candidate], str]:
            rows, following = self._own_posts(place)
            return [candidate_of(row) for row in rows], following

        return look_up(post, since=since, page=page, reply_to="")

    def _find_comment(self, post: Outgoing, since: datetime) -> Lookup:
        to = post.reply_to
        assert to is not None
        under, own = to.extra.get("object") or to.remote_id, self._urn()

        def page(_place: str) -> tuple[Sequence[Candidate], str]:
            rows = self._client.get(f"socialActions/{quoted(to.remote_id)}/comments", _elements)
            ours = [row for row in rows if row.get("actor") == own]
            return [comment_candidate(row, _link(under)) for row in ours], ""

        return look_up(post, since=since, page=page)

    def _own_posts(self, place: str) -> tuple[list[Row], str]:
        start = int(place) if place.isdigit() else 0
        rows = self._client.find(
            "posts",
            "author",
            _elements,
            author=self._urn(),
            count=_PAGE,
            start=start,
            sortBy="CREATED",
        )
        return rows, str(start + len(rows)) if len(rows) >= _PAGE else ""

    def edit(self, remote_id: str, post: Outgoing) -> None:
        refuse_uncorrectable(post, self.info, self.limits())
        LinkedInWriter(self._client, self._urn()).edit(remote_id, post.text)

    def delete(self, remote_id: str) -> None:
        self._client.delete(f"posts/{quoted(remote_id)}")

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        """Comments under the organisation's posts, and posts that name it, of 60 days."""
        own = self._urn()

        def page(place: str) -> tuple[list[Entry[Incoming]], str]:
            start = int(place) if place.isdigit() else 0
            rows = self._client.find(
                "organizationalEntityNotifications",
                "criteria",
                _elements,
                organizationalEntity=own,
                actions="List(COMMENT,SHARE_MENTION)",
                count=_PAGE,
                start=start,
            )
            return (
                [_entry(row, own) for row in rows],
                str(start + len(rows)) if len(rows) >= _PAGE else "",
            )

        return read_down(cursor, page=page)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        def page(place: str) -> tuple[list[Entry[OwnPost]], str]:
            rows, following = self._own_posts(place)
            return [_own_entry(row) for row in rows], following

        return read_down(cursor, page=page)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        raise Refused("LinkedIn lets no program search its posts.", code="not_supported")

    # --- keeping order --------------------------------------------------------------------------


def _link(urn: str) -> str:
    return f"https://www.linkedin.com/feed/update/{urn}/"


def _elements(answer: Row) -> list[Row]:
    if not isinstance(answer.get("elements"), list):
        raise Malformed("no list")
    return list(objects(answer["elements"]))


def _entry(row: Row, own: str) -> Entry[Incoming]:
    try:
        item = incoming_of(row)
    except Malformed:  # one row that cannot be read must not stop the rest
        return Entry(str(row.get("notificationId") or ""), datetime.now(UTC), None)
    ours = item.author.remote_id == own
    return Entry(item.remote_id, item.posted_at, None if ours else item)


def _own_entry(row: Row) -> Entry[OwnPost]:
    try:
        post = own_post_of(row)
        return Entry(post.remote_id, post.posted_at, post)
    except Malformed:
        return Entry(str(row.get("id") or ""), datetime.now(UTC), None)
