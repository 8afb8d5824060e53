"""The composer and what goes along: offered by what accounts declare, arranged, left out, kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from accounts.levels import Level
from platforms.contract import Poll
from scheduling.elements import Elements
from scheduling.models import Delivery, Post
from scheduling.states import State
from scheduling.thread import arranged, typed
from tests.factories import SocialAccountFactory, give
from tests.scheduling.conftest import Desk

pytestmark = pytest.mark.django_db

FIELDS = {
    "thread": 'id="thread-add"',
    "poll": 'name="poll_option"',
    "quote": 'name="quote"',
    "link": 'name="link"',
    "audience": 'name="audience"',
    "first_comment": 'name="first_comment"',
    "reel": 'value="reel"',
}


def fields(*accounts: Any, **other: Any) -> dict[str, Any]:
    return {"accounts": [a.pk for a in accounts], "text": "Market day"} | other


def check(client: Any, data: dict[str, Any]) -> str:
    answer = client.post(reverse("scheduling:compose_check") + "?versions=1", data)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.fixture
def plain(desk: Desk) -> Any:
    """An account whose platform has links beside the text and nothing else of it."""
    account = SocialAccountFactory(platform="linkedin", display_name="Plain")
    give(desk.publisher, Level.PUBLISHER, account)
    return account


# --- offered ------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["sandbox", "x", "bluesky", "mastodon", "facebook", "threads"])
def test_what_is_offered_is_what_the_chosen_accounts_declare(desk, sign_in, platform):
    account = SocialAccountFactory(platform=platform, base_url="https://there.example")
    give(desk.publisher, Level.PUBLISHER, account)
    page = check(sign_in(desk.publisher), fields(account))
    for feature, field in FIELDS.items():
        assert (field in page) is account.can(feature), feature


def test_nothing_is_offered_before_an_account_is_chosen(desk, sign_in):
    page = sign_in(desk.publisher).get(reverse("scheduling:compose")).content.decode()
    assert [name for name, field in FIELDS.items() if field in page] == []


def test_the_poll_has_the_room_and_the_times_that_an_account_takes(desk, sign_in):
    limits = {"options_max": 6, "option_max": 9, "minutes_min": 60, "minutes_max": 4_320}
    desk.account.declared_limits = {"poll": limits | {"options_min": 2}}
    desk.account.save()
    page = check(sign_in(desk.publisher), fields(desk.account))
    assert page.count('name="poll_option"') == 6
    assert "1 hour</option>" in page
    assert "5 minutes</option>" not in page


def test_what_is_written_stays_when_the_account_that_takes_it_goes(desk, sign_in, plain):
    data = fields(plain, further=["Two."], poll_option=["Yes", "No"], first_comment="See the map.")
    page = check(sign_in(desk.publisher), data)
    for said in ("Two.", 'value="Yes"', "See the map."):
        assert said in page


# --- arranged -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "texts", "focus"),
    [
        ("add", ["a", "b", "c", ""], "part-5"),
        ("up-3", ["b", "a", "c"], "part-2"),
        ("down-3", ["a", "c", "b"], "part-4"),
        ("remove-3", ["a", "c"], "part-3"),
        ("remove-4", ["a", "b"], "part-3"),
        ("up-2", ["a", "b", "c"], ""),
        ("down-4", ["a", "b", "c"], ""),
        ("remove-1", ["a", "b", "c"], ""),
        ("remove-9", ["a", "b", "c"], ""),
        ("show", ["a", "b", "c"], ""),
        ("up-" + "9" * 50, ["a", "b", "c"], ""),
    ],
)
def test_a_thread_is_arranged(act, texts, focus):
    found, at = arranged(typed(["a", "b", "c"]), act)
    assert ([one.text for one in found], at) == (texts, focus)


def test_removing_the_only_further_post_leads_back_to_the_button():
    assert arranged(typed(["a"]), "remove-2") == ([], "thread-add")


def test_a_further_post_keeps_its_key_wherever_it_is_moved():
    moved, _ = arranged(typed(["a", "b", "c"]), "up-4")
    assert [one.key for one in moved] == ["2", "4", "3"]
    fewer, _ = arranged(moved, "remove-2")
    more, _ = arranged(fewer, "add")
    assert [one.key for one in more] == ["4", "3", "5"]


def test_arranging_without_scripts_keeps_everything_and_writes_nothing(desk, sign_in):
    data = fields(
        desk.account,
        further=["Two.", "Three."],
        arrange="up-3",
        poll_option=["Yes", "No"],
        due_date="2031-03-30",
    )
    answer = sign_in(desk.publisher).post(reverse("scheduling:compose_arrange"), data)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.index("Three.</textarea>") < page.index("Two.</textarea>")
    for said in ("<html", "Market day", 'value="Yes"', "2031-03-30"):
        assert said in page
    assert not Post.objects.exists()


def test_arranging_with_scripts_brings_the_thread_alone(desk, sign_in):
    data = fields(desk.account, further=["Two."], arrange="add")
    client = sign_in(desk.publisher)
    answer = client.post(
        reverse("scheduling:compose_arrange"), data, headers={"HX-Request": "true"}
    )
    page = answer.content.decode()
    assert "<html" not in page
    assert page.count('name="further"') == 2
    assert page.count("autofocus") == 1


def test_each_post_of_a_thread_has_its_own_counts(desk, sign_in):
    page = check(sign_in(desk.publisher), fields(desk.account, further=["x" * 501, "short"]))
    assert 'data-counter="part-2"' in page
    assert "1 too many" in page
    assert "495 left" in page
    assert "Post 2 of the thread: The text is 1 character over" in page
    assert 'href="#part-2"' in page


# --- left out -----------------------------------------------------------------------------------


def test_what_an_account_cannot_show_blocks_until_a_person_leaves_it_out(desk, sign_in, plain):
    client = sign_in(desk.publisher)
    data = fields(desk.account, plain, further=["Two."], first_comment="See the map.")
    page = check(client, data)
    assert "Plain: LinkedIn has no threads." in page
    assert f'href="#leave-thread-{plain.pk}"' in page
    assert f'id="leave-thread-{plain.pk}"' in page
    assert f'id="leave-thread-{desk.account.pk}"' not in page
    answer = client.post(reverse("scheduling:compose_send"), data)
    assert answer.status_code == 422
    assert "Leave out the" in answer.content.decode()
    assert not Delivery.objects.exclude(state=State.DRAFT).exists()

    left = [f"thread:{plain.pk}", f"first_comment:{plain.pk}"]
    post = Post.objects.get()
    data |= {"leave": left, "post": post.pk, "version": post.version}
    assert client.post(reverse("scheduling:compose_send"), data).status_code == 302
    deliveries = {one.account_id: one for one in Delivery.objects.select_related("post")}
    assert deliveries[plain.pk].elements == {}
    assert deliveries[desk.account.pk].own_elements is None
    shown = client.get(reverse("scheduling:post", args=[post.pk])).content.decode()
    assert "Left out here: the further posts, the first comment" in shown


def test_what_can_be_put_right_on_the_only_account_is_not_left_out(desk, sign_in):
    page = check(sign_in(desk.publisher), fields(desk.account, poll_option=["Yes"]))
    assert "2 to 4 options" in page
    assert 'href="#along-poll"' in page
    assert 'name="leave"' not in page


def test_what_was_left_out_is_ticked_when_the_draft_is_opened_again(desk, sign_in, plain):
    client = sign_in(desk.publisher)
    data = fields(desk.account, plain, further=["Two."], leave=[f"thread:{plain.pk}"], draft="1")
    client.post(reverse("scheduling:compose_send"), data)
    post = Post.objects.get()
    answer = client.get(reverse("scheduling:compose_edit", args=[post.pk]))
    assert answer.context["written"].left_out == {plain.pk: {"thread"}}
    box = answer.content.decode().split(f'id="leave-thread-{plain.pk}"')[1]
    assert "checked" in box.split(">")[0]


def test_words_are_left_out_where_a_story_shows_none(desk, sign_in):
    account = SocialAccountFactory(platform="instagram", display_name="Pictures")
    give(desk.publisher, Level.PUBLISHER, account)
    data = fields(desk.account, account, shown_as="story", leave=[f"form:{desk.account.pk}"])
    client = sign_in(desk.publisher)
    assert f'id="leave-text-{account.pk}"' in check(client, data)
    data["leave"] = [*data["leave"], f"text:{account.pk}"]
    client.post(reverse("scheduling:compose_send"), data | {"draft": "1"})
    delivery = Delivery.objects.select_related("post").get(account=account)
    assert (delivery.text, delivery.goes_without) == ("", "the words")
    edit = client.get(reverse("scheduling:compose_edit", args=[delivery.post_id]))
    assert edit.context["written"].left_out[account.pk] == {"text"}


@pytest.mark.parametrize("leave", ["thread", "thread:x", "nothing:1", ":", "thread:999999"])
def test_what_is_no_decision_leaves_nothing_out(desk, sign_in, leave):
    data = fields(desk.account, further=["Two."], leave=[leave], draft="1")
    sign_in(desk.publisher).post(reverse("scheduling:compose_send"), data)
    assert Delivery.objects.select_related("post").get().elements == {"thread": ["Two."]}


# --- kept and shown -----------------------------------------------------------------------------


def test_everything_is_kept_and_shown_again(desk, sign_in):
    data = fields(
        desk.account,
        further=["Two.", " ", "Three."],
        poll_option=["Yes", "No", "", ""],
        poll_minutes="60",
        quote="http://127.0.0.1:1/@fire/7",
        link="https://example.org/",
        audience="mentioned",
        first_comment="See the map.",
        shown_as="reel",
        draft="1",
    )
    client = sign_in(desk.publisher)
    client.post(reverse("scheduling:compose_send"), data)
    post = Post.objects.get()
    assert post.elements == {
        "thread": ["Two.", "Three."],
        "poll": {"options": ["Yes", "No"], "minutes": 60},
        "quote": "http://127.0.0.1:1/@fire/7",
        "link": "https://example.org/",
        "audience": "mentioned",
        "first_comment": "See the map.",
        "form": "reel",
    }
    for address in ("scheduling:compose_edit", "scheduling:post"):
        page = client.get(reverse(address, args=[post.pk])).content.decode()
        for said in ("Two.", "Three.", "Yes", "@fire/7", "example.org", "See the map."):
            assert said in page, (address, said)


@pytest.mark.parametrize(
    "wrong", [{"audience": "friends"}, {"shown_as": "film"}, {"poll_minutes": "soon"}]
)
def test_what_no_page_offers_is_not_kept(desk, sign_in, wrong):
    data = fields(desk.account, draft="1") | wrong
    answer = sign_in(desk.publisher).post(reverse("scheduling:compose_send"), data)
    assert answer.status_code == 422
    assert not Post.objects.exists()


def test_the_approver_sees_all_of_it_and_what_changed(desk, sign_in):
    elements = Elements(
        thread=("Two.",), poll=Poll(("Monday", "Friday"), 1_440), first_comment="See the map."
    )
    delivery = desk.in_review(elements=elements)
    client = sign_in(desk.approver)
    calendar = client.get(reverse("scheduling:calendar"), {"view": "list"}).content.decode()
    assert "Thread of 2, poll, first comment" in calendar
    address = reverse("scheduling:approval", args=[delivery.pk])
    page = client.get(address).content.decode()
    for said in ("Thread of 2, poll", "Two.", "Monday", "1 day", "See the map."):
        assert said in page
    decide = reverse("scheduling:approval_decide", args=[delivery.pk])
    client.post(decide, {"decision": "return", "comment": "Which days?"})
    changed = elements.without(["thread"]).as_json()  # type: ignore[list-item]  # by its value
    Post.objects.update(elements=changed)
    Delivery.objects.update(state=State.IN_REVIEW)
    page = client.get(address).content.decode()
    assert "<del>" in page
    assert "Post 2" in page
