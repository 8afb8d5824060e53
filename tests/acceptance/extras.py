"""What the demo lacks for some pages; run inside the installation, by Stage.run."""

from __future__ import annotations

import json

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db.models import QuerySet
from django.urls import reverse

from accounts.alerts import AlertKind
from accounts.levels import Level
from accounts.models import Grant, SocialAccount, Team, User
from accounts.services.people import user_invite
from accounts.services.social import account_freeze
from audit.actors import Actor
from audit.models import Event
from mentions.models import Conversation, Mention
from operations.models import Alert, Channel
from operations.services.destinations import destination_add
from platforms.contract import Audience, Poll
from scheduling.elements import Elements
from scheduling.models import Delivery, Post
from scheduling.services.pauses import pause_begin, pause_end
from scheduling.states import State
from tests.factories import CorrectionFactory, DeliveryFactory, SocialAccountFactory, give


def counted_accounts() -> None:
    """An account on each platform that counts in its own way, for the contributor to write on."""
    chloe = _person("contributor")
    for platform in ("bluesky", "mastodon"):
        account = SocialAccountFactory(
            platform=platform, display_name=f"Counted {platform}", owner=chloe
        )
        give(chloe, Level.CONTRIBUTOR, account)


def whole_site(password: str, secret: str) -> None:
    """Prints what stands for each word in the addresses of site.py, as JSON."""
    told = _people(password, secret) | _accounts() | _writing()
    print(json.dumps(told | _watching() | _keeping_back(), default=str))


def passkey() -> None:
    """A passkey in name: good for the pages about it, not for signing in. Prints its number."""
    key = Authenticator.objects.create(
        user=_person("second"), type="webauthn", data={"name": "Blue key", "credential": {}}
    )
    print(key.pk)


def _person(key: str) -> User:
    return User.objects.get(email=f"{key}@northmoor.example")


def _people(password: str, secret: str) -> dict[str, object]:
    """Somebody with a second factor, somebody invited, somebody who forgot the password."""
    second = User.objects.create_user(
        "second@northmoor.example", password, full_name="Sam Second", time_zone="Europe/London"
    )
    TOTP.activate(second, secret)
    RecoveryCodes.activate(second)
    _, link = user_invite(
        actor=Actor.person(_person("admin")),
        email="new@northmoor.example",
        full_name="Nell New",
        send=False,
    )
    chloe = _person("contributor")
    forgot = {"uidb36": user_pk_to_url_str(chloe), "key": default_token_generator.make_token(chloe)}
    return {
        "invitation": "/" + link.split("/", 3)[3],
        "reset": reverse("account_reset_password_from_key", kwargs=forgot),
        "person": chloe.pk,
        "team": Team.objects.earliest("pk").pk,
    }


def _accounts() -> dict[str, object]:
    manager = _person("manager")
    frozen = SocialAccountFactory(
        display_name="Northmoor Museum", handle="northmoor_museum", remote_id="m", owner=manager
    )
    give(manager, Level.MANAGER, frozen)
    account_freeze(actor=Actor.person(manager), account=frozen, reason="The phone was stolen")
    fire = SocialAccount.objects.get(handle="northmoor_fire")
    of_team = Grant.objects.in_force().filter(account=fire, team__isnull=False).earliest("pk")
    return {"frozen": frozen.pk, "fire": fire.pk, "team_grant": of_team.pk}


def _watching() -> dict[str, object]:
    """A place alerts go to, and an alert."""
    admin = Actor.person(_person("admin"))
    place = destination_add(
        actor=admin,
        name="Duty press officer",
        channel=Channel.TEAMS,
        address="https://hooks.example.org/made-up",
        kinds=[kind.value for kind in AlertKind],
    )
    Alert.objects.create(
        kind=AlertKind.PLATFORM,
        subject_id="bluesky",
        subject_label="Bluesky",
        message="It has not answered for a minute.",
    )
    return {"destination": place.pk}


def _keeping_back() -> dict[str, object]:
    """A pause in force and one that is over, over an account that nobody else's test sends from."""
    manager = Actor.person(_person("manager"))
    quiet = SocialAccountFactory(
        display_name="Northmoor Archive", handle="northmoor_archive", remote_id="a"
    )
    for key, level in (("manager", Level.MANAGER), ("officer", Level.CONTRIBUTOR)):
        give(_person(key), level, quiet)
    over = pause_begin(actor=manager, account=quiet, reason="A mistake in the plan")
    pause_end(actor=manager, pause=over)
    pause = pause_begin(actor=manager, account=quiet, reason="Until the minister has spoken")
    doubtful = DeliveryFactory(
        account=SocialAccount.objects.get(handle="northmoor_police"),
        state=State.UNKNOWN,
        problem="A post with nearly the same text is there.",
    )
    held = Delivery.objects.filter(state=State.HELD, account__handle="northmoor_fire")
    return {
        "pause": pause.pk,
        "pause_over": over.pk,
        "unknown": doubtful.pk,
        "held_one": held.earliest("pk").pk,
    }


def _writing() -> dict[str, object]:
    def of(state: State) -> Delivery:
        return Delivery.objects.filter(state=state, reply_to__isnull=True).earliest("pk")

    out = of(State.PUBLISHED)
    another = DeliveryFactory(
        account=out.account, post__author=out.post.author, state=State.PUBLISHED
    )
    returned = Delivery.objects.filter(approvals__decided="returned").earliest("pk")
    unsent = Post.objects.filter(deliveries__state=State.DRAFT, author=_person("officer"))
    talk = Conversation.objects.filter(account__handle="northmoor_police").latest("pk")
    along = Elements(
        thread=("Bring a lamp.", "And a friend."),
        poll=Poll(("I come", "I do not"), 1_440),
        quote="https://elsewhere.example/1",
        link="https://example.org/walk",
        audience=Audience.MENTIONED,
        first_comment="The map is on our page.",
    )
    for post in (unsent.latest("pk"), of(State.IN_REVIEW).post):
        post.elements = along.as_json()  # and not all of it can go out, which the pages have to say
        post.save(update_fields=["elements"])
    return {
        "published": of(State.PUBLISHED).post_id,
        "held": of(State.HELD).post_id,
        "waiting": of(State.IN_REVIEW).post_id,
        "review": of(State.IN_REVIEW).pk,
        "correction": CorrectionFactory(delivery=out).pk,
        "corrected": out.post_id,
        "correctable": another.post_id,
        "returned": returned.post_id,
        "draft": unsent.latest("pk").pk,
        "conversation": talk.pk,
        "comment": _under_a_post(Mention.objects.filter(moderations=None, kind="reply")),
        "hidden": _under_a_post(Mention.objects.filter(moderations__in_force=True)),
        "event": Event.objects.filter(name="post.created").earliest("pk").pk,
    }


def _under_a_post(mentions: QuerySet[Mention]) -> str:
    """Where one of these stands, on an account whose officer may moderate it."""
    one = mentions.filter(account__handle="northmoor_council").earliest("pk")
    return f"{one.conversation_id}/messages/{one.pk}"
