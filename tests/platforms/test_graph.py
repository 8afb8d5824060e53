"""What is the Graph API's own: its codes, its token, one sign-in for several accounts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from platforms import oauth
from platforms._graph import GONE
from platforms.contract import (
    DUPLICATE,
    AppCredentials,
    AuthorisationLost,
    Connection,
    Form,
    MentionKind,
    OutcomeUnknown,
    PlatformError,
    Presence,
    Refused,
    ReplyRef,
    RetryLater,
    StepsInMemory,
    Video,
)
from platforms.counting import text_problems
from platforms.registry import open_adapter, platform_info

from . import fake_graph
from .server import Asked, Fault, Reply
from .test_x import JSON
from .worlds import FacebookWorld, InstagramWorld, outgoing, picture

HOUR = timedelta(hours=1)


@pytest.fixture
def page() -> Iterator[FacebookWorld]:
    made = FacebookWorld()
    yield made
    made.close()


@pytest.fixture
def insta() -> Iterator[InstagramWorld]:
    made = InstagramWorld()
    yield made
    made.close()


# --- the token ------------------------------------------------------------------------------------


def test_the_token_is_in_no_address_and_no_log(page: FacebookWorld, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    adapter = page.adapter()
    published = adapter.publish(outgoing("Hello.", picture("One")), steps=StepsInMemory())
    adapter.fetch_mentions("")
    adapter.delete(published.remote_id)
    for one in page.server.ledger:
        assert page.secret not in f"{one.path} {one.query}"
        assert page.secret.encode() not in one.body
        assert one.headers["authorization"] == f"Bearer {page.secret}"
    assert page.secret not in caplog.text


def test_an_app_that_has_a_secret_proves_it(page: FacebookWorld) -> None:
    connection = Connection(
        "council", page.server.url, page.secret, app=AppCredentials("id", "canary-app-secret")
    )
    adapter = open_adapter(
        "facebook", connection, network=page.policy(), remember=lambda _session: None
    )
    adapter.verify()
    (one,) = page.server.ledger
    assert len(one.one("appsecret_proof")) == 64
    assert "canary-app-secret" not in str(one)


def test_a_persons_token_is_not_taken_for_a_pages(page: FacebookWorld) -> None:
    with pytest.raises(AuthorisationLost, match="person's"):
        page.adapter(secret=page.fake.person).verify()


def test_a_page_without_instagram_cannot_be_connected_to_it(insta: InstagramWorld) -> None:
    def without(data: Any) -> Any:
        return {"id": data["id"]}

    with (
        insta.server.going_wrong(Fault(change=without)),
        pytest.raises(AuthorisationLost, match="not of a Page with"),
    ):
        insta.adapter().verify()
    with pytest.raises(AuthorisationLost):
        insta.adapter(secret=insta.fake.person).verify()


def test_one_sign_in_lists_the_pages_and_their_instagram_accounts(page: FacebookWorld) -> None:
    found = oauth.offered(
        "facebook",
        oauth.Tokens(page.fake.person),
        network=page.policy(),
        base_url=page.server.url,
    )
    assert [(o.platform, o.identity.remote_id) for o in found] == [
        ("facebook", fake_graph.PAGE),
        ("instagram", fake_graph.ACCOUNT),
    ]
    assert page.secret not in repr(found)
    for one in found:
        connection = Connection("", page.server.url, one.secret)
        adapter = open_adapter(
            one.platform, connection, network=page.policy(), remember=lambda _session: None
        )
        assert adapter.verify() == one.identity


def test_what_was_granted_is_asked_for_and_goes_with_each_page(page: FacebookWorld) -> None:
    where: Any = {"network": page.policy(), "base_url": page.server.url}
    told = [
        {"permission": "pages_show_list", "status": "granted"},
        {"permission": "pages_manage_posts", "status": "declined"},
    ]

    def asks(words: str) -> Any:
        return lambda asked: words in asked.path

    token = Fault(Reply(200, {"access_token": page.fake.person}), match=asks("oauth"), times=9)
    granted = Fault(Reply(200, {"data": told}), match=asks("permissions"))
    came: Any = {"code": "c", "redirect_uri": "https://desk.example.org/"}
    app = AppCredentials("id", "canary-app")
    with page.server.going_wrong(token), page.server.going_wrong(granted):
        tokens = oauth.exchange("facebook", app, **came, **where)
    assert tokens.scopes == ("pages_show_list",)
    for one in oauth.offered("facebook", tokens, **where):
        assert oauth.load(one.secret).scopes == ("pages_show_list",)
        connection = Connection("", page.server.url, one.secret)
        adapter = open_adapter(
            one.platform, connection, network=page.policy(), remember=lambda _session: None
        )
        assert adapter.verify() == one.identity


@pytest.mark.parametrize("reply", [Reply(500, {}), Reply(200, {"data": [7]}), Reply(403, {})])
def test_where_nobody_says_what_was_granted_connecting_goes_on(
    page: FacebookWorld, reply: Reply
) -> None:
    token = Fault(
        Reply(200, {"access_token": page.fake.person}), match=lambda a: "oauth" in a.path, times=9
    )
    silent = Fault(reply, match=lambda a: "permissions" in a.path)
    with page.server.going_wrong(token), page.server.going_wrong(silent):
        tokens = oauth.exchange(
            "facebook",
            AppCredentials("id", "canary-app"),
            code="c",
            redirect_uri="https://desk.example.org/",
            network=page.policy(),
            base_url=page.server.url,
        )
    assert tokens == oauth.Tokens(page.fake.person)


def test_requests_go_where_the_environment_says(
    page: FacebookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPH_API_BASE_URL", page.server.url)
    info = platform_info("facebook")
    assert page.adapter(base_url=info.default_base_url).verify().remote_id == fake_graph.PAGE


# --- its codes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (fake_graph.error(190, "It has expired.", subcode=463), AuthorisationLost, "190"),
        (fake_graph.error(190, "It has expired.", status=401), AuthorisationLost, "190"),
        (fake_graph.error(4, "Application limit."), RetryLater, "4"),
        (fake_graph.error(32, "Page limit.", status=403), RetryLater, "32"),
        (fake_graph.error(80_001, "Too many calls."), RetryLater, "80001"),
        (fake_graph.error(506, "Duplicate."), Refused, DUPLICATE),
        (fake_graph.error(100, "Gone.", subcode=33), Refused, GONE),
        (fake_graph.error(803, "Unknown alias."), Refused, GONE),
        (fake_graph.error(368, "Abusive."), Refused, "368"),
        (fake_graph.error(200, "No permission.", status=403), Refused, "200"),
        (fake_graph.error(1, "Unknown."), OutcomeUnknown, "1"),
        (fake_graph.error(2, "Come back.", status=500), OutcomeUnknown, "2"),
        (fake_graph.error(5, "?", is_transient=True), OutcomeUnknown, "5"),
    ],
)
def test_what_its_codes_mean(
    page: FacebookWorld, reply: Reply, error: type[PlatformError], code: str
) -> None:
    page.adapter().verify()
    with page.server.going_wrong(Fault(reply, match=page.writes)), pytest.raises(error) as caught:
        page.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert type(caught.value) is error
    assert caught.value.code == code


def test_an_error_with_a_good_status_is_no_success(page: FacebookWorld) -> None:
    reply = fake_graph.error(2, "Service unavailable.", status=200)
    with (
        page.server.going_wrong(Fault(reply, match=page.writes)),
        pytest.raises(OutcomeUnknown),
    ):
        page.adapter().publish(outgoing("Hello."), steps=StepsInMemory())


def test_how_long_to_stay_away(page: FacebookWorld) -> None:
    usage = {fake_graph.PAGE: [{"type": "pages", "estimated_time_to_regain_access": 12}]}
    reply = fake_graph.error(32, "Page limit.")
    reply.headers["x-business-use-case-usage"] = json.dumps(usage)
    with page.server.going_wrong(Fault(reply)), pytest.raises(RetryLater) as caught:
        page.adapter().verify()
    assert (caught.value.delay_s, caught.value.too_much) == (720.0, True)


@pytest.mark.parametrize("header", ["", "x", "[]", '{"1": 2}', '{"1": [{"a": "b"}]}', "null"])
def test_a_usage_header_of_another_form(page: FacebookWorld, header: str) -> None:
    reply = fake_graph.error(32, "Page limit.")
    reply.headers["x-business-use-case-usage"] = header
    with page.server.going_wrong(Fault(reply)), pytest.raises(RetryLater) as caught:
        page.adapter().verify()
    assert caught.value.delay_s is None


@pytest.mark.parametrize("node", ["", "../me", "1/../2", "me?x=1", "a b", "ü"])
def test_no_id_leads_anywhere_else(page: FacebookWorld, node: str) -> None:
    adapter = page.adapter()
    for call in (
        lambda: adapter.hide(node),
        lambda: adapter.publish(outgoing("x", reply_to=ReplyRef(node)), steps=StepsInMemory()),
    ):
        with suppress(Refused):
            call()
    assert page.server.ledger == []


# --- Facebook -------------------------------------------------------------------------------------


def video(size: int = 2_500) -> Video:
    return Video(b"\1" * size, "video/mp4", "A fire engine leaves.", 640, 360, 8.0, "")


def test_a_video_goes_up_in_pieces_and_goes_on_where_it_stopped(page: FacebookWorld) -> None:
    steps = StepsInMemory()
    post = replace(outgoing("Moving."), video=video())

    def second_piece(one: Asked) -> bool:
        return b'name="start_offset"\r\n\r\n1000' in one.body

    with page.server.going_wrong(Fault(reset=True, match=second_piece)), pytest.raises(RetryLater):
        page.adapter().publish(post, steps=steps)
    assert page.posts() == []
    published = page.adapter().publish(post, steps=steps)
    (seen,) = page.fake._of(author=fake_graph.PAGE)
    assert seen["text"] == "Moving."
    assert seen["photos"][0]["data"] == video().data
    assert published.remote_id == seen["id"]
    starts = [a for a in page.server.asked_for("/videos") if b"upload_phase=start" in a.body]
    assert len(starts) == 1


def test_a_video_that_may_be_out_is_in_doubt(page: FacebookWorld) -> None:
    fault = Fault(acts=True, reset=True, match=lambda a: b"upload_phase=finish" in a.body)
    with page.server.going_wrong(fault), pytest.raises(OutcomeUnknown):
        page.adapter().publish(replace(outgoing("Moving."), video=video()), steps=StepsInMemory())


def test_a_link_beside_the_text(page: FacebookWorld) -> None:
    post = replace(outgoing("Read this."), link="https://example.org/road")
    page.adapter().publish(post, steps=StepsInMemory())
    (seen,) = page.fake._of(author=fake_graph.PAGE)
    assert seen["link"] == "https://example.org/road"


def test_a_first_comment_that_fails_leaves_the_post_as_it_is(page: FacebookWorld) -> None:
    steps = StepsInMemory()
    post = replace(outgoing("Road closed."), first_comment="See the map.")
    fault = Fault(Reply(503, {}), match=lambda a: a.path.endswith("/comments"))
    with page.server.going_wrong(fault):
        published = page.adapter().publish(post, steps=steps)
    assert "first comment was not made" in published.note
    again = page.adapter().publish(post, steps=steps)
    assert again.remote_id == published.remote_id
    assert "could not be told" in again.note
    assert [seen.text for seen in page.posts()] == ["Road closed."]


def test_a_first_comment_is_made_once(page: FacebookWorld) -> None:
    steps = StepsInMemory()
    post = replace(outgoing("Road closed."), first_comment="See the map.")
    published = page.adapter().publish(post, steps=steps)
    assert (published.note, page.adapter().publish(post, steps=steps).note) == ("", "")
    first, comment = page.posts()
    assert (first.text, comment.text) == ("Road closed.", "See the map.")
    assert comment.reply_to == published.remote_id


def test_the_same_text_again_is_told_as_such(page: FacebookWorld) -> None:
    page.adapter().publish(outgoing("Road closed."), steps=StepsInMemory())
    with pytest.raises(Refused) as caught:
        page.adapter().publish(outgoing("Road closed."), steps=StepsInMemory())
    assert caught.value.code == DUPLICATE


def test_all_that_comes_in_at_a_page(page: FacebookWorld) -> None:
    adapter = page.adapter()
    first = adapter.publish(outgoing("Ask us."), steps=StepsInMemory())
    page.mention("Under it", reply_to=first.remote_id)
    page.mention("Names us")
    fake = page.fake
    fake.make("post", "3001_7", author=fake_graph.STRANGER, text="On the Page", visits=True)
    fake.ratings.append(
        {
            "created_time": fake_graph.stamp(datetime.now(UTC)),
            "recommendation_type": "negative",
            "review_text": "Slow",
            "reviewer": {"id": "77", "name": "Ann"},
        }
    )
    fake.threads.append("t_1")
    fake.make("message", "m_1", author=fake_graph.STRANGER, text="Privately", thread="t_1")
    fake.make("message", "m_2", author=fake_graph.PAGE, text="Our answer", thread="t_1")
    batch = adapter.fetch_mentions("")
    found = {item.text.replace("\n\n", " "): item for item in batch.items}
    assert set(found) == {
        "Under it",
        "Names us",
        "On the Page",
        "[Does not recommend this Page] Slow",
        "Privately",
    }
    private = found["Privately"]
    assert (private.kind, private.thread_id) == (MentionKind.MESSAGE, "t_1")
    assert list(adapter.fetch_mentions(batch.cursor).items) == []

    post = outgoing("Privately back.", reply_to=private.reply_ref)
    adapter.publish(post, steps=StepsInMemory())
    assert fake.sent == [
        {
            "recipient": {"id": fake_graph.STRANGER},
            "message": {"text": "Privately back."},
            "messaging_type": "RESPONSE",
        }
    ]
    lookup = adapter.find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.presence is Presence.UNCLEAR


def test_who_wrote_it_is_not_always_told(page: FacebookWorld) -> None:
    page.mention("Hello.")

    def nobody(data: Any) -> Any:
        del data["data"][0]["from"]
        return data

    with page.server.going_wrong(Fault(change=nobody, match=page.reads)):
        (item,) = page.adapter().fetch_mentions("").items
    assert item.author.display_name == "Somebody on Facebook"
    with pytest.raises(Refused):
        page.adapter().block(item.author.remote_id)


def test_what_the_token_may_not_read_is_left_out(page: FacebookWorld) -> None:
    page.fake.refused_edges["conversations"] = fake_graph.error(10, "No permission.", status=403)
    page.fake.refused_edges["ratings"] = fake_graph.error(100, "No such field.")
    page.mention("Names us")
    assert [item.text for item in page.adapter().fetch_mentions("").items] == ["Names us"]


@pytest.mark.parametrize("number", [3, 60, 130])
def test_many_comments_under_one_post_are_all_read(page: FacebookWorld, number: int) -> None:
    adapter = page.adapter()
    first = adapter.publish(outgoing("Ask us."), steps=StepsInMemory())
    cursor = adapter.fetch_mentions("").cursor
    page.mention("The first", reply_to=first.remote_id)
    batch = adapter.fetch_mentions(cursor)
    assert len(batch.items) == 1
    for count in range(number):
        page.mention(f"Number {count}", reply_to=first.remote_id)
    batch = adapter.fetch_mentions(batch.cursor)
    assert len(batch.items) == number
    assert list(adapter.fetch_mentions(batch.cursor).items) == []


def test_hiding_a_comment_and_banning_its_author(page: FacebookWorld) -> None:
    adapter = page.adapter()
    first = adapter.publish(outgoing("Ask us."), steps=StepsInMemory())
    rude = page.mention("Rude.", reply_to=first.remote_id)
    adapter.hide(rude)
    assert page.fake.nodes[rude]["is_hidden"] == "true"
    (item,) = adapter.fetch_mentions("").items
    adapter.block(item.author.remote_id)
    assert page.fake.banned == [fake_graph.STRANGER]
    adapter.delete(rude)
    assert rude not in page.fake.nodes


# --- Instagram ------------------------------------------------------------------------------------


def test_instagram_is_waited_for(insta: InstagramWorld) -> None:
    insta.fake.processing = 2
    insta.adapter().publish(insta.outgoing("Look."), steps=StepsInMemory())
    assert len(insta.posts()) == 1


def test_a_container_that_was_shown_is_not_shown_again(insta: InstagramWorld) -> None:
    steps = StepsInMemory()
    post = insta.outgoing("Look.")
    fault = Fault(acts=True, reset=True, match=insta.writes)
    with insta.server.going_wrong(fault), pytest.raises(OutcomeUnknown):
        insta.adapter().publish(post, steps=steps)
    with pytest.raises(OutcomeUnknown, match="earlier try"):
        insta.adapter().publish(post, steps=steps)
    assert len(insta.posts()) == 1
    found = insta.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert found.presence is Presence.FOUND


def test_a_picture_that_instagram_cannot_fetch(insta: InstagramWorld) -> None:
    post = insta.outgoing("Look.")
    insta.fake.public.clear()
    with pytest.raises(Refused, match="could not use"):
        insta.adapter().publish(post, steps=StepsInMemory())
    assert insta.posts() == []


def test_without_a_public_address_nothing_is_promised() -> None:
    limits = platform_info("instagram").limits
    codes = [problem.code for problem in text_problems("Look.", limits, [picture("One")])]
    assert codes == ["no_public_address"]
    assert [p.code for p in text_problems("Look.", limits)] == ["media_required"]
    tall = replace(picture("One", 100, 900), url="https://desk.example.org/1.jpg")
    assert [p.code for p in text_problems("Look.", limits, [tall])] == ["image_shape"]


@pytest.mark.parametrize("form", [Form.REEL, Form.STORY])
def test_reels_and_stories(insta: InstagramWorld, form: Form) -> None:
    url = "https://desk.example.org/v.mp4"
    insta.fake.public[url] = b"v"
    moving = replace(video(), url=url)
    words = "" if form is Form.STORY else "Moving."  # a story shows none
    post = replace(outgoing(words), video=moving, form=form)
    insta.adapter().publish(post, steps=StepsInMemory())
    (made,) = insta.fake._of(author=fake_graph.ACCOUNT)
    assert made["form"]["media_type"] == {Form.REEL: "REELS", Form.STORY: "STORIES"}[form]
    assert made["form"]["video_url"] == url


@pytest.mark.parametrize(
    ("form", "words", "number", "why"),
    [
        (Form.REEL, "", 1, "is a video"),
        (Form.STORY, "Words.", 1, "shows no words"),
        (Form.STORY, "", 2, "one picture"),
    ],
)
def test_what_no_reel_or_story_can_be(
    insta: InstagramWorld, form: Form, words: str, number: int, why: str
) -> None:
    images = [picture(f"Number {n}", seed=n) for n in range(number)]
    post = replace(insta.outgoing(words, *images), form=form)
    with pytest.raises(Refused, match=why):
        insta.adapter().publish(post, steps=StepsInMemory())
    assert insta.posts() == []


def test_the_posts_left_today(insta: InstagramWorld) -> None:
    adapter: Any = insta.adapter()
    assert adapter.posts_left() == 97


def test_a_caption_alone_does_not_tell_two_pictures_apart(insta: InstagramWorld) -> None:
    adapter = insta.adapter()
    post = insta.outgoing("", picture("One"), ago=timedelta(minutes=5))
    adapter.publish(post, steps=StepsInMemory())
    lookup = adapter.find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.presence is Presence.UNCLEAR


def test_an_answer_under_somebody_elses_post_cannot_be_looked_up(insta: InstagramWorld) -> None:
    adapter = insta.adapter()
    insta.mention("Look at them.")
    (item,) = adapter.fetch_mentions("").items
    post = outgoing("Thank you.", reply_to=item.reply_ref)
    adapter.publish(post, steps=StepsInMemory())
    assert insta.posts()[-1].reply_to == item.remote_id
    lookup = adapter.find_published(post, since=datetime.now(UTC) - HOUR)
    assert (lookup.presence, bool(lookup.reason)) == (Presence.UNCLEAR, True)


def test_hiding_a_comment_on_instagram(insta: InstagramWorld) -> None:
    adapter = insta.adapter()
    first = adapter.publish(insta.outgoing("Look."), steps=StepsInMemory())
    rude = insta.mention("Rude.", reply_to=first.remote_id)
    adapter.hide(rude)
    assert insta.fake.nodes[rude]["hide"] == "true"


# --- hostile --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared() -> Iterator[list[FacebookWorld]]:
    made = [FacebookWorld(), InstagramWorld()]
    yield made
    for one in made:
        one.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answer=JSON)
def test_whatever_it_answers_is_one_of_the_four(shared: list[FacebookWorld], answer: Any) -> None:
    for world in shared:
        with world.server.going_wrong(Fault(Reply(200, answer))):
            adapter = world.adapter()
            for call in (
                lambda a=adapter: a.fetch_mentions(""),
                lambda a=adapter: a.fetch_own_posts(""),
                adapter.verify,
                lambda a=adapter, w=world: a.publish(w.outgoing("Hi."), steps=StepsInMemory()),
            ):
                with suppress(PlatformError):
                    call()
