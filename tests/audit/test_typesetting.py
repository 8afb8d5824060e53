"""Text of any script, set in lines for paper."""

from __future__ import annotations

import pytest
from reportlab.pdfbase.pdfmetrics import stringWidth

from audit.exports.typesetting import lines, runs

SIZE, WIDTH = 10, 200


def one(text):
    (line,) = lines(text, 10_000, SIZE, 1)
    return line


def measured(line):
    return sum(stringWidth(piece, font, SIZE) for font, piece in runs(line))


def test_signs_are_shown_and_those_without_a_font_named():
    assert one("Łódź Ёлка Ωμέγα") == "Łódź Ёлка Ωμέγα"
    assert one("fire \U0001f525\n!") == "fire \U0001f525 !"
    assert one("橋") == "[U+6A4B]"


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u200b", "\u00ad", "\ufeff", "\x07"])
def test_what_acts_unseen_is_named(sign):
    assert one(f"user{sign}txt.exe") == f"user[U+{ord(sign):04X}]txt.exe"


def test_a_sign_is_set_in_the_font_that_has_it():
    found = dict(runs(one("a 🔥א")))
    assert found == {"NotoSans": "a ", "NotoSansEmoji": "🔥", "NotoSansHebrew": "א"}


def test_text_from_right_to_left_is_turned_around_and_numbers_are_not():
    assert one("on שלום 18:00 now") == "on 18:00 םולש now"
    assert one("“שלום”") == "“םולש”"


def test_arabic_letters_are_joined_and_keep_their_vowels():
    assert one("لا") == "\ufefb"
    assert one("سلام") == "\ufee1\ufefc\ufeb3"
    assert "\u064e" in one("سَلام")


def test_joined_emoji_come_one_after_the_other():
    assert one("👩\u200d🚒\ufe0f") == "👩🚒"


@pytest.mark.parametrize(
    "text",
    [
        "a word after another " * 20,
        "x" * 500,
        "short " + "https://example.org/" + "y" * 300 + " and on",
        "سيرتفع منسوب النهر نصف متر حتى صباح الغد " * 9,
        "🔥" * 90,
        " " * 400,
        "",
    ],
)
def test_every_line_fits_and_nothing_is_lost(text):
    found = lines(text, WIDTH, SIZE, 99)
    assert found
    assert max(map(measured, found)) <= WIDTH + 0.01
    letters = sum(len(line.replace(" ", "")) for line in found)
    assert letters == len(one(text).replace(" ", ""))


def test_what_is_too_long_says_that_it_was_cut():
    found = lines("word " * 200, WIDTH, SIZE, 3, " … (cut)")
    assert len(found) == 3
    assert found[-1].endswith(" … (cut)")
    assert max(map(measured, found)) <= WIDTH + 0.01
