"""A Facebook Page, through the Graph API.

Facebook takes no key of ours. It refuses the text of the last post when it comes again, and
otherwise whether a post went out is answered by reading the Page's own posts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from platforms import measures
from platforms._graph import GraphClient, Row, at_place, is_success, part
from platforms.checking import fitting, missing_is_gone, refuse_uncorrectable
from platforms.contract import (
    GONE,
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
from platforms.declining import Declining
from platforms.facebook_inbox import FacebookInbox
from platforms.facebook_media import publish_video, step_name, upload_photo, upload_video
from platforms.facebook_views import (
    COMMENT_FIELDS,
    OFFER_FIELDS,
    PAGE_FIELDS,
    POST_FIELDS,
    candidate_of,
    identity_of,
    is_banned,
    offers_of,
    own_post_of,
    person_id_of,
)
from platforms.failures import Malformed, text_of
from platforms.hosts import own_host
from platforms.lookup import Candidate, look_up
from platforms.meta_oauth import META_OAUTH, META_REVOKE_HELP
from platforms.paging import Entry, read_down

log = logging.getLogger(__name__)
_PAGE = 50
_REQUESTS = {Deed.PUBLISH: 2, Deed.UPLOAD: 1, Deed.READ: 5, Deed.MODERATE: 1}


class FacebookAdapter(Declining):
    """See `platforms.contract.Adapter`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="facebook",
        label="Facebook Page",
        # https://developers.facebook.com/docs/graph-api/reference/page/feed (November 2026)
        limits=Limits(
            text_max=63_206,
            unit=TextUnit.CHARACTER,
            images_max=10,
            image_bytes_max=4_000_000,
            image_types=("image/gif", "image/jpeg", "image/png"),
            alt_text_max=1_000,
            video=VideoLimits(1_750_000_000, 2_700.0, 1.0, ("video/mp4", "video/quicktime")),
        ),
        moderation=measures.FACEBOOK,
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.HIDE,
                Feature.REMOVE,
                Feature.BLOCK,
                Feature.VIDEO,
                Feature.FIRST_COMMENT,
                Feature.LINK,
                Feature.MESSAGES,
                Feature.EDIT,
            }
        ),
        secret_label="Page access token",  # noqa: S106 - a label on a form
        secret_help=(  # noqa: S106
            "Of the Page itself and long-lived: in the Graph API Explorer, me/accounts lists it "
            "for each Page."
        ),
        handle_help="The Page's name or username.",
        default_base_url=own_host("facebook"),
        asks_base_url=False,
        # Meta counts by how many people engage with a Page and says only in each answer how much of
        # that is used; this is well below what the smallest Page has. A reading asks five lists.
        rates=(Rate("requests", 1_500, 3_600, _REQUESTS),),
        revoke_help=META_REVOKE_HELP,
        oauth=META_OAUTH,
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._client = GraphClient("facebook", "Facebook", connection, network)
        self._own_id = connection.remote_id

    # --- who, and how much --------------------------------------------------------------------

    def verify(self) -> Identity:
        try:
            identity = self._client.get("me", "", identity_of, fields=PAGE_FIELDS)
        except Refused as refused:
            if refused.code != "100":  # a field that a person has not
                raise
            lost = AuthorisationLost(
                "This token is a person's. Take the one of the Page, which me/accounts lists.",
                code="not_a_page",
            )
        else:
            self._own_id = identity.remote_id
            return identity
        raise lost

    def offered(self) -> list[Offered]:
        """The Pages that a person's token speaks for, and their Instagram accounts."""
        found: list[Offered] = []
        place = ""
        for _ in range(10):
            page, place = self._client.get(
                "me", "accounts", offers_of, fields=OFFER_FIELDS, limit=100, **at_place(place)
            )
            found += page
            if not place:
                break
        return found

    def limits(self) -> Limits:
        return self.info.limits

    def _id(self) -> str:
        return self._own_id or self.verify().remote_id

    # --- out ------------------------------------------------------------------------------------

    def allowance(self) -> Allowance | None:
        return self._client.allowance()

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Proves the token and uploads pictures and video, which nobody sees yet."""
        images = fitting(post, self.info, self.limits())
        if not images and not post.video:
            self.verify()  # an upload proves the token as well
        for image in images:
            upload_photo(self._client, self._id(), image, steps)
        if post.video:
            upload_video(self._client, self._id(), post.video, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        images = fitting(post, self.info, self.limits())
        kept = steps.get("published")
        if isinstance(kept, dict):  # a first comment is still to be made
            published = Published(kept["id"], kept["permalink"], datetime.fromisoformat(kept["at"]))
        else:
            published = self._publish(post, images, steps)
        if post.first_comment:
            return replace(published, note=self._first_comment(post, published, steps))
        return published

    def _publish(self, post: Outgoing, images: Sequence[Image], steps: Steps) -> Published:
        if post.video:
            upload = upload_video(self._client, self._id(), post.video, steps)
            steps.put("about_to_send", True)
            remote_id = publish_video(self._client, self._id(), upload, post.text)
            link = f"https://www.facebook.com/{self._id()}/videos/{remote_id}"
            return Published(remote_id, link, datetime.now(UTC))
        photos = self._photos(images, steps)
        steps.put("about_to_send", True)  # the last moment to learn that somebody else has it
        try:
            remote_id = self._send(post, photos)
        except Refused as refused:
            if not photos or refused.code not in ("100", GONE) or post.reply_to:
                raise
            # What Facebook no longer has is uploaded anew, once; the refused request made nothing.
            for image in images:
                steps.put(step_name(image), None)
            remote_id = self._send(post, self._photos(images, steps))
        link = f"https://www.facebook.com/{remote_id}"
        return Published(remote_id, link, datetime.now(UTC))

    def _photos(self, images: Sequence[Image], steps: Steps) -> list[str]:
        return [upload_photo(self._client, self._id(), image, steps) for image in images]

    def _send(self, post: Outgoing, photos: Sequence[str]) -> str:
        def pick(answer: Row) -> str:
            return text_of(answer.get("id"))

        if post.reply_to and post.reply_to.extra.get("person"):
            return self._client.post(
                self._id(),
                "messages",
                {
                    "recipient": json.dumps({"id": post.reply_to.extra["person"]}),
                    "message": json.dumps({"text": post.text}),
                    "messaging_type": "RESPONSE",
                },
                lambda answer: text_of(answer.get("message_id")),
                writes=True,
            )
        if post.reply_to:
            if len(photos) > 1:
                raise Refused("A comment has one picture at most.", code="too_many_images")
            form: dict[str, str | int] = {"message": post.text} if post.text else {}
            form |= {"attachment_id": photos[0]} if photos else {}
            return self._client.post(post.reply_to.remote_id, "comments", form, pick, writes=True)
        form = {"message": post.text} if post.text else {}
        form |= {"link": post.link} if post.link else {}
        if photos:
            form["attached_media"] = json.dumps([{"media_fbid": photo} for photo in photos])
        return self._client.post(self._id(), "feed", form, pick, writes=True)

    def _first_comment(self, post: Outgoing, published: Published, steps: Steps) -> str:
        """A step of its own: it fails without making the post look as if it had not gone out.

        What went wrong, for people; '' when it was made.
        """
        at = published.published_at.isoformat()
        kept = {"id": published.remote_id, "permalink": published.permalink, "at": at}
        steps.put("published", kept)
        if begun := steps.get("first_comment"):
            return "" if begun == "made" else "It could not be told whether its comment was made."
        steps.put("first_comment", "begun")  # rather none than two
        try:
            self._client.post(
                published.remote_id,
                "comments",
                {"message": post.first_comment},
                lambda answer: text_of(answer.get("id")),
                writes=True,
            )
        except PlatformError as error:
            log.warning("first comment not made: %s (%s)", type(error).__name__, error.code)
            return f"Its first comment was not made: {error.message}"
        steps.put("first_comment", "made")
        return ""

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Reads the Page's own posts, or the comments under what a reply answers."""
        if post.reply_to and post.reply_to.extra.get("person"):
            return Lookup(
                Presence.UNCLEAR, reason="Look into the conversation whether the message is there."
            )
        reply_to = post.reply_to.remote_id if post.reply_to else ""

        def page(place: str) -> tuple[Sequence[Candidate], str]:
            if not reply_to:
                rows, following = self._own_posts(place)
                return [candidate_of(row) for row in rows], following
            order = "reverse_chronological"
            rows, following = self._client.rows(
                reply_to, "comments", place, fields=COMMENT_FIELDS, order=order, limit=_PAGE
            )
            own = self._id()
            rows = [row for row in rows if str(part(row, "from").get("id")) == own]
            return [candidate_of(row, reply_to) for row in rows], following

        lookup = look_up(post, since=since, page=page, reply_to=reply_to)
        if lookup.published is None:
            return lookup
        # As `publish` tells it, so that both are the same to whoever compares them.
        link = f"https://www.facebook.com/{lookup.published.remote_id}"
        return replace(lookup, published=replace(lookup.published, permalink=link))

    def edit(self, remote_id: str, post: Outgoing) -> None:
        """Facebook takes it for what this app posted, and for nothing else of the Page's."""
        refuse_uncorrectable(post, self.info, self.limits())
        form = {"description" if post.video else "message": post.text}
        with missing_is_gone(GONE):
            self._client.post(remote_id, "", form, is_success, writes=True)

    def delete(self, remote_id: str) -> None:
        self._client.delete(remote_id)

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        """Comments, posts that name the Page or stand on it, recommendations and messages."""
        return FacebookInbox(self._client, self._id()).read(cursor)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        def page(place: str) -> tuple[list[Entry[OwnPost]], str]:
            rows, following = self._own_posts(place)
            return [_own_entry(row) for row in rows], following

        return read_down(cursor, page=page)

    def _own_posts(self, place: str) -> tuple[list[Row], str]:
        return self._client.rows(
            self._id(), "published_posts", place, fields=POST_FIELDS, limit=_PAGE
        )

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        raise Refused("Facebook lets no program search its posts.", code="not_supported")

    # --- keeping order --------------------------------------------------------------------------

    def hide(self, remote_id: str) -> None:
        """Hide a comment under a post of ours."""
        self._client.post(remote_id, "", {"is_hidden": "true"}, is_success, writes=True)

    def show(self, remote_id: str) -> None:
        self._client.post(remote_id, "", {"is_hidden": "false"}, is_success, writes=True)

    def remove(self, remote_id: str) -> None:
        self._client.delete(remote_id)

    def block(self, remote_person_id: str) -> None:
        """Ban a person from the Page."""
        form = {"psid": json.dumps([person_id_of(remote_person_id)])}
        self._client.post(self._id(), "blocked", form, is_banned, writes=True)

    def unblock(self, remote_person_id: str) -> None:
        self._client.delete(self._id(), "blocked", psid=person_id_of(remote_person_id))


def _own_entry(row: Row) -> Entry[OwnPost]:
    try:
        post = own_post_of(row)
    except Malformed:
        return Entry(str(row.get("id") or ""), datetime.now(UTC), None)
    return Entry(post.remote_id, post.posted_at, replace(post, permalink=_link(post.remote_id)))


def _link(remote_id: str) -> str:
    return f"https://www.facebook.com/{remote_id}"
