"""Who is told, once, in one message for a burst; and what happens when it does not arrive."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.levels import Level
from accounts.models.social import Health
from accounts.policy import by
from accounts.services.people import user_freeze
from audit.actions import action
from audit.actors import Actor, ActorKind
from audit.models import Event
from operations import outbox, sending
from operations.models import Alert, Channel, Destination, Message, MessageState
from operations.services.destinations import destination_add, destination_remove
from operations.tasks import send_alerts
from scheduling.models import Delivery
from tests.factories import (
    DeliveryFactory,
    PostFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    person,
)
from tests.platforms.server import FakeServer, Fault, Reply

pytestmark = pytest.mark.django_db
WORKER = Actor.worker("tests")
SECRET_PATH = "/services/T0/canary-hook-77"


@action("delivery.tried", needs=by(ActorKind.WORKER), may_find_nothing=True)
def told(*, actor, **alert):
    raise_alert(**alert)


@action("delivery.tried", needs=by(ActorKind.WORKER), may_find_nothing=True)
def over(*, actor, **alert):
    settle_alert(**alert)


@pytest.fixture
def later():
    """Moves the clock on."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield lambda **span: traveller.shift(timedelta(**span))


def failed(account, author=None, text="The bridge is open again"):
    delivery = DeliveryFactory(
        post=PostFactory(author=author or UserFactory(), text=text), account=account, state="failed"
    )
    told(
        actor=WORKER,
        kind=AlertKind.FAILED,
        subject=delivery,
        account=account,
        message="The platform refused it.",
    )
    return delivery


def addressed():
    return sorted(address for message in mail.outbox for address in message.to)


# --- who is told ------------------------------------------------------------------------------


def test_the_author_and_the_managers_are_told_once_what_failed(desk, later):
    failed(desk.account, desk.contributor)
    send_alerts()
    assert not mail.outbox  # it waits for more to say
    later(seconds=21)
    for _ in range(3):
        send_alerts()
    assert addressed() == sorted([desk.contributor.email, desk.manager.email])
    (message, _) = mail.outbox
    assert "Failed to publish" in message.subject
    assert "The platform refused it." in message.body
    assert f"/posts/{Delivery.objects.get().post_id}/" in message.body


def test_who_lost_their_level_or_said_no_is_not_told(desk, later):
    gone, frozen, quiet, team_manager = UserFactory.create_batch(4)
    for user in (frozen, quiet):
        give(user, Level.MANAGER, desk.account)
    give(gone, Level.CONTRIBUTOR, desk.account, expired=True)
    quiet.alert_emails = False
    quiet.save()
    user_freeze(actor=Actor.command("tests"), user=frozen, reason="lost phone")
    give(make_team("Desk", team_manager), Level.MANAGER, desk.account)
    failed(desk.account, gone)
    send_alerts()
    later(seconds=21)
    send_alerts()
    assert addressed() == sorted([desk.manager.email, team_manager.email])


def test_what_concerns_no_account_is_told_to_administrators(administrator, desk, later):
    told(actor=WORKER, kind=AlertKind.CLOCK, subject="clock", message="No tick for 90 seconds.")
    send_alerts()
    later(seconds=3)  # this does not wait for more
    send_alerts()
    assert addressed() == [administrator.email]


def test_addresses_of_the_settings_get_everything(settings, desk, later):
    settings.ALERT_EMAILS = ["duty@northmoor.example"]
    failed(desk.account, desk.manager)
    send_alerts()
    later(seconds=21)
    send_alerts()
    assert addressed() == sorted(["duty@northmoor.example", desk.manager.email])


# --- how often --------------------------------------------------------------------------------


def test_a_burst_is_one_message(desk, later):
    for n in range(300):
        failed(desk.account, desk.manager, text=f"Post {n}")
    send_alerts()
    later(seconds=21)
    send_alerts()
    (message,) = mail.outbox
    assert "300 alerts: failed to publish (300)" in message.subject
    assert message.body.count("Failed to publish") == 10
    assert "And 290 more" in message.body


def test_messages_to_one_target_keep_their_distance(desk, later):
    failed(desk.account, desk.manager)
    send_alerts()
    later(seconds=21)
    send_alerts()
    failed(desk.account, desk.manager)
    send_alerts()
    later(seconds=21)
    send_alerts()
    assert len(mail.outbox) == 1
    later(seconds=40)
    send_alerts()
    assert len(mail.outbox) == 2
    assert "Failed to publish: " in mail.outbox[1].subject  # the first is not told again


def test_what_will_fail_within_a_minute_does_not_wait(desk, later):
    failed(desk.account, desk.manager)
    send_alerts()
    later(seconds=21)
    send_alerts()
    soon = desk.scheduled()
    told(
        actor=WORKER,
        kind=AlertKind.PREPARATION,
        subject=soon,
        account=desk.account,
        message="The picture is gone.",
    )
    send_alerts()
    later(seconds=3)
    send_alerts()
    assert "Will fail when it is due" in mail.outbox[-1].subject


@pytest.mark.parametrize(
    ("kind", "state"),
    [("failed", "draft"), ("unknown", "published"), ("held", "scheduled"),
     ("preparation", "publishing")],
)  # fmt: skip
def test_what_was_over_before_it_was_sent_is_not_sent(desk, later, kind, state):
    delivery = failed(desk.account, desk.manager)
    Alert.objects.update(kind=kind)
    Delivery.objects.update(
        state={"preparation": "scheduled"}.get(kind, kind), next_try_at=timezone.now()
    )
    later(seconds=31)
    send_alerts()
    lease = timezone.now() if state == "publishing" else None
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state, remote_id="r", lease_until=lease, next_try_at=timezone.now()
    )
    later(seconds=31)
    send_alerts()
    send_alerts()
    assert not mail.outbox
    assert Alert.objects.get().settled_at is not None
    assert {message.state for message in Message.objects.all()} == {MessageState.EMPTY}


def test_doubt_that_the_platform_settles_is_told_to_nobody(desk, later):
    delivery = failed(desk.account, desk.manager)
    Alert.objects.update(kind="unknown")
    Delivery.objects.update(state="unknown")
    later(seconds=25)
    send_alerts()
    assert not Message.objects.exists()
    Delivery.objects.filter(pk=delivery.pk).update(state="published", remote_id="r")
    later(seconds=25)
    send_alerts()
    assert not Message.objects.exists()


def test_credentials_that_hold_again_settle_their_alert(desk, later):
    account = desk.account
    type(account).objects.update(health=Health.LOST)
    told(actor=WORKER, kind=AlertKind.TOKEN, subject=account, account=account, message="Revoked.")
    send_alerts()
    assert Alert.objects.get().settled_at is None
    type(account).objects.update(health=Health.HEALTHY)
    send_alerts()
    assert Alert.objects.get().settled_at is not None


# --- destinations -------------------------------------------------------------------------------


class Hook(FakeServer):
    """A webhook of somebody's."""

    def route(self, asked):
        return Reply(200 if asked.path == SECRET_PATH else 404, {"ok": True})

    @property
    def address(self):
        return self.url + SECRET_PATH


@pytest.fixture
def hook(settings):
    server = Hook()
    settings.ALLOW_PRIVATE_HOSTS = frozenset({server.private_host})
    yield server
    server.close()


def add(administrator, address, channel=Channel.JSON, **fields):
    fields = {"name": "Control room", "kinds": ["failed", "clock"], **fields}
    return destination_add(actor=person(administrator), channel=channel, address=address, **fields)


def tell(later, account, **fields):
    """Something failed, and the time to say so has come."""
    found = failed(account, **fields)
    send_alerts()
    later(seconds=61)
    send_alerts()
    return found


@pytest.mark.parametrize("channel", [Channel.JSON, Channel.TEAMS, Channel.SLACK])
def test_a_webhook_gets_its_own_form(desk, administrator, hook, later, channel):
    add(administrator, hook.address, channel)
    delivery = tell(later, desk.account, text="*Bold* <script> & [a](https://evil.example) " * 20)
    (asked,) = hook.ledger
    assert asked.headers["content-type"] == "application/json"
    body, text = asked.json(), asked.body.decode()
    assert f"/posts/{delivery.post_id}/" in text
    assert text.count("evil.example") <= 3  # in the titles, and no more than first words
    if channel == Channel.JSON:
        (alert,) = body["alerts"]
        assert (body["source"], body["count"], alert["kind"]) == ("socialdesk", 1, "failed")
        assert alert["account"] == str(desk.account)
    elif channel == Channel.TEAMS:
        (attachment,) = body["attachments"]
        assert body["type"] == "message"
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attachment["content"]
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        said = card["body"][1]["items"][1]["text"]
        assert "\\*Bold\\*" in said
        assert "\\[a\\]" in said
    else:
        assert "&lt;script&gt; &amp;" in text
        assert body["blocks"][0]["type"] == "header"
        assert len(body["blocks"][0]["text"]["text"]) <= 150


def test_a_burst_is_one_message_to_a_webhook_too(desk, administrator, hook, later):
    add(administrator, hook.address, Channel.SLACK)
    for n in range(30):
        failed(desk.account, text=f"Post {n}")
    send_alerts()
    later(seconds=21)
    send_alerts()
    (asked,) = hook.ledger
    assert len(asked.json()["blocks"]) == 1 + 10 + 1
    assert "And 20 more" in asked.body.decode()


def test_only_the_chosen_kinds_and_accounts_go_there(desk, administrator, hook, later):
    add(administrator, hook.address, kinds=["failed"], accounts=[desk.account])
    other = SocialAccountFactory()
    failed(other)
    told(actor=WORKER, kind=AlertKind.CLOCK, subject="clock", message="Silent.")
    told(
        actor=WORKER,
        kind=AlertKind.TOKEN,
        subject=desk.account,
        account=desk.account,
        message="Revoked.",
    )
    tell(later, desk.account)
    (asked,) = hook.ledger
    assert [alert["account"] for alert in asked.json()["alerts"]] == [str(desk.account)]


def test_a_webhook_that_fails_is_tried_again_with_growing_pauses(
    desk, administrator, hook, later, caplog
):
    add(administrator, hook.address)
    with hook.going_wrong(Fault(reply=Reply(500, {"error": "no"}))):
        tell(later, desk.account)
        message = Message.objects.get(target__startswith="destination:")
        assert (message.state, message.problem) == ("sending", "The webhook answered 500.")
        assert message.next_try_at - timezone.now() == timedelta(seconds=15)
        send_alerts()
        assert len(hook.ledger) == 1  # not before its time
        later(seconds=16)
        send_alerts()
        message.refresh_from_db()
        assert (message.tries, len(hook.ledger)) == (2, 2)
        assert message.next_try_at - timezone.now() == timedelta(seconds=30)
        failed(desk.account)  # waits in one message behind it
        failed(desk.account)
    send_alerts()
    later(seconds=61)
    send_alerts()
    later(seconds=61)
    send_alerts()
    counts = [asked.json()["count"] for asked in hook.ledger]
    assert counts == [1, 1, 1, 2]
    assert "canary-hook" not in caplog.text
    assert not Message.objects.filter(state="sending").exists()


def test_after_a_day_it_is_given_up_and_on_record(desk, administrator, hook, later):
    place = add(administrator, hook.address)
    with hook.going_wrong(Fault(reset=True)):
        tell(later, desk.account)
        later(hours=25)
        send_alerts()
    message = Message.objects.get(target__startswith="destination:")
    assert message.state == MessageState.GIVEN_UP
    event = Event.objects.get(name="alert.given_up")
    assert event.subject_id == str(place.pk)
    assert "canary-hook" not in json.dumps(event.data)


def test_a_private_address_is_refused_unless_it_is_allowed(desk, administrator, hook, settings):
    from accounts.errors import Invalid

    settings.ALLOW_PRIVATE_HOSTS = frozenset()
    with pytest.raises(Invalid, match="https"):
        add(administrator, hook.address)
    place = add(administrator, f"https://127.0.0.1:{hook.port}{SECRET_PATH}")
    message = Message.objects.create(
        target=f"destination:{place.pk}", is_test=True, state=MessageState.SENDING
    )
    send_alerts()
    message.refresh_from_db()
    assert "not on the public internet" in message.problem
    assert not hook.ledger


def test_mail_that_the_server_refuses_is_tried_again(desk, later, monkeypatch):
    from smtplib import SMTPRecipientsRefused

    def refuse(self):
        raise SMTPRecipientsRefused({"canary@northmoor.example": (550, b"no such user")})

    monkeypatch.setattr("operations.sending.EmailMessage.send", refuse)
    tell(later, desk.account, author=desk.manager)
    message = Message.objects.get()
    assert message.state == MessageState.SENDING
    assert message.problem == "The mail server did not take it (SMTPRecipientsRefused)."
    monkeypatch.undo()
    later(seconds=16)
    send_alerts()
    assert addressed() == [desk.manager.email]


def test_what_was_told_is_on_record_with_the_post(desk, later):
    delivery = tell(later, desk.account, author=desk.manager)
    event = Event.objects.get(name="alert.sent")
    assert (event.subject_id, event.post_id) == (str(desk.manager.pk), delivery.post_id)
    assert event.data == {"of": {"failed": 1}}


def test_a_worker_that_died_on_the_way_leaves_the_message_to_another(desk, later):
    failed(desk.account, desk.manager)
    send_alerts()
    later(seconds=21)
    assert outbox.claim() is not None  # and is never heard of again
    assert outbox.claim() is None
    later(seconds=61)
    send_alerts()
    assert addressed() == [desk.manager.email]


def test_no_more_than_a_few_are_on_their_way_at_once(desk):
    for n in range(10):
        Message.objects.create(target=f"address:a{n}@northmoor.example")
    claimed = [outbox.claim() for _ in range(6)]
    assert [message is not None for message in claimed] == [True] * 4 + [False] * 2


def test_what_waits_for_a_removed_place_is_dropped(desk, administrator, hook, later):
    place = add(administrator, hook.address)
    failed(desk.account)
    send_alerts()
    destination_remove(actor=person(administrator), destination=place)
    later(seconds=21)
    send_alerts()
    assert not hook.ledger
    assert not Destination.objects.exists()


@pytest.mark.parametrize(("tries", "seconds"), [(1, 15), (2, 30), (5, 240), (7, 900), (40, 900)])
def test_the_pause_grows_to_a_quarter_of_an_hour(tries, seconds):
    assert sending.backoff(tries) == timedelta(seconds=seconds)
