"""What changed between two texts."""

from __future__ import annotations

import time

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from audit.difference import difference


def rebuilt(parts, leave_out):
    return "".join(words for kind, words in parts if kind != leave_out)


def test_a_word_is_replaced():
    assert difference("The bridge is closed.", "The bridge is open.") == [
        ("same", "The bridge is "),
        ("out", "closed."),
        ("in", "open."),
    ]


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("", "", []),
        ("same words", "same words", [("same", "same words")]),
        ("about roads", "about roads and rivers", [("same", "about roads"), ("in", " and rivers")]),
        ("", "new", [("in", "new")]),
        ("old", "", [("out", "old")]),
        ("one two", "one new two", [("same", "one "), ("in", "new "), ("same", "two")]),
        ("橋は閉鎖", "橋は開通", [("same", "橋は"), ("out", "閉鎖"), ("in", "開通")]),
    ],
)
def test_small_cases(before, after, parts):
    assert difference(before, after) == parts


@given(st.text(max_size=300), st.text(max_size=300))
def test_both_texts_can_be_read_back_to_the_character(before, after):
    parts = difference(before, after)
    assert rebuilt(parts, "in") == before
    assert rebuilt(parts, "out") == after
    assert all(words for _, words in parts)


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d\n", "e.", ""]), max_size=80).map(" ".join)


@given(WORDS, WORDS)
def test_texts_of_few_words_too(before, after):
    parts = difference(before, after)
    assert rebuilt(parts, "in") == before
    assert rebuilt(parts, "out") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a b " * 50_000, "b a " * 50_000),
        ("x" * 1_000_000, "y" * 1_000_000),
        (" " * 500_000, "\n" * 500_000),
        ("a b c " * 300, "c a b " * 300),
        ("\u0301" * 100_000, "\u0300" * 100_000),
    ],
)
def test_long_and_awkward_texts_do_not_hold_the_page_up(before, after):
    begun = time.thread_time()  # whatever else the machine has to do
    parts = difference(before, after)
    assert time.thread_time() - begun < 3
    assert rebuilt(parts, "in") == before
    assert rebuilt(parts, "out") == after


def test_hostile_words_are_shown_and_not_run():
    parts = difference("<b>one</b>", "<script>alert(1)</script> & \"'")
    html = render_to_string("_components/diff.html", {"diff": parts})
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;&#x27;" in html
    assert html.count("<del>") == html.count("<ins>") == 1
