"""Nothing lost, nothing doubled: both ways of reading a list, against lists that misbehave."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.paging import MEMORY, Entry, read_ahead, read_down, read_since

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Down:
    """A list that is read newest first, in pages of `size`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: list[Entry[str]] = []
        self.pages = 0

    def add(self, id_: str, at: datetime) -> None:
        self.rows.append(Entry(id_, at, id_))

    def page(self, place: str) -> tuple[list[Entry[str]], str]:
        self.pages += 1
        rows = sorted(self.rows, key=lambda e: (e.at, e.id), reverse=True)
        if place:
            rows = [e for e in rows if f"{e.at.isoformat()} {e.id}" < place]
        cut = rows[: self.size]
        more = len(rows) > len(cut)
        return cut, f"{cut[-1].at.isoformat()} {cut[-1].id}" if more else ""


def drain(source: Down, cursor: str, now: datetime, max_pages: int = 3) -> tuple[list[str], str]:
    found: list[str] = []
    for _ in range(200):
        batch = read_down(cursor, page=source.page, max_pages=max_pages, now=now)
        found += batch.items
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("no end")


@given(
    rounds=st.lists(st.lists(st.integers(0, 40), max_size=25), max_size=8),
    size=st.integers(1, 7),
    max_pages=st.integers(1, 4),
)
def test_down_whatever_the_times_within_reach(
    rounds: list[list[int]], size: int, max_pages: int
) -> None:
    """Items come with times of up to 40 minutes ago, in any order and many at once."""
    source = Down(size)
    heard, cursor = drain(source, "", NOW, max_pages)
    said: list[str] = []
    for step, ages in enumerate(rounds):
        now = NOW + timedelta(minutes=step)
        for age in ages:
            said.append(f"id{len(said):05}")
            source.add(said[-1], now - timedelta(minutes=age))
        items, cursor = drain(source, cursor, now, max_pages)
        heard += items
        assert len(heard) == len(set(heard)), "doubled"
        if len(said) <= MEMORY:  # so many can all be remembered
            assert sorted(heard) == said, "lost"


@pytest.mark.parametrize(("size", "max_pages"), [(100, 10), (50, 3), (30, 4)])
def test_down_a_flood_in_order_is_read_whole_over_several_batches(
    size: int, max_pages: int
) -> None:
    source = Down(size)
    heard, cursor = drain(source, "", NOW)
    said = []
    for step in range(4):
        now = NOW + timedelta(minutes=step)
        for number in range(300):
            said.append(f"id{len(said):05}")
            source.add(said[-1], now - timedelta(milliseconds=(300 - number) // 7))
        items, cursor = drain(source, cursor, now, max_pages)
        heard += items
        assert drain(source, cursor, now, max_pages)[0] == []
    assert sorted(heard) == said
    assert len(cursor) < 8_000  # what came within a minute is remembered whole


def test_down_more_while_the_rest_of_a_flood_is_read() -> None:
    source = Down(10)
    heard, cursor = drain(source, "", NOW)
    said = [f"id{n:05}" for n in range(200)]
    for number, id_ in enumerate(said):
        source.add(id_, NOW + timedelta(seconds=number))
    for step in range(60):
        batch = read_down(cursor, page=source.page, max_pages=2, now=NOW + timedelta(hours=1))
        heard += batch.items
        cursor = batch.cursor
        if step < 20:
            said.append(f"new{step:03}")
            source.add(said[-1], NOW + timedelta(seconds=300 + step))
    assert sorted(heard) == sorted(said)


def test_down_items_are_oldest_first() -> None:
    source = Down(5)
    for number in range(5):
        source.add(f"id{number}", NOW + timedelta(seconds=number))
    assert list(read_down("", page=source.page, now=NOW).items) == [f"id{n}" for n in range(5)]


def test_down_a_date_in_the_future_hides_nothing() -> None:
    source = Down(10)
    _, cursor = drain(source, "", NOW)
    for number in range(150):
        source.add(f"bad{number:03}", NOW + timedelta(days=400, seconds=number))
    _, cursor = drain(source, cursor, NOW)
    source.add("good", NOW + timedelta(seconds=1))
    assert "good" in drain(source, cursor, NOW + timedelta(minutes=1))[0]


def test_down_a_quiet_list_costs_one_page() -> None:
    source = Down(50)
    for number in range(200):
        source.add(f"id{number:03}", NOW - timedelta(days=30) + timedelta(hours=number))
    _, cursor = drain(source, "", NOW)
    source.pages = 0
    drain(source, cursor, NOW)
    assert source.pages == 1


def test_down_a_list_that_goes_round_in_circles_ends() -> None:
    row = Entry("a", NOW, "a")
    batch = read_down(json.dumps({"floor": "x"}), page=lambda _place: ([row], "same"), now=NOW)
    assert list(batch.items) == ["a"]


class Ahead:
    """A list that can be asked for what follows an id. Rows may show up late, out of order."""

    def __init__(self, size: int, knows_after: bool = True) -> None:
        self.size = size
        self.knows_after = knows_after
        self.ids: set[int] = set()

    def _entries(self, ids: list[int]) -> list[Entry[str]]:
        return [Entry(str(i), NOW, str(i)) for i in sorted(ids, reverse=True)]

    def newest(self) -> list[Entry[str]]:
        return self._entries(sorted(self.ids)[-self.size :])

    def after(self, id_: str) -> list[Entry[str]]:
        if not self.knows_after:
            return self.newest()
        return self._entries([i for i in sorted(self.ids) if i > int(id_ or 0)][: self.size])

    def drain(self, cursor: str) -> tuple[list[str], str]:
        found: list[str] = []
        for _ in range(200):
            batch = read_ahead(cursor, newest=self.newest, after=self.after, page_size=self.size)
            found += batch.items
            cursor = batch.cursor
            if not batch.more:
                return found, cursor
        raise AssertionError("no end")


@given(
    rounds=st.lists(st.integers(0, 60), max_size=8),
    size=st.sampled_from([15, 20, 40]),
    late=st.randoms(use_true_random=False),
)
def test_ahead_also_with_rows_that_show_up_late(
    rounds: list[int], size: int, late: random.Random
) -> None:
    source = Ahead(size)
    heard, cursor = source.drain("")
    next_id, waiting = 1, []
    for number in rounds:
        new = list(range(next_id, next_id + number))
        next_id += number
        held = [i for i in new[-9:] if late.random() < 0.3]  # not committed yet when we look
        source.ids |= set(new) - set(held)
        source.ids |= set(waiting)
        waiting = held
        items, cursor = source.drain(cursor)
        heard += items
        assert len(heard) == len(set(heard)), "doubled"
    source.ids |= set(waiting)
    items, cursor = source.drain(cursor)
    heard += items
    assert sorted(map(int, heard)) == list(range(1, next_id)), "lost"


def test_ahead_the_first_page_is_the_newest() -> None:
    source = Ahead(20)
    source.ids = set(range(1, 101))
    items, cursor = source.drain("")
    assert items == [str(n) for n in range(81, 101)]
    source.ids.add(101)
    assert source.drain(cursor)[0] == ["101"]


def test_ahead_a_server_that_does_not_know_after() -> None:
    source = Ahead(20, knows_after=False)
    source.ids = set(range(1, 101))
    _, cursor = source.drain("")
    heard: list[str] = []
    for id_ in range(101, 131, 3):
        source.ids |= {id_, id_ + 1, id_ + 2}
        batch = read_ahead(cursor, newest=source.newest, after=source.after, page_size=20)
        heard += batch.items
        cursor = batch.cursor
    assert heard == [str(n) for n in range(101, 131)]


@pytest.mark.parametrize("cursor", ["garbage", "[]", '{"after": 3}', '{"floor": 7, "deep": []}'])
def test_a_cursor_that_cannot_be_read_starts_anew(cursor: str) -> None:
    source = Ahead(20)
    source.ids = {1, 2, 3}
    read_ahead(cursor, newest=source.newest, after=source.after, page_size=20)
    down = Down(5)
    down.add("a", NOW)
    assert list(read_down(cursor, page=down.page, now=NOW).items) == ["a"]


# --- newest first, down to an id -----------------------------------------------------------------


class Since:
    """A list that is asked for what is above one id and below another, newest first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.ids: list[int] = []
        self.asked: list[tuple[str, str]] = []

    def page(self, since: str, until: str) -> list[Entry[str]]:
        self.asked.append((since, until))
        low, high = int(since or 0), int(until or 10**9)
        rows = sorted((id_ for id_ in self.ids if low < id_ < high), reverse=True)
        return [Entry(str(id_), NOW, str(id_)) for id_ in rows[: self.size]]

    def drain(self, cursor: str, slack: int = 0, max_pages: int = 3) -> tuple[list[str], str]:
        found: list[str] = []
        for _ in range(200):
            batch = read_since(
                cursor,
                page=self.page,
                page_size=self.size,
                settle=lambda id_: str(max(0, int(id_) - slack)),
                max_pages=max_pages,
            )
            assert [int(i) for i in batch.items] == sorted(int(i) for i in batch.items)
            found += batch.items
            cursor = batch.cursor
            if not batch.more:
                return found, cursor
        raise AssertionError("no end")


@given(
    rounds=st.lists(st.integers(0, 25), max_size=8),
    size=st.integers(1, 7),
    max_pages=st.integers(1, 4),
)
def test_since_nothing_is_lost_or_doubled(rounds: list[int], size: int, max_pages: int) -> None:
    source = Since(size)
    found, cursor = source.drain("")
    for number in rounds:
        start = max(source.ids, default=1_000)
        source.ids += range(start + 1, start + 1 + number)
        more, cursor = source.drain(cursor, max_pages=max_pages)
        found += more
    assert sorted(map(int, found)) == source.ids


def test_since_what_comes_in_late_below_the_newest_is_seen_once() -> None:
    source = Since(5)
    _, cursor = source.drain("", slack=10)
    source.ids = [100, 110]
    assert source.drain(cursor, slack=10)[0] == ["100", "110"]
    _, cursor = source.drain(cursor, slack=10)
    source.ids += [105, 111]
    more, cursor = source.drain(cursor, slack=10)
    assert more == ["105", "111"]
    assert source.drain(cursor, slack=10)[0] == []


def test_since_only_what_is_above_the_newest_is_asked_for() -> None:
    source = Since(5)
    source.ids = [100, 110]
    _, cursor = source.drain("")
    source.drain(cursor)
    assert source.asked[-1] == ("110", "")


def test_since_while_others_write_between_its_pages() -> None:
    source = Since(2)
    _, cursor = source.drain("")
    source.ids = list(range(1, 10))
    found: list[str] = []
    for _ in range(20):
        batch = read_since(cursor, page=source.page, page_size=2, max_pages=1)
        found += batch.items
        cursor = batch.cursor
        if len(source.ids) < 14:
            source.ids.append(max(source.ids) + 1)
    assert sorted(map(int, found)) == source.ids
