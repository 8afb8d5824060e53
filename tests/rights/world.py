"""The people, the accounts and the things on them that the matrix of rights is asked about."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts.levels import CAPABILITIES, Capability, Level, OrgCapability
from accounts.models import (
    AccessReview,
    Grant,
    Invitation,
    PlatformApp,
    PolicyVersion,
    SocialAccount,
    Team,
    TrainingRecord,
    User,
)
from accounts.policy import ROLE_CAPABILITIES
from accounts.services.apps import app_set
from accounts.services.grants import grant_end
from accounts.services.people import user_freeze, user_invite
from audit.models import Event
from audit.sealing import seal
from mentions.models import Conversation, Mention
from operations.models import Channel, Destination
from platforms.contract import (
    AuthorisationLost,
    Batch,
    Connection,
    Identity,
    Incoming,
    Limits,
    Lookup,
    OwnPost,
    Presence,
    Published,
    TextUnit,
)
from scheduling.content import content_of, hash_of
from scheduling.models import Approval, Correction, Decided, Delivery, HoldKind, Media, Pause
from scheduling.services.pauses import pause_begin, pause_end
from scheduling.states import State
from tests.factories import (
    COMMAND,
    ContactFactory,
    ConversationFactory,
    CorrectionFactory,
    CredentialFactory,
    DeliveryFactory,
    MentionFactory,
    ModerationFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_policy,
    make_review,
    make_team,
    make_training,
    train,
)

NOTHING: frozenset[Capability] = frozenset()


class Network:
    """A platform that says yes to everything; what was sent and taken down is kept."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.deleted: list[str] = []
        self.edited: list[tuple[str, str]] = []
        self.known: dict[str, str] = {}  # handle to the id it has there
        self.incoming: list[Incoming] = []
        self.lost = False  # whether credentials are refused

    def open(self, _platform: str, connection: Connection, **_: Any) -> Adapter:
        return Adapter(self, connection)


@dataclass
class Adapter:
    network: Network
    connection: Connection

    def verify(self) -> Identity:
        if self.network.lost:
            raise AuthorisationLost("The token was revoked.")
        known = self.network.known.get(self.connection.handle, "remote-of-the-new-one")
        return Identity(known, self.connection.handle, "As the platform says", "")

    def limits(self) -> Limits:
        return Limits(text_max=500, unit=TextUnit.CHARACTER)

    def publish(self, post: Any, *, steps: Any) -> Published:
        self.network.sent.append(post)
        return Published(f"r-{post.key}", f"https://there.example/{post.key}", timezone.now())

    def find_published(self, post: Any, *, since: Any) -> Lookup:
        return Lookup(Presence.FOUND, Published(f"r-{post.key}", "https://there.example/1", since))

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        return Batch(self.network.incoming, cursor)

    def fetch_own_posts(self, _cursor: str) -> Batch[OwnPost]:
        return Batch([], "")

    def delete(self, remote_id: str) -> None:
        self.network.deleted.append(remote_id)

    def edit(self, remote_id: str, post: Any) -> None:
        self.network.edited.append((remote_id, post.text))

    hide = show = remove = block = unblock = delete


@dataclass
class Side:
    """One account with one of everything on it. `name` and `words` stand nowhere else."""

    key: str
    account: SocialAccount
    writer: User
    deliveries: dict[str, Delivery]
    grant: Grant
    team_grant: Grant
    media: Media
    conversation: Conversation
    mention: Mention
    comments: dict[str, Mention]
    event: Event
    pause: Pause
    correction: Correction  # of what is published, and nobody has decided on it

    @property
    def name(self) -> str:
        return f"Name-of-{self.key}"

    @property
    def words(self) -> str:
        return f"Words-on-{self.key}"


@dataclass
class Persona:
    """Somebody who asks. `on_own`: what they have on the accounts that are theirs."""

    key: str
    user: User | None = None
    on_own: frozenset[Capability] = NOTHING
    client: Client = field(default_factory=Client)
    cookies: dict[str, str] = field(default_factory=dict)
    stopped: bool = False  # frozen: signed out with the next request, whatever it is
    left: bool = False

    @property
    def me(self) -> User:
        assert self.user is not None, "a visitor is nobody"
        return self.user

    @property
    def signed_in(self) -> bool:
        return self.user is not None and not self.stopped and not self.left

    @property
    def roles(self) -> frozenset[OrgCapability]:
        if self.user is None:
            return frozenset()
        held = (caps for flag, caps in ROLE_CAPABILITIES.items() if getattr(self.user, flag))
        return frozenset().union(*held)

    def held(self, side: Side, own: tuple[str, ...]) -> frozenset[Capability]:
        """What DESIGN's table gives them on this account; freezes are not looked at."""
        held = self.on_own if side.key in own else NOTHING
        if self.user is not None and self.user.is_auditor:
            held |= {Capability.VIEW}
        if self.user is not None and self.user.is_administrator:
            held |= {Capability.MANAGE}
        return held


OWN = ("own", "frozen")
"""Sides on which the levels are given; on 'other' nobody of them has anything."""


@dataclass
class World:
    network: Network
    sides: dict[str, Side]
    personas: dict[str, Persona]
    team: Team
    member: User
    newcomer: User
    frozen_person: User
    invitation: Invitation
    media_root: Path
    destination: Destination
    record: TrainingRecord
    policy: PolicyVersion
    review: AccessReview
    app: PlatformApp


def build(media_root: Path) -> World:
    stranger = ContactFactory(display_name="Same stranger on every account")
    sides = {key: _side(key, stranger) for key in (*OWN, "other")}
    frozen = sides["frozen"].account
    frozen.frozen_at, frozen.frozen_reason = timezone.now(), "a leak"
    frozen.save()
    team, member = make_team("Control room"), UserFactory()
    member.groups.add(team.group_id)
    frozen_person = UserFactory()
    user_freeze(actor=COMMAND, user=frozen_person, reason="lost a phone")
    invitation, _ = user_invite(
        actor=COMMAND, email="new@northmoor.example", full_name="Nell New", send=False
    )
    personas = {one.key: one for one in _personas(sides)}
    seal()
    network = Network()
    network.known = {s.account.handle: s.account.remote_id for s in sides.values()}
    return World(
        network,
        sides,
        personas,
        team,
        member,
        UserFactory(),
        frozen_person,
        invitation,
        media_root,
        _destination(),
        train(member, make_training()),
        make_policy(),
        make_review(),
        app_set(
            actor=COMMAND,
            platform="mastodon",
            base_url="http://127.0.0.1:1",
            client_id="id-of-the-app",
            client_secret="canary-app-secret",
        ),
    )


def _destination() -> Destination:
    place = Destination(name="Control room", channel=Channel.EMAIL, shown="d…", kinds=["failed"])
    place.address = "duty@northmoor.example"
    place.save()
    return place


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "#336699").save(out, "PNG")
    return out.getvalue()


# --- one account ----------------------------------------------------------------------------------


def _side(key: str, stranger: Any) -> Side:
    name, words = f"Name-of-{key}", f"Words-on-{key}"
    account = SocialAccountFactory(display_name=name, handle=f"@{key}")
    CredentialFactory(account=account)
    writer = UserFactory(full_name=f"Writer of {key}")
    give(writer, Level.PUBLISHER, account)
    holder = give(UserFactory(full_name=f"Holder on {key}"), Level.VIEWER, account)
    team_grant = give(make_team(f"Team of {key}", UserFactory()), Level.VIEWER, account)
    deliveries = _deliveries(account, writer, words)
    media = Media(mime="image/png", width=40, height=30, size=100, sha256="ab", uploaded_by=writer)
    media.post, media.alt_text = deliveries["published"].post, words
    media.file.save("picture", ContentFile(picture()), save=True)
    conversation = ConversationFactory(account=account, contact=stranger)
    mention = MentionFactory(
        conversation=conversation, text=words, reply_ref={"remote_id": f"mention on {key}"}
    )
    conversation.last_mention = mention
    conversation.save()
    event = Event.objects.filter(account_id=account.pk).latest("pk")
    Event.objects.create(
        name="delivery.published",
        act=uuid4(),
        actor_kind="worker",
        actor_label="publisher",
        account_id=account.pk,
        account_label=name,
        post_id=deliveries["published"].post_id,
    )
    return Side(
        key,
        account,
        writer,
        deliveries,
        holder,
        team_grant,
        media,
        conversation,
        mention,
        _comments(conversation, writer, words),
        event,
        _pause(),
        CorrectionFactory(delivery=deliveries["published"], text=f"{words} corrected", by=writer),
    )


def _comments(conversation: Conversation, writer: User, words: str) -> dict[str, Mention]:
    """Replies: one as it came in, one that is hidden, one whose author is blocked."""
    made: dict[str, Mention] = {}
    for name, act in (("rude", ""), ("hidden", "hide"), ("blocked", "block")):
        author = ContactFactory(display_name=f"{words} {name}")
        made[name] = MentionFactory(
            conversation=conversation, kind="reply", text=f"{words} {name}", author=author
        )
        if act:
            ModerationFactory(mention=made[name], act=act, by=writer, note=words, done=True)
    return made


def _pause() -> Pause:
    """One that is over, so that it stops nothing."""
    pause = pause_begin(actor=COMMAND, reason="a leak")
    return pause_end(actor=COMMAND, pause=pause)


def _deliveries(account: SocialAccount, writer: User, words: str) -> dict[str, Delivery]:
    made: dict[str, Delivery] = {}
    kinds: dict[str, dict[str, Any]] = {state.value: {"state": state} for state in State}
    kinds["to correct"] = {"state": State.PUBLISHED}
    kinds["lapsed"] = {"state": State.HELD, "hold_kind": HoldKind.OVERDUE}
    kinds["held"]["hold_kind"] = HoldKind.PERSON
    for name in ("approved", "in_review"):
        kinds[name]["sender"] = writer
    for name, fields in kinds.items():
        delivery = DeliveryFactory(
            account=account, post__author=writer, post__text=f"{words} {name}", **fields
        )
        made[name] = delivery
    for name in ("approved", "failed"):
        _approve(made[name])
    return made


def _approve(delivery: Delivery) -> None:
    content = content_of(delivery)
    Approval.objects.create(
        delivery=delivery,
        decided=Decided.APPROVED,
        content=content,
        content_hash=hash_of(content),
        by=UserFactory(),
    )
    Delivery.objects.filter(pk=delivery.pk).update(reviewed=True)


# --- people ---------------------------------------------------------------------------------------


def _personas(sides: dict[str, Side]) -> list[Persona]:
    own = [sides[key].account for key in OWN]
    made = [Persona("anonymous"), Persona("no grant", UserFactory())]
    for level in Level:
        made.append(_with_level(str(level), level, own))
    made += [
        _with_level("contributor by team", Level.CONTRIBUTOR, own, by_team=True),
        _with_level("approver by team", Level.APPROVER, own, by_team=True),
        Persona("administrator", UserFactory(is_administrator=True)),
        Persona("auditor", UserFactory(is_auditor=True)),
        Persona("evidence officer", UserFactory(is_evidence_officer=True)),
        _with_level("expired manager", Level.MANAGER, own, expired=True),
        _with_level("frozen person", Level.MANAGER, own),
        _with_level("person who left", Level.MANAGER, own),
    ]
    revoked = [_with_level("manager, revoked while signed in", Level.MANAGER, own)]
    revoked.append(Persona("administrator, revoked while signed in", UserFactory()))
    left_team = _with_level("out of the team while signed in", Level.MANAGER, own, by_team=True)
    for one in (*made, *revoked, left_team):
        _sign_in(one)
    _take_away(made, revoked, left_team)
    return [*made, *revoked, left_team]


def _with_level(
    key: str,
    level: Level,
    accounts: list[SocialAccount],
    *,
    by_team: bool = False,
    expired: bool = False,
) -> Persona:
    user = UserFactory()
    holder = make_team(f"The {key}s", user) if by_team else user
    for account in accounts:
        give(holder, level, account, expired=expired)
    return Persona(key, user, NOTHING if expired else CAPABILITIES[level])


def _sign_in(persona: Persona) -> None:
    if persona.user is None:
        return
    persona.client.force_login(persona.user, backend=settings.AUTHENTICATION_BACKENDS[1])
    persona.cookies = {key: morsel.value for key, morsel in persona.client.cookies.items()}


def _take_away(made: list[Persona], revoked: list[Persona], left_team: Persona) -> None:
    """What happens to people who are signed in, and have looked at a page since."""
    by_key = {one.key: one for one in made}
    manager, administrator = revoked
    for one in (manager, left_team):
        assert one.client.get("/accounts/").status_code == 200
    for grant in Grant.objects.in_force().filter(user=manager.me):
        grant_end(actor=COMMAND, grant=grant, reason="moved on")
    User.objects.filter(pk=administrator.me.pk).update(is_administrator=True)
    assert administrator.client.get("/people/").status_code == 200
    User.objects.filter(pk=administrator.me.pk).update(is_administrator=False)
    left_team.me.groups.clear()
    manager.on_own = left_team.on_own = NOTHING
    frozen, left = by_key["frozen person"], by_key["person who left"]
    user_freeze(actor=COMMAND, user=frozen.me, reason="under inquiry")
    frozen.stopped = True
    left.me.is_active = False
    left.me.save()
    left.left = True


def soon() -> dict[str, str]:
    """A day and a time ahead, as the forms carry them."""
    when = timezone.now() + timedelta(days=3)
    return {"date": f"{when:%Y-%m-%d}", "time": "12:00", "zone": "Europe/London"}
