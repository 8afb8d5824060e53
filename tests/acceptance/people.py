"""Browsers, one for each person: everybody has a window of their own, signed in by the form."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from socialdesk.launcher.layout import PROJECT

from .stage import DEMO_PASSWORD, Stage

PATIENCE_MS = 60_000  # the machine may be busy; nothing here is measured by it
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_RESULTS = PROJECT / "test-results"


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Debian's Chromium; skips the test, saying so, where there is none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed, and these tests drive it")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=list(SWITCHES),
            env={**os.environ, "LANGUAGE": "en_GB"},  # the fields of dates follow the browser's
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Window:
    """One person's browser. `complaints` is what its console said and nobody expected."""

    who: str
    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, password: str = DEMO_PASSWORD) -> Window:
        self.page.goto("/auth/sign-in/")
        self.page.locator("[name=login]").fill(f"{self.who}@northmoor.example")
        self.page.locator("[name=password]").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.arrive("My day")
        return self

    def arrive(self, title: str) -> None:
        """Wait for a page one was led to, and for its scripts: what is pressed sooner is lost."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(title)
        self.page.wait_for_load_state()


@dataclass
class Cast:
    """Everybody's windows in one story, and the pictures taken of them."""

    browser: Browser
    stage: Stage
    story: str
    windows: list[Window] = field(default_factory=list)
    _shots: int = 0

    def window(self, who: str, *, base_url: str = "", **options: Any) -> Window:
        """A new window; `who` is the first part of a demo person's address, or 'stranger'."""
        context = self.browser.new_context(
            base_url=base_url or self.stage.url,
            viewport=options.pop("viewport", {"width": 1280, "height": 900}),
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/London",
            **options,
        )
        context.set_default_timeout(PATIENCE_MS)
        window = Window(who, context.new_page(), context)
        window.page.on("console", lambda said: self._note(window, said.type, said.text))
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        self.windows.append(window)
        return window

    def desk(self, who: str, **options: Any) -> Window:
        """Somebody signed in to Socialdesk."""
        return self.window(who, **options).sign_in()

    @staticmethod
    def _note(window: Window, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            window.complaints.append(f"{kind}: {text} ({window.page.url})")

    def picture(self, window: Window, of: str, *, full: bool = False) -> None:
        """Keep a screenshot of what this person sees, numbered in the order of the story."""
        self._shots += 1
        folder = _RESULTS / self.story
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", f"{window.who} {of}".lower()).strip("-")
        window.page.screenshot(path=folder / f"{self._shots:02}-{name}.png", full_page=full)

    def complaints(self) -> dict[str, list[str]]:
        """What browsers complained about, by person: policies broken, scripts that failed."""
        return {w.who: w.complaints for w in self.windows if w.complaints}

    def close(self) -> None:
        for window in self.windows:
            window.context.close()


@contextmanager
def cast(browser: Browser, stage: Stage, story: str) -> Iterator[Cast]:
    """The people of one story; leaves a picture of every window where it went wrong."""
    old = _RESULTS / story
    shutil.rmtree(old, ignore_errors=True)
    people = Cast(browser, stage, story)
    try:
        yield people
    except BaseException:
        for window in people.windows:
            _last_picture(window, old)
        raise
    finally:
        people.close()


def _last_picture(window: Window, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        window.page.screenshot(path=folder / f"failed-{window.who}.png", timeout=5_000)
        (folder / f"failed-{window.who}.html").write_text(window.page.content(), "utf-8")
    except Exception as error:
        print(f"no picture of {window.who}: {error}")
