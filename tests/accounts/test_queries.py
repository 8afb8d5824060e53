"""No page of this room asks the database more when there are more people, accounts or levels."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.levels import Level
from accounts.models import SocialAccount, Team, User
from accounts.selectors.keyset import page
from accounts.services.people import user_invite
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, give, make_team

pytestmark = pytest.mark.django_db
AT_MOST = 12
LISTS = (
    "accounts:register",
    "people:people",
    "people:matrix",
    "people:teams",
    "people:invitations",
    "profile",
)


def grow(n):
    """`n` more of everything, all of it having to do with everything."""
    accounts = [SocialAccountFactory() for _ in range(n)]
    team = make_team(f"Team {Team.objects.count()}", *User.objects.all()[:20])
    for _ in range(n):
        user = UserFactory()
        user.groups.add(team.group)
        for account in accounts[:3]:
            give(user, Level.VIEWER, account)
    for account in accounts:
        give(team, Level.PUBLISHER, account)
        user_invite(
            actor=COMMAND, email=f"n{account.pk}@northmoor.example", full_name="N", teams=[team],
            send=False,
        )  # fmt: skip
    return accounts, team


def asked(client, url):
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return [q["sql"] for q in queries]


@pytest.fixture
def everybody(sign_in):
    """An administrator who is an auditor and has levels, so that no shortcut hides a query."""
    return UserFactory(is_administrator=True, is_auditor=True)


@pytest.mark.parametrize("demanded", [False, True])
def test_queries_of_lists_do_not_grow(everybody, sign_in, settings, demanded):
    from allauth.mfa.models import Authenticator

    Authenticator.objects.create(user=everybody, type="totp", data={})
    settings.REQUIRE_MFA = demanded
    client = sign_in(everybody)
    grow(2)
    few = {name: len(asked(client, reverse(name))) for name in LISTS}
    grow(12)
    many = {name: asked(client, reverse(name)) for name in LISTS}
    for name in LISTS:
        assert len(many[name]) <= few[name], name
        assert len(many[name]) <= AT_MOST, (name, many[name])


def test_queries_of_one_thing_do_not_grow(everybody, sign_in):
    client = sign_in(everybody)
    (account, *_), team = grow(2)
    user = UserFactory()
    user.groups.add(team.group)
    urls = (
        reverse("accounts:account", args=[account.pk]),
        reverse("accounts:give", args=[account.pk]),
        reverse("people:team", args=[team.pk]),
        reverse("people:person", args=[user.pk]),
    )
    few = [len(asked(client, url)) for url in urls]
    more, _ = grow(10)
    for one in more:
        give(user, Level.VIEWER, one)
        give(team, Level.VIEWER, one)
    for _ in range(10):
        member = UserFactory()
        member.groups.add(team.group)
        give(member, Level.VIEWER, account)
    for url, before in zip(urls, few, strict=True):
        now = asked(client, url)
        assert len(now) <= before, url
        assert len(now) <= AT_MOST, (url, now)


# --- pages by key -----------------------------------------------------------------------------


def names(found):
    return [a.display_name for a in found.items]


def test_pages_go_forth_and_back_and_lose_nothing():
    for n in range(7):
        SocialAccountFactory(display_name=f"Same {n % 2}")
    rows = SocialAccount.objects.all()
    first = page(rows, by="display_name", size=3)
    second = page(rows, by="display_name", size=3, cursor=first.after)
    third = page(rows, by="display_name", size=3, cursor=second.after)
    assert (first.before, third.after) == ("", "")
    assert len({a.pk for p in (first, second, third) for a in p.items}) == 7
    assert page(rows, by="display_name", size=3, cursor=third.before) == second
    assert page(rows, by="display_name", size=3, cursor=second.before).items == first.items


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "!!", "é", "W10", "bnVsbA", "WzEsMiwzXQ", "W2ZhbHNlLCJhIiwtMV0", "WzEsImEiLDFd"),
        "W2ZhbHNlLCJhXHUwMDAwIiwxXQ",  # a NUL
        "W2ZhbHNlLCJhIiw5OTk5OTk5OTk5OTk5OTk5OTk5OTldXQ",  # a number past bigint
    ],
)
def test_a_cursor_that_is_not_ours_shows_the_first_page(cursor):
    SocialAccountFactory(display_name="Only")
    found = page(SocialAccount.objects.all(), by="display_name", cursor=cursor)
    assert names(found) == ["Only"]


def test_nothing_has_no_pages():
    found = page(SocialAccount.objects.none(), by="display_name")
    assert (found.items, found.before, found.after) == ([], "", "")
