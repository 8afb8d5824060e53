"""Every page is for everybody: WCAG 2.2 AA by axe, wide and narrow, light and dark."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from .people import Cast, Window, cast
from .site import NO_PAGES, NOBODY, PAGES, Visit, addresses, visits
from .stage import DEMO_PASSWORD, Stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SCREENS = {"desktop": {"width": 1280, "height": 900}, "narrow": {"width": 320, "height": 640}}
LOOKS: list[tuple[str, Any]] = [
    ("narrow", "light"),
    ("desktop", "light"),
    ("desktop", "dark"),
    ("narrow", "dark"),
]
# The first shows what most faults come to, those of room included. `make test` looks at each page
# in that, as one person sees it; all the rest takes five times as long.
IN_PARTS = pytest.mark.parametrize(
    "rest",
    [
        pytest.param(False, id="first look"),
        pytest.param(True, id="the rest", marks=pytest.mark.matrix),
    ],
)
# The dark scheme changes colours and nothing else, so what it is asked is about colours.
AXE = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
_SETTLED = """() => document.readyState === "complete" && !document.querySelector(".htmx-request")
  && document.getAnimations().every((one) => one.playState !== "running")"""
# Waiting is done in the page: from outside it takes as long as what is looked at.
_RUN = """async (rules) => {
  const settled = %s;
  do await new Promise(requestAnimationFrame); while (!settled());
  // None of these rules reads style sheets, which axe would otherwise fetch each time.
  const how = { runOnly: rules, resultTypes: ["violations"], preload: false };
  const found = await axe.run(document, how);
  return {
    rules: found.violations.map((one) => [one.id, one.nodes.slice(0, 4).map((n) => n.html)]),
    width: document.documentElement.scrollWidth,
  };
}""".replace("%s", _SETTLED)


def test_every_address_is_a_page_here_or_says_why_it_is_none() -> None:
    """A new page cannot be forgotten: it is named in site.py, or this fails."""
    named = set(PAGES) | set(NO_PAGES)
    assert addresses() - named == set(), "say in site.py what these are"
    assert named - addresses() - {"", "gallery"} == set(), "these are gone"
    assert set(PAGES) & set(NO_PAGES) == set()


@pytest.fixture(scope="module")
def known(stage: Stage) -> dict[str, str]:
    call = f"extras.whole_site({DEMO_PASSWORD!r}, {SECRET!r})"
    told: dict[str, str] = json.loads(stage.run(f"from tests.acceptance import extras\n{call}"))
    return told


@pytest.fixture(scope="module")
def everybody(browser: Browser, stage: Stage) -> Iterator[Cast]:
    with cast(browser, stage, "everybody") as people:
        yield people


@pytest.fixture(scope="module")
def all_known(everybody: Cast, stage: Stage, known: dict[str, str]) -> dict[str, str]:
    """With the number of a passkey; signing in before it is there asks for a code alone."""
    with_second_factor(everybody.window("second"))
    key = stage.run("from tests.acceptance import extras\nextras.passkey()").strip()
    return known | {"key": key}


@IN_PARTS
def test_every_page_is_for_everybody(
    everybody: Cast, all_known: dict[str, str], rest: bool
) -> None:
    wrong: dict[str, list[Any]] = {}
    for visit in visits(all_known):
        looks = in_part(rest) if visit.first else LOOKS * rest
        if looks and (found := faults(of(everybody, visit.who), visit, looks)):
            wrong[str(visit)] = found
    assert wrong == {}, json.dumps(wrong, indent=1, ensure_ascii=False)
    assert policy_complaints(everybody) == []


def keys_listed(page: Page, known: dict[str, str]) -> None:
    page.goto("/inbox/")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()


def found_by_letters(page: Page, known: dict[str, str]) -> None:
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("north")
    expect(page.locator("dialog[open] [role=option]").first).to_be_visible()


def asked_first(page: Page, known: dict[str, str]) -> None:
    page.goto(f"/posts/{known['waiting']}/")
    page.get_by_role("button", name="Take back to edit").click()
    expect(page.locator("#confirm")).to_be_visible()


def reason_asked(page: Page, known: dict[str, str]) -> None:
    page.goto(f"/accounts/{known['fire']}/")
    page.get_by_role("link", name="Freeze").click()
    expect(page.locator("#freeze-dialog")).to_be_visible()


def moderation_asked(page: Page, known: dict[str, str]) -> None:
    conversation = known["comment"].partition("/")[0]
    page.goto(f"/inbox/{conversation}/")
    page.locator(".thread summary").filter(has_text="Moderate").first.click()
    page.get_by_role("link", name="Block its author").first.click()
    expect(page.locator("dialog[open]")).to_be_visible()


def refused_words(page: Page, known: dict[str, str]) -> None:
    page.goto("/posts/new/")
    page.get_by_role("checkbox", name="Northmoor Fire").check()
    page.get_by_label("Text", exact=True).fill("too long " * 200)
    page.get_by_role("button", name="Send for approval").click()
    expect(page.locator("#compose-checks")).to_contain_text("over the limit")


def refused_credentials(page: Page, known: dict[str, str]) -> None:
    page.goto("/accounts/connect/mastodon/")
    page.get_by_role("button", name="Check and connect").click()
    expect(page.get_by_role("alert").first).to_be_visible()


def more_on_a_phone(page: Page, known: dict[str, str]) -> None:
    page.set_viewport_size(SCREENS["narrow"])
    page.goto("/")
    page.get_by_role("button", name="More").click()
    expect(page.locator("#more")).to_be_visible()


OPENED = [
    ("contributor", keys_listed),
    ("manager", found_by_letters),
    ("contributor", asked_first),
    ("manager", reason_asked),
    ("officer", moderation_asked),
    ("contributor", refused_words),
    ("admin", refused_credentials),
    ("officer", more_on_a_phone),
]


@IN_PARTS
@pytest.mark.parametrize(("who", "opened"), OPENED, ids=[one.__name__ for _, one in OPENED])
def test_what_opens_and_what_is_refused_is_for_everybody_too(
    everybody: Cast,
    known: dict[str, str],
    who: str,
    opened: Callable[..., None],
    rest: bool,
) -> None:
    window = of(everybody, who)
    window.page.set_viewport_size(SCREENS["desktop"])
    opened(window.page, known)
    found = look(window.page, in_part(rest))
    everybody.picture(window, opened.__name__)
    assert found == []


def in_part(rest: bool) -> list[tuple[str, Any]]:
    return LOOKS[1:] if rest else LOOKS[:1]


def of(people: Cast, who: str) -> Window:
    """The window of this person, signed in with the first page that is theirs."""
    for window in people.windows:
        if window.who == who:
            return window
    return people.window(who) if who == NOBODY else people.desk(who)


def with_second_factor(window: Window) -> Window:
    """Signed in by password and a code; the page between the two is looked at on the way."""
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
    from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters

    page = window.page
    page.goto("/auth/sign-in/")
    page.locator("[name=login]").fill("second@northmoor.example")
    page.locator("[name=password]").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("[name=code]").first).to_be_visible()
    assert look(page, LOOKS) == []
    code = format_hotp_value(hotp_value(SECRET, next(iter(counters()))))
    page.locator("[name=code]").first.fill(code)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("My day")
    return window


def faults(window: Window, visit: Visit, looks: list[tuple[str, Any]]) -> list[Any]:
    """What is wrong with one page, in these looks."""
    answer = window.page.goto(visit.path)
    assert answer is not None
    found: list[Any] = []
    if answer.status != visit.status:
        found.append(f"answers {answer.status}, not {visit.status}")
    return found + look(window.page, looks)


def look(page: Page, looks: list[tuple[str, Any]]) -> list[Any]:
    """The page as it stands now, on each of these screens and in its scheme."""
    page.evaluate(AXE_SCRIPT)
    found: list[Any] = []
    shown = "light"
    for screen, scheme in looks:
        if page.viewport_size != SCREENS[screen]:
            page.set_viewport_size(SCREENS[screen])
        if scheme != shown:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            shown = scheme
        told = page.evaluate(_RUN, AXE[scheme])
        found += [(screen, scheme, *rule) for rule in told["rules"]]
        if told["width"] > SCREENS[screen]["width"]:
            found.append((screen, scheme, f"{told['width']} px wide"))
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


def policy_complaints(people: Cast) -> list[str]:
    """What consoles said, refusals left out: a 404 page is told as an error there."""
    said = [one for window in people.windows for one in window.complaints]
    return [one for one in said if "Failed to load resource" not in one]
