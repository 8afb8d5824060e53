"""One post of one wish, in a real browser on a slow line: pressed twice, or while it is saved."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from .people import Cast, cast
from .stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

COUNCIL = "Northmoor Council"
POSTS = 'SELECT id FROM scheduling_post WHERE "text" = %s'
DELIVERIES = """SELECT d.state FROM scheduling_delivery d JOIN scheduling_post p ON p.id = d.post_id
                WHERE p."text" = %s"""


@pytest.fixture(scope="module")
def ben(browser: Browser, stage: Stage) -> Iterator[tuple[Cast, Page]]:
    """A comms officer, who publishes without review."""
    with cast(browser, stage, "once") as people:
        yield people, people.desk("officer").page


class SlowLine:
    """Keeps one kind of request waiting until it is let go."""

    def __init__(self, page: Page, address: str) -> None:
        self.came = threading.Event()
        self._waiting: list[Route] = []
        self._page = page
        self._pattern = re.compile(address)
        page.route(self._pattern, self._keep)

    def _keep(self, route: Route) -> None:
        self._waiting.append(route)
        self.came.set()

    def until_asked(self) -> None:
        """Wait for the first of them; playwright's events run while its clock does."""
        for _ in range(600):
            if self.came.is_set():
                return
            self._page.wait_for_timeout(50)
        raise AssertionError(f"nobody asked for {self._pattern.pattern}")

    def let_go(self) -> None:
        while self._waiting:
            self._waiting.pop().continue_()
        self._page.unroute(self._pattern)


def write(page: Page, text: str) -> None:
    page.goto("/posts/new/")
    page.get_by_role("checkbox", name=COUNCIL).check()
    page.get_by_label("Text", exact=True).fill(text)


def test_publish_now_sends_once_when_the_page_brings_its_button_anew_while_it_asks(
    ben: tuple[Cast, Page], stage: Stage
) -> None:
    people, page = ben
    words = "The recycling centre on Mill Lane is open again."
    write(page, "The recycling centre")
    expect(page.locator("#compose-button")).to_have_text("Publish to 1 account now")
    check = SlowLine(page, "/posts/check/$")
    page.get_by_label("Text", exact=True).fill(words)  # leaving the text asks for a check
    page.locator("#compose-button").click()
    expect(page.locator("#confirm")).to_be_visible()
    check.until_asked()
    with page.expect_response(re.compile("/posts/check/$")):
        check.let_go()
    page.wait_for_function("() => !document.querySelector('.htmx-request')")
    people.picture(people.windows[0], "is asked while the button came anew")
    page.locator("#confirm [data-confirm-yes]").click()
    expect(page.locator("#deliveries .state")).to_have_text("Published")
    assert len(stage.rows(POSTS, words)) == 1
    assert [one["state"] for one in stage.rows(DELIVERIES, words)] == ["published"]
    arrived = [one for one in stage.sandbox.arrivals(path="/api/posts") if one["method"] == "POST"]
    keys = [one["key"] for one in arrived]
    assert len(keys) == len(set(keys))


def test_a_button_pressed_twice_during_the_first_save_makes_one_post(
    ben: tuple[Cast, Page], stage: Stage
) -> None:
    _, page = ben
    words = "Free compost bins for the first hundred who ask."
    save = SlowLine(page, "/posts/save/$")
    write(page, words)
    save.until_asked()  # the first save is on its way, and the post has no number yet
    draft = page.get_by_role("button", name="Save as draft")
    draft.click()
    draft.click()
    save.let_go()
    expect(page.locator("#deliveries .state")).to_have_text("Draft")
    assert len(stage.rows(POSTS, words)) == 1
