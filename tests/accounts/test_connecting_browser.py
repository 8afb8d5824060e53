"""One account after the other is connected in a real browser, at a Facebook that is served here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from accounts.models import SocialAccount
from tests.accounts.flow import CODE, network, secrets_of
from tests.live import live_chromium, page_of
from tests.platforms.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with live_chromium() as opened:
        yield opened


@pytest.fixture
def facebook(settings, monkeypatch, transactional_db) -> Iterator[World]:
    with network("facebook", settings, monkeypatch) as made:
        yield made


@pytest.fixture
def page(browser, live_server, facebook, settings, administrator, sign_in) -> Iterator[Page]:
    settings.BASE_URL = live_server.url
    with page_of(sign_in(administrator), browser, live_server) as opened:
        yield opened


def served(asked: list[Any]) -> Any:
    """Facebook's page on which a person agrees."""

    def answer(route: Route) -> None:
        asked.append(route.request)
        query = {k: v[0] for k, v in parse_qs(urlsplit(route.request.url).query).items()}
        back = f"{query['redirect_uri']}?code={CODE}&state={query['state']}"
        route.fulfill(
            content_type="text/html",
            body=f"<!doctype html><title>Facebook</title><a href='{back}'>Agree</a>",
        )

    return answer


def no_violations(page: Page) -> None:
    found = Axe().run(page, options=AXE)
    assert found.violations_count == 0, found.generate_report()


def test_a_page_and_its_instagram_account_are_picked_and_connected(page, facebook):
    asked: list[Any] = []
    page.route("https://www.facebook.com/**", served(asked))
    page.goto("/accounts/connect/facebook/")
    page.get_by_role("button", name="Connect with Facebook").click()
    expect(page.get_by_role("heading", name="Go to Facebook")).to_be_visible()
    no_violations(page)
    page.get_by_role("link", name="Go to Facebook").click()
    page.get_by_role("link", name="Agree").click()
    expect(page.get_by_role("heading", name="Choose what to connect")).to_be_visible()
    assert "referer" not in asked[0].all_headers()
    seen = page.url + page.content()
    assert not [secret for secret in secrets_of(facebook) if secret in seen]
    no_violations(page)
    for box in page.get_by_role("checkbox", name="The Council").all():
        box.check()
    page.get_by_role("button", name="Connect what is chosen").click()
    expect(page.get_by_text("2 accounts are connected")).to_be_visible()
    assert {one.platform for one in SocialAccount.objects.all()} == {"facebook", "instagram"}
