"""The register: owner, purpose, hours, last use, dormancy, and who can both write and approve."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.levels import Level
from accounts.models import SocialAccount
from accounts.selectors.account_register import entries, registered
from accounts.services.social import account_change
from accounts.using import note_use
from audit.models import Event
from tests.factories import (
    COMMAND,
    CredentialFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    make_training,
    require_of,
)

pytestmark = pytest.mark.django_db
PAGE, CSV = "/accounts/register/", "/accounts/register/csv/"


def happened(account, *, days_ago, name="conversation.read", kind="person"):
    return Event.objects.create(
        name=name,
        act=uuid4(),
        actor_kind=kind,
        actor_label="somebody",
        account_id=account.pk,
        account_label=str(account),
        occurred_at=timezone.now() - timedelta(days=days_ago),
    )


def account_of(name, *, connected_ago=400, **more):
    when = timezone.now() - timedelta(days=connected_ago)
    return SocialAccountFactory(display_name=name, connected_at=when, **more)


def test_last_used_is_when_something_went_out_or_a_person_acted():
    acted, sent, polled, never = (account_of(name) for name in ("A", "B", "C", "D"))
    by_hand = happened(acted, days_ago=3)
    happened(acted, days_ago=30)
    out = happened(sent, days_ago=100, name="delivery.published", kind="worker")
    happened(polled, days_ago=1, name="mentions.received", kind="worker")
    note_use()
    for account in (acted, sent, polled, never):
        account.refresh_from_db()
    assert acted.used_at == by_hand.occurred_at
    assert sent.used_at == out.occurred_at
    assert polled.used_at is None
    assert never.used_at is None
    assert {a.display_name for a in registered(use="dormant")} == {"B", "C", "D"}
    assert {a.display_name for a in registered(use="used")} == {"A"}


def test_the_next_run_reads_on_and_never_goes_back():
    account = account_of("A")
    happened(account, days_ago=3)
    assert note_use() == 1
    assert note_use() == 0
    later = happened(account, days_ago=1)
    assert note_use() == 1
    account.refresh_from_db()
    assert account.used_at == later.occurred_at


def test_a_new_account_is_not_dormant_and_the_days_are_a_setting(settings):
    account = account_of("A", connected_ago=20)
    assert not registered(use="dormant").exists()
    settings.DORMANT_DAYS = 10
    assert registered(use="dormant").get() == account
    assert entries([account])[0].is_dormant


def test_who_can_both_write_and_approve_is_named_with_where_it_comes_from():
    account, other = account_of("A"), account_of("B")
    approver, manager, publisher, member, gone, frozen = (
        UserFactory(full_name=name) for name in ("Ann", "Bob", "Cid", "Dee", "Eve", "Fay")
    )
    give(approver, Level.APPROVER, account)
    give(manager, Level.MANAGER, account)
    give(publisher, Level.PUBLISHER, account)
    give(make_team("Desk", member, approver), Level.APPROVER, account)
    give(UserFactory(), Level.APPROVER, account, expired=True)
    for one, field in ((gone, {"is_active": False}), (frozen, {"frozen_at": timezone.now()})):
        give(one, Level.APPROVER, account)
        type(one).objects.filter(pk=one.pk).update(**field)
    give(manager, Level.MANAGER, other)
    first, second = entries([account, other])
    assert [(b.person.full_name, b.level, b.team) for b in first.both] == [
        ("Ann", "approver", ""),
        ("Bob", "manager", ""),
        ("Dee", "approver", "Desk"),
    ]
    assert not first.stands_alone
    assert second.stands_alone
    require_of(Level.APPROVER, make_training())
    assert [b.person.full_name for b in entries([account])[0].both] == ["Bob"]


def test_the_questions_do_not_grow_with_accounts_and_people(django_assert_num_queries):
    accounts = [account_of(f"A{n}") for n in range(6)]
    for account in accounts:
        give(UserFactory(), Level.APPROVER, account)
        give(make_team(f"T{account.pk}", UserFactory(), UserFactory()), Level.MANAGER, account)
        CredentialFactory(account=account, scopes=["read"])
    with django_assert_num_queries(3):
        assert all(len(entry.both) == 3 for entry in entries(list(registered())))


def test_hours_of_service_are_changed_by_an_act_and_others_leave_them(administrator, sign_in):
    account = account_of("Fire")
    client = sign_in(administrator)
    sent = {
        "display_name": "Fire",
        "owner": account.owner.email,
        "purpose": account.purpose,
        "service_hours": "Weekdays 8 to 18",
        "time_zone": "Europe/London",
    }
    assert client.post(f"/accounts/{account.pk}/change/", sent).status_code == 302
    account.refresh_from_db()
    assert account.service_hours == "Weekdays 8 to 18"
    event = Event.objects.get(name="account.changed")
    assert event.data["service_hours"] == {"before": "", "after": "Weekdays 8 to 18"}
    account_change(
        actor=COMMAND,
        account=account,
        display_name="Fire 2",
        owner=account.owner,
        purpose="",
        time_zone="Europe/London",
        approval_required=False,
    )
    account.refresh_from_db()
    assert account.service_hours == "Weekdays 8 to 18"


def test_the_page_filters_and_flags(administrator, sign_in):
    left = UserFactory(full_name="Lea Leaver", is_active=False)
    account_of("Old Fire", owner=left, service_hours="At any time")
    used = account_of("New Police")
    happened(used, days_ago=1)
    note_use()
    client = sign_in(administrator)
    page = client.get(PAGE).content.decode()
    for words in ("Old Fire", "New Police", "Has left", "Dormant", "At any time"):
        assert words in page, words
    for query, shown, hidden in (
        ("use=dormant", "Old Fire", "New Police"),
        ("owner=here", "New Police", "Old Fire"),
        ("q=police", "New Police", "Old Fire"),
    ):
        table = client.get(f"{PAGE}?{query}").content.decode().partition("<table")[2]
        assert shown in table
        assert hidden not in table.partition("</table>")[0]
    assert "No account matches" in client.get(f"{PAGE}?q=zebra").content.decode()


def test_the_csv_is_what_the_filters_show_and_starts_no_formula(administrator, sign_in):
    account_of("=cmd()", purpose="Warns, and\nasks")
    account_of("Police")
    client = sign_in(administrator)
    answer = client.get(f"{CSV}?q=cmd")
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    found = dict(zip(header, row, strict=True))
    assert found["account"] == "'=cmd()"
    assert found["purpose"] == "Warns, and\nasks"
    assert found["dormant"] == "yes"
    assert SocialAccount.objects.count() == 2


@pytest.mark.parametrize("address", [PAGE, CSV])
def test_it_is_for_administrators_and_auditors(address, sign_in):
    manager = UserFactory()
    give(manager, Level.MANAGER, account_of("A"))
    assert sign_in(manager).get(address).status_code == 403
    assert sign_in(UserFactory(is_evidence_officer=True)).get(address).status_code == 403
    assert sign_in(UserFactory(is_auditor=True)).get(address).status_code == 200


def test_the_register_says_how_each_account_is_connected(administrator, sign_in):
    account = account_of("Fire", platform="x", last_success_at=timezone.now())
    ends_at = timezone.now() + timedelta(days=9)
    CredentialFactory(account=account, scopes=["tweet.read", "users.read"], lapses_at=ends_at)
    client = sign_in(administrator)
    page = client.get(PAGE).content.decode()
    for words in ("Last answer", "Credentials end", "4 permissions missing", "tweet.write"):
        assert words in page
    assert "Nothing can be posted or deleted." in page
    assert f"/accounts/{account.pk}/reconnect/" in page
    assert "canary" not in page
    (row,) = csv.DictReader(io.StringIO(client.get(CSV).content.decode("utf-8-sig")))
    assert row["credentials_end"] == ends_at.isoformat()
    assert row["permissions_missing"].split()[0] == "tweet.write"


def test_the_register_of_an_auditor_offers_no_reconnecting(sign_in):
    account = account_of("Fire", platform="x")
    CredentialFactory(account=account, scopes=["tweet.read"])
    page = sign_in(UserFactory(is_auditor=True)).get(PAGE).content.decode()
    assert "permissions missing" in page
    assert "reconnect" not in page
