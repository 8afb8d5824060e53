"""The inbox's main questions can be answered from an index, whatever there is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from audit.actors import Actor
from mentions import polling
from mentions.models import Conversation, Mention, Status
from mentions.selectors import inbox
from mentions.selectors.inbox import Filters, View
from tests.factories import ContactFactory, SocialAccountFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def desk(django_db_setup, django_db_blocker):
    """Enough rows for the planner to have a choice: three accounts, most of it done."""
    with django_db_blocker.unblock():
        accounts, contact = [SocialAccountFactory() for _ in range(3)], ContactFactory()
        now = timezone.now()
        Conversation.objects.bulk_create(
            Conversation(
                account=accounts[n % 3],
                contact=contact,
                thread_id=f"t{n}",
                status=Status.UNREAD if n % 97 == 0 else Status.DONE,
                last_at=now - timedelta(minutes=n),
            )
            for n in range(6_000)
        )
        Mention.objects.bulk_create(
            Mention(
                account_id=row.account_id,
                conversation=row,
                author=contact,
                remote_id=f"m{row.pk}",
                kind="mention",
                text=f"words number{row.pk}",
                posted_at=row.last_at,
            )
            for row in Conversation.objects.all()
        )
        with connection.cursor() as database:
            database.execute("ANALYZE mentions_conversation, mentions_mention")
        yield accounts
        Conversation.objects.all().delete()
        contact.delete()
        for account in accounts:
            account.delete()
            account.owner.delete()


def plan(actor: Actor, accounts, filters: Filters) -> str:
    ids = [account.pk for account in accounts]
    rows = inbox._narrowed(inbox.conversations_of(ids), actor, ids, filters)
    return rows.order_by("-last_at", "-pk")[: inbox.PAGE + 1].explain()


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (Filters(), "conversation_todo"),
        (Filters(view=View.UNREAD), "conversation_"),
        (Filters(view=View.DONE), "conversation_status"),
        (Filters(view=View.DONE, text="number77"), "mention_search"),
    ],
)
def test_the_list_is_read_from_an_index(desk, filters, index):
    told = plan(Actor.person(UserFactory()), desk, filters)
    assert index in told
    assert "Seq Scan on mentions_conversation" not in told


def test_one_account_is_read_from_its_own_index(desk):
    filters = Filters(view=View.DONE, account=desk[0].pk)
    told = plan(Actor.person(UserFactory()), desk[:1], filters)
    assert "Seq Scan on mentions_conversation" not in told


def test_due_feeds_are_found_without_reading_conversations(desk):
    told = polling._due(timezone.now()).explain()
    assert "mentions_conversation" not in told
