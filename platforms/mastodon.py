"""Mastodon, and servers that speak its API (GoToSocial, Takahē, Pleroma), through Mastodon.py.

A second sending under the same idempotency key is refused by Mastodon for an hour and by nobody
else, so whether a post went out is answered by reading the account's own posts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from mastodon import Mastodon

from platforms import measures
from platforms.chain import Link, look_up_thread, posts_of, write_thread
from platforms.checking import fitting, post_problems, refuse_uncorrectable
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
    Outgoing,
    OwnPost,
    PlatformError,
    PlatformInfo,
    PollLimits,
    Published,
    Rate,
    Refused,
    Remember,
    Steps,
    TextUnit,
    Video,
    VideoLimits,
)
from platforms.declared import OAuth, Proof
from platforms.declining import Declining
from platforms.failures import Malformed
from platforms.mastodon_client import MastodonClient
from platforms.mastodon_inbox import MastodonInbox
from platforms.mastodon_views import (
    limits_of,
    person_of,
)
from platforms.mastodon_writer import MastodonWriter

_REQUESTS = {Deed.PUBLISH: 1, Deed.UPLOAD: 2, Deed.READ: 1, Deed.MODERATE: 1}


class MastodonAdapter(Declining):
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
            # app/models/media_attachment.rb: by size and shape, and of any length
            video=VideoLimits(
                103_809_024, None, types=("video/mp4", "video/quicktime"), pixels_max=8_294_400
            ),
            # app/validators/poll_options_validator.rb and poll_expiration_validator.rb
            poll=PollLimits(4, 50, 5, 43_829),
            parts_max=25,  # no limit there; what somebody may still read
        ),
        moderation=measures.MASTODON,
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.SEARCH,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.VIDEO,
                Feature.BLOCK,
                Feature.FIND_PUBLISHED,
                Feature.THREAD,
                Feature.POLL,
                Feature.EDIT,
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
            Rate("requests", 300, 300, _REQUESTS),
            Rate("uploads", 30, 1_800, {Deed.UPLOAD: 1}),
            Rate("posts", 300, 10_800, {Deed.PUBLISH: 1}),
        ),
        # https://docs.joinmastodon.org/methods/oauth/; tokens do not end by themselves.
        oauth=OAuth(
            authorise_url="/oauth/authorize",
            token_path="/oauth/token",  # noqa: S106 - an address
            scopes=("read", "write"),
            app_help="Nothing: Socialdesk registers itself with each server the first time.",
            pkce=True,  # servers before 4.3 leave it out of account
            revoke_path="/oauth/revoke",
            uses={
                "read": "Nothing comes in, and whether a post went out cannot be looked up.",
                "write": "Nothing can be posted or deleted, and nobody blocked.",
            },
            proof=Proof.POSTED,
            registers="/api/v1/apps",
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
        """Proves the token and uploads pictures and videos."""
        whole = replace(post, text=self._writer().addressed(post)[0])
        media = list(self._fitting(whole))
        for further in list(posts_of(whole))[1:]:
            media += self._fitting(further)
        if not media:
            self.verify()  # an upload proves the token as well
        for one in media:
            self._client.upload(one, steps)

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
            find=lambda one: self._writer().find(one, since),
        )

    def _publish(self, post: Outgoing, steps: Steps, mark: object = True) -> Published:
        writer = self._writer()
        addressed = writer.addressed(post)
        media = self._fitting(replace(post, text=addressed[0]))
        uploaded = [self._client.upload(one, steps) for one in media]
        return writer.send(post, addressed, uploaded, steps, mark)

    def _writer(self) -> MastodonWriter:
        return MastodonWriter(self._client, self._id())

    def _fitting(self, post: Outgoing) -> Sequence[Image | Video]:
        """The pictures as this server takes them, or the video.

        Raises Refused for what it never takes.
        """
        images = fitting(post, self.info, self._limits_for(post))
        return [post.video] if post.video else images

    def _limits_for(self, post: Outgoing) -> Limits:
        """The server's limits, asked for only where they could matter."""
        usual = self._limits or self.info.limits
        media = any(one.images or one.video for one in posts_of(post))
        if not (media or post.poll or any(post_problems(post, self.info, usual))):
            return usual
        return self.limits()

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Reads the account's own posts since `since` (the server's clock is allowed for).

        Nothing went out before the first attempt, so an equal post from before it is another one.
        Raises RetryLater while a request that was given up on may still be at work.
        """
        return look_up_thread(post, lambda one: self._writer().find(one, since))

    def edit(self, remote_id: str, post: Outgoing) -> None:
        refuse_uncorrectable(post, self.info, self._limits_for(post))
        self._writer().edit(remote_id, post.text)

    def delete(self, remote_id: str) -> None:
        try:
            self._client.ask(lambda api: api.status_delete(remote_id), writes=True)
        except Refused as refused:
            if refused.code != "404":
                raise

    # --- in ---------------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        return self._inbox().mentions(cursor)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        return self._inbox().own_posts(cursor)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        return self._inbox().search(query, cursor)

    def _inbox(self) -> MastodonInbox:
        return MastodonInbox(self._client, self._id())

    # --- keeping order --------------------------------------------------------------------------

    def block(self, remote_person_id: str) -> None:
        self._client.ask(lambda api: api.account_block(remote_person_id), writes=True)

    def unblock(self, remote_person_id: str) -> None:
        self._client.ask(lambda api: api.account_unblock(remote_person_id), writes=True)
