"""How long a text is: by examples of the platforms' own rules, and by what must always hold."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.contract import Image, Limits, TextUnit
from platforms.counting import count_text, find_urls, text_problems
from platforms.declared import PollLimits, VideoLimits, limits_from, limits_kept
from platforms.registry import platform_info, platform_keys

BLUESKY = platform_info("bluesky").limits
MASTODON = platform_info("mastodon").limits
VIDEO = VideoLimits(100, 60.0, 1.0, ("video/mp4", "video/webm"))
POLL = PollLimits(4, 25, 5, 10_080)
CHARACTERS = Limits(text_max=500, unit=TextUnit.CHARACTER)

ANY = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=60)
PLAIN = st.text(
    st.characters(blacklist_characters="@:\r", blacklist_categories=["Cs"]), max_size=60
)


@pytest.mark.parametrize(
    ("text", "graphemes", "characters", "mastodon"),
    [
        ("", 0, 0, 0),
        ("hello", 5, 5, 5),
        ("e\u0301", 1, 2, 1),
        ("👨‍👩‍👧‍👦", 1, 7, 1),
        ("🏳️‍⚧️", 1, 5, 1),
        ("🇬🇧🇫🇷", 2, 4, 2),
        ("שָׁלוֹם", 4, 7, 4),
        ("𝒜", 1, 1, 1),
        ("a\r\nb", 3, 4, 3),
        ("https://example.org/a/rather/long/path?with=query", 49, 49, 23),
        ("http://a.uk", 11, 11, 23),
        ("see https://example.org.", 24, 24, 28),
        ("(https://example.org/a_(b))", 27, 27, 25),
        ("https://example.org/?a=", 23, 23, 23),
        ("https://example.org/x https://example.org/x", 43, 43, 47),
        ("xhttps://example.org/aaaaaaaaaaaaaaaaaaa", 40, 40, 40),
        ("@alice@example.org hi", 21, 21, 9),
        ("mail alice@example.org", 22, 22, 22),
        ("@alice", 6, 6, 6),
        ("https://example.org/@alice@example.org", 38, 38, 23),
        ("https:// nothing", 16, 16, 16),
    ],
)
def test_examples(text: str, graphemes: int, characters: int, mastodon: int) -> None:
    assert count_text(text, BLUESKY) == graphemes
    assert count_text(text, CHARACTERS) == characters
    assert count_text(text, MASTODON) == mastodon


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a" * 500, True),
        ("a" * 501, False),
        ("a" * 476 + f" http://{'b' * 30}.com/example", True),
        ("a" * 476 + f"http://{'b' * 30}.com/example", False),
        ("http://example.com/valid?" + "#foo?" * 1000, False),
        ("a" * 493 + f" @alice@{'b' * 30}.com", True),
        (f"@alice@{'b' * 500}.com", False),
        ("✨" * 500, True),
        ("🏳️‍⚧️" * 500, True),
    ],
)
def test_the_cases_of_mastodons_own_validator(text: str, fits: bool) -> None:
    """spec/validators/status_length_validator_spec.rb"""
    assert (text_problems(text, MASTODON) == []) is fits


@given(PLAIN, PLAIN)
def test_a_line_break_adds_one(first: str, second: str) -> None:
    for limits in (BLUESKY, MASTODON, CHARACTERS):
        whole = count_text(f"{first}\n{second}", limits)
        assert whole == count_text(first, limits) + 1 + count_text(second, limits)


@given(ANY)
def test_no_count_is_longer_than_what_is_written(text: str) -> None:
    assert 0 <= count_text(text, BLUESKY) <= len(text)
    assert count_text(text, CHARACTERS) == len(text)
    assert count_text(text, replace(MASTODON, url_length=None)) <= len(text)


PATHS = st.text(st.sampled_from("abcXYZ019/-_~%"), max_size=300).map(lambda p: p.rstrip("~%"))


@given(PLAIN.filter(lambda t: "http" not in t.lower()), PATHS)
def test_an_address_is_23_however_long(before: str, path: str) -> None:
    text = f"{before} https://example.org/{path}"
    assert count_text(text, MASTODON) == count_text(before + " ", MASTODON) + 23


@given(st.text(st.sampled_from("abc.:/?=&()@#! hts👍é"), max_size=80))
def test_addresses_are_found_in_order_and_apart(text: str) -> None:
    at = 0
    for start, end in find_urls(f"https://e.org {text} https://e.org/{text}"):
        assert at <= start < end
        at = end


@given(ANY, st.integers(1, 80))
def test_a_text_is_too_long_exactly_when_it_counts_more(text: str, most: int) -> None:
    limits = replace(BLUESKY, text_max=most, text_bytes_max=None)
    codes = {problem.code for problem in text_problems(text, limits)}
    assert ("text_too_long" in codes) == (count_text(text, limits) > most)


@given(ANY)
def test_the_bytes_count_as_well(text: str) -> None:
    limits = replace(BLUESKY, text_bytes_max=20)
    codes = {problem.code for problem in text_problems(text, limits)}
    assert ("text_too_many_bytes" in codes) == (len(text.encode()) > 20)


def test_problems_are_sentences() -> None:
    image = Image(b"x", "image/png", "a" * 5_000, 1, 1)
    problems = text_problems("x" * 301, BLUESKY, [image] * 5)
    assert [problem.code for problem in problems][:2] == ["text_too_long", "too_many_images"]
    assert problems[0].message == "The text is 1 character over the limit of 300."
    assert problems[1].message == "5 images, and 4 fit."
    assert [p.code for p in problems[2:]] == ["alt_text_too_long"] * 5
    broken = replace(image, alt_text="half \ud800")
    assert [p.code for p in text_problems("x", BLUESKY, [broken])] == ["alt_text_invalid"]
    none = replace(BLUESKY, images_max=0)
    assert "cannot be posted" in text_problems("x", none, [image])[0].message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text_empty"),
        (" \n", "text_empty"),
        ("a\0", "text_invalid"),
        ("\ud800", "text_invalid"),
    ],
)
def test_what_is_no_text(text: str, code: str) -> None:
    assert code in {problem.code for problem in text_problems(text, BLUESKY)}


def test_an_image_can_do_without_words_where_the_platform_allows_it() -> None:
    image = Image(b"x", "image/png", "alt", 1, 1)
    assert text_problems("", BLUESKY, [image]) == []
    strict = replace(BLUESKY, empty_text_with_image=False)
    assert [p.code for p in text_problems("", strict, [image])] == ["text_empty"]


@pytest.mark.parametrize("key", platform_keys())
def test_declared_limits_survive_being_stored(key: str) -> None:
    limits = platform_info(key).limits
    usual = replace(limits, text_max=7, unit=TextUnit.CHARACTER, image_types=(), image_ratio=None)
    kept = limits_kept(limits, usual)
    assert "video" not in kept
    assert limits_from(json.loads(json.dumps(kept)), usual) == limits
    assert limits_from(json.loads(json.dumps(asdict(limits))), usual) == limits
    assert limits_kept(limits, limits) == {}


def test_that_a_server_has_no_such_limit_survives_being_stored() -> None:
    """As GoToSocial, which counts a web address as it is written."""
    usual = Limits(500, TextUnit.GRAPHEME, url_length=23, short_mentions=True)
    told = replace(usual, url_length=None, short_mentions=False, image_ratio=(0.5, 2.0))
    assert limits_from(json.loads(json.dumps(limits_kept(told, usual))), usual) == told


NESTED = [
    ({"video": None, "poll": None}, VIDEO, POLL),  # of a time when the adapter knew of neither
    ({}, VIDEO, POLL),
    ({"video": {"bytes_max": 5, "gone": 1}}, replace(VIDEO, bytes_max=5), POLL),
    ({"video": {"types": []}}, replace(VIDEO, types=()), POLL),  # this server takes none
    ({"poll": {"options_max": 9}}, VIDEO, replace(POLL, options_max=9)),
]


@pytest.mark.parametrize(("kept", "video", "poll"), NESTED)
def test_what_an_account_keeps_from_before_takes_the_usual_for_each_field_it_lacks(
    kept: dict[str, Any], video: VideoLimits, poll: PollLimits
) -> None:
    read = limits_from(kept, replace(BLUESKY, video=VIDEO, poll=POLL))
    assert (read.video, read.poll) == (video, poll)


def test_what_a_platform_has_no_more_is_not_kept() -> None:
    kept = asdict(replace(BLUESKY, video=VIDEO, poll=POLL))
    read = limits_from(kept, replace(BLUESKY, video=None, poll=None))
    assert (read.video, read.poll) == (None, None)


def test_limits_stored_by_an_earlier_version_are_read() -> None:
    old = {"text_max": 500, "unit": "grapheme", "image_types": ["image/png"], "gone": 1}
    usual = Limits(300, TextUnit.CHARACTER, parts_max=25)
    expected = Limits(500, TextUnit.GRAPHEME, image_types=("image/png",), parts_max=25)
    assert limits_from(old, usual) == expected
    assert limits_from({}, usual) == usual


def test_hashtags_are_counted_and_pictures_asked_for() -> None:
    limits = Limits(500, TextUnit.UTF16, hashtags_max=2, media_required=True)
    codes = [problem.code for problem in text_problems("#a #b2 &#39; c#d #1 #Ü", limits)]
    assert codes == ["media_required", "too_many_hashtags"]
    assert text_problems("#a #b", limits, [Image(b"", "image/png", "", 1, 1)]) == []


def test_units_of_utf16() -> None:
    assert count_text("a𝒜é", Limits(500, TextUnit.UTF16)) == 4
