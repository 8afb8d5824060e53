"""The pages of corrections: the form, the decision, and what is said of them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from scheduling.correcting import correction_hash
from scheduling.elements import Elements
from scheduling.engine.correct import correct, due_corrections
from scheduling.models import Correction, CorrectionState, Delivery, Post
from scheduling.selectors.held import waiting_counts
from scheduling.services.pauses import pause_begin
from scheduling.services.posts import post_schedule
from scheduling.states import State
from tests.factories import (
    COMMAND,
    CorrectionFactory,
    CredentialFactory,
    DeliveryFactory,
    PostFactory,
    SocialAccountFactory,
    give,
    person,
)
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db
NEW = "Bridge open again from Monday"


def form_of(*deliveries: Delivery, text: str = NEW, seen: str | None = None) -> dict[str, str]:
    """What the page sends for deliveries that say the same."""
    key = deliveries[0].pk
    said = deliveries[0].text if seen is None else seen
    fields = {f"of-{delivery.pk}": str(key) for delivery in deliveries}
    return fields | {f"text-{key}": text, f"seen-{key}": said.replace("\n", "\r\n")}


def on_two(desk, platform: str = "sandbox") -> Post:
    """Published by the publisher on the desk's account and on another."""
    other = CredentialFactory(account=SocialAccountFactory(platform=platform)).account
    give(desk.publisher, "publisher", other)
    post = desk.draft(desk.publisher, accounts=[desk.account, other])
    for delivery in post_schedule(actor=person(desk.publisher), post=post):
        fall_due(delivery)
    run_due()
    return post


def page_of(client, delivery: Delivery) -> str:
    return client.get(reverse("scheduling:post", args=[delivery.post_id])).content.decode()


class TestTheForm:
    def test_a_contributor_sends_it_for_approval(self, desk, sign_in, network):
        delivery = desk.published(text="Two lines\nof text")
        client = sign_in(desk.contributor)
        url = reverse("scheduling:correct", args=[delivery.post_id])
        page = client.get(url).content.decode()
        assert "Send for approval" in page
        answer = client.post(url, form_of(delivery), follow=True)
        assert "Sent for approval." in answer.content.decode()
        made = Correction.objects.get()
        assert (made.text, made.before) == (NEW, "Two lines\nof text")

    def test_a_publisher_corrects_at_once_and_is_not_told_too_much(self, desk, sign_in, network):
        delivery = desk.published()
        client = sign_in(desk.publisher)
        url = reverse("scheduling:correct", args=[delivery.post_id])
        assert "Correct it now" in client.get(url).content.decode()
        said = client.post(url, form_of(delivery), follow=True).content.decode()
        assert "on its way" in said
        assert "has taken the new words" not in said
        assert [correct(pk) for pk in due_corrections()] == ["corrected"]
        page = page_of(client, delivery)
        assert "Sandbox has taken the new words" in page
        assert "sent without review" in page

    @pytest.mark.parametrize(
        ("text", "seen", "says"),
        [
            ("x" * 501, None, "over the limit"),
            ("", None, "The text is empty"),
            ("Bridge open again", None, "Nothing is different"),
            (NEW, "Something else", "changed while you were writing"),
        ],
    )
    def test_what_cannot_be_sent_is_said_and_nothing_typed_is_lost(
        self, desk, sign_in, network, text, seen, says
    ):
        delivery = desk.published()
        answer = sign_in(desk.contributor).post(
            reverse("scheduling:correct", args=[delivery.post_id]),
            form_of(delivery, text=text, seen=seen),
        )
        page = answer.content.decode()
        assert answer.status_code == 422
        assert says in page
        assert f">{text}</textarea>" in page
        assert not Correction.objects.exists()

    def test_accounts_that_say_the_same_are_corrected_at_once(self, desk, sign_in, network):
        post = on_two(desk)
        client = sign_in(desk.publisher)
        url = reverse("scheduling:correct", args=[post.pk])
        assert "2 accounts that say the same" in client.get(url).content.decode()
        client.post(url, form_of(*post.deliveries.order_by("account__display_name", "pk")))
        assert Correction.objects.count() == 2

    def test_those_that_cannot_are_named_before_it_is_sent(self, desk, sign_in, network):
        post = on_two(desk, platform="bluesky")
        page = (
            sign_in(desk.publisher)
            .get(reverse("scheduling:correct", args=[post.pk]))
            .content.decode()
        )
        assert "Not corrected from here" in page
        assert "A post on Bluesky cannot be corrected: take it down and post again." in page

    def test_where_nothing_can_be_corrected_the_post_says_so(self, desk, sign_in, network):
        delivery = desk.published(elements=Elements(thread=("More.",)))
        client = sign_in(desk.manager)
        page = page_of(client, delivery)
        assert "A thread cannot be corrected: take it down and post again." in page
        assert "Correct…" not in page
        assert "Take down…" in page
        url = reverse("scheduling:correct", args=[delivery.post_id])
        assert "Nothing of this post can be corrected" in client.get(url).content.decode()

    def test_a_viewer_sees_no_button_and_gets_no_form(self, desk, sign_in, network):
        delivery = desk.published()
        client = sign_in(desk.viewer)
        assert "Correct…" not in page_of(client, delivery)
        url = reverse("scheduling:correct", args=[delivery.post_id])
        assert client.get(url).status_code == 403
        assert client.post(url, form_of(delivery)).status_code == 403

    def test_a_delivery_of_another_post_cannot_be_slipped_in(self, desk, sign_in, network):
        mine, other = desk.published(), desk.published(text="Another post")
        url = reverse("scheduling:correct", args=[mine.post_id])
        answer = sign_in(desk.contributor).post(url, form_of(other))
        assert answer.status_code == 422
        assert not Correction.objects.exists()

    def test_hostile_words_are_shown_and_not_run(self, desk, sign_in, network):
        delivery = desk.published()
        client = sign_in(desk.contributor)
        url = reverse("scheduling:correct", args=[delivery.post_id])
        client.post(url, form_of(delivery, text="<script>alert(1)</script>"))
        page = page_of(client, delivery)
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;" in page


class TestTheDecision:
    @pytest.fixture
    def proposed(self, desk, sign_in, network) -> Correction:
        delivery = desk.published()
        url = reverse("scheduling:correct", args=[delivery.post_id])
        sign_in(desk.contributor).post(url, form_of(delivery))
        return Correction.objects.select_related("delivery").get()

    def decide(self, client, correction: Correction, **fields: str):
        url = reverse("scheduling:correction_decide", args=[correction.pk])
        seen = {"content_hash": correction_hash(correction)}
        return client.post(url, seen | fields, follow=True).content.decode()

    def test_the_queue_opens_with_it_and_shows_what_changes(self, desk, sign_in, proposed):
        client = sign_in(desk.approver)
        page = client.get(reverse("scheduling:approvals")).content.decode()
        assert "Correction on" in page
        assert "Put in: </span> from Monday" in page
        assert "It cannot be corrected now" not in page

    def test_a_count_says_that_it_waits(self, desk, sign_in, proposed):
        assert waiting_counts(person(desk.approver)).approvals == 1
        assert waiting_counts(person(desk.contributor)).approvals == 0

    def test_what_stands_in_its_way_is_said_before_the_decision(self, desk, sign_in, proposed):
        pause_begin(actor=COMMAND, reason="A crisis")
        client = sign_in(desk.approver)
        page = client.get(reverse("scheduling:correction", args=[proposed.pk])).content.decode()
        assert "It cannot be corrected now" in page
        assert "A crisis" in self.decide(client, proposed, decision="approve")

    def test_approved_and_then_sent(self, desk, sign_in, network, proposed):
        client = sign_in(desk.approver)
        assert "Approved." in self.decide(client, proposed, decision="approve")
        assert [correct(pk) for pk in due_corrections()] == ["corrected"]
        page = page_of(client, proposed.delivery)
        assert f"approved by {desk.approver}" in page
        assert "has taken the new words" in page
        story = client.get(reverse("scheduling:story", args=[proposed.delivery.post_id]))
        told = story.content.decode()
        assert "proposed a correction of the post" in told
        assert "approved a correction of the post" in told
        assert "corrected the post" in told

    def test_returned_with_a_reason(self, desk, sign_in, proposed):
        client = sign_in(desk.approver)
        assert "Nothing was decided" in self.decide(client, proposed, decision="return")
        assert "Returned to" in self.decide(
            client, proposed, decision="return", comment="Which bridge?"
        )
        assert "Which bridge?" in page_of(sign_in(desk.contributor), proposed.delivery)

    def test_ones_own_words_say_so(self, desk, sign_in, proposed):
        give(desk.contributor, "approver", desk.account)
        client = sign_in(desk.contributor)
        page = client.get(reverse("scheduling:correction", args=[proposed.pk])).content.decode()
        assert "These are your own words" in page
        assert "own words" in self.decide(client, proposed, decision="approve")
        assert Correction.objects.get().state == CorrectionState.PROPOSED

    def test_taken_back_by_its_writer(self, desk, sign_in, proposed):
        client = sign_in(desk.contributor)
        assert "Take the correction back" in page_of(client, proposed.delivery)
        client.post(reverse("scheduling:correction_take_back", args=[proposed.pk]))
        assert Correction.objects.get().state == CorrectionState.DROPPED
        assert "Correct…" in page_of(client, proposed.delivery)

    def test_an_outsider_finds_nothing(self, desk, sign_in, proposed):
        client = sign_in(desk.outsider)
        for name in ("correction", "correction_decide", "correction_take_back"):
            url = reverse(f"scheduling:{name}", args=[proposed.pk])
            ask = client.get if name == "correction" else client.post
            assert ask(url).status_code == 404


@pytest.mark.parametrize("accounts", [1, 6])
@pytest.mark.parametrize("name", ["post", "correct", "approvals"])
def test_the_number_of_queries_does_not_grow(
    desk, sign_in, django_assert_max_num_queries, accounts, name
):
    post = PostFactory(author=desk.manager)
    for _ in range(accounts):
        account = SocialAccountFactory()
        give(desk.manager, "manager", account)
        delivery = DeliveryFactory(post=post, account=account, state=State.PUBLISHED)
        CorrectionFactory(delivery=delivery)
    client = sign_in(desk.manager)
    url = reverse(f"scheduling:{name}", args=[] if name == "approvals" else [post.pk])
    client.get(url)
    with django_assert_max_num_queries(12):
        assert client.get(url).status_code == 200
