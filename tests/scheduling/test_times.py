"""Wall-clock times, zones, and the hours clocks do not agree on."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Invalid
from scheduling.times import Clock, around_skipped, due_from_local, find, note_on

ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(
    lambda d: d.replace(second=0, microsecond=0)
)


@given(moments, st.sampled_from(ZONES))
def test_a_time_that_exists_comes_back_as_it_was_said(local, zone):
    moment = find(local, zone)
    back = moment.at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    assert (back == local) is (moment.clock is not Clock.SKIPPED)


@given(moments, st.sampled_from(ZONES))
def test_a_skipped_time_is_refused_with_two_times_that_exist(local, zone):
    if find(local, zone).clock is not Clock.SKIPPED:
        assert due_from_local(local, zone).tzinfo is UTC
        return
    with pytest.raises(Invalid, match="does not exist"):
        due_from_local(local, zone)
    before, after = around_skipped(local, zone)
    assert before < local < after or after > before
    assert find(before, zone).clock is not Clock.SKIPPED
    assert find(after, zone).clock is not Clock.SKIPPED


def test_the_spring_gap_names_both_ways_out():
    with pytest.raises(Invalid) as refused:
        due_from_local(datetime(2027, 3, 28, 1, 30), "Europe/London")
    assert "01:30 does not exist on 28 March" in refused.value.message
    assert "00:59 or 02:00" in refused.value.message


def test_the_autumn_hour_is_the_first_one_unless_the_second_is_asked_for():
    local = datetime(2026, 10, 25, 1, 30)
    first = due_from_local(local, "Europe/London")
    second = due_from_local(local, "Europe/London", later=True)
    assert (second - first).total_seconds() == 3600
    assert "first" in note_on(first, "Europe/London")
    assert "second" in note_on(second, "Europe/London")
    assert note_on(datetime(2026, 7, 1, tzinfo=UTC), "Europe/London") == ""
