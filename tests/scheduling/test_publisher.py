"""The publisher of a worker process: many at once, fairly, and nothing forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.levels import Level
from accounts.models import SocialAccount
from accounts.models.social import Health
from platforms.contract import OutcomeUnknown
from scheduling.engine import attempts as attempting
from scheduling.engine import outcomes as ending
from scheduling.engine import publisher as publishing
from scheduling.engine.attempts import Begun, begin, take
from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.lanes import Lane, Lanes
from scheduling.engine.outcomes import finish
from scheduling.engine.publish import FRESH, FenceLost, StoredSteps, send
from scheduling.engine.publisher import SENDERS, Publisher
from scheduling.models import Attempt, Delivery, HoldKind, Outcome, Post
from scheduling.states import State
from scheduling.traffic.rebuilding import rebuild
from tests.factories import CredentialFactory, SocialAccountFactory, give
from tests.platforms.server import wait_for
from tests.scheduling.conftest import Desk, Network, fall_due

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 20


def another_account(desk: Desk, **fields: object) -> SocialAccount:
    """One more account that the desk's publisher may publish on."""
    account = SocialAccountFactory(**fields)
    CredentialFactory(account=account)
    give(desk.publisher, Level.PUBLISHER, account)
    return account


def due_on(desk: Desk, *accounts: SocialAccount) -> list[Delivery]:
    """One delivery on each account, due now."""
    return [fall_due(desk.scheduled(accounts=[account])) for account in accounts]


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.close()


@pytest.fixture
def in_background(publisher: Publisher) -> Iterator[Callable[[], None]]:
    """Start a run in a thread; it is over when the test is."""

    def run() -> None:
        try:
            publisher.run()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        started = []
        yield lambda: started.append(pool.submit(run))
        publisher.close()
        [each.result(PATIENCE_S) for each in started]


def lane(platform: str, base_url: str = "https://one.example") -> Lane:
    return platform, base_url


class TestLanes:
    def test_one_platform_has_half_the_places(self):
        lanes = Lanes(32)
        assert sum(lanes.admit(lane("x")) for _ in range(40)) == 16

    def test_however_many_hang_the_next_one_finds_a_place(self):
        hanging = [lane(f"hangs-{n}") for n in range(4) for _ in range(32)]
        lanes = Lanes(32)
        assert sum(map(lanes.admit, hanging)) == 16 + 8 + 4 + 2
        assert lanes.admit(lane("well"))

    def test_what_is_under_way_counts(self):
        lanes = Lanes(4, [lane("x"), lane("x")])
        assert not lanes.admit(lane("x"))
        assert lanes.admit(lane("y"))

    def test_servers_of_one_platform_are_apart(self):
        lanes = Lanes(2)
        assert lanes.admit(lane("mastodon", "https://one.example"))
        assert not lanes.admit(lane("mastodon", "https://one.example"))
        assert lanes.admit(lane("mastodon", "https://two.example"))

    def test_what_waits_behind_a_platform_with_its_share_is_found(self, desk, network):
        other = another_account(desk, base_url="http://127.0.0.1:2")
        many = due_on(desk, *[another_account(desk) for _ in range(6)])
        (last,) = due_on(desk, other)
        Delivery.objects.filter(pk=last.pk).update(next_try_at=timezone.now())
        taken = {pk for pk, _ in claim_due(4, lanes=Lanes(4))}
        assert last.pk in taken
        assert len(taken & {delivery.pk for delivery in many}) == 2

    def test_nothing_is_claimed_beyond_what_was_asked_for(self, desk, network):
        due_on(desk, *[another_account(desk) for _ in range(3)])
        assert len(claim_due(2)) == 2
        assert Delivery.objects.filter(state=State.SCHEDULED).count() == 1


def taken() -> list[Begun]:
    return take(SENDERS, Lanes.unbounded())


class TestTogether:
    @pytest.mark.parametrize("taken", [taken, lambda: begin(claim_due())])
    def test_ten_cost_no_more_statements_than_two(self, desk, network, taken):
        def statements(count: int) -> int:
            due_on(desk, *[another_account(desk) for _ in range(count)])
            with CaptureQueriesContext(connection) as seen:
                begun = taken()
                sent = [each for each in map(send, begun) if each]
                assert set(finish(sent).values()) == {"published"}
            assert len(sent) == count
            return len(seen)

        rebuild()  # what Redis does not remember is counted at the first claim
        assert statements(10) == statements(2)

    def test_each_outcome_is_its_own(self, desk, network):
        deliveries = due_on(desk, *[another_account(desk) for _ in range(3)])
        network.answers = [None, OutcomeUnknown("Reset"), None]
        outcomes = finish([sent for each in taken() if (sent := send(each))])
        assert [outcomes[each.pk] for each in deliveries] == ["published", "unknown", "published"]
        for delivery in deliveries:
            delivery.refresh_from_db()
        assert [each.state for each in deliveries] == ["published", "unknown", "published"]
        assert deliveries[0].permalink == f"https://there/{deliveries[0].key.hex}"
        assert deliveries[2].remote_id == f"r-{deliveries[2].key.hex}"
        assert Attempt.objects.filter(outcome=Outcome.PUBLISHED).count() == 2

    def test_what_may_not_go_out_holds_up_nobody_else(self, desk, network):
        frozen = another_account(desk)
        held, good = due_on(desk, frozen, another_account(desk))
        SocialAccount.objects.filter(pk=frozen.pk).update(frozen_at=timezone.now())
        assert [each.delivery.pk for each in taken()] == [good.pk]
        held.refresh_from_db()
        assert (held.state, held.hold_kind) == (State.HELD, HoldKind.FROZEN)

    def test_health_is_noted_for_all_and_an_event_written_where_it_changed(self, desk, network):
        well, troubled = another_account(desk), another_account(desk, health=Health.TROUBLED)
        due_on(desk, well, troubled)
        finish([sent for each in taken() if (sent := send(each))])
        for account in (well, troubled):
            account.refresh_from_db()
            assert (account.health, account.last_success_at is None) == (Health.HEALTHY, False)


class TestSteps:
    @pytest.fixture
    def begun(self, desk, network):
        due_on(desk, desk.account)
        (begun,) = begin(claim_due())
        return begun

    def test_a_mark_right_after_the_beginning_asks_nobody(self, begun, django_assert_num_queries):
        with django_assert_num_queries(0):
            StoredSteps(begun.delivery).put("about_to_send", True)

    def test_a_mark_later_on_learns_that_the_claim_is_gone(self, begun):
        steps = StoredSteps(begun.delivery)
        with time_machine.travel(timezone.now() + timedelta(minutes=2)):
            take_back_expired()
            with pytest.raises(FenceLost):
                steps.put("about_to_send", True)

    def test_a_clock_that_was_put_back_is_no_proof(self, begun):
        steps = StoredSteps(begun.delivery)
        Delivery.objects.update(fence=99)
        with time_machine.travel(timezone.now() - timedelta(hours=1)), pytest.raises(FenceLost):
            steps.put("about_to_send", True)

    def test_a_result_is_kept_at_once(self, begun):
        StoredSteps(begun.delivery).put("media.1", "id-1")
        begun.delivery.refresh_from_db()
        assert begun.delivery.steps == {"media.1": "id-1"}

    def test_a_claim_seen_to_stand_lasts_longer_than_it_is_believed(self, settings):
        assert timedelta(seconds=settings.PUBLISH_LEASE_S) > 2 * FRESH


class TestTheRun:
    def test_more_than_there_are_places_all_go_out(self, desk, network, publisher, monkeypatch):
        monkeypatch.setattr(publishing, "SENDERS", 6)
        due_on(desk, *[another_account(desk) for _ in range(11)])
        publisher.run()
        assert states() == {State.PUBLISHED}
        assert len(network.arrived) == len({post.key for post in network.arrived}) == 11

    def test_nothing_due_ends_it(self, desk, network, publisher):
        desk.scheduled()
        publisher.run()
        assert states() == {State.SCHEDULED}

    def test_what_falls_due_in_a_moment_is_waited_for(self, desk, network, publisher):
        soon = timezone.now() + timedelta(milliseconds=700)
        desk.scheduled()
        Delivery.objects.update(due_at=soon, next_try_at=soon)
        publisher.run()
        assert states() == {State.PUBLISHED}
        assert Attempt.objects.get().started_at >= soon

    def test_one_platform_that_hangs_leaves_the_others_room(
        self, desk, network: Network, publisher, in_background, monkeypatch
    ):
        monkeypatch.setattr(publishing, "SENDERS", 6)
        hangs = [another_account(desk, base_url="http://127.0.0.1:9") for _ in range(6)]
        due_on(desk, *hangs)
        Post.objects.update(text="hangs")
        well = due_on(desk, *[another_account(desk) for _ in range(3)])
        go_on, arrived = threading.Event(), threading.Semaphore(0)

        plain = network.publish

        def publish(post, *, steps):
            if post.text == "hangs":
                go_on.wait(PATIENCE_S)
            else:
                arrived.release()
            return plain(post, steps=steps)

        network.publish = publish
        in_background()
        try:
            for _ in well:
                assert arrived.acquire(timeout=PATIENCE_S)
        finally:
            go_on.set()

    def test_a_second_run_leaves_it_to_the_first(self, desk, network, publisher, in_background):
        inside, go_on = threading.Event(), threading.Event()

        def during(_steps: object) -> None:
            inside.set()
            go_on.wait(PATIENCE_S)

        network.during = during
        due_on(desk, desk.account)
        in_background()
        assert inside.wait(PATIENCE_S)
        publisher.run()
        assert states() == {State.PUBLISHING}
        go_on.set()

    def test_calls_that_hang_do_not_hide_what_a_dead_worker_left(
        self, desk, network, in_background, monkeypatch
    ):
        monkeypatch.setattr(publishing, "SENDERS", 1)  # one under way leaves no room
        other = another_account(desk)
        inside, go_on = threading.Event(), threading.Event()

        def during(_steps: object) -> None:
            inside.set()
            go_on.wait(PATIENCE_S)

        network.during = during
        due_on(desk, desk.account)
        in_background()
        assert inside.wait(PATIENCE_S)
        (left,) = due_on(desk, other)
        Delivery.objects.filter(pk=left.pk).update(
            state=State.PUBLISHING, fence=1, lease_until=timezone.now() - timedelta(seconds=1)
        )
        wait_for(lambda: Delivery.objects.get(pk=left.pk).state == State.SCHEDULED)
        go_on.set()

    def test_told_to_close_it_finishes_what_it_has_and_takes_nothing_new(
        self, desk, network, publisher
    ):
        first, second = desk.account, another_account(desk)
        due_on(desk, first)

        def during(_steps: object) -> None:
            publisher.close()
            due_on(desk, second)

        network.during = during
        publisher.run()
        assert Delivery.objects.get(account=first).state == State.PUBLISHED
        assert Delivery.objects.get(account=second).state == State.SCHEDULED

    def test_a_database_that_is_away_costs_no_outcome(self, desk, network, publisher, monkeypatch):
        plain, tries = ending._finish, []

        def away_once(**kwargs: object) -> object:
            tries.append(kwargs)
            if len(tries) == 1:
                raise OperationalError("terminating connection")
            return plain(**kwargs)

        monkeypatch.setattr(ending, "_finish", away_once)
        monkeypatch.setattr(publishing, "LOOK_S", 0.01)
        due_on(desk, desk.account)
        publisher.run()
        assert states() == {State.PUBLISHED}
        assert len(network.arrived) == 1

    def test_one_that_breaks_the_code_harms_no_other(
        self, desk, network, publisher, monkeypatch, caplog
    ):
        bad, *_ = due_on(desk, *[another_account(desk) for _ in range(3)])
        plain = attempting.content_of

        def broken(delivery: Delivery) -> object:
            if delivery.pk == bad.pk:
                raise ValueError("a fault of ours")
            return plain(delivery)

        monkeypatch.setattr(attempting, "content_of", broken)
        publisher.run()
        assert Delivery.objects.filter(state=State.PUBLISHED).count() == 2
        bad.refresh_from_db()
        assert bad.state == State.PUBLISHING  # until its lease is over
        assert "delivery_fault" in caplog.text
