"""Incoming text is hostile: what is left of it is plain, whole and fit to be stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.markup import (
    clean_line,
    clean_text,
    describe_media,
    expand_links,
    html_to_text,
    link_text,
    safe_url,
)

LINK = (
    '<a href="https://www.gov.uk/a/long/path"><span class="invisible">https://www.</span>'
    '<span class="ellipsis">gov.uk/a/lo</span><span class="invisible">ng/path</span></a>'
)
MENTION = (
    '<span class="h-card"><a href="https://far.test/@bob" class="u-url mention">@<span>bob</span>'
    "</a></span>"
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One<br>two<br/>three<br /></p>", "One\ntwo\nthree"),
        (f"<p>{MENTION} see {LINK}.</p>", "@bob see https://www.gov.uk/a/long/path."),
        ('<a href="https://evil.test/">police.uk</a>', "police.uk (https://evil.test/)"),
        ('<a href="https://e.test/x">https://e.test/x</a>', "https://e.test/x"),
        ('<a href="https://e.test/tags/flood" class="hashtag" rel="tag">#flood</a>', "#flood"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ('<a href="data:text/html,x">click</a>', "click"),
        ("a<script>alert(1)</script>b<style>*{}</style>c", "abc"),
        ("<svg><script>x</script></svg>y", "y"),
        ("<iframe src=x>inner</iframe>y", "y"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("&amp;lt;b&amp;gt; &#x1F692; &nbsp;x", "&lt;b&gt; 🚒 \xa0x"),
        ('<img src=x onerror=alert(1) alt=":blob:">', ":blob:"),
        ("<ul><li>a</li><li>b</li></ul>", "• a\n\n• b"),
        ("<p>a\n   b\t c</p>", "a b c"),
        ("<!-- x --><![CDATA[y]]>z", "z"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ('<a href="https://e.test/">never closed', "never closed (https://e.test/)"),
        ("", ""),
        (None, ""),
        (7, ""),
        ("<p>שלום <b>עולם</b></p>", "שלום עולם"),
    ],
)
def test_html(html: object, text: str) -> None:
    assert html_to_text(html) == text


@given(st.text())
def test_whatever_comes_can_be_stored_and_shown(text: str) -> None:
    for made in (html_to_text(text), clean_text(text), clean_line(text)):
        made.encode()
        assert "\0" not in made
        assert "\r" not in made
        assert made == made.strip()
    assert "\n" not in clean_line(text)


@given(st.text(st.sampled_from("<>/abp \"'=&;!-[]script")))
def test_no_broken_markup_breaks_the_reader(html: str) -> None:
    html_to_text(html)


def test_a_huge_page_is_cut() -> None:
    assert len(html_to_text("<p>" + "word " * 1_000_000)) <= 20_000
    assert len(html_to_text("<b>" * 200_000 + "x")) <= 20_000


@given(st.text(max_size=50), st.lists(st.tuples(st.integers(-5, 80), st.integers(-5, 80))))
def test_links_at_any_positions(text: str, places: list[tuple[int, int]]) -> None:
    expand_links(text, [(start, end, "https://e.test/") for start, end in places]).encode()


def test_links_are_told_in_full() -> None:
    text = "é see gov.uk/lon… now"
    start = len("é see ".encode())
    end = start + len("gov.uk/lon…".encode())
    assert (
        expand_links(text, [(start, end, "https://www.gov.uk/long/path")])
        == "é see https://www.gov.uk/long/path now"
    )
    assert expand_links(text, [(1, 2, "https://e.test/")]) == text  # in the middle of a letter
    assert expand_links("bank", [(0, 4, "https://evil.test/")]) == "bank (https://evil.test/)"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "https://user:pw@e.test/",
        'https://e.test/"onclick="x',
        "https://e.test/<script>",
        "https://e.test/ x",
        "https://e.test/\nx",
        "//e.test/",
        "https://",
        "https://[::1",
        "https://e.test/" + "x" * 3000,
        "",
        None,
        7,
    ],
)
def test_urls_that_are_no_links(url: object) -> None:
    assert safe_url(url) == ""
    if isinstance(url, str):
        assert link_text("words", url) == "words"


@pytest.mark.parametrize("url", ["https://e.test/", "http://e.test/a?b=c&d#e", "https://ü.test/é"])
def test_urls_that_are(url: str) -> None:
    assert safe_url(url) == url


def test_names_cannot_turn_the_line_round() -> None:
    assert clean_line("Ad\u202enimda\u202c \n of\tthe desk\0") == "Adnimda of the desk"
    assert len(clean_line("x" * 5000)) == 200


def test_media_are_told_in_a_line_each() -> None:
    assert (
        describe_media([{"kind": "Image", "alt": "A\nsign"}, {"kind": "Video", "alt": None}])
        == "[Image: A sign]\n[Video]"
    )
    assert len(describe_media([{"kind": "Image"}] * 500).splitlines()) == 20
