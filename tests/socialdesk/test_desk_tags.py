"""The words, drawings and times that every page shows, and what they make of hostile text."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.template import Context, Template
from django.utils import timezone

from socialdesk.templatetags import desk

ROOT = Path(__file__).resolve().parents[2]
LONDON = ZoneInfo("Europe/London")
NOW = dt.datetime(2026, 11, 23, 14, 0, tzinfo=LONDON)


def rendered(source: str, **context: Any) -> str:
    return Template("{% load desk %}" + source).render(Context(context))


def words(html: str) -> str:
    """What is left for a reader: no tags, single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def account(**changes: str) -> SimpleNamespace:
    return SimpleNamespace(
        **{"platform": "bluesky", "display_name": "Northvale Police", "handle": "nv.example"}
        | changes
    )


def test_every_state_of_a_delivery_has_a_word_an_icon_and_a_tone() -> None:
    from scheduling.states import State

    assert set(desk.STATES) == {str(state.value) for state in State}
    for state, look in desk.STATES.items():
        html = rendered("{% state_badge state %}", state=state)
        assert words(html) == look.word
        assert "<svg" in html
        assert f"tone-{look.tone}" in html


def test_no_two_states_look_the_same_without_their_colour() -> None:
    assert len({look.icon for look in desk.STATES.values()}) == len(desk.STATES)
    assert len({look.word for look in desk.STATES.values()}) == len(desk.STATES)


def test_a_state_without_a_look_is_refused() -> None:
    with pytest.raises(ValueError, match="No look for the state 'exploded'"):
        desk.state_badge("exploded")


def test_every_health_of_an_account_has_a_look() -> None:
    from accounts.models import SocialAccount

    values = {str(value) for value, _ in SocialAccount._meta.get_field("health").choices}
    assert values <= set(desk.HEALTH)


@pytest.mark.parametrize("name", ["../../manage", "a/b", "", "Pencil", "pencil.svg"])
def test_an_icon_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="Not an icon name"):
        desk.icon(name)


def test_a_misspelt_icon_fails_loudly() -> None:
    with pytest.raises(ValueError, match="No icon 'pencill'"):
        desk.icon("pencill")


def test_an_icon_is_hidden_from_screen_readers_unless_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in desk.icon("clock")
    assert 'role="img" aria-label="&lt;Late&gt;"' in desk.icon("clock", label="<Late>")


def test_every_icon_named_in_a_template_exists() -> None:
    named = re.compile(r"\{% icon '([^']+)'")
    for template in (ROOT / "templates").rglob("*.html"):
        for name in named.findall(template.read_text(encoding="utf-8")):
            assert desk.icon(name), template


def test_every_platform_has_its_own_glyph_and_an_unknown_one_still_shows() -> None:
    glyphs = {desk.platform_glyph(key) for key in desk.PLATFORMS}
    assert len(glyphs) == len(desk.PLATFORMS)
    assert desk.platform_glyph("gopher") == desk.icon("world")


def test_an_account_says_its_platform_its_name_and_its_handle() -> None:
    html = rendered("{% account_chip account %}", account=account())
    assert words(html) == "NP Northvale Police Bluesky @nv.example"


def test_the_name_of_an_account_cannot_carry_markup() -> None:
    html = rendered(
        "{% account_chip a url='/x' compact=True %}",
        a=account(display_name='"><script>alert(1)</script>', handle='" onclick="x'),
    )
    assert "<script" not in html
    assert '" onclick' not in html


def test_a_compact_account_is_still_named() -> None:
    html = rendered("{% account_chip a compact=True %}", a=account())
    assert 'title="Northvale Police @nv.example, Bluesky"' in html
    assert "Northvale Police" in words(html)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Priya Nair", "PN"), ("northvale", "N"), ("", "?"), ("  Åsa  Berg ", "ÅB"), ("🚒", "?")],
)
def test_initials(name: str, letters: str) -> None:
    assert desk.initials(name) == letters


def test_without_a_user_it_is_the_desk_itself_and_a_copied_name_survives_the_person() -> None:
    assert words(rendered("{% person None %}")) == "Socialdesk"
    assert words(rendered("{% person None name='Tom Hale' %}")) == "TH Tom Hale"
    nameless = SimpleNamespace(full_name="", email="tom@northvale.example")
    assert words(rendered("{% person user %}", user=nameless)) == "T tom@northvale.example"


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (dt.timedelta(seconds=10), "just now"),
        (dt.timedelta(minutes=3), "3 min ago"),
        (dt.timedelta(minutes=59, seconds=50), "1 h ago"),
        (dt.timedelta(hours=23), "23 h ago"),
        (dt.timedelta(days=1), "Sun 22 Nov, 14:00"),
        (dt.timedelta(days=365), "Sun 23 Nov 2025, 14:00"),
        (-dt.timedelta(seconds=10), "in a moment"),
        (-dt.timedelta(minutes=5), "in 5 min"),
    ],
)
def test_a_time_that_was_is_relative_within_a_day(ago: dt.timedelta, shown: str) -> None:
    with time_machine.travel(NOW, tick=False), timezone.override(LONDON):
        html = rendered("{% when at %}", at=NOW - ago)
    assert words(html) == shown
    assert 'tabindex="0"' in html


def test_a_time_that_was_is_full_on_hover_in_the_viewers_zone() -> None:
    with time_machine.travel(NOW, tick=False), timezone.override(ZoneInfo("Asia/Kolkata")):
        html = rendered("{% when at focus=False %}", at=NOW)
    assert 'title="Monday 23 November 2026, 19:30:00 IST (Kolkata)"' in html
    assert "tabindex" not in html


def test_a_time_that_will_be_is_absolute_with_its_zone() -> None:
    at = dt.datetime(2026, 11, 24, 9, 0, tzinfo=LONDON)
    with time_machine.travel(NOW, tick=False), timezone.override(LONDON):
        assert words(rendered("{% due at 'Europe/London' %}", at=at)) == "Tue 24 Nov, 09:00 London"


def test_another_zone_than_the_viewers_shows_both() -> None:
    at = dt.datetime(2026, 11, 24, 9, 0, tzinfo=LONDON)
    with time_machine.travel(NOW, tick=False), timezone.override(ZoneInfo("Asia/Tokyo")):
        near = words(rendered("{% due at 'Europe/London' %}", at=at))
        far = words(rendered("{% due at 'Europe/London' %}", at=at + dt.timedelta(hours=8)))
    assert near == "Tue 24 Nov, 09:00 London (18:00 Tokyo)"
    assert far == "Tue 24 Nov, 17:00 London (Wed 25 Nov, 02:00 Tokyo)"


def test_a_zone_with_the_same_clock_is_not_said_twice() -> None:
    at = dt.datetime(2026, 11, 24, 9, 0, tzinfo=LONDON)
    with time_machine.travel(NOW, tick=False), timezone.override(ZoneInfo("Europe/Lisbon")):
        assert words(rendered("{% due at 'Europe/London' %}", at=at)) == "Tue 24 Nov, 09:00 London"


def test_no_time_is_said_in_words() -> None:
    assert (
        words(rendered("{% due None %}{% when None none='not used' %}")) == "No time yet not used"
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<b>&", "&lt;b&gt;&amp;"),
        ("a\r\nb\nc", "a<br>b<br>c"),
        ("#York now", '<span class="p-tag">#York</span> now'),
        ("see @a.example.", 'see <span class="p-at">@a.example</span>.'),
        ("@jo@social.example", '<span class="p-at">@jo@social.example</span>'),
        ("jo@mail.example", "jo@mail.example"),
        ("#1 is no tag", "#1 is no tag"),
        (
            "(https://x.example/a?b=1&c=2).",
            '(<span class="p-link">https://x.example/a?b=1&amp;c=2</span>).',
        ),
        (
            'https://x.example/"onmouseover="x',
            '<span class="p-link">https://x.example/</span>&quot;onmouseover=&quot;x',
        ),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_a_posts_text_is_escaped_and_its_parts_marked(text: str, html: str) -> None:
    assert desk.as_post(text) == html


@pytest.mark.parametrize(
    ("tags", "undo"),
    [
        ("undo:/posts/3/undo/", "/posts/3/undo/"),
        ("safe undo:/x", "/x"),
        ("undo://evil.example/", ""),
        ("undo:https://evil.example/", ""),
        ("undo:javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_undo_leads_only_to_this_site(tags: str, undo: str) -> None:
    message = Message(constants.SUCCESS, "Moved.", extra_tags=tags)
    assert desk.toast(Context({"csrf_token": "t"}), message)["undo"] == undo


def test_an_error_stays_until_it_is_closed_and_is_read_out_at_once() -> None:
    html = rendered("{% toast m %}", m=Message(constants.ERROR, "<b>No</b>"))
    assert "data-stays" in html
    assert 'role="alert"' in html
    assert "&lt;b&gt;No" in html


def test_an_empty_list_says_what_to_do() -> None:
    html = rendered("{% empty_state 'inbox' 'Nothing waits' 'It appears here.' '/new/' 'Write' %}")
    assert words(html) == "Nothing waits It appears here. Write"
    assert 'href="/new/"' in html
