"""The way of a mention on the real Sandbox: said there, read, answered here, seen there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.connections import account_prove
from accounts.levels import Level
from accounts.models import SocialAccount
from accounts.services.social import account_connect
from mentions import polling
from mentions.models import Conversation, Feed, Mention, Status
from mentions.polling import poll
from mentions.tasks import POLLER
from scheduling.engine import claim
from scheduling.engine.publish import publish
from scheduling.models import Delivery
from scheduling.states import State
from tests.factories import COMMAND, UserFactory, give
from tests.mentions.test_pages import HTMX, page_of
from tests.platforms.sandbox_network import SandboxNetwork, running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxNetwork]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "data") as network:
        yield network


@pytest.fixture
def connected(transactional_db, sandbox, settings):
    """Connect a new account of this handle, as a person would."""
    settings.ALLOW_PRIVATE_HOSTS = sandbox.policy().private_hosts

    def connect(handle: str) -> SocialAccount:
        secret = sandbox.open_account(handle, "Northmoor Fire").secret
        proven = account_prove(
            platform="sandbox", handle=handle, base_url=sandbox.url, secret=secret
        )
        return account_connect(
            actor=COMMAND, proven=proven, owner=UserFactory(), time_zone="Europe/London"
        )

    return connect


def read() -> int:
    """What beat and a worker do, whose turn it is or not."""
    Feed.objects.update(next_poll_at=timezone.now())
    return sum(poll(pk, actor=POLLER).new for pk in polling.claim_due())


def publish_due() -> None:
    for delivery_id, fence in claim.claim_due():
        publish(delivery_id, fence)


def test_a_mention_is_read_answered_and_followed_up(connected, sandbox, sign_in):
    account = connected("northmoor_fire")
    officer = UserFactory()
    give(officer, Level.PUBLISHER, account)
    client = sign_in(officer)
    said = sandbox.say("maureen", "@northmoor_fire is the bridge open again?")
    assert read() == 1
    assert read() == 0
    conversation = Conversation.objects.get()
    assert "is the bridge open again?" in client.get(page_of(conversation)).content.decode()

    url = reverse("mentions:reply", args=[conversation.pk])
    body = {"to": conversation.last_mention_id, "answered": 0, "text": "It is, since noon."}
    assert "Scheduled" in client.post(url, body, **HTMX).content.decode()
    publish_due()
    delivery = Delivery.objects.get()
    assert delivery.state == State.PUBLISHED, delivery.problem
    page = client.get(page_of(conversation)).content.decode()
    assert "Published" in page
    assert delivery.permalink in page

    client.post(reverse("mentions:status", args=[conversation.pk, "done"]))
    sandbox.say("maureen", "Thank you!", in_reply_to=delivery.remote_id)
    assert read() == 1  # her thanks; our own reply is no mention
    conversation.refresh_from_db()
    assert conversation.status == Status.UNREAD
    assert conversation.thread_id == said["thread_id"]
    assert conversation.last_mention.text == "Thank you!"


def test_many_mentions_come_in_once_each_whatever_happens_on_the_way(connected, sandbox):
    account = connected("northmoor_busy")
    assert read() == 0
    said = [
        sandbox.say(f"stranger{number % 7}", f"@northmoor_busy number {number}")["id"]
        for number in range(70)
    ]
    sandbox.fault("unavailable", scope="reading", times=1)
    assert read() == 0
    assert Feed.objects.get(account=account).failures == 1
    assert read() == 70
    Feed.objects.update(cursor="")  # as if the position had been lost
    read()
    assert sorted(Mention.objects.values_list("remote_id", flat=True)) == sorted(said)
