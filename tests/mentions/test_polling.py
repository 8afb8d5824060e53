"""Reading accounts: nothing lost, nothing twice, at a pace that fits."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.models import SocialAccount
from accounts.models.social import Health
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.models import Event
from mentions import pace, polling
from mentions.errors import NothingNew
from mentions.incoming import clean
from mentions.models import Contact, Conversation, Feed, Mention, Status
from mentions.polling import LEASE, claim_account, claim_due, poll, stay_awake
from mentions.services import ingest
from mentions.tasks import POLLER, dispatch_polls, poll_account
from platforms.contract import AuthorisationLost, Batch, Refused, RetryLater
from scheduling.states import State
from tests.factories import (
    ContactFactory,
    CredentialFactory,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    person,
)
from tests.mentions.fakes import AT, incoming

pytestmark = pytest.mark.django_db


def test_a_page_and_its_cursor_are_kept_with_one_event(account, network, read):
    network.page([incoming(1), incoming(2, thread_id="t-1")], to="c9")
    assert read(account).new == 2
    feed = Feed.objects.get(account=account)
    assert (feed.cursor, feed.lease_until, feed.failures) == ("c9", None, 0)
    one = Conversation.objects.get()
    assert (one.thread_id, one.status, one.version) == ("t-1", Status.UNREAD, 1)
    assert one.last_mention.remote_id == "m-2"
    assert one.last_at == one.last_mention.posted_at
    assert one.contact.handle == "@sam"
    mention = Mention.objects.get(remote_id="m-1")
    assert mention.reply_ref == {"remote_id": "m-1", "extra": {"cid": "c1"}}
    event = Event.objects.get(name="mentions.received")
    assert (event.account_id, event.data) == (account.pk, {"count": 2, "conversations": 1})
    assert event.actor_label == "poller"


def test_the_same_page_twice_adds_nothing(account, network, read):
    network.page([incoming(1), incoming(2)], to="c1")
    network.page([incoming(1), incoming(2)], at="c1", to="c2")
    assert read(account).new == 2
    before = list(Conversation.objects.values("version", "status", "changed_at"))
    assert read(account).new == 0
    assert Mention.objects.count() == 2
    assert list(Conversation.objects.values("version", "status", "changed_at")) == before
    assert Event.objects.filter(name="mentions.received").count() == 1
    assert Feed.objects.get().cursor == "c2"


def test_a_mention_twice_in_one_page_is_one(account, network, read):
    network.page([incoming(1), incoming(1, text="again")])
    assert read(account).new == 1


def test_a_crash_before_the_commit_loses_nothing(account, network, read, monkeypatch):
    network.page([incoming(1)], to="c1")

    def crash(*_, **__):
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "record", crash)
        with pytest.raises(SystemExit):
            read(account)
    assert (Mention.objects.count(), Contact.objects.count()) == (0, 0)
    assert Feed.objects.get().cursor == ""
    Feed.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claim_due() == [account.pk]
    assert poll(account.pk, actor=POLLER).new == 1
    assert Feed.objects.get().cursor == "c1"


def test_the_network_is_asked_outside_any_transaction(transactional_db, network):
    account = CredentialFactory().account
    seen = []

    def answer():
        seen.append(connection.in_atomic_block)
        return Batch([incoming(1)], "c1")

    network.pages[""] = answer
    claim_account(account)
    assert poll(account.pk, actor=POLLER).new == 1
    assert seen == [False]


def test_all_pages_are_read_while_there_is_more(account, network, read):
    network.page([incoming(1)], to="a", more=True)
    network.page([], at="a", to="b", more=True)
    network.page([incoming(2)], at="b", to="c")
    polled = read(account)
    assert (polled.new, polled.pages) == (2, 3)
    assert network.asked == ["", "a", "b"]
    assert Feed.objects.get().cursor == "c"


def test_a_network_that_always_has_more_is_left_for_the_next_turn(account, network, read):
    for number in range(polling.PAGES_MAX + 5):
        at = "" if number == 0 else f"p{number}"
        network.page([incoming(number)], at=at, to=f"p{number + 1}", more=True)
    assert read(account).pages == polling.PAGES_MAX
    assert Feed.objects.get().next_poll_at <= timezone.now()


def test_a_cursor_that_stays_where_it_is_ends_the_reading(account, network, read):
    network.page([incoming(1)], to="", more=True)
    assert read(account).pages == 1


def test_a_late_poller_does_not_take_the_cursor_back(account, network):
    Feed.objects.create(account=account, cursor="far")
    now = timezone.now()
    kept = ingest.mentions_ingest(
        actor=POLLER,
        account=account,
        items=[clean(incoming(1), now=now)],
        cursor_before="near",
        cursor="middle",
        now=now,
    )
    assert (kept, Feed.objects.get().cursor) == (1, "far")


def test_nothing_new_says_so_and_changes_nothing(account, network, read):
    network.page([incoming(1)])
    read(account)
    now = timezone.now()
    with pytest.raises(NothingNew):
        ingest.mentions_ingest(
            actor=POLLER,
            account=account,
            items=[clean(incoming(1), now=now)],
            cursor_before="c1",
            cursor="c2",
            now=now,
        )
    assert Feed.objects.get().cursor == "c1"


def test_only_socialdesk_itself_takes_mentions_in(account):
    with pytest.raises(NotAllowed):
        ingest.mentions_ingest(
            actor=person(UserFactory()),
            account=account,
            items=[],
            cursor_before="",
            cursor="",
            now=AT,
        )


def test_ones_own_words_are_no_mention(account, network, read):
    network.page([incoming(1, author_id=account.remote_id), incoming(2)], to="c1")
    assert read(account).new == 1
    assert Mention.objects.get().remote_id == "m-2"


def test_something_new_makes_a_done_conversation_unread(account, network, read):
    network.page([incoming(1)], to="c1")
    read(account)
    Conversation.objects.update(status=Status.DONE)
    network.page([incoming(2, thread_id="t-1", author_id="other", handle="@kim")], at="c1")
    read(account)
    one = Conversation.objects.get()
    assert (one.status, one.version, one.mentions.count()) == (Status.UNREAD, 2, 2)
    assert one.contact.handle == "@sam"


def test_what_comes_late_does_not_pass_for_the_newest(account, network, read):
    network.page([incoming(9, thread_id="t")], to="c1")
    network.page([incoming(3, thread_id="t")], at="c1", to="c2")
    read(account)
    read(account)
    one = Conversation.objects.get()
    assert one.last_mention.remote_id == "m-9"
    assert one.last_at == AT.replace(minute=9)


def test_a_person_is_one_contact_under_their_newest_name(account, network, read):
    ContactFactory(
        platform=account.platform, base_url=account.base_url, remote_id="stranger-1", handle="@old"
    )
    network.page([incoming(1), incoming(2)])
    read(account)
    assert Contact.objects.get().handle == "@sam"


def test_a_person_called_as_before_is_not_written_again(account, network, read):
    network.page([incoming(1)])
    network.page([incoming(2)], at="c1", to="c2")
    read(account)
    first = row_version(Contact.objects.get())
    read(account)
    assert row_version(Contact.objects.get()) == first
    assert Mention.objects.filter(author=Contact.objects.get()).count() == 2


def test_the_newest_of_a_page_is_shown_in_whatever_order_it_came(account, network, read):
    network.page(
        [incoming(3, thread_id="t"), incoming(7, thread_id="t"), incoming(5, thread_id="t")]
    )
    read(account)
    conversation = Conversation.objects.get()
    assert conversation.last_at == AT.replace(minute=7)
    assert conversation.last_mention.remote_id == incoming(7).remote_id


def test_a_conversation_whose_newest_mention_was_erased_shows_the_next_that_comes(
    account, network, read
):
    network.page([incoming(9, thread_id="t")])
    network.page([incoming(4, thread_id="t")], at="c1", to="c2")
    read(account)
    Mention.objects.all().delete()
    read(account)
    assert Conversation.objects.get().last_mention == Mention.objects.get()


def test_the_same_thread_on_two_accounts_is_two_conversations(account, network, read):
    other = CredentialFactory(account__base_url=account.base_url).account
    network.page([incoming(1)])
    read(account)
    read(other)
    assert Conversation.objects.count() == 2
    assert Contact.objects.count() == 1


def test_a_page_costs_the_same_whatever_its_size(
    account, network, read, django_assert_max_num_queries
):
    network.page([incoming(n, thread_id=f"t{n % 7}", author_id=f"s{n % 11}") for n in range(50)])
    claim_account(account)
    with django_assert_max_num_queries(17):
        assert poll(account.pk, actor=POLLER).new == 50


def row_version(row):
    """Changes with every update of the row, even one that changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT xmin, ctid FROM {row._meta.db_table} WHERE id = %s", [row.pk])
        return cursor.fetchone()


# --- who is due -----------------------------------------------------------------------------


def test_a_connected_account_without_a_feed_gets_one_and_is_due(account):
    gone = SocialAccountFactory(disconnected_at=timezone.now())
    assert claim_due() == [account.pk]
    assert not Feed.objects.filter(account=gone).exists()
    assert claim_due() == []  # it is leased now


def test_a_lease_that_ran_out_is_claimed_again(account):
    claim_due()
    with time_machine.travel(timezone.now() + LEASE + timedelta(seconds=1)):
        assert claim_due() == [account.pk]


def test_a_disconnected_account_is_never_read(account, network):
    claim_due()
    SocialAccount.objects.update(disconnected_at=timezone.now())
    assert poll(account.pk, actor=POLLER) is None
    Feed.objects.update(lease_until=None)
    assert claim_due() == []
    account.refresh_from_db()
    assert not claim_account(account)
    assert network.asked == []


def test_a_frozen_account_is_still_read(account, network, read):
    SocialAccount.objects.update(frozen_at=timezone.now())
    network.page([incoming(1)])
    assert claim_due() == [account.pk]
    assert poll(account.pk, actor=POLLER).new == 1


def test_a_message_that_is_delivered_twice_reads_once(account, network):
    network.page([incoming(1)])
    claim_due()
    poll_account(account.pk)
    poll_account(account.pk)
    assert network.asked == [""]


def test_dispatching_hands_each_due_account_to_a_worker(account, monkeypatch):
    sent = []
    monkeypatch.setattr(poll_account, "apply_async", lambda **how: sent.append(how))
    dispatch_polls()
    dispatch_polls()
    assert sent == [{"args": (account.pk,), "expires": LEASE.total_seconds()}]


def test_two_dispatchers_at_once_share_the_accounts(transactional_db):
    for _ in range(30):
        SocialAccountFactory()
    claim_due()
    Feed.objects.update(lease_until=None)
    start = threading.Barrier(2)
    found: list[list[int]] = []

    def claim() -> None:
        start.wait()
        try:
            found.append(claim_due(limit=30))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claimed = [pk for ids in found for pk in ids]
    assert len(claimed) == len(set(claimed))
    assert Feed.objects.filter(lease_until=None).count() == 30 - len(claimed)


def test_two_pollers_of_one_account_at_once_add_it_once(transactional_db, network):
    account = CredentialFactory().account
    claim_account(account)
    both_asked = threading.Barrier(2)

    def answer():
        both_asked.wait(10)
        return Batch([incoming(n) for n in range(20)], "c1")

    network.pages[""] = answer
    new: list[int] = []

    def run() -> None:
        try:
            new.append(poll(account.pk, actor=POLLER).new)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [0, 20]
    assert (Mention.objects.count(), Feed.objects.get().cursor) == (20, "c1")
    assert Event.objects.filter(name="mentions.received").count() == 1


def test_two_accounts_that_meet_the_same_people_do_not_wait_in_a_ring(transactional_db, network):
    accounts = [CredentialFactory().account for _ in range(2)]
    people = [f"s{n}" for n in range(40)]
    now = timezone.now()
    errors: list[Exception] = []

    def take(account, order):
        Feed.objects.get_or_create(account=account)
        try:
            for round_ in range(5):
                items = [
                    clean(incoming(n, remote_id=f"{round_}-{n}", author_id=who), now=now)
                    for n, who in enumerate(order)
                ]
                ingest.mentions_ingest(
                    actor=POLLER,
                    account=account,
                    items=items,
                    cursor_before="",
                    cursor="",
                    now=now,
                )
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=take, args=(accounts[0], people)),
        threading.Thread(target=take, args=(accounts[1], people[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Mention.objects.count() == 400


# --- the pace -------------------------------------------------------------------------------


def test_the_pause_grows_while_quiet_and_falls_when_something_comes(settings):
    settings.POLL_MIN_S, settings.POLL_MAX_S = 5, 120
    interval, seen = 5, []
    for _ in range(30):
        step = pace.after_success(interval_s=interval, brought=False, active=False)
        assert 0.85 * step.interval_s <= step.wait_s <= step.interval_s
        interval = step.interval_s
        seen.append(interval)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (6, 120)
    assert pace.after_success(interval_s=120, brought=True, active=True).interval_s == 5


def test_an_active_account_is_never_left_longer_than_a_few_seconds(settings):
    settings.POLL_MIN_S, settings.POLL_MAX_S = 5, 120
    step = pace.after_success(interval_s=120, brought=False, active=True)
    assert step.interval_s == pace.ACTIVE_MAX_S <= 10


def test_a_shortest_pause_above_the_longest_still_works(settings):
    settings.POLL_MIN_S, settings.POLL_MAX_S = 60, 30
    assert pace.after_success(interval_s=5, brought=True, active=True).interval_s == 60


def test_failures_back_off(settings):
    settings.POLL_MIN_S, settings.POLL_MAX_S = 5, 120
    for failures, most in [(1, 10), (2, 20), (3, 40), (50, 120)]:
        wait = pace.after_failure(error=RetryLater("x"), failures=failures).wait_s
        assert most / 2 <= wait <= most


def test_the_platforms_own_wish_is_honoured_within_reason():
    assert pace.after_failure(error=RetryLater("x", delay_s=900), failures=1).wait_s == 900
    assert pace.after_failure(error=RetryLater("x", delay_s=1e9), failures=1).wait_s == 3600
    assert pace.after_failure(error=RetryLater("x", delay_s=-5), failures=1).wait_s > 0


def _waits(account):
    feed = Feed.objects.get(account=account)
    return (feed.next_poll_at - timezone.now()).total_seconds()


def _quiet(account):
    SocialAccount.objects.update(connected_at=timezone.now() - timedelta(days=9))
    Feed.objects.create(account=account, interval_s=100)
    account.refresh_from_db()


def test_a_quiet_account_waits_long(account, network, read):
    _quiet(account)
    read(account)
    assert _waits(account) > 90


@pytest.mark.parametrize("why", ["looked at", "sent", "just connected", "heard of"])
def test_an_account_where_somebody_may_wait_is_read_often(account, network, read, why):
    _quiet(account)
    now = timezone.now()
    if why == "looked at":
        stay_awake([account.pk])
    elif why == "sent":
        DeliveryFactory(account=account, state=State.PUBLISHED, due_at=now, published_at=now)
    elif why == "just connected":
        SocialAccount.objects.update(connected_at=now)
    else:
        Feed.objects.update(last_new_at=now)
    read(account)
    assert _waits(account) <= pace.ACTIVE_MAX_S


def test_opening_the_inbox_shortens_a_long_pause_but_not_that_of_a_failure(account):
    _quiet(account)
    later = timezone.now() + timedelta(seconds=100)
    Feed.objects.update(next_poll_at=later)
    stay_awake([account.pk])
    assert _waits(account) <= pace.ACTIVE_MAX_S
    Feed.objects.update(next_poll_at=later, failures=3)
    stay_awake([account.pk])
    assert _waits(account) > 90


# --- failures -------------------------------------------------------------------------------


def test_a_failure_is_noted_and_tried_again_later(account, network, read):
    network.pages[""] = RetryLater("The server is busy.", code="503", delay_s=40)
    assert read(account).problem == "The server is busy."
    feed = Feed.objects.get()
    assert (feed.failures, feed.problem, feed.lease_until) == (1, "The server is busy.", None)
    assert 35 < _waits(account) <= 40
    account.refresh_from_db()
    assert account.health == Health.HEALTHY  # one failure may be a hiccup
    read(account)
    account.refresh_from_db()
    assert account.health == Health.TROUBLED
    network.page([incoming(1)])
    assert read(account).new == 1
    account.refresh_from_db()
    assert (account.health, Feed.objects.get().failures) == (Health.HEALTHY, 0)


def test_lost_credentials_mark_the_account_and_are_tried_seldom(account, network, read):
    network.pages[""] = AuthorisationLost("The app password was revoked.")
    read(account)
    account.refresh_from_db()
    assert (account.health, account.health_note) == (Health.LOST, "The app password was revoked.")
    assert _waits(account) > 500
    assert claim_due() == []


def test_a_reconnected_account_is_read_at_once(account, network, read):
    network.pages[""] = AuthorisationLost("Revoked.")
    read(account)
    with time_machine.travel(timezone.now() + timedelta(seconds=30)):
        account.credential.secret = "new"
        account.credential.save()
        assert claim_due() == [account.pk]


def test_an_account_without_credentials_fails_with_a_reason(db, network, read):
    account = SocialAccountFactory()
    assert "Reconnect" in read(account).problem


def test_a_refusal_backs_off_too(account, network, read):
    network.pages[""] = Refused("No.")
    read(account)
    assert Feed.objects.get().failures == 1


def test_a_fault_of_our_own_frees_the_account_and_says_so(account, network, read):
    network.pages[""] = KeyError("surprise")
    polled = read(account)
    assert "fault in Socialdesk" in polled.problem
    feed = Feed.objects.get()
    assert (feed.failures, feed.lease_until) == (1, None)
    account.refresh_from_db()
    assert account.health == Health.HEALTHY  # it is not the network's fault


def test_a_failure_after_some_pages_keeps_them(account, network, read):
    network.page([incoming(1)], to="a", more=True)
    network.pages["a"] = RetryLater("Later.")
    read(account)
    assert (Mention.objects.count(), Feed.objects.get().cursor) == (1, "a")


def test_an_actor_has_to_be_named(account):
    with pytest.raises(TypeError):
        ingest.mentions_ingest(
            actor=None, account=account, items=[], cursor_before="", cursor="", now=AT
        )
    assert Actor.worker("poller") == POLLER
