"""A person settles what is in doubt: matched with the account's posts, or by their own word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Invalid
from audit.actions import NotAllowed
from audit.models import Event
from platforms.contract import OwnPost, RetryLater
from scheduling.models import Attempt, Delivery, Outcome
from scheduling.services.pauses import pause_begin
from scheduling.settling import (
    candidates,
    settle_as_post,
    settle_by_address,
    settle_drop,
    settle_send_again,
)
from scheduling.states import State
from scheduling.withdrawal import withdraw
from tests.factories import person

pytestmark = pytest.mark.django_db

TEXT = "Bridge open again"


@pytest.fixture
def unknown(desk, network):
    delivery = desk.scheduled()
    Delivery.objects.update(state=State.UNKNOWN, next_try_at=None, checks=12, problem="No answer.")
    Attempt.objects.create(
        delivery=delivery, number=1, fence=1, worker="w", content_hash="h", content={},
        outcome=Outcome.UNKNOWN, message="The line broke.", code="no_answer",
    )  # fmt: skip
    return Delivery.objects.select_related("account", "post").get()


def theirs(number, text=TEXT, ago=timedelta(0)):
    return OwnPost(f"r-{number}", text, timezone.now() - ago, f"https://there/posts/{number}")


class TestCandidates:
    def test_the_likeliest_first_then_the_newest(self, unknown):
        posts = [
            theirs(1, "Something else", timedelta(days=2)),
            theirs(2, TEXT, timedelta(days=1)),
            theirs(3, "Bridge open again.", timedelta(seconds=5)),
            theirs(4, "Nothing of the kind"),
            theirs(5, "  bridge  OPEN again\n", timedelta(seconds=9)),
        ]
        found = candidates(unknown, posts)
        assert [one.post.remote_id for one in found[:2]] == ["r-3", "r-5"]
        assert [one.same for one in found[:2]] == [False, True]
        assert all(one.likely for one in found[:2])
        assert (found[2].post.remote_id, found[2].same, found[2].likely) == ("r-2", True, False)
        assert not any(one.near for one in found[3:])

    def test_no_more_than_a_page_of_them(self, unknown):
        assert len(candidates(unknown, [theirs(n) for n in range(60)])) == 20


class TestThisOne:
    def test_it_has_its_real_number_so_that_it_can_be_taken_down(self, desk, network, unknown):
        network.own_posts = [theirs(1), theirs(2, "Another")]
        done = settle_as_post(
            actor=person(desk.publisher), delivery=unknown, remote_id="r-1", note="Seen it"
        )
        assert (done.state, done.remote_id) == (State.PUBLISHED, "r-1")
        assert done.permalink == "https://there/posts/1"
        assert done.published_at == network.own_posts[0].posted_at
        told = Event.objects.get(name="delivery.settled")
        assert (told.data["by_hand"], told.data["note"]) == (True, "Seen it")
        withdraw(actor=person(desk.publisher), delivery=done, reason="Wrong")
        assert network.deleted == ["r-1"]

    def test_the_number_is_the_platforms_word_not_the_forms(self, desk, network, unknown):
        network.own_posts = [theirs(2)]
        with pytest.raises(Invalid, match="does not show this post"):
            settle_as_post(actor=person(desk.publisher), delivery=unknown, remote_id="r-1", note="")
        assert Delivery.objects.get().state == State.UNKNOWN

    def test_without_the_platform_nothing_is_changed(self, desk, network, unknown):
        network.own_posts = RetryLater("Busy.")
        with pytest.raises(Invalid, match="could not be looked up: Busy"):
            settle_as_post(actor=person(desk.publisher), delivery=unknown, remote_id="r-1", note="")
        assert Delivery.objects.get().state == State.UNKNOWN


class TestAddress:
    @pytest.mark.parametrize(
        "address", ["https://there/posts/1", "https://THERE/posts/1/", "https://there/posts/1?a=b"]
    )
    def test_it_is_found_by_its_address(self, desk, network, unknown, address):
        network.own_posts = [theirs(2), theirs(1)]
        done = settle_by_address(
            actor=person(desk.publisher), delivery=unknown, address=address, note=""
        )
        assert (done.remote_id, done.permalink) == ("r-1", "https://there/posts/1")

    @pytest.mark.parametrize("posts", [[], RetryLater("Busy.")])
    def test_else_it_is_known_by_it_alone_and_is_not_taken_down_here(
        self, desk, network, unknown, posts, sign_in
    ):
        network.own_posts = posts
        done = settle_by_address(
            actor=person(desk.publisher), delivery=unknown, address="https://there/x", note=""
        )
        assert (done.state, done.remote_id) == (State.PUBLISHED, "")
        assert done.permalink == "https://there/x"
        assert Event.objects.get(name="delivery.settled").data["found_there"] is False
        with pytest.raises(Invalid, match="cannot be taken down from here"):
            withdraw(actor=person(desk.publisher), delivery=done, reason="Wrong")
        assert not network.deleted
        page = sign_in(desk.publisher).get(reverse("scheduling:post", args=[done.post_id]))
        assert "can be taken down only on Sandbox itself" in page.content.decode()
        assert "Take down…" not in page.content.decode()

    @pytest.mark.parametrize(
        "address", ["", "there/1", "javascript:alert(1)", "https://[", f"https://there/{'x' * 500}"]
    )
    def test_what_is_no_address(self, desk, unknown, address):
        with pytest.raises(Invalid, match="Paste the address"):
            settle_by_address(
                actor=person(desk.publisher), delivery=unknown, address=address, note=""
            )


class TestAgain:
    def test_it_is_sent_when_nothing_like_it_is_there(self, desk, network, unknown):
        network.own_posts = [theirs(1, "Something else")]
        again = settle_send_again(
            actor=person(desk.publisher), delivery=unknown, seen=False, note=""
        )
        assert again.state == State.SCHEDULED

    @pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=3)])
    def test_not_past_a_post_with_the_same_text_unless_it_was_seen(
        self, desk, network, unknown, ago
    ):
        network.own_posts = [theirs(1, ago=ago)]
        actor = person(desk.publisher)
        with pytest.raises(Invalid, match="says exactly the same"):
            settle_send_again(actor=actor, delivery=unknown, seen=False, note="")
        assert Delivery.objects.get().state == State.UNKNOWN
        again = settle_send_again(actor=actor, delivery=unknown, seen=True, note="It is old")
        assert again.state == State.SCHEDULED

    def test_nor_while_nobody_can_tell(self, desk, network, unknown):
        network.own_posts = RetryLater("Busy.")
        with pytest.raises(Invalid, match="Nobody can tell"):
            settle_send_again(actor=person(desk.publisher), delivery=unknown, seen=False, note="")

    def test_nor_during_a_pause(self, desk, network, unknown):
        pause_begin(actor=person(desk.manager), reason="Crisis")
        with pytest.raises(Invalid, match="Nothing goes out now"):
            settle_send_again(actor=person(desk.publisher), delivery=unknown, seen=True, note="")
        assert Delivery.objects.get().state == State.UNKNOWN


def test_dropping_it(desk, unknown):
    dropped = settle_drop(actor=person(desk.publisher), delivery=unknown, note="Not needed")
    assert (dropped.state, dropped.problem) == (State.FAILED, "It did not go out.")


@pytest.mark.parametrize("who", ["viewer", "contributor", "outsider"])
def test_it_takes_a_publisher_and_the_platform_is_not_asked_for_others(
    desk, network, unknown, who, monkeypatch
):
    actor = person(getattr(desk, who))
    monkeypatch.setattr(network, "fetch_own_posts", lambda _: pytest.fail("asked the platform"))
    for settle, given in (
        (settle_as_post, {"remote_id": "r-1"}),
        (settle_by_address, {"address": "https://there/1"}),
        (settle_send_again, {"seen": False}),
        (settle_drop, {}),
    ):
        with pytest.raises(NotAllowed):
            settle(actor=actor, delivery=unknown, note="", **given)
    assert Delivery.objects.get().state == State.UNKNOWN


class TestPages:
    def page(self, client, delivery, part=""):
        return client.get(f"/unknown/{delivery.pk}/{part}")

    def test_both_sides_stand_beside_each_other(self, desk, network, unknown, sign_in):
        network.own_posts = [theirs(1), theirs(2, "Another")]
        client = sign_in(desk.publisher)
        page = self.page(client, unknown).content.decode()
        assert "The line broke. (code no_answer)" in page
        assert "Looked up 12 times" in page
        posts = self.page(client, unknown, "posts/").content.decode()
        assert posts.index("The same words") < posts.index("Another")
        assert "https://there/posts/1" in posts

    def test_a_platform_that_is_gone_has_a_form_of_its_own(self, desk, network, unknown, sign_in):
        network.own_posts = RetryLater("It does not answer.")
        answer = self.page(sign_in(desk.publisher), unknown, "posts/")
        assert answer.status_code == 200
        assert "cannot be read just now" in answer.content.decode()
        assert "It does not answer." in answer.content.decode()

    def test_settling_by_the_page(self, desk, network, unknown, sign_in):
        network.own_posts = [theirs(1)]
        client = sign_in(desk.publisher)
        url = f"/unknown/{unknown.pk}/settle/"
        assert "Choose what became of it" in client.post(url).content.decode()
        refused = client.post(url, {"answer": "again", "note": "Sure?"})
        assert refused.status_code == 422
        page = refused.content.decode()
        assert "I have looked at the account" in page
        assert 'value="Sure?"' in page
        done = client.post(url, {"answer": "this", "remote_id": "r-1"}, follow=True)
        assert "Settled: it is published" in done.content.decode()
        assert Delivery.objects.get().remote_id == "r-1"
        late = client.post(url, {"answer": "drop"}, follow=True)
        assert "Nothing was changed" in late.content.decode()
        assert self.page(client, unknown).status_code == 302

    def test_the_list_and_who_sees_it(self, desk, unknown, sign_in):
        assert TEXT in sign_in(desk.viewer).get("/unknown/").content.decode()
        assert TEXT not in sign_in(desk.outsider).get("/unknown/").content.decode()
        assert self.page(sign_in(desk.outsider), unknown).status_code == 404
        assert (
            "Somebody else settles this"
            in self.page(sign_in(desk.contributor), unknown).content.decode()
        )
        assert self.page(sign_in(desk.contributor), unknown, "posts/").status_code == 403
        url = f"/unknown/{unknown.pk}/settle/"
        assert sign_in(desk.contributor).post(url, {"answer": "drop"}).status_code == 403
        assert Delivery.objects.get().state == State.UNKNOWN

    def test_my_day_and_the_navigation_lead_there(self, desk, unknown, sign_in):
        page = sign_in(desk.publisher).get("/").content.decode()
        assert f'href="/unknown/{unknown.pk}/"' in page
        assert page.count('href="/unknown/"') >= 2
        assert 'href="/unknown/"' not in sign_in(desk.outsider).get("/").content.decode()
