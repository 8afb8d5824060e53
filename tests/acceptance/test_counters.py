"""The number in the composer while one types is the number the server counts by."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from .people import cast
from .stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

HOSTILE = {
    "plain": "The road is closed.",
    "spaces around": "  The road is closed. \n ",
    "lines": "one\ntwo\n\nthree",
    "families": "👩‍👩‍👧‍👦 👨🏽‍🚒 🏳️‍🌈 👍🏿 ❤️",
    "flags": "🇬🇧🇫🇷🇩🇪 and half a flag 🇬",
    "keycaps": "1️⃣ #️⃣ *️⃣",
    "tags in a flag": "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "combining": "e\u0301a\u0308 z\u0351\u036b\u0343\u036a\u0302\u036bq and \u0301 alone",
    "composed": "éä and e\u0301a\u0308 are as many",
    "jamo": "각 각 \u1112\u1161\u11ab",
    "devanagari": "नमस्ते क्षत्रिय",
    "thai": "กำลัง น้ำ",
    "right to left": "שָׁלוֹם עולם مَرْحَبًا",
    "overridden": "abc \u202edef\u202c \u2066ghi\u2069",
    "no width": "a\u200bb\u200cc\u200dd\ufeffe",
    "link": "See https://example.org/road?id=7&lang=en#top today",
    "links in a sentence": "(https://example.org/a), http://example.org. “https://example.org/b”!",
    "brackets in a link": "https://example.org/a_(b) and (https://example.org/a_(b))",
    "long link": "https://example.org/" + "path/" * 60,
    "link of another alphabet": "https://пример.испытание/дорога and https://münchen.example",
    "no links": "https:// http://localhost https://x ftp://example.org x@https://example.org",
    "link and mark": "https://example.org/\u0301 https://example.org\u0301",
    "mention": "@northmoor and @northmoor@social.example and mail me@example.org",
    "mentions side by side": "@a@b.example@c.example @a@b.example. @a_b@c-d.example:8080/x",
    "capital link": "HTTPS://EXAMPLE.ORG/ROAD",
    "tags": "#Northmoor #2026 #Überflutung",
    "surrogates apart": "𝒳𝒴𝒵 and 🦊",
    "long": "a" * 600,
}
_TYPE = """(field, text) => {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  const shown = document.querySelectorAll("#compose-counters [data-count]");
  return [...shown].map((one) => one.innerText);
}"""


def test_the_page_counts_as_the_server_does(browser: Browser, stage: Stage) -> None:
    stage.run("from tests.acceptance import extras\nextras.counted_accounts()")
    with cast(browser, stage, "counters") as people:
        page = people.desk("contributor").page
        page.goto("/posts/new/")
        for name in ("Counted bluesky", "Counted mastodon", "Northmoor Police"):
            page.get_by_role("checkbox", name=name).check()
        expect(page.locator("#compose-counters [data-count]")).to_have_count(3)
        differing = {
            name: told for name, text in HOSTILE.items() if len(set(told := counts(page, text))) > 1
        }
        people.picture(people.windows[0], "has typed much")
        assert differing == {}


def counts(page: Page, text: str) -> list[tuple[str, ...]]:
    """What the page shows while it is typed, and what the server answers to the same text."""
    field = page.get_by_label("Text", exact=True)
    with page.expect_response(lambda answer: is_check_of(answer, text)) as awaited:
        shown = field.evaluate(_TYPE, text)
    return [tuple(shown), numbers(awaited.value.text())]


def is_check_of(answer: Response, text: str) -> bool:
    if not answer.url.endswith("/posts/check/"):
        return False
    sent = parse_qs(answer.request.post_data or "", keep_blank_values=True)
    return sent.get("text", [""])[0].replace("\r\n", "\n") == text


def numbers(html: str) -> tuple[str, ...]:
    found = tuple(re.findall(r"<span data-count>([^<]+)</span>", html))
    assert len(found) == 3, html
    return found
