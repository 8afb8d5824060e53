#!/usr/bin/env python3
"""Takes the pictures of the docs: `make screenshots`.

Starts a fresh demo on ports of its own, walks through the tutorial as its people do, takes each
picture on the way into docs/img/, and stops it again. Needs Debian's chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "img"
PASSWORD = "northmoor-demo-2026"  # noqa: S105  # of the demo alone
SIZE = (1280, 800)
COLOURS = 128
"""Enough for flat pages, and a third of the bytes."""
PATIENCE_MS = 60_000
READY_S = 240.0
AHEAD = timedelta(seconds=100)
"""How far ahead, to the minute, the tutorial's post is planned: time enough to approve it."""
ZONE = ZoneInfo("Europe/London")

ACCOUNT = "Northmoor Police"
TEXT = (
    "Free bike marking on Market Square this Saturday from 10 to 2. "
    "Bring your bike and something that shows it is yours. #Northmoor"
)
QUESTION = "@northmoor_police is there a limit, or can I bring all three of ours?"
ANSWER = "Bring all three. It takes about five minutes a bike."


# --- a demo of our own ----------------------------------------------------------------------------


@contextmanager
def running_demo(folder: Path) -> Iterator[str]:
    """A fresh demo with its data in `folder`; its address. Raises RuntimeError if it fails."""
    port = _free_pair()
    strange = ("SOCIALDESK_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
    env = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    env |= {"SOCIALDESK_DATA_DIR": str(folder), "SOCIALDESK_ORGANISATION": "Northmoor"}
    log = folder / "demo.log"
    command = [sys.executable, "-m", "socialdesk.launcher", "run", f"--port={port}"]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  # our own program, no shell
            [*command, "--end-with-parent"], cwd=ROOT, env=env, stdout=out, stderr=out
        )
    try:
        _wait_until_ready(process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _free_pair() -> int:
    """A port that is free and whose next one is: the Sandbox takes that."""
    for port in range(8600, 8700, 2):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise RuntimeError("no two free ports between 8600 and 8700")


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_S
    while b"Ready in " not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > until:
            last = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
            raise RuntimeError(f"The demo did not come up. It said last:\n{last}")
        time.sleep(0.2)


# --- windows and pictures -------------------------------------------------------------------------


class Album:
    """Everybody's windows, and where the pictures go."""

    def __init__(self, browser: Browser, base_url: str, folder: Path) -> None:
        self._browser = browser
        self._base_url = base_url
        self._folder = folder

    def window(self, base_url: str = "") -> Page:
        context = self._browser.new_context(
            base_url=base_url or self._base_url,
            viewport={"width": SIZE[0], "height": SIZE[1]},
            locale="en-GB",
            timezone_id=ZONE.key,
            reduced_motion="reduce",
        )
        return context.new_page()

    def sign_in(self, who: str, *, keep: str = "") -> Page:
        page = self.window()
        page.goto("/auth/sign-in/")
        page.locator("[name=login]").fill(f"{who}@northmoor.example")
        page.locator("[name=password]").fill(PASSWORD)
        if keep:
            self.take(page, keep)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("My day")
        return page

    def sandbox(self) -> Page:
        """The page of the practice network, one port up."""
        host, port = self._base_url.rsplit(":", 1)
        page = self.window(f"{host}:{int(port) + 1}")
        page.goto("/")
        return page

    def take(self, page: Page, name: str, *, full: bool = False) -> None:
        """A picture of the page as `name`.png, without notices that come and go."""
        page.evaluate("document.activeElement?.blur()")
        page.locator(".toast").evaluate_all("notices => notices.forEach((one) => one.remove())")
        page.mouse.move(1, 1)
        page.wait_for_timeout(400)  # for what fades in
        shot = Image.open(BytesIO(page.screenshot(full_page=full)))
        small = shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(self._folder / f"{name}.png", optimize=True)
        sys.stdout.write(f"took {name}.png\n")
        sys.stdout.flush()


# --- the tutorial ---------------------------------------------------------------------------------


def tutorial(album: Album) -> None:
    """Draft, approve, see it go out, be asked, answer, look back."""
    chloe = album.sign_in("contributor", keep="sign-in")
    post_path = _write(album, chloe)
    david = album.sign_in("supervisor")
    _approve(album, david, TEXT, keep="approve")
    expect(chloe.locator("#deliveries .state")).to_have_text("Published", timeout=150_000)
    chloe.goto(post_path)
    expect(chloe.locator(".story").first).to_be_visible()
    album.take(chloe, "published")
    _ask(album)
    _answer(album, chloe)
    _approve(album, david, ANSWER, keep="")
    expect(chloe.locator(".thread .state").last).to_contain_text("Published", timeout=60_000)
    chloe.locator(".thread .state").last.evaluate("one => one.scrollIntoView({block: 'center'})")
    album.take(chloe, "answered")
    _look_back(album, post_path)


def _write(album: Album, page: Page) -> str:
    page.get_by_role("link", name="New post").first.click()
    page.locator("#accounts label").filter(has_text=ACCOUNT).click()
    page.get_by_label("Text", exact=True).fill(TEXT)
    local = (datetime.now(UTC) + AHEAD).astimezone(ZONE)
    page.get_by_label("Day").fill(local.strftime("%Y-%m-%d"))
    page.get_by_label("Time", exact=True).fill(local.strftime("%H:%M"))
    expect(page.locator("#compose-previews")).to_contain_text("Free bike marking")
    expect(page.locator("#compose-due time")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")  # the day is filled in further down
    album.take(page, "write")
    page.get_by_role("button", name="Send for approval").click()
    expect(page.locator("#deliveries .state")).to_have_text("In review")
    return re.sub(r"^https?://[^/]+", "", page.url)


def _approve(album: Album, page: Page, text: str, *, keep: str) -> None:
    page.goto("/approvals/")
    page.get_by_role("link").filter(has_text=text[:30]).click()
    decision = page.locator("#approval")
    expect(decision).to_contain_text(text[:30])
    if keep:
        album.take(page, keep)
    decision.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").first).to_contain_text("Approved")


def _ask(album: Album) -> None:
    page = album.sandbox()
    expect(page.get_by_text("Free bike marking on Market Square this").first).to_be_visible()
    page.get_by_label("Speak as").select_option(value="tomw_cyclist")
    page.get_by_label("What do you want to say?").fill(QUESTION)
    album.take(page, "sandbox")
    page.get_by_role("button", name="Post", exact=True).click()


def _answer(album: Album, page: Page) -> None:
    page.goto("/inbox/")
    row = page.locator(".inbox-row").filter(has_text="can I bring all three")
    row.wait_for(state="visible")
    row.click()
    expect(page.locator("#conversation")).to_contain_text("Tom Whitlock")
    page.get_by_label("Reply to").fill(ANSWER)
    expect(page.locator("#reply-count")).to_be_visible()
    album.take(page, "inbox")
    page.get_by_role("button", name="Send for approval", exact=True).click()
    expect(page.locator(".thread")).to_contain_text(ANSWER)


def _look_back(album: Album, post_path: str) -> None:
    page = album.sign_in("auditor")
    page.goto("/record/")
    album.take(page, "record")
    page.goto(f"{post_path.partition('?')[0]}story/")
    expect(page.locator("ol.story > li").first).to_be_visible()
    album.take(page, "story", full=True)


# --- a look round -------------------------------------------------------------------------------


def tour(album: Album) -> None:
    """The pages that the other documents show."""
    ben, admin = album.sign_in("officer"), album.sign_in("admin")
    for page, path, name in (
        (ben, "/", "my-day"),
        (ben, "/calendar/", "calendar"),
        (admin, "/accounts/connect/", "connect"),
    ):
        page.goto(path)
        album.take(page, name, full=name == "calendar")
    admin.goto("/accounts/")
    admin.get_by_role("main").get_by_role("link", name="Northmoor Fire").first.click()
    album.take(admin, "levels")


def main() -> int:
    """Take all pictures; 1 when that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=PICTURES, help="where they go (docs/img)")
    folder: Path = parser.parse_args().folder
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("There is no chromium here (Debian: apt install chromium).\n")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with (
        tempfile.TemporaryDirectory(prefix="desk-") as data,
        running_demo(Path(data)) as base_url,
        sync_playwright() as playwright,
    ):
        # The fields of dates follow the browser's own language, where chromium-l10n brings it.
        env: dict[str, str | float | bool] = {**os.environ, "LANGUAGE": "en_GB"}
        switches = ["--no-sandbox", "--disable-gpu", "--lang=en-GB"]
        browser = playwright.chromium.launch(executable_path=chromium, args=switches, env=env)
        album = Album(browser, base_url, folder)
        tour(album)
        tutorial(album)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
