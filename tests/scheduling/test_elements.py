"""What goes along with a post's text: kept, decided on, left out only by a person, sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Level
from audit.models import Event
from platforms.contract import Audience, Form, Part, Poll, Published
from platforms.registry import platform_info
from scheduling.checks import advice_on, content_problems
from scheduling.content import content_hash, content_of, hash_of
from scheduling.elements import NOTHING, Element, Elements, elements_from, in_brief, words_of
from scheduling.engine.waiting import admitted
from scheduling.models import Delivery, HoldKind
from scheduling.recheck import why_not
from scheduling.selectors.approvals import decided_before
from scheduling.selectors.story import versions_of
from scheduling.services.deliveries import delivery_approve, delivery_return
from scheduling.services.posts import post_edit, post_submit
from scheduling.states import State
from scheduling.withdrawal import withdraw
from tests.factories import SocialAccountFactory, give, person
from tests.scheduling.conftest import Desk, fall_due, run_due

pytestmark = pytest.mark.django_db

POLL = Poll(("Monday", "Friday"), 1_440)
QUOTED = "http://sandbox.example/@fire/7"
EACH: dict[Element, Elements] = {
    Element.THREAD: Elements(thread=("More to come.", "That was all.")),
    Element.POLL: Elements(poll=POLL),
    Element.QUOTE: Elements(quote=QUOTED),
    Element.LINK: Elements(link="https://example.org/road"),
    Element.AUDIENCE: Elements(audience=Audience.MENTIONED),
    Element.FIRST_COMMENT: Elements(first_comment="See the map."),
    Element.FORM: Elements(form=Form.REEL),
}
ALL = Elements(
    thread=("More.",),
    poll=POLL,
    quote=QUOTED,
    link="https://example.org/",
    audience=Audience.FOLLOWED,
    first_comment="See the map.",
    form=Form.STORY,
)
SENDABLE = [name for name in EACH if name is not Element.FORM]  # a reel needs a video


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.account.base_url = "http://sandbox.example"
    desk.account.save()
    return desk


# --- as JSON --------------------------------------------------------------------------------------


def test_every_element_has_a_name_and_comes_back_from_the_database():
    assert [str(name) for name in Element] == list(Elements.__slots__)
    assert ALL.used == list(Element)
    assert elements_from(ALL.as_json()) == ALL
    assert elements_from({}) == NOTHING
    assert NOTHING.as_json() == {}
    assert ALL.without(Element) == NOTHING


def test_a_post_without_elements_is_the_same_content_as_before_there_were_any(desk):
    delivery = desk.draft().deliveries.get()
    before = {
        "account": desk.account.pk,
        "text": "Bridge open again",
        "media": [],
        "reply_to": "",
    }
    assert content_of(delivery) == before
    assert content_hash(delivery) == hash_of(before)


def test_each_element_changes_the_content(desk):
    hashes = set()
    for elements in [NOTHING, *EACH.values(), Elements(thread=("That was all.", "More to come."))]:
        delivery = desk.draft(elements=elements).deliveries.get()
        hashes.add(content_hash(delivery))
    assert len(hashes) == len(EACH) + 2


def test_words_tell_everything_for_comparison():
    words = words_of({"text": "Hello.", **ALL.as_json()})
    for said in ("Hello.", "More.", "Monday", "1 day", QUOTED, "follows", "Story", "See the map."):
        assert said in words


def test_a_list_tells_in_a_few_words():
    assert in_brief(Elements(thread=("Two.", "Three."), poll=POLL)) == "Thread of 3, poll"
    assert in_brief(NOTHING) == ""


# --- kept, decided on -----------------------------------------------------------------------------


def test_what_is_typed_is_kept_clean_and_empty_posts_are_none(desk):
    typed = Elements(
        thread=(" One.\r\n", "  ", "Two.\x00"), poll=Poll((" Yes ", "", "No"), 60), quote="  "
    )
    post = desk.draft(elements=typed)
    assert post.elements == {
        "thread": ["One.", "Two."],
        "poll": {"options": ["Yes", "No"], "minutes": 60},
    }
    assert desk.draft(elements=Elements(poll=Poll(("", " "), 60))).elements == {}


@pytest.mark.parametrize("name", list(EACH))
def test_an_approval_holds_for_exactly_these_elements(desk, name):
    delivery = desk.approved(elements=EACH[name]) if name in SENDABLE else desk.approved()
    assert why_not(delivery) is None
    changed = EACH[name].as_json() if name not in SENDABLE else {}
    type(delivery.post).objects.filter(pk=delivery.post_id).update(elements=changed)
    delivery = Delivery.objects.select_related("account", "post").get(pk=delivery.pk)
    hold = why_not(delivery)
    assert hold is not None
    assert (hold.kind, "not what was approved" in hold.reason) == (HoldKind.CHANGED, True)


def test_one_cannot_approve_what_changed_while_one_looked(desk):
    delivery = desk.in_review(elements=Elements(poll=POLL))
    seen = content_hash(delivery)
    other = Elements(poll=Poll(("Monday", "Sunday"), 1_440)).as_json()
    type(delivery.post).objects.filter(pk=delivery.post_id).update(elements=other)
    with pytest.raises(Exception, match="changed while you were looking"):
        delivery_approve(actor=person(desk.approver), delivery=delivery, content_hash=seen)


def test_what_breaks_a_limit_by_now_is_not_approved(desk):
    delivery = desk.in_review(elements=Elements(poll=POLL))
    desk.account.declared_limits = {"poll": _poll_limits(option_max=3)}
    desk.account.save()
    with pytest.raises(Invalid, match="Option 1 has to be of 1 to 3 characters"):
        delivery_approve(
            actor=person(desk.approver), delivery=delivery, content_hash=content_hash(delivery)
        )


def test_what_breaks_a_limit_by_the_time_it_goes_out_is_held(desk, network):
    for delivery in (desk.approved(elements=Elements(poll=POLL)), desk.scheduled(text="x" * 30)):
        fall_due(delivery)
    desk.account.declared_limits = {"poll": _poll_limits(option_max=3), "text_max": 20}
    desk.account.save()
    assert [*run_due(), *run_due()] == ["", ""]
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.HELD}
    assert network.arrived == []


def test_an_edit_of_an_element_is_on_record_and_makes_its_writer_one_of_its_writers(desk):
    post = desk.draft(elements=Elements(thread=("Two.",)))
    _edit(desk, post, elements=Elements(thread=("Zwei.",), poll=POLL), author=desk.approver)
    told = Event.objects.get(name="post.changed").data
    assert told["before"]["thread"] == {"post 2": "Two."}
    assert told["after"]["thread"] == {"post 2": "Zwei."}
    assert told["after"]["poll"] == {"options": ["Monday", "Friday"], "open for": "1 day"}
    (delivery,) = post_submit(actor=person(desk.contributor), post=post)
    with pytest.raises(Invalid, match="own words"):
        delivery_approve(
            actor=person(desk.approver), delivery=delivery, content_hash=content_hash(delivery)
        )
    first, second = versions_of([delivery])[delivery.pk]
    assert ("Two." in first.text, "Zwei." in second.text) == (True, True)
    assert any("Monday" in words for kind, words in second.parts if kind == "in")


def test_an_edit_without_a_change_is_none(desk):
    post = desk.draft(elements=ALL)
    _edit(desk, post, elements=ALL)
    assert not Event.objects.filter(name="post.changed").exists()
    _edit(desk, post)  # one that says nothing of elements leaves them as they are
    assert post.elements == ALL.as_json()


def test_what_changed_since_the_last_decision_tells_of_elements(desk):
    delivery = desk.in_review(elements=Elements(poll=POLL))
    delivery_return(actor=person(desk.approver), delivery=delivery, comment="Which days?")
    before = decided_before(delivery)
    assert before is not None
    assert "– Monday" in before.text


# --- left out, by a person ------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["bluesky", "mastodon", "facebook", "linkedin", "threads"])
@pytest.mark.parametrize("name", list(EACH))
def test_what_an_account_cannot_show_blocks_it_and_says_what_to_do(platform, name):
    account = SocialAccountFactory(platform=platform, base_url="https://there.example")
    features = {str(feature) for feature in platform_info(platform).features}
    wanted = "reel" if name is Element.FORM else str(name)
    found = content_problems(account, "Hello.", {}, EACH[name])
    missing = [one for one in found if one.code == "not_supported"]
    assert bool(missing) is (wanted not in features)
    for one in missing:
        assert one.about == name
        assert "take the account out of the post" in advice_on(one)


def test_sending_names_the_account_and_the_way_out(desk):
    other = SocialAccountFactory(platform="mastodon", display_name="Council on Mastodon")
    give(desk.publisher, Level.PUBLISHER, other)
    elements = Elements(thread=("Two.",), first_comment="See the map.")
    post = desk.draft(desk.publisher, accounts=[desk.account, other], elements=elements)
    with pytest.raises(Invalid) as refused:
        post_submit(actor=person(desk.publisher), post=post)
    assert refused.value.message == (
        "Council on Mastodon: Mastodon has no first comments. "
        "Leave out the first comment there, or take the account out of the post."
    )
    own = {other.pk: elements.without([Element.FIRST_COMMENT])}
    _edit(desk, post, accounts=[desk.account, other], elements=elements, own_elements=own)
    sent = {one.account_id: one for one in post_submit(actor=person(desk.publisher), post=post)}
    assert "first_comment" not in content_of(sent[other.pk])
    assert content_of(sent[desk.account.pk])["first_comment"] == "See the map."
    assert sent[other.pk].goes_without == "the first comment"
    assert "own" in str(Event.objects.filter(name="post.changed").latest("pk").data["after"])


def test_what_went_out_keeps_what_it_went_out_with(desk, network):
    other = SocialAccountFactory()
    give(desk.publisher, Level.PUBLISHER, other)
    delivery = desk.scheduled(elements=Elements(thread=("Two.",)))
    fall_due(delivery)
    assert run_due() == ["published"]
    post = delivery.post
    _edit(desk, post, accounts=[desk.account, other], elements=NOTHING)
    post.refresh_from_db()
    delivery = Delivery.objects.select_related("post").get(pk=delivery.pk)
    assert (post.elements, delivery.elements) == ({}, {"thread": ["Two."]})


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        (Elements(poll=Poll(("One",), 60)), "2 to 4 options"),
        (Elements(poll=Poll(tuple("12345"), 60)), "2 to 4 options"),
        (Elements(poll=Poll(("Yes", "x" * 51), 60)), "1 to 50 characters"),
        (Elements(poll=Poll(("Yes", "Yes"), 60)), "say the same"),
        (Elements(poll=Poll(("Yes", "No"), 1)), "so short a time"),
        (Elements(poll=POLL, quote=QUOTED), "goes alone"),
        (Elements(quote="https://elsewhere.example/1"), "no address of a post on Sandbox"),
        (Elements(link="not an address"), "no web address"),
        (Elements(link="https://example.org/", quote=QUOTED), "goes without"),
        (Elements(thread=("x" * 501,)), "Post 2 of the thread: The text is 1 character over"),
        (Elements(thread=("x",) * 25), "25 posts at most"),
        (Elements(first_comment="x" * 501), "First comment: The text is 1 character over"),
        (Elements(form=Form.REEL), "A reel is a video"),
        (Elements(form=Form.STORY), "one picture or one video"),
    ],
)
def test_what_the_account_does_not_take_is_refused(desk, elements, why):
    post = desk.draft(desk.publisher, elements=elements)
    with pytest.raises(Invalid, match=why):
        post_submit(actor=person(desk.publisher), post=post)
    assert post.deliveries.get().state == State.DRAFT


def test_an_account_is_checked_by_its_own_servers_limits(desk):
    elements = Elements(poll=Poll(tuple("123456"), 60), thread=("Two.", "Three."))
    assert content_problems(desk.account, "Hello.", {}, elements)
    desk.account.declared_limits = {"poll": _poll_limits(options_max=6)}
    assert content_problems(desk.account, "Hello.", {}, elements) == []
    desk.account.declared_limits = {"parts_max": 2, "poll": _poll_limits(options_max=6)}
    (problem,) = content_problems(desk.account, "Hello.", {}, elements)
    assert problem.about == Element.THREAD


def test_an_answer_needs_no_picture_where_a_post_does():
    account = SocialAccountFactory(platform="instagram")
    assert [p.code for p in content_problems(account, "Hello.", {})] == ["media_required"]
    assert content_problems(account, "Hello.", {}, reply=True) == []


# --- sent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SENDABLE)
def test_the_platform_gets_each_element(desk, network, name):
    fall_due(desk.scheduled(elements=EACH[name]))
    assert run_due() == ["published"]
    (post,) = network.arrived
    got: dict[Element, Any] = {
        Element.THREAD: tuple(part.text for part in post.parts),
        Element.POLL: post.poll,
        Element.QUOTE: post.quote,
        Element.LINK: post.link,
        Element.AUDIENCE: post.audience,
        Element.FIRST_COMMENT: post.first_comment,
    }
    expected = getattr(EACH[name], name)
    assert got[name] == ("7" if name is Element.QUOTE else expected)


def test_a_thread_is_known_by_all_its_posts_and_taken_down_whole(desk, network):
    network.answers = [Published("r-1", "https://there/1", timezone.now(), ("r-2", "r-3"))]
    delivery = fall_due(desk.scheduled(elements=EACH[Element.THREAD]))
    assert run_due() == ["published"]
    assert list(network.arrived[0].parts) == [
        Part("More to come."),
        Part("That was all."),
    ]
    delivery.refresh_from_db()
    assert delivery.remote_parts == ["r-2", "r-3"]
    withdraw(actor=person(desk.publisher), delivery=delivery, reason="Wrong")
    assert network.deleted == ["r-3", "r-2", "r-1"]


def test_what_did_not_come_about_beside_the_post_is_said(desk, network):
    told = Published("r-1", "https://there/1", timezone.now(), note="No first comment was made.")
    network.answers = [told]
    delivery = fall_due(desk.scheduled(elements=EACH[Element.FIRST_COMMENT]))
    assert run_due() == ["published"]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.notice) == (State.PUBLISHED, told.note)
    assert Event.objects.get(name="delivery.published").data["message"] == told.note


def test_each_post_of_a_thread_counts_towards_what_a_platform_takes(desk, monkeypatch):
    asked: list[Any] = []
    monkeypatch.setattr(
        "scheduling.engine.waiting.admit", lambda wishes: [asked.extend(wishes), [None]][1]
    )
    elements = replace(EACH[Element.THREAD], first_comment="See the map.")
    delivery = desk.scheduled(elements=elements)
    admitted([delivery], lanes=None)  # type: ignore[arg-type]  # nothing leaves them
    assert list(asked[0].deeds.values()) == [4]


def _poll_limits(**changes: int) -> dict[str, int]:
    usual = {"options_max": 4, "option_max": 50, "minutes_min": 5, "minutes_max": 10_080}
    return usual | changes


def _edit(desk: Desk, post: Any, author: Any = None, **fields: Any) -> None:
    post.refresh_from_db()
    due = post.deliveries.order_by("pk").first().due_at
    values = {"text": post.text, "accounts": [desk.account], "due_at": due} | fields
    post_edit(actor=person(author or desk.publisher), post=post, version=post.version, **values)
    post.refresh_from_db()
