"""Who is told on the pages that an account has to be connected anew, and of which."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.levels import Level
from accounts.models.social import Health
from accounts.selectors.credentials import SHOWN, to_reconnect
from tests.factories import CredentialFactory, SocialAccountFactory, UserFactory, give, person

pytestmark = pytest.mark.django_db
SECRET = "canary-secret-5d1f"


@pytest.fixture
def manager():
    return UserFactory()


@pytest.fixture
def managed(manager):
    """Makes an account that the manager manages; `lapses` and `refused` are of its credentials."""

    def made(name, *, lapses=None, refused=False, level=Level.MANAGER, **fields):
        now = timezone.now()
        account = SocialAccountFactory(display_name=name, **fields)
        CredentialFactory(
            account=account,
            lapses_at=now + timedelta(days=lapses) if lapses is not None else None,
            renewal_refused_at=now if refused else None,
        )
        give(manager, level, account)
        return account

    return made


def test_what_works_no_longer_comes_first_and_then_what_ends_first(manager, managed):
    later = managed("Later", lapses=13)
    soon = managed("Soon", lapses=2)
    refused = managed("Refused", refused=True)
    lost = managed("Lost", health=Health.LOST)
    managed("Fine")
    managed("Far off", lapses=15)
    managed("Let go", lapses=2, disconnected_at=timezone.now())
    managed("Troubled", health=Health.TROUBLED)
    assert to_reconnect(person(manager)) == [lost, soon, later, refused]


def test_nobody_else_is_told(manager, managed):
    managed("Lost", health=Health.LOST, level=Level.APPROVER)
    assert to_reconnect(person(manager)) == []
    assert to_reconnect(person(UserFactory(is_auditor=True))) == []


def test_one_query_and_no_secret_however_many(manager, managed, django_assert_num_queries):
    for number in range(SHOWN + 3):
        managed(f"Lost {number}", health=Health.LOST)
    actor = person(manager)
    with django_assert_num_queries(1):
        found = [(account, account.credential.lapses_at) for account in to_reconnect(actor)]
    assert len(found) == SHOWN
    assert "secret" in found[0][0].credential.get_deferred_fields()


def test_my_day_leads_to_where_an_account_is_reconnected(manager, managed, sign_in):
    lost = managed("Northmoor Fire", health=Health.LOST)
    soon = managed("Northmoor Parks", lapses=3)
    shown = sign_in(manager).get("/my-day/access/").content.decode()
    assert "Accounts to reconnect" in shown
    assert "Reconnect Northmoor Fire" in shown
    for account in (lost, soon):
        assert f"/accounts/{account.pk}/reconnect/" in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lapses": 3}, "The credentials end soon"),
        ({"refused": True}, "renews the credentials no more"),
        ({"lapses": 20}, ""),
        ({"lapses": -1, "health": Health.LOST}, ""),  # that it works no longer says it all
    ],
)
def test_the_accounts_page_warns_of_the_end(manager, managed, sign_in, given, words):
    account = managed("Northmoor Fire", **given)
    shown = sign_in(manager).get(f"/accounts/{account.pk}/").content.decode()
    warned = "Then nothing goes out and nothing comes in" in shown
    assert warned is bool(words)
    assert words in shown
