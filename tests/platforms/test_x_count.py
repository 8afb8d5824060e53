"""The weighted count of X, against what twitter-text 3.1 answers to the same texts.

The numbers were read off twitter-text 3.1.0 (Apache License 2.0, not part of this project); the
texts are our own.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.contract import Limits, TextUnit
from platforms.counting import count_text
from platforms.x_count import find_urls, weighted_length

CASES = {
    "": 0,
    "Road closed until six.": 22,
    "é": 1,
    "e\u0301": 1,  # composed before it is counted
    "שלום": 4,
    "Привет": 6,
    "ก": 1,
    "漢字": 4,
    "한국": 4,
    "𝒜": 2,
    "…": 2,
    "“quoted” – text": 15,
    "👍": 2,
    "👍🏽": 2,
    "👨‍👩‍👧‍👦": 2,
    "👩‍❤️‍💋‍👨": 2,
    "🏳️‍🌈": 2,
    "🤷‍♀️": 2,
    "🇬🇧": 2,
    "🇬": 2,
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿": 2,
    "1️⃣": 2,
    "#⃣": 2,
    "☃": 2,
    "☃️": 2,
    "⭐️": 2,
    "❤": 2,
    "©": 1,
    "©️": 2,
    "™": 2,
    "\u200d": 1,
    "\ufe0f": 2,
    "https://example.org": 23,
    "HTTP://EXAMPLE.ORG/x": 23,
    "example.org": 23,
    "See example.org/road?id=7&lang=en, or call.": 37,
    "https://www.gov.uk/a_(b)": 23,
    "(see https://www.gov.uk/a)": 29,
    "https://example.org.": 24,
    "mail@example.org": 16,
    "@user.org": 9,
    "$x.com": 6,
    "foo.local": 9,
    "1.2.3.4": 7,
    "end.Next": 23,
    "e.g. this": 9,
    "a.co": 23,
    "t.co/abc": 23,
    "https://t.co/abcdefg/x": 25,
    "https://t.co/" + "a" * 41: 54,
    "-example.com": 12,
    "/example.com": 12,
    "bücher.de": 23,
    "例え.jp": 7,
    "http://例え.jp/x": 23,
    "президент.рф": 12,
    "http://президент.рф/правда": 23,
    "http://a_b.example.com": 23,
    "ftp://example.com": 17,
}


@pytest.mark.parametrize("text", list(CASES))
def test_it_counts_as_twitter_text_does(text: str) -> None:
    assert weighted_length(text) == CASES[text]


def test_a_platform_that_weighs_is_counted_so() -> None:
    limits = Limits(text_max=280, unit=TextUnit.WEIGHTED)
    assert count_text("漢字 example.org", limits) == 28


@pytest.mark.parametrize(
    ("unit", "times"), [("x", 280), ("é", 280), ("e\u0301", 280), ("漢", 140), ("👨‍👩‍👧‍👦", 140)]
)
def test_exactly_280_fit(unit: str, times: int) -> None:
    assert weighted_length(unit * times) == 280
    assert weighted_length(unit * times + "x") == 281


def test_twelve_links_and_words_at_the_limit() -> None:
    text = " ".join(["https://example.org/" + "x" * 200] * 11) + " " + "y" * 16
    assert weighted_length(text) == 280


@given(st.text(max_size=80))
def test_any_text_can_be_counted(text: str) -> None:
    length = weighted_length(text)
    composed = unicodedata.normalize("NFC", text)
    assert 0 <= length <= max(2 * len(composed), 23 * (1 + composed.count(".")) + 2 * len(composed))
    assert weighted_length(composed) == length
    for start, end in find_urls(text):
        assert 0 <= start < end <= len(text)


@given(st.text(alphabet="ab.c/:@htps-(é漢", max_size=60))
def test_addresses_lie_apart(text: str) -> None:
    found = find_urls(text)
    assert all(first[1] <= second[0] for first, second in pairwise(found))
