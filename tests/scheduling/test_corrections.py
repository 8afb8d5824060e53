"""Corrections: who may propose and decide, what is sent, and what is said of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import Invalid
from accounts.models import SocialAccount, User
from accounts.services.grants import grant_end
from accounts.services.people import user_freeze
from accounts.services.social import account_change, account_freeze
from audit.actions import NotAllowed
from audit.models import Event
from operations.models import Alert
from platforms.contract import (
    GONE,
    AuthorisationLost,
    OutcomeUnknown,
    Refused,
    RetryLater,
)
from scheduling.correcting import correction_hash
from scheduling.elements import Elements
from scheduling.engine.correct import correct, due_corrections
from scheduling.errors import Stale
from scheduling.models import Correction, CorrectionState, Delivery
from scheduling.services import corrections as acts
from scheduling.services.deliveries import delivery_withdraw
from scheduling.services.pauses import pause_begin, pause_end
from scheduling.services.posts import post_edit
from scheduling.states import State
from tests.factories import COMMAND, CredentialFactory, SocialAccountFactory, give, person
from tests.scheduling.conftest import Desk, Network, desk_of

pytestmark = pytest.mark.django_db
S = CorrectionState
NEW = "Bridge open again from Monday"


def propose(delivery: Delivery, user: User, text: str = NEW, seen: str | None = None) -> Correction:
    (made,) = acts.correction_propose(
        actor=person(user),
        post=delivery.post,
        texts={delivery.pk: text},
        seen={delivery.pk: delivery.text if seen is None else seen},
    )
    return made


def approve(correction: Correction, user: User, **more: Any) -> Correction:
    correction = Correction.objects.select_related("delivery__account").get(pk=correction.pk)
    seen = {"content_hash": correction_hash(correction)} | more
    return acts.correction_approve(actor=person(user), correction=correction, **seen)


def send_due() -> list[str]:
    return [correct(pk) for pk in due_corrections()]


def sooner(correction: Correction) -> None:
    """Its next try is now."""
    Correction.objects.filter(pk=correction.pk).update(next_try_at=timezone.now())


def events() -> list[str]:
    found = Event.objects.filter(name__startswith="correction.").order_by("pk")
    return [name.removeprefix("correction.") for name in found.values_list("name", flat=True)]


def state(correction: Correction) -> str:
    correction.refresh_from_db()
    return correction.state


class TestProposing:
    @pytest.mark.parametrize("who", ["contributor", "publisher", "approver", "manager"])
    def test_who_may_draft_proposes_or_orders(self, desk: Desk, network: Network, who: str):
        made = propose(desk.published(), getattr(desk, who))
        assert made.state == (S.PROPOSED if who == "contributor" else S.QUEUED)
        event = Event.objects.get(name__startswith="correction.")
        assert event.actor_label == str(getattr(desk, who))
        assert event.data["before"] == "Bridge open again"
        assert event.data["after"] == NEW

    def test_a_viewer_and_an_outsider_are_refused(self, desk: Desk, network: Network):
        delivery = desk.published()
        with pytest.raises(NotAllowed) as refused:
            propose(delivery, desk.viewer)
        assert not refused.value.hidden
        with pytest.raises(NotAllowed) as refused:
            propose(delivery, desk.outsider)
        assert refused.value.hidden
        assert not Correction.objects.exists()

    def test_where_all_is_approved_a_managers_word_is_not_enough(
        self, desk: Desk, network: Network
    ):
        delivery = desk.published()
        SocialAccount.objects.filter(pk=desk.account.pk).update(approval_required=True)
        assert propose(delivery, desk.manager).state == S.PROPOSED

    @pytest.mark.parametrize("text", ["Bridge open again", "", "x" * 501])
    def test_the_same_nothing_and_too_much_are_refused(
        self, desk: Desk, network: Network, text: str
    ):
        with pytest.raises(Invalid):
            propose(desk.published(), desk.contributor, text)

    def test_two_at_once_are_refused(self, desk: Desk, network: Network):
        delivery = desk.published()
        propose(delivery, desk.contributor)
        with pytest.raises(Invalid, match="under way already"):
            propose(delivery, desk.approver, "Another")

    def test_what_changed_while_somebody_wrote_is_not_overwritten(
        self, desk: Desk, network: Network
    ):
        with pytest.raises(Stale):
            propose(desk.published(), desk.contributor, seen="Something else")

    def test_what_is_not_out_cannot_be_corrected(self, desk: Desk):
        with pytest.raises(Invalid, match="published"):
            propose(desk.approved(), desk.contributor)

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"elements": Elements(thread=("More.",))}, "thread"),
            ({"reply_to": {"remote_id": "1", "extra": {}}}, "reply"),
        ],
    )
    def test_what_cannot_be_corrected_says_what_to_do(
        self, desk: Desk, network: Network, fields: dict[str, Any], says: str
    ):
        with pytest.raises(Invalid, match=rf"{says} cannot be corrected.*take it down"):
            propose(desk.published(**fields), desk.contributor)

    def test_a_network_that_cannot_says_so(self, network: Network):
        account = SocialAccountFactory(platform="bluesky", base_url="https://bsky.social")
        CredentialFactory(account=account)
        desk = desk_of(account)
        with pytest.raises(Invalid, match="Bluesky cannot be corrected"):
            propose(desk.published(), desk.publisher)

    def test_known_by_its_address_alone(self, desk: Desk, network: Network):
        delivery = desk.published()
        Delivery.objects.filter(pk=delivery.pk).update(remote_id="")
        with pytest.raises(Invalid, match="not its number"):
            propose(delivery, desk.publisher)

    def test_of_several_all_or_none(self, desk: Desk, network: Network):
        other = CredentialFactory(account=SocialAccountFactory()).account
        give(desk.publisher, "publisher", other)
        delivery = desk.published()
        elsewhere = desk_of(other).published()
        with pytest.raises(Invalid, match="no part"):
            acts.correction_propose(
                actor=person(desk.publisher),
                post=delivery.post,
                texts={delivery.pk: NEW, elsewhere.pk: NEW},
                seen={delivery.pk: delivery.text, elsewhere.pk: elsewhere.text},
            )
        assert not Correction.objects.exists()
        assert events() == []


class TestDeciding:
    def test_another_approver_approves_and_it_is_sent(self, desk: Desk, network: Network):
        delivery = desk.published()
        made = propose(delivery, desk.contributor)
        assert due_corrections() == []
        approve(made, desk.approver, comment="Good.")
        assert send_due() == ["corrected"]
        delivery.refresh_from_db()
        assert network.edited == [(delivery.remote_id, NEW)]
        assert (delivery.text, delivery.state) == (NEW, State.PUBLISHED)
        assert events() == ["proposed", "approved", "tried", "made"]
        assert made.delivery.history.first().history_user == desk.contributor

    @pytest.mark.parametrize("who", ["viewer", "contributor", "publisher", "outsider"])
    def test_who_may_not_approve_is_refused(self, desk: Desk, network: Network, who: str):
        made = propose(desk.published(), desk.contributor)
        with pytest.raises(NotAllowed):
            approve(made, getattr(desk, who))
        with pytest.raises(NotAllowed):
            acts.correction_return(actor=person(getattr(desk, who)), correction=made, comment="No.")
        assert state(made) == S.PROPOSED

    def test_nobody_approves_their_own_words(self, desk: Desk, network: Network):
        """Neither who wrote the correction nor who wrote the post."""
        delivery = desk.published(author=desk.contributor)
        SocialAccount.objects.filter(pk=desk.account.pk).update(approval_required=True)
        made = propose(delivery, desk.manager)
        with pytest.raises(Invalid, match="own words"):
            approve(made, desk.manager)
        give(desk.contributor, "approver", desk.account)
        with pytest.raises(Invalid, match="own words"):
            approve(made, desk.contributor)
        assert approve(made, desk.approver).state == S.QUEUED

    def test_exactly_what_was_looked_at(self, desk: Desk, network: Network):
        made = propose(desk.published(), desk.contributor)
        with pytest.raises(Stale):
            approve(made, desk.approver, content_hash="0" * 64)

    def test_what_was_smuggled_in_after_the_approval_is_not_sent(
        self, desk: Desk, network: Network
    ):
        made = propose(desk.published(), desk.contributor)
        approve(made, desk.approver)
        Correction.objects.filter(pk=made.pk).update(text="Send money")
        assert send_due() == [""]
        assert network.edited == []
        assert state(made) == S.FAILED
        assert "not what was approved" in made.problem

    def test_a_returned_one_says_why_and_another_may_follow(self, desk: Desk, network: Network):
        delivery = desk.published()
        made = propose(delivery, desk.contributor)
        with pytest.raises(Invalid, match="what is wrong"):
            acts.correction_return(actor=person(desk.approver), correction=made, comment=" ")
        acts.correction_return(actor=person(desk.approver), correction=made, comment="Which?")
        assert (state(made), made.comment, made.decided_by) == (S.RETURNED, "Which?", desk.approver)
        with pytest.raises(Stale):
            approve(made, desk.approver)
        assert propose(delivery, desk.contributor, "Better").state == S.PROPOSED
        assert events() == ["proposed", "returned", "proposed"]

    def test_taken_back_by_who_may_draft(self, desk: Desk, network: Network):
        made = propose(desk.published(), desk.contributor)
        with pytest.raises(NotAllowed):
            acts.correction_drop(actor=person(desk.viewer), correction=made)
        acts.correction_drop(actor=person(desk.contributor), correction=made)
        assert state(made) == S.DROPPED
        with pytest.raises(Stale):
            approve(made, desk.approver)

    def test_what_stands_in_the_way_is_said_when_it_is_approved(self, desk: Desk, network: Network):
        made = propose(desk.published(), desk.contributor)
        pause = pause_begin(actor=COMMAND, reason="A crisis")
        with pytest.raises(Invalid, match="A crisis"):
            approve(made, desk.approver)
        assert state(made) == S.PROPOSED
        pause_end(actor=COMMAND, pause=pause)
        user_freeze(actor=COMMAND, user=desk.contributor, reason="A lost phone")
        with pytest.raises(Invalid, match="may no longer send"):
            approve(made, desk.approver)

    def test_nothing_is_ordered_during_a_pause(self, desk: Desk, network: Network):
        delivery = desk.published()
        pause_begin(actor=COMMAND, reason="A crisis")
        with pytest.raises(Invalid, match="A crisis"):
            propose(delivery, desk.publisher)
        assert not Correction.objects.exists()


class TestSending:
    @pytest.fixture
    def queued(self, desk: Desk, network: Network) -> Correction:
        made = propose(desk.published(), desk.contributor)
        return approve(made, desk.approver)

    def refused(self, correction: Correction, network: Network, reason: str) -> None:
        assert send_due() == [""]
        assert network.edited == []
        assert state(correction) == S.FAILED
        assert reason in correction.problem
        assert correction.delivery.text == "Bridge open again"
        assert events() == ["proposed", "approved", "failed"]
        alert = Alert.objects.get(kind="correction")
        assert alert.people == sorted([correction.by_id, correction.decided_by_id])

    def test_not_while_all_is_held(self, queued: Correction, network: Network):
        pause_begin(actor=COMMAND, reason="A crisis")
        self.refused(queued, network, "A crisis")

    def test_not_on_a_frozen_account(self, queued: Correction, network: Network):
        account_freeze(actor=COMMAND, account=queued.account, reason="A leak")
        self.refused(queued, network, "A leak")

    def test_not_on_a_disconnected_account(self, queued: Correction, network: Network):
        SocialAccount.objects.filter(pk=queued.account.pk).update(disconnected_at=timezone.now())
        self.refused(queued, network, "disconnected")

    def test_not_when_its_writers_right_is_gone(self, queued: Correction, network: Network):
        for grant in queued.by.grants.all():
            grant_end(actor=COMMAND, grant=grant)
        self.refused(queued, network, "may no longer send this")

    def test_not_when_the_post_was_changed_meanwhile(self, queued: Correction, network: Network):
        Delivery.objects.filter(pk=queued.delivery_id).update(remote_id="r-2")
        self.refused(queued, network, "not what was approved")

    def test_not_hours_later(self, queued: Correction, network: Network):
        late = timezone.now() - timedelta(hours=1)
        Correction.objects.filter(pk=queued.pk).update(queued_at=late)
        self.refused(queued, network, "could not be sent within")

    def test_not_once_the_post_is_taken_down(
        self, queued: Correction, network: Network, desk: Desk
    ):
        delivery_withdraw(actor=person(desk.manager), delivery=queued.delivery, reason="Wrong")
        assert send_due() == []
        assert state(queued) == S.DROPPED
        assert events() == ["proposed", "approved", "dropped"]

    def test_not_without_review_where_review_was_asked_for_meanwhile(
        self, desk: Desk, network: Network
    ):
        made = propose(desk.published(), desk.publisher)
        account = SocialAccount.objects.get(pk=desk.account.pk)
        account_change(
            actor=COMMAND,
            account=account,
            owner=account.owner,
            display_name=account.display_name,
            purpose=account.purpose,
            time_zone=account.time_zone,
            approval_required=True,
        )
        assert send_due() == [""]
        assert (state(made), network.edited) == (S.FAILED, [])
        assert events() == ["ordered", "failed"]

    def test_a_refusal_says_what_the_platform_said(self, queued: Correction, network: Network):
        network.edits = [Refused("It is too old to be edited.", code="403")]
        assert send_due() == ["failed"]
        assert state(queued) == S.FAILED
        assert queued.problem == "It is too old to be edited."
        assert queued.delivery.text == "Bridge open again"
        assert events()[-2:] == ["tried", "failed"]

    def test_what_is_gone_there_is_told_and_not_noted_as_withdrawn(
        self, queued: Correction, network: Network
    ):
        network.edits = [Refused("The post is no longer there.", code=GONE)]
        assert send_due() == ["failed"]
        assert "no longer there" in Correction.objects.get().problem
        queued.delivery.refresh_from_db()
        assert queued.delivery.state == State.PUBLISHED

    def test_lost_credentials_fail_it_and_the_account_says_so(
        self, queued: Correction, network: Network
    ):
        network.edits = [AuthorisationLost("The token is no longer good.")]
        assert send_due() == ["failed"]
        assert SocialAccount.objects.get(pk=queued.account.pk).health == "lost"

    def test_what_may_work_later_is_tried_again(self, queued: Correction, network: Network):
        network.edits = [RetryLater("Slow down.", delay_s=30.0)]
        assert send_due() == ["queued"]
        assert due_corrections() == []
        assert state(queued) == S.QUEUED
        assert queued.next_try_at is not None
        assert queued.next_try_at > timezone.now() + timedelta(seconds=25)
        sooner(queued)
        assert send_due() == ["corrected"]
        assert events()[2:] == ["tried", "retried", "tried", "made"]

    @pytest.mark.parametrize("error", [OutcomeUnknown("No answer."), ValueError("odd")])
    def test_what_nobody_knows_is_sent_again(
        self, queued: Correction, network: Network, error: Exception
    ):
        network.edits = [error]
        assert send_due() == ["queued"]
        assert state(queued) == S.QUEUED
        assert queued.in_doubt
        assert queued.delivery.text == "Bridge open again"
        sooner(queued)
        assert send_due() == ["corrected"]
        assert len(network.edited) == 2

    def test_what_is_stopped_in_doubt_stays_in_doubt(
        self, queued: Correction, network: Network, desk: Desk
    ):
        network.edits = [OutcomeUnknown("No answer.")]
        send_due()
        sooner(queued)
        with pytest.raises(Invalid, match="any more"):
            acts.correction_drop(actor=person(desk.contributor), correction=queued)
        pause_begin(actor=COMMAND, reason="A crisis")
        send_due()
        assert state(queued) == S.UNKNOWN
        assert events()[-1] == "in_doubt"
        assert Alert.objects.get(kind="correction").message.startswith("It is not known")
        assert queued.delivery.text == "Bridge open again"

    def test_a_refusal_after_doubt_leaves_the_doubt(self, queued: Correction, network: Network):
        network.edits = [OutcomeUnknown("No answer."), Refused("Edited too often.", code="403")]
        send_due()
        sooner(queued)
        assert send_due() == ["unknown"]

    def test_gone_after_doubt_is_certain(self, queued: Correction, network: Network):
        network.edits = [OutcomeUnknown("No answer."), Refused("Gone.", code=GONE)]
        send_due()
        sooner(queued)
        assert send_due() == ["failed"]

    def test_a_worker_that_died_leaves_it_to_another(self, queued: Correction, network: Network):
        network.edits = [KeyboardInterrupt()]  # nothing catches it
        with pytest.raises(KeyboardInterrupt):
            send_due()
        assert state(queued) == S.SENDING
        assert send_due() == []
        Correction.objects.filter(pk=queued.pk).update(lease_until=timezone.now())
        assert send_due() == ["corrected"]
        assert events()[2:] == ["tried", "tried", "made"]

    def test_a_late_worker_changes_nothing(
        self, queued: Correction, network: Network, monkeypatch: pytest.MonkeyPatch
    ):
        def taken_away(remote_id: str, post: Any) -> None:
            Correction.objects.filter(pk=queued.pk).update(fence=99)

        monkeypatch.setattr(network, "edit", taken_away)
        assert send_due() == [""]
        assert state(queued) == S.SENDING

    def test_a_message_that_comes_twice_sends_once(self, queued: Correction, network: Network):
        assert [correct(queued.pk), correct(queued.pk)] == ["corrected", ""]
        assert len(network.edited) == 1

    def test_a_correction_can_be_corrected(self, queued: Correction, network: Network, desk: Desk):
        send_due()
        delivery = Delivery.objects.get(pk=queued.delivery_id)
        again = propose(delivery, desk.contributor, "And on Tuesday")
        assert again.before == NEW
        approve(again, desk.approver)
        assert send_due() == ["corrected"]

    def test_another_proposal_settles_what_was_said_of_the_last(
        self, queued: Correction, network: Network, desk: Desk
    ):
        network.edits = [Refused("No.", code="403")]
        send_due()
        propose(Delivery.objects.get(pk=queued.delivery_id), desk.contributor, "Again")
        assert Alert.objects.get(kind="correction").settled_at is not None

    def test_a_later_edit_of_the_post_does_not_undo_it(
        self, queued: Correction, network: Network, desk: Desk
    ):
        send_due()
        other = CredentialFactory(account=SocialAccountFactory()).account
        give(desk.contributor, "contributor", other)
        post = queued.delivery.post
        post.refresh_from_db()
        post_edit(
            actor=person(desk.contributor),
            post=post,
            version=post.version,
            text="Elsewhere",
            accounts=[desk.account, other],
        )
        assert Delivery.objects.get(pk=queued.delivery_id).text == NEW
