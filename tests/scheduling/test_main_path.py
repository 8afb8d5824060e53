"""From first word to permalink over the real Sandbox network, step by step in one process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.connections import kept_adapter
from accounts.levels import Level
from audit.models import Event
from platforms.chain import MARK
from platforms.contract import Poll
from scheduling.content import content_hash
from scheduling.elements import Elements
from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.points import Point
from scheduling.engine.publish import publish
from scheduling.engine.reconcile import reconcile
from scheduling.models import Attempt, Delivery
from scheduling.services.deliveries import delivery_approve
from scheduling.services.posts import post_create, post_send, post_submit
from scheduling.states import State
from tests.factories import UserFactory, give, person

pytestmark = pytest.mark.django_db


def publish_what_is_due() -> list[str]:
    return [publish(delivery_id, fence) for delivery_id, fence in claim_due()]


def test_a_draft_is_submitted_approved_and_published_once(sandbox_account):
    author, approver = UserFactory(), UserFactory()
    give(author, Level.CONTRIBUTOR, sandbox_account)
    give(approver, Level.APPROVER, sandbox_account)
    due = timezone.now() + timedelta(seconds=0.2)
    post = post_create(
        actor=person(author), text="Bridge open again", accounts=[sandbox_account], due_at=due
    )
    (delivery,) = post_submit(actor=person(author), post=post)
    delivery_approve(actor=person(approver), delivery=delivery, content_hash=content_hash(delivery))
    delivery.refresh_from_db()
    assert delivery.state == State.SCHEDULED

    Delivery.objects.update(next_try_at=timezone.now())
    assert publish_what_is_due() == ["published"]
    assert publish_what_is_due() == []

    delivery.refresh_from_db()
    assert delivery.state == State.PUBLISHED
    assert delivery.permalink.startswith("http://127.0.0.1:")
    story = Event.objects.filter(post_id=post.pk).order_by("pk")
    assert [event.name for event in story] == [
        "post.created",
        "delivery.submitted",
        "delivery.approved",
        "delivery.scheduled",
        "delivery.claimed",
        "delivery.tried",
        "delivery.published",
    ]


class Died(BaseException):
    """A worker is no more."""


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_a_thread_goes_on_after_its_worker_died(sandbox_account, monkeypatch, sent):
    """It dies right before a request; whoever comes after it sends what is missing and no more."""
    author = UserFactory()
    give(author, Level.PUBLISHER, sandbox_account)
    post = post_create(
        actor=person(author),
        text="One.",
        accounts=[sandbox_account],
        elements=Elements(thread=("Two.", "Three."), poll=Poll(("Yes", "No"), 60)),
    )
    (delivery,) = post_send(actor=person(author), post=post)
    left = [sent]

    def die(point: Point) -> None:
        if point is Point.BEFORE_REQUEST and delivery_has_mark(delivery):
            if not left[0]:
                raise Died
            left[0] -= 1

    monkeypatch.setattr("scheduling.engine.points.hook", die)
    with pytest.raises(Died):
        publish_what_is_due()
    monkeypatch.setattr("scheduling.engine.points.hook", None)

    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    take_back_expired()
    Attempt.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    assert [reconcile(delivery.pk), reconcile(delivery.pk)] == ["absent", "absent"]
    assert publish_what_is_due() == ["published"]
    with kept_adapter(sandbox_account) as adapter:
        said = adapter.fetch_own_posts("").items
    assert [one.text for one in said] == ["One.", "Two.", "Three."]
    assert [one.in_reply_to for one in said] == ["", *(one.remote_id for one in said[:-1])]
    delivery.refresh_from_db()
    assert [delivery.remote_id, *delivery.remote_parts] == [one.remote_id for one in said]


def delivery_has_mark(delivery: Delivery) -> bool:
    """Whether the step that was just stored is the one before a request that publishes."""
    steps = Delivery.objects.values_list("steps", flat=True).get(pk=delivery.pk)
    name = steps.get(MARK)
    return bool(name) and name not in steps
