"""The page of the platforms: who may see which servers, and what it says of them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis

from accounts.levels import Level
from platforms.contract import Deed
from scheduling.engine.claim import claim_due
from scheduling.selectors import platforms
from scheduling.traffic.admission import Wish, spend
from tests.factories import UserFactory, give
from tests.scheduling.test_traffic import (
    after_the_pause,
    ask,
    due_on,
    learn,
    mastodon,
    open_breaker,
)

pytestmark = pytest.mark.django_db
PAGE = "/operations/platforms/"


@pytest.fixture
def account():
    return mastodon(display_name="Northmoor Fire")


@pytest.fixture
def page(sign_in, administrator):
    return lambda user=administrator: sign_in(user).get(PAGE)


def words(response) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


class TestWho:
    def test_administrators_and_auditors_see_all_servers(self, account, page, auditor):
        for response in (page(), page(auditor)):
            assert "Mastodon at social.test" in words(response)

    def test_a_manager_sees_the_servers_of_their_accounts_alone(self, account, page):
        elsewhere = mastodon()
        elsewhere.base_url = "https://other.test"
        elsewhere.save()
        manager = UserFactory()
        give(manager, Level.MANAGER, elsewhere)
        text = words(page(manager))
        assert "other.test" in text
        assert "social.test" not in text
        assert "Northmoor Fire" not in text

    @pytest.mark.parametrize("level", [Level.VIEWER, Level.PUBLISHER, Level.APPROVER])
    def test_nobody_else(self, account, page, level):
        person = UserFactory()
        give(person, level, account)
        assert page(person).status_code == 403

    def test_not_somebody_without_any_account(self, account, page):
        assert page(UserFactory()).status_code == 403

    def test_not_somebody_who_has_not_signed_in(self, client):
        assert client.get(PAGE).status_code == 302


class TestWhat:
    def test_a_server_that_works(self, account, page):
        learn(account, error=None)
        text = words(page())
        assert "Works" in text
        assert "Nothing lately" not in text

    def test_a_server_that_is_down_and_what_waits_for_it(self, account, page):
        other = open_breaker(account)
        due_on(account), due_on(other)
        assert claim_due() == []
        text = words(page())
        assert "Down" in text
        assert "social.test did not answer in time." in text
        assert "Next try" in text
        assert '<td data-label="Posts waiting">2</td>' in text

    def test_a_server_that_is_being_tried(self, account, page):
        open_breaker(account)
        with after_the_pause(account):
            ask(account)
            assert "Being tried" in words(page())

    def test_what_is_left(self, account, page):
        spend(Wish(account, {Deed.PUBLISH: 12}))
        text = words(page())
        assert "288 of 300 requests in 5 minutes" in text
        assert "Northmoor Fire" in text

    def test_without_redis_it_says_so(self, account, page, monkeypatch):
        gone = Redis(port=1, socket_connect_timeout=0.1)
        monkeypatch.setattr(platforms, "pipeline", lambda: gone.pipeline(transaction=False))
        text = words(page())
        assert "Redis cannot be reached" in text
        assert "Mastodon at social.test" in text

    def test_nothing_connected(self, page):
        assert "No account is connected" in words(page())

    def test_it_costs_no_more_with_more_accounts(self, page):
        def statements() -> int:
            with CaptureQueriesContext(connection) as asked:
                page()
            return len(asked)

        mastodon()
        before = statements()
        for _ in range(12):
            mastodon()
        assert statements() == before
