"""Searching for several words, some of them in a great part of all events."""

from __future__ import annotations

import pytest
from django.db import connection

from audit.models import Event
from audit.selectors import words
from audit.selectors.words import events_with
from tests.factories import make_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(monkeypatch):
    """Statistics of a record in which `fire` and `firefighter` are in every third event."""
    monkeypatch.setattr(words, "_common", lambda _: {"fire": 0.2, "firefighter": 0.13, "the": 0.9})
    make_events(
        [
            "the fire at hill road",
            "the firefighter of hill road",
            "the flood at hill road",
            "a fire at mill lane",
            "hillside on fire",
        ]
    )


def found(text):
    return set(Event.objects.filter(events_with(text)).values_list("words", flat=True))


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("text", ["hill fire", "fire hill", "hill the fire", "fire", "the fire"])
def test_a_common_word_is_found_as_the_beginning_of_a_word_like_any_other(text):
    wanted = {
        row.words
        for row in Event.objects.all()
        if all(any(w.startswith(part) for w in row.words.split()) for part in text.split())
    }
    assert wanted
    assert found(text) == wanted


@pytest.mark.usefixtures("known")
def test_the_index_is_asked_for_the_rarer_words_alone():
    asked = str(Event.objects.filter(events_with("hill fire")).query)
    assert asked.count("@@") == 2
    assert str(Event.objects.filter(events_with("the fire")).query).count("@@") == 1
    assert str(Event.objects.filter(events_with("fire")).query).count("@@") == 1


@pytest.mark.usefixtures("known")
def test_nothing_is_found_without_a_word():
    assert found("  - ") == set()


def test_the_common_words_are_those_of_the_databases_own_statistics(monkeypatch):
    monkeypatch.setattr(words, "_FEW", 100)
    make_events(f"flood number{n}" for n in range(300))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_event")
    words._common.cache_clear()
    try:
        assert words._share("flo") == pytest.approx(1)
        assert words._share("number123") < words.COMMON
        assert words._share("zeppelin") == 0
    finally:
        words._common.cache_clear()


def test_a_short_record_has_no_common_words():
    words._common.cache_clear()
    assert words._share("flood") == 0
