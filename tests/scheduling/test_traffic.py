"""What the platforms let us do: budgets, what they say is left, and breakers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from redis import Redis

from accounts.alerts import AlertKind
from accounts.models import SocialAccount
from audit.models import Event
from mentions import polling
from mentions.models import Feed
from operations.models import Alert
from platforms.contract import (
    Allowance,
    Deed,
    OutcomeUnknown,
    Refused,
    RetryLater,
)
from scheduling.engine.claim import claim_due
from scheduling.models import Attempt, Delivery
from scheduling.states import State
from scheduling.traffic import breaker, learning, store
from scheduling.traffic.admission import Wish, admit, spend
from scheduling.traffic.budgets import charges, span
from scheduling.traffic.rebuilding import epoch_key, rebuild
from scheduling.traffic.servers import Server, server_of
from tests.factories import CredentialFactory, DeliveryFactory, SocialAccountFactory
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db
PUBLISH, READ = {Deed.PUBLISH: 1}, {Deed.READ: 1}
DOWN = RetryLater("social.test did not answer in time.", code="no_answer", down=True)
BASE_URL = "https://social.test"


def mastodon(**fields) -> SocialAccount:
    account = SocialAccountFactory(platform="mastodon", base_url=BASE_URL, **fields)
    CredentialFactory(account=account)
    return account


@dataclass
class Telling:
    """An adapter whose last answer said how much is left."""

    left: Allowance | None = None

    def allowance(self) -> Allowance | None:
        return self.left


def learn(account: SocialAccount, *, allowance: Allowance | None = None, **ended) -> None:
    learning.learn(account, adapter=Telling(allowance), **ended)


@pytest.fixture
def account() -> SocialAccount:
    return mastodon()


def due_on(account: SocialAccount) -> Delivery:
    post_author = account.owner
    return fall_due(
        DeliveryFactory(account=account, state=State.SCHEDULED, post__author=post_author)
    )


def ask(account, deeds=PUBLISH, times=1):
    return admit([Wish(account, deeds)] * times)


@pytest.fixture(autouse=True)
def _in_the_middle_of_every_window():
    """No window ends while a test is at it."""
    with time_machine.travel(datetime(2026, 11, 25, 13, 1, 30, tzinfo=UTC), tick=True):
        yield


class TestBudgets:
    def test_what_is_over_the_rate_waits_for_the_end_of_its_window(self, account):
        answers = ask(account, times=301)
        assert answers[:300] == [None] * 300
        wait = answers[300]
        assert wait is not None
        assert wait.until == datetime(2026, 11, 25, 15, 0, tzinfo=UTC)  # that of the posts
        assert wait.why == (
            "The platform takes 300 posts in 3 hours from an account, and these are used up."
        )
        with time_machine.travel(wait.until + timedelta(seconds=1)):
            assert ask(account) == [None]

    def test_each_account_has_its_own(self, account):
        ask(account, times=300)
        assert ask(mastodon()) == [None]

    def test_all_accounts_on_a_server_share_what_is_counted_by_address(self):
        first, second = (
            SocialAccountFactory(platform="bluesky", base_url=BASE_URL) for _ in range(2)
        )
        spend(Wish(first, {Deed.UPLOAD: 3_000}))
        (wait,) = ask(second)
        assert wait is not None
        assert "3,000 requests in 5 minutes from this desk" in wait.why
        elsewhere = SocialAccountFactory(platform="bluesky", base_url="https://other.test")
        assert ask(elsewhere) == [None]

    def test_what_is_paid_for_by_the_piece_is_counted_by_the_piece(self):
        """On X: a reading that brings nothing costs nothing of the month, one of 70 costs 70."""
        account = SocialAccountFactory(platform="x", base_url="https://api.x.com")
        page = {Deed.READ: 1, Deed.ITEM: 1}
        day = next(r for r in account.info.rates if Deed.ITEM in r.costs and r.per_s == 86_400)
        for _ in range(50):
            assert ask(account, page) == [None]
            spend(Wish(account, {Deed.ITEM: -1}))
        spend(Wish(account, {Deed.ITEM: day.units * 8 // 10}))
        (wait,) = ask(account, page)
        assert wait is not None
        assert "paid readings in a day from this desk" in wait.why
        other = SocialAccountFactory(platform="x", base_url="https://api.x.com")
        assert ask(other, page)[0] is not None, "the bill is one for all accounts"
        assert ask(account) == [None], "posts go out all the same"

    def test_what_was_refused_costs_nothing(self, account):
        spend(Wish(account, {Deed.UPLOAD: 149}))  # 298 requests of 300
        assert ask(account, {Deed.PUBLISH: 3})[0] is not None
        assert ask(account, {Deed.PUBLISH: 2}) == [None]

    def test_reading_leaves_a_fifth_to_publishing(self, account):
        assert ask(account, READ, times=240) == [None] * 240
        assert ask(account, READ)[0] is not None
        assert ask(account, times=60) == [None] * 60

    def test_a_delivery_says_why_it_waits_and_keeps_its_due_time(self, account, network):
        delivery = due_on(account)
        spend(Wish(account, {Deed.PUBLISH: 300}))
        assert claim_due() == []
        due_at = delivery.due_at
        delivery.refresh_from_db()
        assert delivery.state == State.SCHEDULED
        assert "300 posts in 3 hours" in delivery.notice
        assert delivery.due_at == due_at
        # The window ends long after the grace: when it is overdue it has to be held.
        assert delivery.next_try_at == due_at + timedelta(seconds=901)
        with time_machine.travel(delivery.next_try_at + timedelta(seconds=1)):
            assert claim_due() == []
        delivery.refresh_from_db()
        assert (delivery.state, delivery.notice) == (State.HELD, "")

    def test_a_poll_waits_as_well(self, account):
        spend(Wish(account, {Deed.READ: 240}))
        assert polling.claim_due() == []
        feed = Feed.objects.get(account=account)
        assert feed.next_poll_at == datetime(2026, 11, 25, 13, 5, tzinfo=UTC)
        assert feed.lease_until is None

    def test_what_the_server_says_is_left_counts_where_it_is_less(self, account):
        learn(account, error=None, allowance=Allowance(300, 2, 200.0))
        first, second, third = ask(account, times=3)
        assert (first, second) == (None, None)
        assert third is not None
        assert "requests in 5 minutes" in third.why

    @pytest.mark.parametrize("told", [Allowance(300, 290, 9.0), Allowance(7_500, 0, 9.0)])
    def test_plenty_left_and_unknown_limits_change_nothing(self, account, told):
        learn(account, error=None, allowance=told)
        assert ask(account, times=300) == [None] * 300

    def test_too_many_requests_pauses_the_account_and_no_other(self, account, network):
        network.answers = [RetryLater("Slow down", code="429", delay_s=90, too_much=True)]
        first, second = due_on(account), due_on(account)
        other = due_on(mastodon())
        assert len(claim_due()) == 2
        Delivery.objects.filter(pk__in=[first.pk, other.pk]).update(
            state=State.PUBLISHED, lease_until=None, remote_id="x"
        )
        learn(account, error=network.answers[0])
        assert claim_due() == []
        second.refresh_from_db()
        assert "asked this account to slow down" in second.notice
        assert timedelta(seconds=85) < second.next_try_at - timezone.now() <= timedelta(seconds=90)

    def test_a_wait_that_is_not_about_requests_pauses_nothing(self, account):
        learn(account, error=RetryLater("Still at the image", code="x", delay_s=15))
        assert ask(account) == [None]

    def test_spans_are_words(self):
        assert [span(s) for s in (300, 3_600, 86_400, 10_800, 90)] == [
            "in 5 minutes",
            "in an hour",
            "in a day",
            "in 3 hours",
            "in 90 seconds",
        ]

    def test_a_platform_that_declares_nothing_has_no_budget(self):
        account = SocialAccountFactory()
        assert list(charges(server_of(account), account.pk, PUBLISH)) == []
        assert ask(account, times=1_000) == [None] * 1_000


class TestRedisForgets:
    def test_it_is_counted_again_from_the_attempts(self, account):
        delivery = DeliveryFactory(account=account, state=State.SCHEDULED)
        Attempt.objects.bulk_create(
            Attempt(
                delivery=delivery,
                number=n,
                fence=n,
                worker="w",
                content_hash="",
                content={"media": [{}] if n <= 10 else []},
            )
            for n in range(1, 281)
        )
        # 280 posts and 10 uploads of 2 requests each make 300 requests.
        assert ask(account)[0] is not None
        assert ask(mastodon()) == [None]

    def test_an_attempt_of_an_earlier_window_does_not_count(self, account):
        delivery = DeliveryFactory(account=account, state=State.SCHEDULED)
        attempt = Attempt.objects.create(
            delivery=delivery, number=1, fence=1, worker="w", content_hash="", content={"media": []}
        )
        Attempt.objects.filter(pk=attempt.pk).update(started_at=timezone.now() - timedelta(hours=4))
        assert ask(account, times=300) == [None] * 300

    def test_only_one_worker_counts(self, account):
        assert rebuild()
        assert not rebuild()

    def test_what_was_taken_meanwhile_stays_taken(self, account):
        ask(account, times=200)
        store.redis().delete(epoch_key())
        assert ask(account, times=101)[-1] is not None

    def test_a_forgotten_breaker_is_closed_and_its_alert_settled(self, account):
        open_breaker(account)
        assert Alert.objects.filter(kind=AlertKind.PLATFORM, settled_at=None).exists()
        store.redis().delete(epoch_key(), breaker.open_key(server_of(account)))
        assert ask(account) == [None]
        assert not Alert.objects.filter(kind=AlertKind.PLATFORM, settled_at=None).exists()

    def test_without_redis_everything_goes(self, account, network, monkeypatch):
        gone = Redis(port=1, socket_connect_timeout=0.1)
        for module in ("store", "admission", "breaker", "budgets", "learning", "rebuilding"):
            monkeypatch.setattr(f"scheduling.traffic.{module}.redis", lambda: gone)
        due_on(account)
        with_right = Delivery.objects.get()
        with_right.account.grants.all()
        assert len(claim_due()) == 1
        learn(account, error=DOWN, allowance=Allowance(300, 0, 9.0))
        learn(account, error=None)
        assert polling.claim_due() == [account.pk]


def open_breaker(account: SocialAccount) -> SocialAccount:
    """Fail as often as it takes, from this account and another; the other."""
    other = mastodon()
    for one in (account, other, account, other, account):
        learn(one, error=DOWN)
    return other


def fresh() -> None:
    """As another process sees it: nothing was noted here in the last second."""
    learning._seen.clear()


def opened(account: SocialAccount) -> breaker.Opened | None:
    return breaker.read_opened(store.redis().get(breaker.open_key(server_of(account))))


def after_the_pause(account: SocialAccount):
    found = opened(account)
    assert found is not None
    return time_machine.travel(found.next_probe_at + timedelta(seconds=1), tick=True)


class TestBreaker:
    def test_it_opens_after_failures_across_accounts(self, account):
        open_breaker(account)
        (wait,) = ask(account)
        assert wait is not None
        assert wait.down
        assert wait.why == (
            "Mastodon at social.test does not work at the moment, and posts for it wait until it "
            "does."
        )
        assert Event.objects.get(name="platform.paused").data["because"] == DOWN.message
        alert = Alert.objects.get(kind=AlertKind.PLATFORM)
        assert alert.subject_id == "Mastodon at social.test"

    def test_not_by_one_account_alone_unless_it_goes_on(self, account):
        for _ in range(9):
            learn(account, error=DOWN)
        assert ask(account) == [None]
        learn(account, error=DOWN)
        assert ask(account)[0] is not None

    def test_not_when_something_gets_through_in_between(self, account):
        other = mastodon()
        for one in (account, other, account, other):
            learn(one, error=DOWN)
        learn(other, error=None)
        learn(account, error=DOWN)
        assert ask(account) == [None]

    def test_not_by_a_server_that_fails_every_other_time_however_fast(self, account):
        other = mastodon()
        for one in (account, other) * 10:
            learn(one, error=None)
            learn(one, error=DOWN)
        assert ask(account) == [None]

    @pytest.mark.parametrize(
        "error",
        [
            Refused("Too long", code="422"),
            RetryLater("Slow down", code="429", delay_s=0.0, too_much=True),
            OutcomeUnknown("Our own fault", code="fault"),
        ],
    )
    def test_not_by_what_is_no_fault_of_the_platform(self, account, error):
        for one in (account, mastodon()) * 6:
            learn(one, error=error)
        assert ask(account) == [None]

    def test_other_servers_of_the_platform_go_on(self, account):
        open_breaker(account)
        elsewhere = SocialAccountFactory(platform="mastodon", base_url="https://other.test")
        assert ask(elsewhere) == [None]

    def test_what_is_due_waits_without_a_worker(self, account, network):
        other = open_breaker(account)
        rows = [due_on(account), due_on(other)]
        assert claim_due() == []
        for row in rows:
            row.refresh_from_db()
            assert (row.state, row.tries) == (State.SCHEDULED, 0)
            assert "does not work at the moment" in row.notice
            assert row.next_try_at > timezone.now()
        assert not Attempt.objects.exists()

    def test_after_the_pause_one_post_tries(self, account, network):
        accounts = [account, open_breaker(account), mastodon()]
        for one in accounts:
            due_on(one)
        with after_the_pause(account):
            assert len(claim_due()) == 1
            Delivery.objects.filter(state=State.SCHEDULED).update(next_try_at=timezone.now())
            assert claim_due() == []
            waiting = Delivery.objects.filter(state=State.SCHEDULED)
            assert {"does not work" in row.notice for row in waiting} == {True}

    def test_a_probe_that_fails_doubles_the_pause(self, account):
        open_breaker(account)
        with after_the_pause(account):
            assert ask(account) == [None]
            learn(account, error=DOWN)
            found = opened(account)
            assert found is not None
            assert found.pause_s == 2 * breaker.FIRST_PAUSE_S
            assert found.probe_at > time.time() + 25
            assert ask(account)[0] is not None

    def test_a_straggler_is_no_probe(self, account):
        open_breaker(account)
        before = opened(account)
        learn(account, error=DOWN)
        assert opened(account) == before

    def test_the_pause_has_an_end(self, account):
        open_breaker(account)
        for _ in range(8):
            with after_the_pause(account):
                assert ask(account) == [None]
                learn(account, error=DOWN)
                found = opened(account)
        assert found is not None
        assert found.pause_s == breaker.LONGEST_PAUSE_S

    def test_a_probe_that_gets_through_closes_it_and_all_go_at_once(self, account, network):
        other = open_breaker(account)
        waits = due_on(other)
        assert claim_due() == []
        with after_the_pause(account):
            assert ask(account) == [None]
            fresh()
            learn(account, error=None)
            assert opened(account) is None
            assert claim_due() == [(waits.pk, 1)]
        assert Event.objects.get(name="platform.resumed").data["posts"] == 1
        assert not Alert.objects.filter(kind=AlertKind.PLATFORM, settled_at=None).exists()
        waits.refresh_from_db()
        assert waits.notice == ""

    def test_a_probe_that_is_refused_lets_the_next_try(self, account):
        open_breaker(account)
        with after_the_pause(account):
            assert ask(account) == [None]
            learn(account, error=Refused("Too long", code="422"))
            assert ask(account) == [None]

    def test_a_probe_whose_worker_died_is_not_waited_for_for_ever(self, account):
        open_breaker(account)
        with after_the_pause(account):
            ask(account)
            assert 0 < store.redis().ttl(breaker.probe_key(server_of(account))) <= breaker.PROBE_S

    def test_readers_look_once_in_a_while(self, account):
        other = open_breaker(account)
        assert ask(account, READ) == [None]
        (wait,) = ask(other, READ)
        assert wait is not None
        assert wait.down

    def test_what_can_be_read_again_may_be_tried_again(self, account):
        other = open_breaker(account)
        waits = due_on(other)
        assert claim_due() == []
        learn(account, error=None, reading=True)
        assert claim_due() == [(waits.pk, 1)]
        assert opened(account) is not None, "only what was published closes it"

    def test_reading_does_not_hide_that_nothing_can_be_written(self, account):
        other = mastodon()
        for one in (account, other, account, other, account):
            learn(one, error=DOWN)
            fresh()
            learn(one, error=None, reading=True)
        assert opened(account) is not None

    def test_the_engine_teaches_it(self, desk, network):
        """The whole way: ten posts fail, the next is not even claimed."""
        network.answers = [DOWN] * 10
        now = timezone.now()
        with time_machine.travel(now, tick=False):  # so that none of them is tried again meanwhile
            for _ in range(11):
                last = fall_due(desk.scheduled())
                Delivery.objects.filter(pk=last.pk).update(due_at=now - timedelta(minutes=5))
                outcomes = run_due()
        assert outcomes == []
        assert Attempt.objects.count() == 10
        last.refresh_from_db()
        assert "does not work at the moment" in last.notice


def test_a_server_is_named_for_people():
    assert str(Server("bluesky", "https://bsky.social")) == "Bluesky at bsky.social"
