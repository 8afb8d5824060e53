"""A platform whose answers a test writes, and an account on it with people around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.levels import Level
from accounts.models import SocialAccount, User
from platforms.contract import (
    Allowance,
    Batch,
    Lookup,
    Outgoing,
    OwnPost,
    PlatformError,
    Presence,
    Published,
)
from scheduling.content import content_hash
from scheduling.engine.claim import claim_due
from scheduling.engine.publish import publish
from scheduling.models import Delivery, Post
from scheduling.services.deliveries import delivery_approve
from scheduling.services.posts import post_create, post_schedule, post_submit
from tests.factories import CredentialFactory, SocialAccountFactory, UserFactory, give, person


@dataclass
class Network:
    """What arrived, and what to answer: exceptions are raised, the rest is returned."""

    arrived: list[Outgoing] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    during: Callable[[Any], None] | None = None
    prepared: list[Outgoing] = field(default_factory=list)
    preparing: list[Any] = field(default_factory=list)  # what to raise, or do with the steps
    left: Allowance | None = None
    edited: list[tuple[str, str]] = field(default_factory=list)
    edits: list[BaseException | None] = field(default_factory=list)
    own_posts: list[OwnPost] | PlatformError = field(default_factory=list)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        if isinstance(self.own_posts, PlatformError):
            raise self.own_posts
        return Batch(self.own_posts, "")

    def allowance(self) -> Allowance | None:
        return self.left

    def prepare(self, post: Outgoing, *, steps: Any) -> None:
        self.prepared.append(post)
        answer = self.preparing.pop(0) if self.preparing else None
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None:
            answer(steps)

    def publish(self, post: Outgoing, *, steps: Any) -> Published:
        self.arrived.append(post)
        if self.during is not None:
            self.during(steps)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        return answer or Published(f"r-{post.key}", f"https://there/{post.key}", timezone.now())

    def find_published(self, post: Outgoing, *, since: Any) -> Lookup:
        answer = self.lookups.pop(0) if self.lookups else Lookup(Presence.UNCLEAR)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def edit(self, remote_id: str, post: Outgoing) -> None:
        self.edited.append((remote_id, post.text))
        answer = self.edits.pop(0) if self.edits else None
        if isinstance(answer, BaseException):
            raise answer

    def delete(self, remote_id: str) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        self.deleted.append(remote_id)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr("accounts.connections.open_adapter", lambda *a, **k: made)
    return made


@dataclass
class Desk:
    """An account with one person of each level, and short ways through the services."""

    account: SocialAccount
    viewer: User
    contributor: User
    publisher: User
    approver: User
    manager: User
    outsider: User

    def draft(self, author: User | None = None, **fields: Any) -> Post:
        fields = {
            "text": "Bridge open again",
            "accounts": [self.account],
            "due_at": timezone.now() + timedelta(hours=1),
        } | fields
        return post_create(actor=person(author or self.contributor), **fields)

    def in_review(self, **fields: Any) -> Delivery:
        post = self.draft(**fields)
        (delivery,) = post_submit(actor=person(post.author), post=post)
        return delivery

    def approved(self, **fields: Any) -> Delivery:
        delivery = self.in_review(**fields)
        return delivery_approve(
            actor=person(self.approver), delivery=delivery, content_hash=content_hash(delivery)
        )

    def published(self, **fields: Any) -> Delivery:
        """By the contributor, approved by the approver, and out; needs a network."""
        delivery = fall_due(self.approved(**fields))
        run_due()
        delivery.refresh_from_db()
        return delivery

    def scheduled(self, author: User | None = None, **fields: Any) -> Delivery:
        author = author or self.publisher
        post = self.draft(author, **fields)
        (delivery,) = post_schedule(actor=person(author), post=post)
        return delivery


@pytest.fixture
def desk(db: None) -> Desk:
    account = SocialAccountFactory()
    CredentialFactory(account=account)
    return desk_of(account)


def desk_of(account: SocialAccount) -> Desk:
    """People of every level around a connected account."""
    people = {level: UserFactory() for level in Level}
    for level, user in people.items():
        give(user, level, account)
    return Desk(account, *people.values(), UserFactory())


def fall_due(delivery: Delivery) -> Delivery:
    """Bring the time of a scheduled delivery to now."""
    now = timezone.now()
    Delivery.objects.filter(pk=delivery.pk).update(due_at=now, next_try_at=now)
    delivery.refresh_from_db()
    return delivery


def run_due() -> list[str]:
    """One tick and its work, in this process."""
    return [publish(delivery_id, fence) for delivery_id, fence in claim_due()]
