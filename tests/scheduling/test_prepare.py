"""A minute ahead: what is found then, and that nothing is published or moved by it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.alerts import AlertKind
from accounts.models import Credential, SocialAccount
from accounts.models.social import Health
from audit.models import Event
from operations.models import Alert
from platforms.contract import AuthorisationLost, Deed, Refused, RetryLater
from scheduling.engine.claim import claim_due
from scheduling.engine.prepare import LEAD, claim_soon, prepare
from scheduling.models import Attempt, Delivery, Post
from scheduling.selectors.day import needs_now
from scheduling.services.deliveries import delivery_hold, delivery_reschedule
from scheduling.states import State
from scheduling.tasks import prepare_soon
from scheduling.traffic.admission import Wish, admit
from tests.factories import person
from tests.scheduling.conftest import fall_due, run_due
from tests.scheduling.test_traffic import open_breaker

pytestmark = pytest.mark.django_db


def soon(delivery: Delivery, seconds: float = 30) -> Delivery:
    """Bring the time of a scheduled delivery so close."""
    at = timezone.now() + timedelta(seconds=seconds)
    Delivery.objects.filter(pk=delivery.pk).update(due_at=at, next_try_at=at)
    delivery.refresh_from_db()
    return delivery


def after(delivery: Delivery) -> Delivery:
    delivery.refresh_from_db()
    return delivery


@pytest.fixture
def delivery(desk, network) -> Delivery:
    return soon(desk.scheduled())


class TestWhen:
    def test_a_minute_ahead_and_once(self, delivery):
        assert claim_soon() == [delivery.pk]
        assert claim_soon() == []

    @pytest.mark.parametrize("seconds", [LEAD.total_seconds() + 30, 0])
    def test_not_earlier_and_not_when_it_is_due(self, delivery, seconds):
        soon(delivery, seconds)
        assert claim_soon() == []

    def test_not_when_nobody_could_do_anything_about_it(self, delivery, network):
        soon(delivery, 5)
        assert claim_soon() == []
        assert prepare(delivery.pk) == ""
        assert not network.prepared

    def test_not_what_is_tried_again(self, delivery):
        """It is past its time; and whoever tries it next finds what is wrong."""
        Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=9), tries=1)
        assert claim_soon() == []

    @pytest.mark.parametrize("state", [State.HELD, State.CANCELLED, State.DRAFT])
    def test_only_what_is_scheduled(self, delivery, state):
        Delivery.objects.update(state=state)
        assert claim_soon() == []
        assert prepare(delivery.pk) == ""

    def test_again_at_its_new_time(self, desk, delivery):
        claim_soon()
        delivery_reschedule(
            actor=person(desk.publisher),
            delivery=after(delivery),
            due_at=timezone.now() + timedelta(seconds=50),
        )
        assert claim_soon() == [delivery.pk]

    def test_the_clock_hands_them_to_the_workers(self, delivery, network, settings):
        settings.CELERY_TASK_ALWAYS_EAGER = True
        from socialdesk.celery import app

        app.conf.task_always_eager = True
        try:
            prepare_soon()
        finally:
            app.conf.task_always_eager = False
        assert len(network.prepared) == 1


class TestWhatItDoes:
    def test_what_it_kept_is_there_when_it_is_published(self, delivery, network):
        network.preparing = [lambda steps: steps.put("media.1", "m-1")]
        claim_soon()
        assert prepare(delivery.pk) == ""
        found = []
        network.during = lambda steps: found.append(steps.get("media.1"))
        fall_due(delivery)
        assert run_due() == ["published"]
        assert found == ["m-1"]

    def test_it_publishes_and_moves_nothing(self, delivery, network):
        before = (delivery.state, delivery.due_at, delivery.next_try_at, delivery.fence)
        claim_soon()
        prepare(delivery.pk)
        after(delivery)
        assert (delivery.state, delivery.due_at, delivery.next_try_at, delivery.fence) == before
        assert not network.arrived
        assert not Attempt.objects.exists()

    def test_a_preparer_that_dies_does_no_harm(self, delivery, network):
        def die(steps):
            steps.put("media.1", "m-1")
            raise KeyboardInterrupt

        network.preparing = [die]
        claim_soon()
        with pytest.raises(KeyboardInterrupt):
            prepare(delivery.pk)
        assert after(delivery).steps == {"media.1": "m-1"}
        fall_due(delivery)
        assert run_due() == ["published"]
        assert len(network.arrived) == 1

    def test_it_stops_when_publishing_has_begun(self, delivery, network):
        def begin_meanwhile(steps):
            fall_due(delivery)
            assert claim_due() == [(delivery.pk, 1)]
            steps.put("media.1", "late")

        network.preparing = [begin_meanwhile]
        claim_soon()
        assert prepare(delivery.pk) == ""
        assert after(delivery).steps == {}
        assert delivery.state == State.PUBLISHING

    def test_it_warns_of_nothing_that_has_been_held_meanwhile(self, desk, delivery, network):
        def hold(_steps):
            delivery_hold(actor=person(desk.manager), delivery=after(delivery), reason="Wait")
            raise Refused("Too long")

        network.preparing = [hold]
        claim_soon()
        prepare(delivery.pk)
        assert after(delivery).notice == ""
        assert not Event.objects.filter(name="delivery.warned").exists()

    def test_credentials_that_just_worked_are_not_tried_again(self, delivery, network):
        SocialAccount.objects.update(last_success_at=timezone.now())
        claim_soon()
        assert prepare(delivery.pk) == ""
        assert not network.prepared

    def test_and_otherwise_they_are(self, desk, delivery, network):
        SocialAccount.objects.update(last_success_at=timezone.now() - timedelta(minutes=2))
        claim_soon()
        assert prepare(delivery.pk) == ""
        assert len(network.prepared) == 1
        desk.account.refresh_from_db()
        assert desk.account.last_success_at > timezone.now() - timedelta(seconds=30)


class TestWhatItFinds:
    def found(self, desk, delivery, *, may_act: bool = True) -> str:
        """What the people concerned are told of this delivery, everywhere."""
        claim_soon()
        problem = prepare(delivery.pk)
        after(delivery)
        assert delivery.state == State.SCHEDULED
        assert delivery.notice == problem
        event = Event.objects.get(name="delivery.warned")
        assert event.data["message"] == problem
        assert event.subject_id == str(delivery.pk)
        alert = Alert.objects.get(kind=AlertKind.PREPARATION)
        assert (alert.message, alert.subject_id) == (problem, str(delivery.pk))
        assert needs_now(person(desk.contributor)) == ([delivery] if may_act else [])
        assert needs_now(person(desk.viewer)) == needs_now(person(desk.outsider)) == []
        return problem

    def test_a_right_that_lapsed(self, desk, delivery, network):
        desk.publisher.grants.update(ends_at=timezone.now() - timedelta(seconds=1))
        assert "may no longer send this" in self.found(desk, delivery)
        assert not network.prepared

    def test_a_text_that_is_not_the_one_approved(self, desk, network):
        delivery = soon(desk.approved())
        Post.objects.update(text="Something else")
        assert "not what was approved" in self.found(desk, delivery)

    def test_a_freeze(self, desk, delivery):
        SocialAccount.objects.update(frozen_at=timezone.now(), frozen_reason="Order")
        assert "The account is frozen: Order" in self.found(desk, delivery, may_act=False)

    def test_what_the_platform_will_refuse(self, desk, delivery, network):
        network.preparing = [Refused("Too long", code="422")]
        assert self.found(desk, delivery).endswith("will not take it as it is: Too long")

    def test_lost_credentials_mark_the_account_too(self, desk, delivery, network):
        network.preparing = [AuthorisationLost("Token revoked")]
        assert "needs reconnecting" in self.found(desk, delivery)
        desk.account.refresh_from_db()
        assert desk.account.health == Health.LOST

    def test_no_credentials_at_all(self, desk, delivery):
        Credential.objects.all().delete()
        assert "needs reconnecting" in self.found(desk, delivery)

    def test_a_platform_that_does_not_answer(self, desk, delivery, network):
        network.preparing = [RetryLater("No answer", down=True)]
        assert "No answer It is tried at its time all the same." in self.found(desk, delivery)

    def test_a_picture_that_cannot_be_read(self, desk, delivery, network, monkeypatch):
        def unreadable(*_args, **_kwargs):
            raise OSError("gone")

        monkeypatch.setattr("scheduling.engine.prepare.outgoing_of", unreadable)
        assert self.found(desk, delivery) == "A picture or video of this post cannot be read."

    def test_a_platform_that_is_known_to_be_down(self, desk, delivery, network):
        SocialAccount.objects.update(platform="mastodon", base_url="https://social.test")
        desk.account.refresh_from_db()
        open_breaker(desk.account)
        admit([Wish(desk.account, {Deed.READ: 1})])  # somebody else has looked just now
        assert "does not work at the moment" in self.found(desk, delivery)
        assert not network.prepared

    def test_once_it_is_put_right_it_goes_out_by_itself(self, desk, delivery, network):
        network.preparing = [Refused("Too long")]
        claim_soon()
        prepare(delivery.pk)
        fall_due(delivery)
        assert run_due() == ["published"]
        assert after(delivery).notice == ""


def test_the_post_page_and_my_day_say_it(desk, delivery, network, sign_in):
    network.preparing = [Refused("Too long for this server")]
    claim_soon()
    prepare(delivery.pk)
    for address in (f"/posts/{delivery.post_id}/", "/"):
        page = sign_in(desk.publisher).get(address).content.decode()
        assert "Too long for this server" in page, address
    story = sign_in(desk.publisher).get(f"/posts/{delivery.post_id}/story/").content.decode()
    assert "Too long for this server" in story
    assert "found trouble while preparing" in story
