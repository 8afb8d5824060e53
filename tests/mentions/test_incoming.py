"""Whatever a network says can be kept, and what cannot is made harmless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.utils import timezone as clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentions import incoming as cleaning
from mentions.incoming import clean, clean_batch
from mentions.models import Feed, Mention
from mentions.services.ingest import mentions_ingest
from mentions.tasks import POLLER
from platforms.contract import Incoming, RemotePerson, ReplyRef
from tests.mentions.fakes import AT, incoming

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_an_ordinary_mention_is_kept_as_it_is():
    kept = clean(incoming(1, text="Two\nlines & <b>markup</b> 🚒"), now=NOW)
    assert kept.text == "Two\nlines & <b>markup</b> 🚒"
    assert kept.posted_at == AT.replace(minute=1)
    assert (kept.author.handle, kept.author.display_name) == ("@sam", "Sam Ortega")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a\x00b", "ab"),
        ("a\ud800b", "a?b"),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
        ("\x1b[31mred\x07", "[31mred"),
        (None, ""),
        (7, ""),
    ],
)
def test_texts_lose_what_cannot_be_stored_or_seen(said, kept):
    assert clean(incoming(1, text=said), now=NOW).text == kept


def test_a_very_long_text_is_cut_with_a_sign_of_it():
    kept = clean(incoming(1, text="x" * 2_000_000), now=NOW).text
    assert (len(kept), kept[-1]) == (cleaning.TEXT_MAX, "…")


def test_names_are_one_line_and_fit():
    kept = clean(incoming(1, name="A\n\nB " + "c" * 500, handle="@" + "h" * 500), now=NOW).author
    assert kept.display_name.startswith("A B cc")
    assert (len(kept.display_name), len(kept.handle)) == (200, 255)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//elsewhere.example/x",
        "https://",
        "https://[::1",
        "https://a.example/ x",
        "https://a.example/\x00",
        "https://a.example/" + "x" * 500,
        "HTTPS//a.example",
        None,
        5,
    ],
)
def test_only_web_addresses_are_links(link):
    assert clean(incoming(1, permalink=link), now=NOW).permalink == ""


def test_a_web_address_stays():
    assert clean(incoming(1, permalink=" http://a.example/1 "), now=NOW).permalink == (
        "http://a.example/1"
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (datetime(2026, 11, 23, 9, 0), AT),
        (datetime(9999, 12, 31, tzinfo=UTC), NOW),
        (datetime.max, NOW),  # noqa: DTZ901 - what is tested
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), NOW),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), NOW),
        (datetime.min, datetime(1970, 1, 1, tzinfo=UTC)),  # noqa: DTZ901 - what is tested
        ("yesterday", NOW),
        (None, NOW),
    ],
)
def test_dates_can_be_sorted_by(said, kept):
    assert clean(incoming(1, posted_at=said), now=NOW).posted_at == kept


def test_long_ids_stay_different_from_each_other():
    one, two = ("x" * 900 + end for end in "ab")
    first = clean(incoming(1, remote_id=one, thread_id=one, author_id=one), now=NOW)
    second = clean(incoming(1, remote_id=two, thread_id=two, author_id=two), now=NOW)
    assert first.remote_id != second.remote_id
    assert first.thread_id != second.thread_id
    assert first.author.remote_id != second.author.remote_id
    assert max(len(first.remote_id), len(first.thread_id)) <= 255


def test_a_mention_without_a_thread_starts_its_own():
    assert clean(incoming(4, thread_id=""), now=NOW).thread_id == "m-4"


def test_an_unknown_kind_is_a_mention():
    assert clean(incoming(1, kind="shout"), now=NOW).kind == "mention"


def test_nobody_is_still_somebody():
    author = clean(incoming(1, author_id="", handle="", name=""), now=NOW).author
    assert (author.remote_id, author.handle) == ("unknown", "unknown")


def test_a_mention_without_an_id_cannot_be_told_apart_and_is_left_out():
    assert clean_batch([incoming(1, remote_id="\x00 ")], own_id="me", now=NOW) == []


anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=700)
moments = st.datetimes() | st.datetimes(timezones=st.just(UTC)) | st.none()


@given(
    st.lists(
        st.builds(
            Incoming,
            remote_id=anything,
            kind=st.sampled_from(["mention", "reply", "", "\x00"]),
            author=st.builds(RemotePerson, anything, anything, anything, anything, anything),
            text=anything,
            posted_at=moments,
            permalink=anything | st.just("https://a.example/1"),
            reply_ref=st.builds(ReplyRef, anything, st.dictionaries(anything, anything)),
            thread_id=anything,
            in_reply_to=anything,
        ),
        max_size=6,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.django_db
def test_no_text_breaks_the_taking_in(account, items):
    Feed.objects.get_or_create(account=account)
    Mention.objects.all().delete()
    now = clock.now()
    found = clean_batch(items, own_id=account.remote_id, now=now)
    if found:
        new = mentions_ingest(
            actor=POLLER, account=account, items=found, cursor_before="", cursor="", now=now
        )
        assert new == len(found) == Mention.objects.count()
