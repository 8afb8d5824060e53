"""What people do to posts and deliveries, and what they are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.errors import Invalid
from accounts.models import SocialAccount
from accounts.services.grants import grant_end
from accounts.services.people import user_freeze
from accounts.services.social import account_freeze
from audit.actions import NotAllowed
from audit.models import Event
from scheduling.content import content_hash
from scheduling.errors import Stale
from scheduling.models import Approval, Delivery, HoldKind, Media, Post
from scheduling.rules import due_words
from scheduling.services import deliveries, posts
from scheduling.states import State
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, give, person
from tests.scheduling.conftest import fall_due

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=1)


class TestWriting:
    @pytest.mark.parametrize("who", ["contributor", "publisher", "approver", "manager"])
    def test_who_may_draft_does(self, desk, who):
        post = desk.draft(getattr(desk, who))
        assert [d.state for d in post.deliveries.all()] == [State.DRAFT]
        assert Event.objects.get(name="post.created").actor_label == str(getattr(desk, who))

    def test_a_viewer_is_refused_and_the_refusal_is_on_record(self, desk):
        with pytest.raises(NotAllowed, match="contributor") as refused:
            desk.draft(desk.viewer)
        assert not refused.value.hidden
        assert not Post.objects.exists()
        assert Event.objects.get(name="access.refused").data["attempted"] == "post_create"

    def test_to_an_outsider_the_account_does_not_exist(self, desk):
        with pytest.raises(NotAllowed) as refused:
            desk.draft(desk.outsider)
        assert refused.value.hidden

    def test_one_account_of_two_that_is_not_ones_own_refuses_all(self, desk):
        with pytest.raises(NotAllowed):
            desk.draft(accounts=[desk.account, SocialAccountFactory()])
        assert not Post.objects.exists()

    def test_a_command_writes_only_as_somebody(self, desk):
        with pytest.raises(NotAllowed, match="Only a person"):
            posts.post_create(actor=COMMAND, text="x", accounts=[desk.account])

    def test_without_an_account_there_is_no_post(self, desk):
        with pytest.raises(Invalid, match="at least one"):
            desk.draft(accounts=[])

    def test_nul_and_line_ends_are_made_one(self, desk):
        assert desk.draft(text="a\x00\r\nb\rc ").text == "a\nb\nc"

    def test_a_frozen_account_takes_no_drafts(self, desk):
        account_freeze(actor=COMMAND, account=desk.account, reason="Court order")
        with pytest.raises(NotAllowed, match="Court order"):
            desk.draft()


class TestEditing:
    def edit(self, post, user, **fields):
        fields = {
            "version": post.version,
            "text": "New words",
            "accounts": [d.account for d in post.deliveries.all()],
        } | fields
        return posts.post_edit(actor=person(user), post=post, **fields)

    def test_the_second_of_two_editors_is_told_and_overwrites_nothing(self, desk):
        post = desk.draft()
        seen = Post.objects.get(pk=post.pk)
        self.edit(post, desk.publisher, text="Theirs")
        with pytest.raises(Stale, match="Nothing was overwritten"):
            self.edit(seen, desk.contributor, text="Mine", version=1)
        assert Post.objects.get(pk=post.pk).text == "Theirs"

    def test_a_change_is_on_record_with_both_texts_and_kept_as_a_version(self, desk):
        post = desk.draft()
        self.edit(post, desk.publisher)
        data = Event.objects.get(name="post.changed").data
        assert (data["before"]["text"], data["after"]["text"]) == ("Bridge open again", "New words")
        assert post.history.first().history_user == desk.publisher

    def test_saving_without_a_change_records_nothing(self, desk):
        post = desk.draft()
        due = post.deliveries.get().due_at
        self.edit(post, desk.contributor, text=post.text, due_at=due)
        assert not Event.objects.filter(name="post.changed").exists()
        assert post.history.count() == 1

    @pytest.mark.parametrize("way", ["in_review", "approved", "scheduled"])
    def test_what_is_on_its_way_is_taken_back_first(self, desk, way):
        delivery = getattr(desk, way)()
        with pytest.raises(Invalid, match="Take it back to draft"):
            self.edit(delivery.post, desk.publisher)

    def test_an_account_taken_out_is_cancelled_and_one_put_in_is_a_draft(self, desk):
        other = SocialAccountFactory()
        give(desk.contributor, "contributor", other)
        post = desk.draft()
        self.edit(post, desk.contributor, accounts=[other])
        states = {d.account_id: d.state for d in post.deliveries.all()}
        assert states == {desk.account.pk: State.CANCELLED, other.pk: State.DRAFT}

    def test_what_went_out_keeps_the_words_it_went_out_with(self, desk):
        other = SocialAccountFactory()
        give(desk.contributor, "contributor", other)
        post = desk.draft(accounts=[desk.account, other])
        gone = post.deliveries.get(account=other)
        Delivery.objects.filter(pk=gone.pk).update(state=State.PUBLISHED, remote_id="r")
        self.edit(post, desk.contributor, accounts=[desk.account])
        gone.refresh_from_db()
        assert gone.text == "Bridge open again"

    def test_an_outsider_to_one_of_its_accounts_does_not_edit(self, desk):
        post = desk.draft()
        with pytest.raises(NotAllowed):
            self.edit(post, desk.viewer)

    def test_own_text_replaces_the_main_one_there_alone(self, desk):
        post = desk.draft(own_texts={desk.account.pk: "Other words"})
        assert post.deliveries.get().text == "Other words"


class TestSubmitting:
    def test_it_waits_with_its_hash_on_record(self, desk):
        delivery = desk.in_review()
        assert delivery.state == State.IN_REVIEW
        assert Event.objects.get(name="delivery.submitted").data["content_hash"] == content_hash(
            delivery
        )

    def test_a_text_over_the_limit_is_refused_before_anybody_reads_it(self, desk):
        with pytest.raises(Invalid, match="over the limit"):
            desk.in_review(text="x" * 501)

    def test_a_time_that_has_passed_is_refused(self, desk):
        with pytest.raises(Invalid, match="passed"):
            desk.in_review(due_at=timezone.now() - SOON)

    def test_twice_is_refused(self, desk):
        delivery = desk.in_review()
        with pytest.raises(Invalid, match="no draft"):
            posts.post_submit(actor=person(desk.contributor), post=delivery.post)


class TestDeciding:
    def approve(self, user, delivery, digest=None):
        return deliveries.delivery_approve(
            actor=person(user), delivery=delivery, content_hash=digest or content_hash(delivery)
        )

    def test_approved_with_a_time_is_scheduled_by_its_hash(self, desk):
        delivery = self.approve(desk.approver, desk.in_review())
        assert (delivery.state, delivery.reviewed) == (State.SCHEDULED, True)
        approval = Approval.objects.get()
        assert (approval.by, approval.content_hash) == (desk.approver, content_hash(delivery))

    def test_approved_without_a_time_waits_for_one(self, desk):
        assert self.approve(desk.approver, desk.in_review(due_at=None)).state == State.APPROVED

    def test_approved_after_its_time_does_not_go_out_by_itself(self, desk):
        delivery = desk.in_review()
        Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now() - SOON)
        assert self.approve(desk.approver, delivery).state == State.APPROVED

    @pytest.mark.parametrize("who", ["contributor", "publisher", "viewer", "outsider"])
    def test_too_low_a_level_does_not_approve(self, desk, who):
        delivery = desk.in_review()
        with pytest.raises(NotAllowed):
            self.approve(getattr(desk, who), delivery)
        assert Delivery.objects.get(pk=delivery.pk).state == State.IN_REVIEW

    def test_nobody_approves_their_own_words(self, desk):
        delivery = desk.in_review(author=desk.approver)
        with pytest.raises(Invalid, match="own words"):
            self.approve(desk.approver, delivery)

    def test_who_changed_a_post_does_not_approve_it_either(self, desk):
        post = desk.draft()
        posts.post_edit(
            actor=person(desk.manager),
            post=post,
            version=1,
            text="Improved",
            accounts=[desk.account],
            due_at=timezone.now() + SOON,
        )
        (delivery,) = posts.post_submit(actor=person(desk.contributor), post=post)
        with pytest.raises(Invalid, match="own words"):
            self.approve(desk.manager, delivery)

    @pytest.mark.parametrize("what", ["picture", "words for it"])
    def test_who_added_a_picture_or_its_words_does_not_approve_it(self, desk, what):
        approver, contributor = person(desk.approver), person(desk.contributor)
        whose = approver if what == "picture" else contributor
        media = Media.objects.create(
            mime="image/png", width=1, height=1, size=1, sha256="0" * 64, uploaded_by_id=whose.id
        )
        post = desk.draft(pictures=[] if what == "picture" else [(media.pk, "As it was")])
        posts.post_edit(
            actor=approver,
            post=post,
            version=1,
            text=post.text,
            accounts=[desk.account],
            due_at=post.deliveries.get().due_at,
            pictures=[(media.pk, "The approver's own words")],
        )
        (delivery,) = posts.post_submit(actor=contributor, post=post)
        with pytest.raises(Invalid, match="own words"):
            self.approve(desk.approver, delivery)

    def test_who_saves_without_a_change_has_written_nothing(self, desk):
        post = desk.draft()
        due = post.deliveries.get().due_at
        kept = {"text": post.text, "accounts": [desk.account], "due_at": due, "pictures": []}
        posts.post_edit(actor=person(desk.approver), post=post, version=1, **kept)
        (delivery,) = posts.post_submit(actor=person(desk.contributor), post=post)
        assert self.approve(desk.approver, delivery).state == State.SCHEDULED

    def test_another_time_than_the_one_looked_at_is_not_approved(self, desk):
        delivery = desk.in_review()
        seen = due_words(delivery)
        later = delivery.due_at + SOON
        actor = person(desk.contributor)
        moved = deliveries.delivery_reschedule(actor=actor, delivery=delivery, due_at=later)
        decision = {"actor": person(desk.approver), "content_hash": content_hash(delivery)}
        with pytest.raises(Stale, match="time changed"):
            deliveries.delivery_approve(delivery=moved, due_seen=seen, **decision)
        done = deliveries.delivery_approve(delivery=moved, due_seen=due_words(moved), **decision)
        assert done.due_at == later

    def test_another_content_than_the_one_looked_at_is_not_approved(self, desk):
        delivery = desk.in_review()
        digest = content_hash(delivery)
        Post.objects.filter(pk=delivery.post_id).update(text="Something else")
        with pytest.raises(Stale, match="changed while"):
            self.approve(desk.approver, delivery, digest)

    def test_returning_needs_words_and_brings_it_back(self, desk):
        delivery = desk.in_review()
        actor = person(desk.approver)
        with pytest.raises(Invalid, match="what has to change"):
            deliveries.delivery_return(actor=actor, delivery=delivery, comment=" ")
        back = deliveries.delivery_return(actor=actor, delivery=delivery, comment="Shorter")
        assert back.state == State.DRAFT
        assert Event.objects.get(name="delivery.returned").data["comment"] == "Shorter"

    def test_a_contributor_does_not_return_others_posts(self, desk):
        with pytest.raises(NotAllowed):
            deliveries.delivery_return(
                actor=person(desk.publisher), delivery=desk.in_review(), comment="No"
            )


class TestScheduling:
    def test_a_publisher_schedules_without_review(self, desk):
        delivery = desk.scheduled()
        assert (delivery.state, delivery.next_try_at) == (State.SCHEDULED, delivery.due_at)

    def test_a_contributor_does_not(self, desk):
        with pytest.raises(NotAllowed, match="publisher"):
            desk.scheduled(desk.contributor)

    def test_an_account_that_asks_everybody_for_approval_gets_it(self, desk):
        SocialAccount.objects.update(approval_required=True)
        desk.account.refresh_from_db()
        with pytest.raises(Invalid, match="approval from everybody"):
            desk.scheduled()

    def test_the_one_button_does_what_each_account_allows(self, desk):
        strict = SocialAccountFactory(approval_required=True)
        give(desk.publisher, "publisher", strict)
        post = desk.draft(desk.publisher, accounts=[desk.account, strict])
        posts.post_send(actor=person(desk.publisher), post=post)
        states = {d.account_id: d.state for d in post.deliveries.all()}
        assert states == {desk.account.pk: State.SCHEDULED, strict.pk: State.IN_REVIEW}

    def test_a_time_in_the_past_is_refused(self, desk):
        with pytest.raises(Invalid, match="passed"):
            desk.scheduled(due_at=timezone.now() - SOON)

    def test_moving_what_is_queued_needs_a_publisher(self, desk):
        delivery = desk.approved()
        later = timezone.now() + 2 * SOON
        with pytest.raises(NotAllowed):
            deliveries.delivery_reschedule(
                actor=person(desk.contributor), delivery=delivery, due_at=later
            )
        moved = deliveries.delivery_reschedule(
            actor=person(desk.publisher), delivery=delivery, due_at=later
        )
        assert (moved.due_at, moved.next_try_at, moved.reviewed) == (later, later, True)

    def test_what_is_published_is_not_moved(self, desk):
        delivery = desk.scheduled()
        Delivery.objects.update(state=State.PUBLISHED, remote_id="r")
        delivery.refresh_from_db()
        with pytest.raises(Invalid, match="cannot be moved"):
            deliveries.delivery_reschedule(
                actor=person(desk.publisher), delivery=delivery, due_at=timezone.now() + SOON
            )

    def test_publish_now_brings_the_time_to_now(self, desk):
        delivery = deliveries.delivery_publish_now(
            actor=person(desk.publisher), delivery=desk.scheduled()
        )
        assert delivery.due_at <= timezone.now()

    def test_an_approved_post_without_a_time_gets_one_from_its_author(self, desk):
        delivery = desk.approved(due_at=None)
        due = timezone.now() + SOON
        deliveries.delivery_schedule(actor=person(desk.contributor), delivery=delivery, due_at=due)
        assert Delivery.objects.get().state == State.SCHEDULED
        assert Delivery.objects.get().sender == desk.contributor


class TestHoldingAndCallingOff:
    def test_a_manager_holds_and_releases(self, desk):
        actor = person(desk.manager)
        held = deliveries.delivery_hold(actor=actor, delivery=desk.scheduled(), reason="Wait")
        assert (held.state, held.hold_kind, held.hold_reason) == (State.HELD, "person", "Wait")
        free = deliveries.delivery_release(actor=actor, delivery=held)
        assert (free.state, free.hold_reason) == (State.SCHEDULED, "")

    def test_below_a_manager_nobody_holds_or_releases_what_a_person_held(self, desk):
        delivery = desk.scheduled()
        with pytest.raises(NotAllowed, match="manager"):
            deliveries.delivery_hold(actor=person(desk.approver), delivery=delivery, reason="Wait")
        held = deliveries.delivery_hold(
            actor=person(desk.manager), delivery=delivery, reason="Wait"
        )
        with pytest.raises(NotAllowed, match="manager"):
            deliveries.delivery_release(actor=person(desk.approver), delivery=held)

    def test_a_hold_needs_a_reason(self, desk):
        with pytest.raises(Invalid, match="why"):
            deliveries.delivery_hold(
                actor=person(desk.manager), delivery=desk.scheduled(), reason=" "
            )

    def test_a_release_looks_again_at_what_held_it(self, desk):
        delivery = desk.scheduled()
        account_freeze(actor=COMMAND, account=desk.account, reason="Court order")
        delivery.refresh_from_db()
        assert delivery.hold_kind == HoldKind.FROZEN
        desk.account.refresh_from_db()
        with pytest.raises((Invalid, NotAllowed), match="frozen"):
            deliveries.delivery_release(
                actor=person(desk.manager), delivery=delivery, due_at=timezone.now() + SOON
            )

    @pytest.mark.parametrize("way", ["in_review", "approved", "scheduled"])
    def test_anything_that_has_not_gone_out_is_called_off(self, desk, way):
        delivery = getattr(desk, way)()
        done = deliveries.delivery_cancel(actor=person(desk.contributor), delivery=delivery)
        assert done.state == State.CANCELLED

    def test_a_whole_post_is_called_off_and_taken_back(self, desk):
        post = desk.in_review().post
        posts.post_take_back(actor=person(desk.contributor), post=post)
        posts.post_cancel(actor=person(desk.contributor), post=post)
        assert post.deliveries.get().state == State.CANCELLED
        with pytest.raises(Invalid, match="Nothing of this post"):
            posts.post_cancel(actor=person(desk.contributor), post=post)
        with pytest.raises(Invalid, match="Nothing of this post"):
            posts.post_take_back(actor=person(desk.contributor), post=post)

    def test_what_a_manager_holds_is_not_walked_round(self, desk):
        held = deliveries.delivery_hold(
            actor=person(desk.manager), delivery=desk.scheduled(), reason="Wait"
        )
        with pytest.raises(NotAllowed, match="manager"):
            posts.post_take_back(actor=person(desk.publisher), post=held.post)
        posts.post_take_back(actor=person(desk.manager), post=held.post)
        assert Delivery.objects.get().state == State.DRAFT

    def test_taking_back_ends_an_approval(self, desk):
        delivery = desk.approved()
        posts.post_take_back(actor=person(desk.contributor), post=delivery.post)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.reviewed) == (State.DRAFT, False)


class TestRightsThatGo:
    """What is queued is held at once when the right to send it goes."""

    def held(self, delivery):
        delivery.refresh_from_db()
        return (delivery.state, delivery.hold_kind)

    def test_a_frozen_person(self, desk):
        delivery, other = desk.scheduled(), desk.scheduled(desk.approver)
        user_freeze(actor=COMMAND, user=desk.publisher, reason="Lost phone")
        assert self.held(delivery) == (State.HELD, HoldKind.FROZEN)
        assert self.held(other)[0] == State.SCHEDULED

    def test_a_level_taken_away(self, desk):
        delivery = desk.scheduled()
        grant_end(actor=COMMAND, grant=desk.publisher.grants.get())
        assert self.held(delivery) == (State.HELD, HoldKind.LAPSED)

    def test_an_author_who_loses_the_level_between_approval_and_sending(self, desk):
        delivery = desk.approved()
        grant_end(actor=COMMAND, grant=desk.contributor.grants.get())
        assert self.held(delivery) == (State.HELD, HoldKind.LAPSED)

    def test_an_approver_who_leaves_changes_nothing(self, desk):
        delivery = desk.approved()
        grant_end(actor=COMMAND, grant=desk.approver.grants.get())
        assert self.held(delivery)[0] == State.SCHEDULED


class TestActsForAnotherState:
    """A page that is out of date is answered with a sentence, and nothing moves."""

    @pytest.mark.parametrize(
        ("act", "states"),
        [
            ("schedule", ["draft", "in_review", "scheduled", "held"]),
            ("now", ["draft", "in_review", "held"]),
            ("release", ["draft", "in_review", "scheduled", "failed"]),
            ("again", ["draft", "in_review", "scheduled", "held", "failed"]),
            ("dropped", ["draft", "in_review", "scheduled", "held", "failed"]),
        ],
    )
    def test_nothing_moves_by_an_act_that_is_not_for_it(self, desk, act, states):
        later = timezone.now() + SOON
        acts = {
            "schedule": (deliveries.delivery_schedule, {"due_at": later}),
            "now": (deliveries.delivery_publish_now, {}),
            "release": (deliveries.delivery_release, {"due_at": later}),
            "again": (deliveries.delivery_settle, {"went_out": False, "send_again": True}),
            "dropped": (deliveries.delivery_settle, {"went_out": False}),
        }
        service, given = acts[act]
        delivery = desk.draft().deliveries.get()
        for state in states:
            Delivery.objects.filter(pk=delivery.pk).update(state=state, next_try_at=later)
            delivery.refresh_from_db()
            with pytest.raises(Invalid):
                service(actor=person(desk.manager), delivery=delivery, **given)
            assert Delivery.objects.get().state == state


class TestSettling:
    def unknown(self, desk):
        delivery = fall_due(desk.scheduled())
        Delivery.objects.update(state=State.UNKNOWN)
        delivery.refresh_from_db()
        return delivery

    def test_it_is_there(self, desk):
        delivery = self.unknown(desk)
        with pytest.raises(Invalid, match="address"):
            deliveries.delivery_settle(
                actor=person(desk.publisher), delivery=delivery, went_out=True
            )
        done = deliveries.delivery_settle(
            actor=person(desk.publisher),
            delivery=delivery,
            went_out=True,
            permalink="https://there/1",
        )
        assert (done.state, done.permalink) == (State.PUBLISHED, "https://there/1")
        assert Event.objects.get(name="delivery.settled").data["by_hand"] is True

    def test_it_is_not_there_and_goes_again_or_not(self, desk):
        again = deliveries.delivery_settle(
            actor=person(desk.publisher),
            delivery=self.unknown(desk),
            went_out=False,
            send_again=True,
        )
        assert again.state == State.SCHEDULED
        Delivery.objects.update(state=State.UNKNOWN)
        dropped = deliveries.delivery_settle(
            actor=person(desk.publisher), delivery=again, went_out=False
        )
        assert dropped.state == State.FAILED

    def test_a_contributor_does_not_settle(self, desk):
        with pytest.raises(NotAllowed):
            deliveries.delivery_settle(
                actor=person(desk.contributor), delivery=self.unknown(desk), went_out=False
            )


def test_two_of_one_account_in_a_post_cannot_be(desk):
    user = UserFactory()
    give(user, "contributor", desk.account)
    post = desk.draft(user, accounts=[desk.account])
    assert post.deliveries.count() == 1
