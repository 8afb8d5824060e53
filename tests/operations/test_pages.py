"""The operators' pages: who may open them, what they say, what may be changed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.levels import Level
from accounts.models import SocialAccount
from accounts.sealing import Ciphertext
from audit.models import Event
from mentions.models import Feed
from operations import hearts
from operations.models import Alert, Channel, Destination, Message, MessageState
from operations.services.destinations import destination_add
from tests.factories import (
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    person,
)

pytestmark = pytest.mark.django_db
OVERVIEW, ALERTS = "/operations/", "/operations/alerts/"
HOOK = "https://hooks.example.org/services/canary-hook-77"


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def place(administrator):
    return destination_add(
        actor=person(administrator),
        name="Control room",
        channel=Channel.SLACK,
        address=HOOK,
        kinds=["failed", "clock"],
    )


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [OVERVIEW, ALERTS])
def test_administrators_and_auditors_read(sign_in, administrator, auditor, path, place):
    assert sign_in(administrator).get(path).status_code == 200
    answer = sign_in(auditor).get(path)
    assert answer.status_code == 200
    assert b"Send a test alert" not in answer.content
    assert b"Add a destination" not in answer.content


@pytest.mark.parametrize("level", [None, *Level])
def test_nobody_else_reads(sign_in, level, place):
    user = UserFactory()
    if level:
        give(user, level, SocialAccountFactory())
    client = sign_in(user)
    for path in (OVERVIEW, ALERTS, f"{ALERTS}new/", f"{ALERTS}{place.pk}/"):
        assert client.get(path).status_code == 403
    assert b"/operations/" not in client.get("/").content


def test_visitors_are_asked_to_sign_in(client):
    assert client.get(OVERVIEW).status_code == 302


def test_an_auditor_changes_nothing(sign_in, auditor, place):
    client = sign_in(auditor)
    for path in (f"{ALERTS}new/", f"{ALERTS}{place.pk}/"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"name": "x", "kinds": ["failed"]}).status_code == 403
    for what in ("test", "remove"):
        assert client.post(f"{ALERTS}{place.pk}/{what}/").status_code == 403
    assert Destination.objects.get().name == "Control room"
    assert not Message.objects.exists()


def test_changes_are_posted(sign_in, administrator, place):
    for what in ("test", "remove"):
        assert sign_in(administrator).get(f"{ALERTS}{place.pk}/{what}/").status_code == 405


# --- what the overview says -----------------------------------------------------------------------


def test_a_dead_clock_is_said_in_red_words(sign_in, administrator):
    answer = sign_in(administrator).get(OVERVIEW)
    assert "The clock stands still" in text_of(answer)
    assert "no beat runs and no worker runs" in text_of(answer)
    assert "alert tone-red" in answer.content.decode()


def test_a_clock_that_goes_is_said_without_alarm(sign_in, administrator):
    hearts.note_tick()
    hearts.beat("beat", "host-a/1")
    hearts.beat("worker", "host-a/2")
    answer = sign_in(administrator).get(OVERVIEW)
    assert "Last tick 0 s ago" in text_of(answer)
    assert "alert tone-red" not in answer.content.decode()
    assert "host-a/2" in text_of(answer)


def test_a_silent_process_is_shown_as_such(sign_in, administrator, monkeypatch):
    hearts.note_tick()
    hearts.beat("beat", "host-a/1")
    long_ago = hearts.time.time() - 60
    monkeypatch.setattr(hearts.time, "time", lambda: long_ago)
    hearts.beat("worker", "host-b/9")
    monkeypatch.undo()
    said = text_of(sign_in(administrator).get(OVERVIEW))
    assert "Silent" in said
    assert "no worker runs" in said


def test_without_redis_the_page_says_so(sign_in, administrator, monkeypatch):
    import redis

    dead = redis.Redis(host="127.0.0.1", port=1)
    monkeypatch.setattr(hearts, "_client", lambda: dead)
    said = text_of(sign_in(administrator).get(OVERVIEW))
    assert "Redis does not answer" in said
    assert "Does not answer" in said


def test_the_numbers_are_those_of_the_rows(sign_in, administrator):
    now = timezone.now()
    for late in (0.4, 1.0, 8.0):
        DeliveryFactory(
            state="published",
            due_at=now - timedelta(seconds=late),
            published_at=now,
        )
    DeliveryFactory(state="scheduled", due_at=now - timedelta(seconds=90))
    DeliveryFactory(state="scheduled", due_at=now + timedelta(seconds=90))
    DeliveryFactory.create_batch(2, state="failed")
    said = text_of(sign_in(administrator).get(OVERVIEW))
    assert "Due, not taken up 1 oldest 2 min ago" in said
    assert "Failed 2" in said
    assert "Last hour 1.0 s 7.9 s 8.0 s 3" in said


def test_accounts_stand_worst_and_longest_unread_first(sign_in, administrator):
    now = timezone.now()
    for name, health, minutes in (
        ("Well", "healthy", 1),
        ("Lost", "lost", 5),
        ("Shaky", "troubled", 9),
    ):
        account = SocialAccountFactory(display_name=name, health=health, checked_at=now)
        Feed.objects.create(account=account, last_polled_at=now - timedelta(minutes=minutes))
    main = text_of(sign_in(administrator).get(OVERVIEW + "?part=numbers"))
    tokens, reading = main.partition("worst first")[2].split("longest unread first")
    assert tokens.index("Lost") < tokens.index("Shaky") < tokens.index("Well")
    assert reading.index("Shaky") < reading.index("Lost") < reading.index("Well")


def test_the_page_asks_the_database_no_more_however_much_there_is(sign_in, administrator, place):
    client = sign_in(administrator)

    def fill():
        for _ in range(12):
            account = SocialAccountFactory(health="lost")
            Feed.objects.create(account=account, last_polled_at=timezone.now())
            delivery = DeliveryFactory(state="failed", account=account)
            Alert.objects.create(
                kind="failed", subject_type="scheduling.delivery", subject_id=delivery.pk,
                subject_label="x", account=account, delivery=delivery,
            )  # fmt: skip
            Message.objects.create(
                target=f"user:{account.owner_id}", state="sending", problem="Refused.", tries=2
            )

    fill()
    client.get(OVERVIEW)
    for path in (OVERVIEW, ALERTS, f"{ALERTS}{place.pk}/"):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(path).status_code == 200
        fill()
        with CaptureQueriesContext(connection) as again:
            client.get(path)
        assert len(again) == len(asked), path
        assert len(asked) <= 12, "\n".join(query["sql"][:120] for query in asked)


def test_a_message_that_does_not_arrive_is_shown(sign_in, administrator, place):
    Message.objects.create(
        target=f"destination:{place.pk}", state=MessageState.SENDING, tries=3,
        problem="The webhook answered 500.",
    )  # fmt: skip
    Message.objects.create(target=f"destination:{place.pk}")  # waits behind it
    client = sign_in(administrator)
    said = text_of(client.get(OVERVIEW))
    assert "Does not reach Control room The webhook answered 500." in said
    assert "3 tries" in said
    assert "Not delivered" in text_of(client.get(ALERTS))


# --- destinations ---------------------------------------------------------------------------------


def test_a_destination_is_added_and_its_address_is_never_shown(sign_in, administrator):
    client = sign_in(administrator)
    account = SocialAccountFactory()
    sent = {
        "name": "Duty",
        "channel": "teams",
        "address": HOOK,
        "kinds": ["failed", "token"],
        "accounts": [account.pk],
    }
    assert client.post(f"{ALERTS}new/", sent).status_code == 302
    place = Destination.objects.get()
    assert (place.address, place.kinds, list(place.accounts.all())) == (
        HOOK,
        ["failed", "token"],
        [account],
    )
    assert isinstance(place.__dict__["address"], Ciphertext)
    for path in (ALERTS, f"{ALERTS}{place.pk}/", "/record/"):
        page = client.get(path).content.decode()
        assert "canary-hook" not in page
    assert "hooks.example.org/…" in client.get(ALERTS).content.decode()
    event = Event.objects.get(name="destination.added")
    assert "canary-hook" not in str(event.data) + event.words


def test_changing_keeps_the_address_unless_a_new_one_is_given(sign_in, administrator, place):
    client = sign_in(administrator)
    path = f"{ALERTS}{place.pk}/"
    assert client.post(path, {"name": "Desk", "kinds": ["held"]}).status_code == 302
    place = Destination.objects.get()
    assert (place.name, place.kinds, place.address) == ("Desk", ["held"], HOOK)
    new = "https://other.example.org/canary-hook-78"
    client.post(path, {"name": "Desk", "kinds": ["held"], "address": new})
    place = Destination.objects.get()
    assert (place.address, place.shown) == (new, "other.example.org/…")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"address": "http://hooks.example.org/x"}, "https"),
        ({"address": "https://user:pw@hooks.example.org/x"}, "user name or password"),
        ({"address": "nonsense"}, "https"),
        ({"channel": "email", "address": "nobody"}, "e-mail address like"),
        ({"name": ""}, "required"),
        ({"kinds": []}, "required"),
        ({"channel": "pigeon"}, "valid choice"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_form(sign_in, administrator, wrong, field):
    sent = {"name": "Duty", "channel": "json", "address": HOOK, "kinds": ["failed"], **wrong}
    answer = sign_in(administrator).post(f"{ALERTS}new/", sent)
    assert answer.status_code == 422
    assert field in text_of(answer)
    assert not Destination.objects.exists()


def test_a_test_alert_is_sent_once_at_a_time(sign_in, administrator, place):
    client = sign_in(administrator)
    client.post(f"{ALERTS}{place.pk}/test/")
    again = client.post(f"{ALERTS}{place.pk}/test/", follow=True)
    assert "on its way already" in text_of(again)
    message = Message.objects.get()
    assert (message.is_test, message.state) == (True, "sending")
    assert "On its way" in text_of(client.get(f"{ALERTS}?part=places"))


def test_removing_forgets_it(sign_in, administrator, place):
    assert sign_in(administrator).post(f"{ALERTS}{place.pk}/remove/").status_code == 302
    assert not Destination.objects.exists()
    assert sign_in(administrator).get(f"{ALERTS}{place.pk}/").status_code == 404
    assert Event.objects.filter(name="destination.removed").exists()


def test_keys_are_rotated_for_destinations_as_well(administrator, place, settings):
    from cryptography.fernet import Fernet

    from accounts.sealing import sealed_with_newest_key
    from accounts.services.credentials import credentials_rotate
    from audit.actors import Actor

    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    assert credentials_rotate(actor=Actor.command("tests")) == 1
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    fresh = Destination.objects.get()
    assert sealed_with_newest_key(fresh.__dict__["address"])
    assert fresh.address == HOOK


# --- a person's own wish -------------------------------------------------------------------------


def test_a_person_switches_their_alerts_off_and_on(sign_in):
    user = UserFactory()
    client = sign_in(user)
    assert (
        "checked"
        in client.get(reverse("profile")).content.decode().partition("alert_emails")[2][:200]
    )
    client.post(reverse("profile"), {"full_name": user.full_name, "time_zone": ""})
    user.refresh_from_db()
    assert user.alert_emails is False
    client.post(reverse("profile"), {"full_name": user.full_name, "alert_emails": "on"})
    user.refresh_from_db()
    assert user.alert_emails is True
    assert SocialAccount.objects.count() == 0
