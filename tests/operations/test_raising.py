"""Alerts are written where something happens, once, and with it or not at all."""

from __future__ import annotations

import pytest

from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.health import health_note
from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from operations.models import Alert
from platforms.contract import AuthorisationLost, OutcomeUnknown, Refused, RetryLater
from scheduling.models import Delivery
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db
WORKER = Actor.worker("tests")


@action("delivery.tried", needs=by(ActorKind.WORKER), may_find_nothing=True)
def told(*, actor, break_off=False, **alert):
    raise_alert(**alert)
    if break_off:
        raise RuntimeError("broke off")


@action("delivery.tried", needs=by(ActorKind.WORKER), may_find_nothing=True)
def over(*, actor, **alert):
    settle_alert(**alert)


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (Refused("The text is too long.", code="too_long"), ["failed"]),
        (OutcomeUnknown("No answer came."), ["unknown"]),
        (AuthorisationLost("The token was revoked."), ["held", "token"]),
        (RetryLater("Busy."), []),
        (None, []),
    ],
)
def test_what_the_engine_could_not_do_is_told(desk, network, answer, kinds):
    delivery = fall_due(desk.scheduled(text="The bridge at Northmoor is open again " * 9))
    network.answers = [answer]
    run_due()
    found = Alert.objects.order_by("kind")
    assert [alert.kind for alert in found] == kinds
    for alert in found:
        assert alert.account == desk.account
        assert len(alert.subject_label) < 200
        if alert.kind != "token":
            assert (alert.subject_id, alert.delivery) == (str(delivery.pk), delivery)
            assert answer.message in alert.message


def test_what_a_person_does_is_not_told_to_them(desk, network):
    from scheduling.services.deliveries import delivery_hold
    from tests.factories import person

    delivery_hold(actor=person(desk.manager), delivery=desk.scheduled(), reason="Wait")
    assert Delivery.objects.get().state == "held"
    assert not Alert.objects.exists()


def test_one_alert_for_each_subject_and_kind_until_it_is_over(desk):
    delivery = desk.scheduled()
    about = {"kind": AlertKind.PREPARATION, "subject": delivery}
    told(actor=WORKER, message="The picture is too large.", account=desk.account, **about)
    told(actor=WORKER, message="The picture is still too large.", **about)
    told(actor=WORKER, kind=AlertKind.FAILED, subject=delivery, message="Refused.")
    assert Alert.objects.count() == 2
    over(actor=WORKER, **about)
    told(actor=WORKER, message="Too large once more.", **about)
    found = Alert.objects.filter(kind=AlertKind.PREPARATION).order_by("pk")
    assert [alert.settled_at is None for alert in found] == [False, True]


def test_a_word_may_be_the_subject(db):
    told(actor=WORKER, kind=AlertKind.PLATFORM, subject="bluesky", message="It does not answer.")
    over(actor=WORKER, kind=AlertKind.PLATFORM, subject="mastodon")
    assert Alert.objects.get().settled_at is None
    over(actor=WORKER, kind=AlertKind.PLATFORM, subject="bluesky")
    assert Alert.objects.get().settled_at is not None


def test_an_alert_belongs_to_what_happened(db):
    with pytest.raises(RuntimeError, match="broke off"):
        told(actor=WORKER, kind=AlertKind.CLOCK, subject="clock", message="x", break_off=True)
    assert not Alert.objects.exists()
    with pytest.raises(RuntimeError, match="inside an action"):
        raise_alert(kind=AlertKind.CLOCK, subject="clock", message="x")


def test_lost_credentials_are_told_once_however_often_they_are_noticed(desk):
    for _ in range(3):
        health_note(actor=WORKER, account=desk.account, error=AuthorisationLost("Revoked."))
    alert = Alert.objects.get()
    assert (alert.kind, alert.account, alert.message) == ("token", desk.account, "Revoked.")
