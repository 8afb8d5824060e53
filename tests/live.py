"""Pages of the live server in a real browser, for tests that look into its database."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, Route

from tests.acceptance.people import running_chromium
from tests.platforms.server import wait_for


@contextmanager
def live_chromium() -> Iterator[Browser]:
    """A Chromium beside whose event loop, which runs in this thread, tests may ask the database."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with running_chromium() as opened:
            yield opened
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@contextmanager
def page_of(client: Client, browser: Browser, server: Any) -> Iterator[Page]:
    """A page of whoever `client` is signed in as; AssertionError where its scripts failed."""
    faults: list[str] = []
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with _all_answered(server):
        context = browser.new_context(base_url=server.url)
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": server.url}]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        try:
            yield page
        finally:
            context.close()
    assert faults == []


@contextmanager
def _all_answered(server: Any) -> Iterator[None]:
    """Ends when nobody is connected any more. A page that was closed leaves its last questions at
    work, and the emptying of the database after the test would wait for them, or they for it."""
    httpd = server.thread.httpd
    connected: set[Any] = set()
    came: set[Any] = set()
    process, shut = httpd.process_request, httpd.shutdown_request

    def process_request(request: Any, address: Any) -> None:
        came.add(address)
        connected.add(request)
        process(request, address)

    def shutdown_request(request: Any) -> None:
        shut(request)
        connected.discard(request)

    httpd.process_request, httpd.shutdown_request = process_request, shutdown_request
    try:
        yield
        # Who knocks last is let in last.
        with socket.create_connection((server.thread.host, server.thread.port)) as knocking:
            address = knocking.getsockname()
            wait_for(lambda: address in came)
        wait_for(lambda: not connected)
    finally:
        del httpd.process_request, httpd.shutdown_request


_SETTLED = "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')"


def settled(page: Page) -> None:
    """Wait until what the page asked for is in it and htmx knows it: a form that is sent sooner
    goes as without scripts, to a page of its own."""
    page.wait_for_load_state()
    page.wait_for_function(_SETTLED)


def held_back(page: Page, address: str) -> Callable[[], None]:
    """Holds the next request whose address has this (a regular expression) in it; what is returned
    lets it go, and waits until the page has taken its answer."""
    held: list[Route] = []
    pattern = re.compile(address)
    page.route(pattern, lambda route: held.append(route), times=1)

    def let_go() -> None:
        (route,) = held
        with page.expect_response(pattern):
            route.continue_()
        settled(page)

    return let_go
