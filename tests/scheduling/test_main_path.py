"""From first word to permalink over the real Sandbox network, step by step in one process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.levels import Level
from audit.models import Event
from scheduling.content import content_hash
from scheduling.engine.claim import claim_due
from scheduling.engine.publish import publish
from scheduling.models import Delivery
from scheduling.services.deliveries import delivery_approve
from scheduling.services.posts import post_create, post_submit
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
