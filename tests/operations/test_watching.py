"""The clock that stands still and the work nobody takes up are noticed, told once, and settled."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.alerts import AlertKind
from audit.models import Event, SelfCheck, Unsealed, Witness
from operations import hearts
from operations.models import Alert
from operations.watching import Watchman, look
from tests.factories import DeliveryFactory, SocialAccountFactory

pytestmark = pytest.mark.django_db


def silent_for(monkeypatch, seconds):
    """The last tick was so long ago."""
    at = hearts.time.time() - seconds
    with monkeypatch.context() as patched:
        patched.setattr(hearts.time, "time", lambda: at)
        hearts.note_tick()


def open_kinds():
    return sorted(Alert.objects.filter(settled_at=None).values_list("kind", flat=True))


def test_a_silent_clock_is_told_once_and_settled_when_it_goes_again(monkeypatch):
    silent_for(monkeypatch, 90)
    assert look(up_for_s=600) is True
    assert look(up_for_s=610) is True  # another worker sees the same
    alert = Alert.objects.get()
    assert (alert.kind, alert.subject_id) == (AlertKind.CLOCK, "clock")
    assert "90 seconds" in alert.message
    hearts.note_tick()
    assert look(up_for_s=620) is False
    assert open_kinds() == []


def test_a_worker_that_has_just_started_waits_before_it_complains(monkeypatch):
    silent_for(monkeypatch, 3600)  # all was switched off for an hour
    assert look(up_for_s=5) is False
    assert look(up_for_s=61) is True


def test_a_clock_that_never_ticked_is_noticed_too():
    assert look(up_for_s=30) is False
    assert look(up_for_s=61) is True
    assert open_kinds() == ["clock"]


def test_what_nobody_takes_up_is_told_with_its_number():
    hearts.note_tick()
    long_ago, just_now = (timezone.now() - timedelta(seconds=s) for s in (100, 5))
    DeliveryFactory.create_batch(2, state="scheduled", due_at=long_ago)
    DeliveryFactory(state="scheduled", due_at=just_now)
    look(up_for_s=600)
    (alert,) = Alert.objects.all()
    assert alert.kind == AlertKind.BACKLOG
    assert alert.message.startswith("2 deliveries have been due for more than 60 seconds")


def test_what_waits_for_its_turn_is_not_stuck():
    hearts.note_tick()
    account = SocialAccountFactory()
    due = timezone.now() - timedelta(seconds=90)
    DeliveryFactory(state="publishing", account=account, due_at=due)
    DeliveryFactory(state="scheduled", account=account, due_at=due + timedelta(seconds=1))
    look(up_for_s=600)
    assert open_kinds() == []


def test_a_backlog_that_is_worked_off_is_settled():
    hearts.note_tick()
    waiting = DeliveryFactory(state="scheduled", due_at=timezone.now() - timedelta(seconds=100))
    look(up_for_s=600)
    assert open_kinds() == ["backlog"]
    type(waiting).objects.update(state="published", remote_id="r")
    look(up_for_s=610)
    assert open_kinds() == []


def test_without_redis_nothing_is_claimed_about_the_clock(monkeypatch):
    import redis

    dead = redis.Redis(host="127.0.0.1", port=1)
    monkeypatch.setattr(hearts, "_client", lambda: dead)
    assert look(up_for_s=600) is False
    assert open_kinds() == []


def test_while_the_clock_stands_the_watchman_has_alerts_sent(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "operations.watching.current_app.send_task", lambda name, **how: asked.append(name)
    )
    monkeypatch.setattr("operations.watching.connection.close", lambda: None)
    monkeypatch.setattr("operations.watching.look", lambda **_: True)
    Watchman()._look()
    assert asked == ["operations.send_alerts"]


def test_a_fault_does_not_end_the_watch(monkeypatch, caplog):
    def broken(**_):
        raise ValueError("something nobody foresaw")

    monkeypatch.setattr("operations.watching.look", broken)
    monkeypatch.setattr("operations.watching.connection.close", lambda: None)
    Watchman()._look()
    assert "watch_broke" in caplog.text


def test_a_process_that_ends_in_good_order_is_forgotten_at_once():
    hearts.beat("worker", "a/1")
    assert hearts.signs().alive("worker") == 1
    hearts.stop("worker", "a/1")
    assert hearts.signs().hearts == ()


def test_one_that_was_killed_is_named_for_an_hour(monkeypatch):
    for age, name in ((60, "a/1"), (4000, "a/2")):
        at = hearts.time.time() - age
        with monkeypatch.context() as patched:
            patched.setattr(hearts.time, "time", lambda at=at: at)
            hearts.beat("worker", name)
    (heart,) = hearts.signs().hearts
    assert (heart.name, heart.is_alive) == ("a/1", False)
    assert hearts._client().hlen(hearts._KEY) == 1


@pytest.mark.parametrize(
    ("subject", "said"),
    [("seal", "Does a sealer run?"), ("witnesses", "file:/x: full"), ("record", "Event 7")],
)
def test_what_is_wrong_with_the_record_is_told_and_settled(subject, said, monkeypatch):
    old = Event.objects.create(
        name="record.read",
        act=uuid.uuid4(),
        actor_kind="worker",
        actor_label="x",
        occurred_at=timezone.now() - timedelta(minutes=5),
    )
    if subject != "seal":
        Unsealed.objects.all().delete()
    if subject == "witnesses":
        Witness.objects.create(name="file:/x", failing_since=timezone.now(), error="full")
    if subject == "record":
        SelfCheck.objects.create(pk=1, fault="Event 7 is not what was sealed.")
    look(up_for_s=5)
    look(up_for_s=15)
    alert = Alert.objects.get(kind="record")
    assert (alert.subject_id, said in alert.message) == (subject, True)
    Unsealed.objects.filter(event_id=old.pk).delete()
    Witness.objects.update(failing_since=None)
    SelfCheck.objects.update(fault="")
    look(up_for_s=25)
    alert.refresh_from_db()
    assert alert.settled_at is not None
