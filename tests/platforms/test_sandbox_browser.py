"""The Sandbox's pages in a real browser: for everybody, on every screen, by keyboard alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from platforms.contract import StepsInMemory
from platforms.sandbox.seed import demo_accounts
from tests.platforms.sandbox_network import SandboxNetwork, running_sandbox
from tests.platforms.test_sandbox_adapter import outgoing

pytestmark = pytest.mark.browser

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENS = {"desktop": (1280, 900), "narrow": (320, 640)}
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
PAGES = {
    "timeline": "/",
    "earlier posts": "/?before=20",
    "new posts": "/?seen=12",
    "thread": "/@northmoor_council/16",
    "deep thread": "/@moor_mum/2",
    "reply": "/@moor_mum/4",
    "official profile": "/@northmoor_fire",
    "profile": "/@asha_patel",
    "search": "/search?q=canal",
    "nothing found": "/search?q=zebra",
    "compose": "/compose?mention=northmoor_fire",
    "accounts": "/accounts",
    "faults": "/faults",
    "arrivals": "/arrivals",
    "not found": "/nothing",
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxNetwork]:
    with running_sandbox(tmp_path_factory.mktemp("browser") / "data", "--seed") as running:
        requests.get(f"{running.url}/api/mentions", timeout=10)  # something for Arrivals to show
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(SWITCHES))
        yield opened
        opened.close()


def open_page(
    browser: Browser, network: SandboxNetwork, **options: Any
) -> tuple[BrowserContext, Page]:
    context = browser.new_context(base_url=network.url, reduced_motion="reduce", **options)
    context.set_default_timeout(15_000)
    return context, context.new_page()


@pytest.mark.parametrize(
    ("screen", "scheme"),
    [
        ("narrow", "light"),
        pytest.param("desktop", "light", marks=pytest.mark.matrix),
        pytest.param("desktop", "dark", marks=pytest.mark.matrix),
        pytest.param("narrow", "dark", marks=pytest.mark.matrix),
    ],
)
def test_every_page_is_for_everybody(
    browser: Browser, network: SandboxNetwork, screen: str, scheme: Any
) -> None:
    width, height = SCREENS[screen]
    context, page = open_page(
        browser, network, viewport={"width": width, "height": height}, color_scheme=scheme
    )
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    network.fault("slow", scope="reading")
    try:
        for name, path in PAGES.items():
            page.goto(path)
            found = Axe().run(page, options=WCAG).response["violations"]
            told = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
            assert not told, f"{name}: {told}"
            room = page.evaluate("document.documentElement.scrollWidth")
            assert room <= width, f"{name} is {room} px wide"
    finally:
        network.behave()
        context.close()
    # Neither the policy nor anything else had a complaint (a 404 page is told as one).
    assert [one for one in complaints if "404" not in one] == []


def test_refusals_are_for_everybody_too(browser: Browser, network: SandboxNetwork) -> None:
    context, page = open_page(browser, network, viewport={"width": 1280, "height": 900})
    page.goto("/compose")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Not posted.")
    assert Axe().run(page, options=WCAG).response["violations"] == []
    page.goto("/faults")
    page.get_by_label("How many times").fill("-1")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("alert")).to_contain_text("Not switched on.")
    assert Axe().run(page, options=WCAG).response["violations"] == []
    context.close()


def test_somebody_mentions_and_is_answered(browser: Browser, network: SandboxNetwork) -> None:
    connection = network.open_account("northmoor_parks", "Northmoor Parks")
    adapter = network.adapter(connection)
    context, page = open_page(browser, network)
    page.goto("/@northmoor_parks")
    page.get_by_label("Name").fill("Ines")
    page.get_by_label("Handle").fill("ines_k")
    page.get_by_label("What do you want to say?").press_sequentially("is the lake open?")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Posted.")
    (mention,) = adapter.fetch_mentions("").items
    assert (mention.text, mention.author.handle) == ("@northmoor_parks is the lake open?", "ines_k")
    assert page.url.split("?")[0] == mention.permalink

    adapter.publish(outgoing("@ines_k It is.", reply_to=mention.reply_ref), steps=StepsInMemory())
    page.reload()
    expect(page.get_by_role("article").last).to_contain_text("@ines_k It is.")

    # Next time the browser knows who one is, and asks for no name.
    expect(page.get_by_label("Speak as")).to_have_value("ines_k")
    expect(page.get_by_label("Handle")).to_be_hidden()
    page.get_by_label("What do you want to say?").fill("Thanks")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(page.get_by_role("heading", name="Ines")).to_have_count(2)  # what it answers, and it
    context.close()


def test_posting_by_keyboard_alone(browser: Browser, network: SandboxNetwork) -> None:
    context, page = open_page(browser, network, viewport={"width": 1280, "height": 900})
    page.goto("/compose")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the posts")).to_be_focused()
    page.keyboard.press("Enter")
    for text in (None, "Kay", "kay_b", "No mouse needed"):
        page.keyboard.press("Tab")
        if text:
            page.keyboard.type(text)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Post", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Kay")
    context.close()


def test_a_fault_is_switched_on_seen_and_switched_off(
    browser: Browser, network: SandboxNetwork
) -> None:
    context, page = open_page(browser, network)
    page.goto("/faults")
    page.get_by_label("Accept, then hang").click()
    page.get_by_label("For whom").select_option(label="Northmoor Police (@northmoor_police)")
    page.get_by_label("Seconds").fill("7")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Accept, then hang, 7 s")).to_be_visible()
    page.goto("/")
    expect(page.get_by_text("1 fault switched on.")).to_be_visible()
    page.get_by_role("link", name="See faults").click()
    page.get_by_role("button", name="Switch off Accept, then hang").click()
    expect(page.get_by_text("None. The network works as it should.")).to_be_visible()
    context.close()


def test_a_token_from_the_page_works(browser: Browser, network: SandboxNetwork) -> None:
    context, page = open_page(browser, network)
    page.goto("/accounts")
    page.get_by_role("button", name="New token for @northmoor_fire").click()
    token = page.locator(".secret").inner_text()
    assert token not in {demo.token for demo in demo_accounts()}
    answer = requests.get(
        f"{network.url}/api/account", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert answer.json()["handle"] == "northmoor_fire"
    context.close()
