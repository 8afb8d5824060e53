"""The Bluesky adapter against the real network: what comes in."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from atproto import models
from atproto_client.utils import TextBuilder

from platforms.contract import Batch, Incoming, MentionKind, Refused

from .desk import Desk, drain, open_desk
from .people import Bluesky, Person, until


@pytest.fixture
def desk(bluesky_network: Bluesky) -> Desk:
    return open_desk(bluesky_network)


@pytest.fixture(scope="module")
def resident(bluesky_network: Bluesky) -> Person:
    return bluesky_network.account(display_name="A. Resident <b>")


class Poller:
    """Polls as the beat does: a new adapter each time, the cursor kept with the rows."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cursor = ""
        self.items: list[Incoming] = []

    @property
    def ids(self) -> list[str]:
        return [item.remote_id for item in self.items]

    def poll(self) -> list[Incoming]:
        new, self.cursor = drain(self.desk.adapter().fetch_mentions, self.cursor)
        self.items += new
        return new

    def poll_until(self, wanted: set[str]) -> None:
        def all_here() -> bool:
            self.poll()
            return wanted <= set(self.ids)

        until(all_here, what="all that was sent among the mentions", seconds=60)


def _many(author: Person, of: Person, count: int, times: Sequence[datetime] = ()) -> set[str]:
    """`count` mentions in a few requests, a millisecond apart unless told otherwise; their URIs."""
    made: set[str] = set()
    for start in range(0, count, 100):
        numbers = range(start, min(count, start + 100))
        writes = []
        for number in numbers:
            built = TextBuilder().mention(f"@{of.handle}", of.did).text(f" number {number}")
            # Never ahead of the clock: then it is this time that the network sorts by.
            at = datetime.now(UTC) - timedelta(milliseconds=2 * len(numbers) - (number - start))
            record = models.AppBskyFeedPost.Record(
                text=built.build_text(),
                facets=built.build_facets(),
                created_at=(times[number] if times else at).isoformat(timespec="milliseconds"),
            )
            writes.append(
                models.ComAtprotoRepoApplyWrites.Create(
                    collection="app.bsky.feed.post", value=record
                )
            )
        answer = author.client.com.atproto.repo.apply_writes(
            models.ComAtprotoRepoApplyWrites.Data(repo=author.did, writes=writes)
        )
        made |= {result.uri for result in answer.results}
        if not times:
            time.sleep(0.2)  # longer than the times of one request lie back
    return made


def test_mentions_replies_and_quotes_arrive_as_what_they_are(desk: Desk, resident: Person) -> None:
    network = desk.network
    ours = network.post(desk.person, "The bridge is open again")
    ref = models.create_strong_ref(ours)
    mention = network.mention(resident, desk.person, "thank you & <good> night")
    reply = network.post(
        resident, "At last", reply_to=models.AppBskyFeedPost.ReplyRef(parent=ref, root=ref)
    )
    quote = resident.client.send_post("Look", embed=models.AppBskyEmbedRecord.Main(record=ref))
    resident.client.like(ours.uri, ours.cid)
    resident.client.repost(ours.uri, ours.cid)
    resident.client.follow(desk.person.did)

    poller = Poller(desk)
    poller.poll_until({mention.uri, reply.uri, quote.uri})
    assert len(poller.ids) == 3  # neither the like nor the repost nor the follow
    found = {item.remote_id: item for item in poller.items}
    assert found[mention.uri].kind is MentionKind.MENTION
    assert found[mention.uri].text == f"@{desk.person.handle} thank you & <good> night"
    assert found[mention.uri].in_reply_to == ""
    assert found[mention.uri].thread_id == mention.uri
    assert found[reply.uri].kind is MentionKind.REPLY
    assert found[reply.uri].in_reply_to == ours.uri
    assert found[reply.uri].thread_id == ours.uri
    assert found[quote.uri].kind is MentionKind.QUOTE
    for item in poller.items:
        assert item.author.remote_id == resident.did
        assert item.author.handle == resident.handle
        assert item.author.display_name == "A. Resident <b>"
        assert item.permalink.startswith("https://")
        assert abs(item.posted_at - datetime.now(UTC)) < timedelta(minutes=2)


def test_a_mention_comes_once(desk: Desk, resident: Person) -> None:
    poller = Poller(desk)
    assert poller.poll() == []
    first = desk.network.mention(resident, desk.person, "one")
    poller.poll_until({first.uri})
    assert poller.poll() == []
    second = desk.network.mention(resident, desk.person, "two")
    poller.poll_until({second.uri})
    assert poller.ids == [first.uri, second.uri]


def test_reading_from_an_old_cursor_again_gives_the_same(desk: Desk, resident: Person) -> None:
    """A crash between reading and committing: the next poll starts from the old cursor."""
    poller = Poller(desk)
    poller.poll()
    kept = poller.cursor
    post = desk.network.mention(resident, desk.person, "seen twice, kept once")
    poller.poll_until({post.uri})
    again, _ = drain(desk.adapter().fetch_mentions, kept)
    assert [item.remote_id for item in again] == [post.uri]


def test_what_came_in_while_nobody_polled_is_all_read_oldest_first(
    desk: Desk, resident: Person
) -> None:
    poller = Poller(desk)
    poller.poll()
    made = _many(resident, desk.person, 230)
    desk.network.await_posts(made)
    poller.poll_until(made)
    assert len(poller.ids) == 230
    assert set(poller.ids) == made


def test_many_of_the_same_millisecond_are_all_read(desk: Desk, resident: Person) -> None:
    """Bluesky's list goes on from a time, and would skip what shares it with a page's last."""
    poller = Poller(desk)
    poller.poll()
    now = datetime.now(UTC) - timedelta(seconds=1)
    times = [now - timedelta(milliseconds=number // 8) for number in range(100)]
    made = _many(resident, desk.person, 100, times)
    desk.network.await_posts(made)
    poller.poll_until(made)
    assert len(poller.ids) == 100


def test_a_first_poll_takes_the_most_recent_page(desk: Desk, resident: Person) -> None:
    made = _many(resident, desk.person, 120)
    desk.network.await_posts(made)

    def with_the_newest() -> Batch[Incoming] | None:  # told of after it is there
        batch = desk.adapter().fetch_mentions("")
        newest = batch.items[-1].text if batch.items else ""
        return batch if newest.endswith("number 119") else None

    batch = until(with_the_newest, what="the newest mention in a first poll")
    assert 0 < len(batch.items) <= 50
    times = [item.posted_at for item in batch.items]
    assert times == sorted(times)


def test_nothing_is_lost_or_doubled_while_more_keeps_coming(desk: Desk, resident: Person) -> None:
    poller = Poller(desk)
    poller.poll()
    made: set[str] = set()

    def talk() -> None:
        for _ in range(12):
            made.update(_many(resident, desk.person, 15))
            time.sleep(0.2)

    talker = threading.Thread(target=talk)
    talker.start()
    while talker.is_alive():
        poller.poll()
    talker.join()
    poller.poll_until(made)
    assert len(made) == 180
    assert len(poller.ids) == 180
    assert set(poller.ids) == made


def test_a_post_dated_back_is_not_missed(desk: Desk, resident: Person) -> None:
    """The author sets a post's time; the list is sorted by it, so it appears below newer ones."""
    poller = Poller(desk)
    newer = desk.network.mention(resident, desk.person, "now")
    poller.poll_until({newer.uri})
    (older,) = _many(resident, desk.person, 1, [datetime.now(UTC) - timedelta(hours=3)])
    poller.poll_until({older})
    assert poller.ids == [newer.uri, older]


def test_a_post_dated_ahead_does_not_hide_what_comes_after_it(desk: Desk, resident: Person) -> None:
    poller = Poller(desk)
    (ahead,) = _many(resident, desk.person, 1, [datetime.now(UTC) + timedelta(days=400)])
    poller.poll_until({ahead})
    now = desk.network.mention(resident, desk.person, "after it")
    poller.poll_until({now.uri})
    assert poller.ids == [ahead, now.uri]


def test_a_mention_deleted_before_it_is_read_is_no_trouble(desk: Desk, resident: Person) -> None:
    poller = Poller(desk)
    gone = desk.network.mention(resident, desk.person, "never mind")
    resident.client.delete_post(gone.uri)
    desk.network.await_gone(gone.uri)
    stays = desk.network.mention(resident, desk.person, "here")
    poller.poll_until({stays.uri})
    assert poller.ids == [stays.uri]


def test_search_finds_what_is_new(desk: Desk, resident: Person) -> None:
    word = f"flood{desk.person.did[-8:]}"
    first = desk.network.post(resident, f"There is a {word} here")
    desk.network.post(resident, "Nothing of the kind")
    adapter = desk.adapter()
    found, cursor = drain(lambda c: adapter.search(word, c), "")
    assert [item.remote_id for item in found] == [first.uri]
    assert found[0].kind is MentionKind.MATCH
    assert found[0].author.handle == resident.handle
    second = desk.network.post(resident, f"Still {word}")
    found, cursor = drain(lambda c: desk.adapter().search(word, c), cursor)
    assert [item.remote_id for item in found] == [second.uri]
    assert drain(lambda c: adapter.search(word, c), cursor)[0] == []


def test_a_hidden_reply_is_marked_so_in_the_thread(desk: Desk, resident: Person) -> None:
    ours = desk.network.post(desk.person, "Questions welcome")
    ref = models.create_strong_ref(ours)
    to_ours = models.AppBskyFeedPost.ReplyRef(parent=ref, root=ref)
    rude = [desk.network.post(resident, f"Rude {n}", reply_to=to_ours).uri for n in range(2)]
    for uri in (*rude, rude[0]):
        desk.adapter().hide(uri)

    def hidden() -> bool:
        post = desk.network.await_post(ours.uri)
        gate = post.threadgate.record if post.threadgate else None
        return gate is not None and sorted(gate.hidden_replies or []) == sorted(rude)

    until(hidden, what="both replies hidden, each once")
    elsewhere = desk.network.post(resident, "Under nothing of ours")
    with pytest.raises(Refused):
        desk.adapter().hide(elsewhere.uri)


def test_a_blocked_person_is_no_longer_heard(desk: Desk) -> None:
    nuisance = desk.network.account()
    neighbour = desk.network.account()
    poller = Poller(desk)
    before = desk.network.mention(nuisance, desk.person, "first")
    poller.poll_until({before.uri})
    desk.adapter().block(nuisance.did)
    desk.adapter().block(nuisance.did)

    def blocked() -> bool:
        seen = desk.person.client.app.bsky.actor.get_profile({"actor": nuisance.did})
        return bool(seen.viewer and seen.viewer.blocking)

    until(blocked, what="the block at the AppView")
    desk.network.mention(nuisance, desk.person, "second")
    heard = desk.network.mention(neighbour, desk.person, "hello")
    poller.poll_until({heard.uri})
    assert poller.ids == [before.uri, heard.uri]
    records = desk.person.client.com.atproto.repo.list_records(
        {"repo": desk.person.did, "collection": "app.bsky.graph.block"}
    ).records
    assert [record.value.subject for record in records] == [nuisance.did]
