"""Everything the tests make. Rows that only services may make are made by those services."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import factory
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.levels import Level
from accounts.models import (
    AccessReview,
    Credential,
    Grant,
    PolicyDocument,
    PolicyVersion,
    SocialAccount,
    Team,
    Training,
    TrainingRecord,
    User,
)
from accounts.services.conditions import (
    condition_set,
    policy_create,
    policy_publish,
    training_create,
    training_record,
)
from accounts.services.grants import grant_set
from accounts.services.reviews import review_start
from accounts.services.teams import team_create
from audit.actors import Actor
from audit.models import Event
from mentions.models import Contact, Conversation, Mention, Moderation
from scheduling.intake import taken_in
from scheduling.models import Correction, CorrectionState, Delivery, Media, Post
from scheduling.services.media import media_add
from scheduling.states import State

PASSWORD = "correct-horse-battery"
COMMAND = Actor.command("tests")


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@northmoor.example")
    full_name = factory.Sequence(lambda n: f"Person {n}")

    @factory.post_generation
    def password(obj: User, create: bool, extracted: str | None, **_: Any) -> None:
        # A fast hash: signing in by form is what the few tests that need it ask for by name.
        obj.set_password(extracted) if extracted else obj.set_unusable_password()
        if create:
            obj.save()


class SocialAccountFactory(DjangoModelFactory):
    class Meta:
        model = SocialAccount

    platform = "sandbox"
    base_url = "http://127.0.0.1:1"
    remote_id = factory.Sequence(lambda n: f"remote-{n}")
    handle = factory.Sequence(lambda n: f"@account{n}")
    display_name = factory.Sequence(lambda n: f"Northmoor {n}")
    owner = factory.SubFactory(UserFactory)
    purpose = "Tells people what they need to know"
    time_zone = "Europe/London"


class CredentialFactory(DjangoModelFactory):
    class Meta:
        model = Credential

    account = factory.SubFactory(SocialAccountFactory)
    secret = "canary-secret-5d1f"  # tests search pages and logs for it


def make_events(words: Iterable[str]) -> None:
    """Events of a command that the search finds by these words."""
    Event.objects.bulk_create(
        Event(name="post.created", act=uuid.uuid4(), actor_kind="command", words=text)
        for text in words
    )


def make_team(name: str = "Control room", *members: User) -> Team:
    team = team_create(actor=COMMAND, name=name)
    for member in members:
        member.groups.add(team.group_id)
    return team


def give(
    holder: User | Team, level: Level | str, account: SocialAccount, *, expired: bool = False
) -> Grant:
    """A grant in force, or one that has just expired."""
    who = {"user": holder} if isinstance(holder, User) else {"team": holder}
    grant = grant_set(actor=COMMAND, account=account, level=str(level), reason="test", **who)
    if expired:
        Grant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
        grant.refresh_from_db()
    return grant


def make_training(name: str = "Media law", months: int | None = 12) -> Training:
    return training_create(actor=COMMAND, name=name, months=months)


def make_policy(name: str = "Social media policy", text: str = "Be kind.") -> PolicyVersion:
    return policy_create(actor=COMMAND, name=name, text=text)


def new_version(document: PolicyDocument, *, days: int = 14, text: str = "") -> PolicyVersion:
    """The next version, to be accepted within so many days."""
    return policy_publish(
        actor=COMMAND,
        document=document,
        text=text or f"Be kind, and number {document.versions.count() + 1}.",
        changed="Everything",
        accept_by=timezone.localdate() + timedelta(days=days),
    )


def require_of(level: Level | str, *things: Training | PolicyDocument, in_days: int = 0) -> None:
    """The level takes these, beside the levels that do already."""
    for what in things:
        there = what.conditions.values_list("level", flat=True)
        condition_set(
            actor=COMMAND,
            what=what,
            levels=[*there, str(level)],
            starts_on=timezone.localdate() + timedelta(days=in_days),
        )


def train(user: User, training: Training, *, days: int | None = 100) -> TrainingRecord:
    """A record that is good for so many days from today; None: for good."""
    today = timezone.localdate()
    return training_record(
        actor=COMMAND,
        training=training,
        user=user,
        done_on=today - timedelta(days=50),
        last_day=None if days is None else today + timedelta(days=days),
        evidence="certificate 17",
    )


def make_review(name: str = "Autumn", *, days: int = 14, **more: Any) -> AccessReview:
    """A review of everything, that ends with the day so many days ahead."""
    due_on = timezone.localdate() + timedelta(days=days)
    return review_start(actor=COMMAND, name=name, due_on=due_on, **more)


def add_media(actor: Actor, file: UploadedFile[Any]) -> Media:
    """A file taken in and kept, as the page does it."""
    with taken_in(file) as taken:
        return media_add(actor=actor, taken=taken)


def person(user: User) -> Actor:
    return Actor.person(user, address="192.0.2.7")


class PostFactory(DjangoModelFactory):
    class Meta:
        model = Post

    author = factory.SubFactory(UserFactory)
    text = "The A38 is closed at Northmoor bridge. Please go by Station Road."


class DeliveryFactory(DjangoModelFactory):
    """A delivery in any state, with what the database demands of that state."""

    class Meta:
        model = Delivery

    post = factory.SubFactory(PostFactory)
    account = factory.SubFactory(SocialAccountFactory)
    state = State.DRAFT
    due_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=1))
    next_try_at = factory.LazyAttribute(lambda o: o.due_at if o.state == State.SCHEDULED else None)
    lease_until = factory.LazyAttribute(
        lambda o: timezone.now() + timedelta(minutes=1) if o.state == State.PUBLISHING else None
    )
    remote_id = factory.LazyAttribute(
        lambda o: "r-1" if o.state in (State.PUBLISHED, State.WITHDRAWN) else ""
    )


class CorrectionFactory(DjangoModelFactory):
    """New words for a published delivery, that wait for a decision."""

    class Meta:
        model = Correction

    delivery = factory.SubFactory(DeliveryFactory, state=State.PUBLISHED)
    before = factory.LazyAttribute(lambda o: o.delivery.text)
    text = "What it should have said"
    by = factory.LazyAttribute(lambda o: o.delivery.post.author)
    state = CorrectionState.PROPOSED


class ContactFactory(DjangoModelFactory):
    class Meta:
        model = Contact

    platform = "sandbox"
    base_url = "http://127.0.0.1:1"
    remote_id = factory.Sequence(lambda n: f"stranger-{n}")
    handle = factory.Sequence(lambda n: f"@stranger{n}")
    display_name = factory.Sequence(lambda n: f"Stranger {n}")


class ConversationFactory(DjangoModelFactory):
    class Meta:
        model = Conversation

    account = factory.SubFactory(SocialAccountFactory)
    thread_id = factory.Sequence(lambda n: f"thread-{n}")
    contact = factory.SubFactory(ContactFactory)
    last_at = factory.LazyFunction(timezone.now)


class MentionFactory(DjangoModelFactory):
    class Meta:
        model = Mention

    conversation = factory.SubFactory(ConversationFactory)
    account = factory.SelfAttribute("conversation.account")
    author = factory.SelfAttribute("conversation.contact")
    remote_id = factory.Sequence(lambda n: f"mention-{n}")
    kind = "mention"
    text = "Is the bridge open again?"
    posted_at = factory.LazyFunction(timezone.now)


class ModerationFactory(DjangoModelFactory):
    """Something asked about a message; `done=True`: and done, so that it is in force."""

    class Meta:
        model = Moderation

    class Params:
        done = factory.Trait(
            state="done", in_force=True, ended_at=factory.LazyFunction(timezone.now)
        )

    mention = factory.SubFactory(MentionFactory, kind="reply")
    account = factory.SelfAttribute("mention.account")
    conversation = factory.SelfAttribute("mention.conversation")
    contact = factory.SelfAttribute("mention.author")
    act = "hide"
    reason = "abuse"
    by = factory.SubFactory(UserFactory)
