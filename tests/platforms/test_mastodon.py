"""What is particular to Mastodon, and to the servers that speak like it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platforms import mastodon_client
from platforms.contract import (
    AuthorisationLost,
    MentionKind,
    OutcomeUnknown,
    Part,
    Presence,
    Refused,
    ReplyRef,
    RetryLater,
    StepsInMemory,
    TextUnit,
    Video,
    VideoLimits,
)
from platforms.mastodon_views import likeness, limits_of
from platforms.registry import platform_info

from .fake_mastodon import OWN, STRANGER
from .server import Fault, Reply
from .worlds import MastodonWorld, outgoing, picture, video

DEFAULT = platform_info("mastodon").limits


def open_world(flavour: str) -> Iterator[MastodonWorld]:
    made = type("Flavoured", (MastodonWorld,), {"flavour": flavour})()
    yield made
    made.close()


@pytest.fixture
def world() -> Iterator[MastodonWorld]:
    yield from open_world("mastodon")


@pytest.fixture
def takahe() -> Iterator[MastodonWorld]:
    yield from open_world("takahe")


@pytest.fixture
def gotosocial() -> Iterator[MastodonWorld]:
    yield from open_world("gotosocial")


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastodon_client, "_PROCESSING_WAITS_S", (0.01, 0.01, 0.01))


# --- the library ------------------------------------------------------------------------------


def test_a_text_costs_one_request(world: MastodonWorld) -> None:
    world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert [(a.method, a.path) for a in world.server.ledger] == [("POST", "/api/v1/statuses")]


def test_a_server_that_is_busy_is_asked_once(world: MastodonWorld) -> None:
    """Without a version the library asked 974 times and overflowed the stack."""
    with world.server.going_wrong(Fault(Reply(503))):
        with pytest.raises(RetryLater):
            world.adapter().publish(outgoing("x", picture("a")), steps=StepsInMemory())
        assert len(world.server.ledger) <= 2
        with pytest.raises(OutcomeUnknown):
            world.adapter().publish(outgoing("x"), steps=StepsInMemory())
        assert len(world.server.ledger) <= 3


def test_the_key_of_the_delivery_goes_along(world: MastodonWorld) -> None:
    post = outgoing("Once.")
    first = world.adapter().publish(post, steps=StepsInMemory())
    assert world.server.ledger[-1].headers["idempotency-key"] == post.key
    assert world.adapter().publish(post, steps=StepsInMemory()).remote_id == first.remote_id
    assert len(world.posts()) == 1


def test_a_token_that_is_the_name_of_a_file_is_not_read(world: MastodonWorld) -> None:
    with pytest.raises(AuthorisationLost):
        world.adapter(secret="/etc/hostname").verify()
    assert world.server.ledger[0].headers["authorization"] == "Bearer /etc/hostname"


def test_a_token_copied_with_a_line_break_works(world: MastodonWorld) -> None:
    assert world.adapter(secret=f" {world.secret}\n").verify().remote_id == OWN


def test_a_deprecated_endpoint_still_works(world: MastodonWorld) -> None:
    fault = Fault(acts=True, match=world.verifies)
    with world.server.going_wrong(fault):
        fault.reply = Reply(200, world.fake.account(OWN), headers={"Deprecation": "@1688169599"})
        assert world.adapter().verify().remote_id == OWN


@pytest.mark.parametrize(
    "headers", [{"X-RateLimit-Reset": "nonsense"}, {"X-RateLimit-Remaining": ""}]
)
def test_odd_headers_do_not_spoil_a_post(world: MastodonWorld, headers: dict[str, str]) -> None:
    """The library fails on a reset time it cannot read, after the post is out."""
    post = outgoing("Hello.")
    fault = Fault(acts=True, match=world.writes)
    status = {
        "id": "77",
        "url": f"{world.server.url}/@council/77",
        "created_at": "2026-11-23T12:00:00.000Z",
    }
    fault.reply = Reply(200, status, headers=headers)
    with world.server.going_wrong(fault):
        assert world.adapter().publish(post, steps=StepsInMemory()).remote_id == "77"


@pytest.mark.parametrize("scopes", [["read"], ["read", "write:media"], []])
def test_a_token_that_may_only_read_is_told_at_once(
    world: MastodonWorld, scopes: list[str]
) -> None:
    world.fake.scopes = scopes
    with pytest.raises(AuthorisationLost, match="may only read"):
        world.adapter().verify()


# --- limits -----------------------------------------------------------------------------------


def test_limits_are_the_servers_own(world: MastodonWorld) -> None:
    limits = world.adapter().limits()
    assert (limits.text_max, limits.url_length, limits.images_max) == (500, 23, 4)
    assert limits.image_types == ("image/gif", "image/jpeg", "image/png")
    assert limits.image_bytes_max == 2_000_000


def test_limits_are_asked_for_only_where_they_matter(world: MastodonWorld) -> None:
    adapter = world.adapter()
    with pytest.raises(Refused):
        adapter.publish(outgoing("x" * 501), steps=StepsInMemory())
    assert len(world.server.asked_for("/instance")) == 1
    adapter.publish(outgoing("short"), steps=StepsInMemory())
    assert len(world.server.asked_for("/instance")) == 1


def test_a_server_with_room_for_more(world: MastodonWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = world.fake._configuration()
    configuration["statuses"]["max_characters"] = 5_000
    monkeypatch.setattr(world.fake, "_configuration", lambda: configuration)
    limits = world.adapter().limits()
    assert limits.text_max == 5_000


@pytest.mark.parametrize(
    "instance",
    [
        {},
        {"configuration": None},
        {"configuration": []},
        {"configuration": {"statuses": {"max_characters": "many"}, "media_attachments": 7}},
        {"configuration": {"statuses": {"max_characters": -1, "max_media_attachments": True}}},
        {"configuration": {"media_attachments": {"supported_mime_types": ["text/html", 7]}}},
    ],
)
def test_what_a_server_does_not_declare_is_as_usual(instance: dict[str, Any]) -> None:
    assert limits_of(instance, DEFAULT) == DEFAULT


def test_other_servers_limits(gotosocial: MastodonWorld, takahe: MastodonWorld) -> None:
    limits = gotosocial.adapter().limits()
    assert (limits.unit, limits.url_length, limits.short_mentions) == (
        TextUnit.CHARACTER,
        None,
        False,
    )
    assert takahe.adapter().limits().text_max == 500  # by /api/v1/instance
    assert limits_of({"max_toot_chars": 1_234}, DEFAULT).text_max == 1_234  # Pleroma


# --- images -----------------------------------------------------------------------------------


def test_an_image_that_takes_a_while(world: MastodonWorld) -> None:
    world.fake.processing = 2
    world.adapter().publish(outgoing("x", picture("One")), steps=StepsInMemory())
    assert world.posts()[0].alts == ("One",)


def test_an_image_that_takes_too_long_is_waited_for_next_time(world: MastodonWorld) -> None:
    world.fake.processing = 1_000
    steps = StepsInMemory()
    post = outgoing("x", picture("One"))
    with pytest.raises(RetryLater) as caught:
        world.adapter().publish(post, steps=steps)
    assert caught.value.delay_s
    world.fake.processing = 0
    world.adapter().publish(post, steps=steps)
    assert len(world.server.asked_for("/api/v2/media", "POST")) == 1


def test_an_image_that_cannot_be_processed_is_refused(world: MastodonWorld) -> None:
    world.fake.processing = 1
    fault = Fault(Reply(422, {"error": "Error processing thumbnail"}))
    fault.match = lambda a: a.method == "GET" and "/media/" in a.path
    with world.server.going_wrong(fault), pytest.raises(Refused, match="thumbnail"):
        world.adapter().publish(outgoing("x", picture("One")), steps=StepsInMemory())


def test_an_upload_that_was_thrown_away_is_made_again(world: MastodonWorld) -> None:
    steps = StepsInMemory()
    post = outgoing("x", picture("One"))
    fault = Fault(Reply(429), match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(post, steps=steps)
    world.fake.media.clear()
    world.adapter().publish(post, steps=steps)
    assert world.posts()[0].alts == ("One",)


def test_an_image_that_is_not_ready_after_all_is_for_later(world: MastodonWorld) -> None:
    error = {
        "error": "Cannot attach files that have not finished processing. Try again in a moment!"
    }
    fault = Fault(Reply(422, error), match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(RetryLater) as caught:
        world.adapter().publish(outgoing("x", picture("One")), steps=StepsInMemory())
    assert caught.value.delay_s


# --- videos -----------------------------------------------------------------------------------


def test_a_video_that_takes_a_while_is_uploaded_once_ahead(world: MastodonWorld) -> None:
    world.fake.processing = 2
    post, steps = replace(outgoing("River."), video=video("A river")), StepsInMemory()
    world.adapter().prepare(post, steps=steps)
    world.adapter().publish(post, steps=steps)
    (sent,) = world.server.asked_for("/api/v2/media", "POST")
    assert post.video is not None
    assert sent.parts()["file"] == post.video.data
    assert b".mp4" in sent.body
    assert world.posts()[0].alts == ("A river",)


def test_a_video_that_takes_too_long_is_waited_for_next_time(world: MastodonWorld) -> None:
    world.fake.processing = 1_000
    post, steps = replace(outgoing("River."), video=video("A river")), StepsInMemory()
    with pytest.raises(RetryLater, match="a picture or video"):
        world.adapter().publish(post, steps=steps)
    assert world.posts() == []
    world.fake.processing = 0
    world.adapter().publish(post, steps=steps)
    assert len(world.server.asked_for("/api/v2/media", "POST")) == 1


def test_a_video_begins_a_thread(world: MastodonWorld) -> None:
    post = replace(outgoing("River."), video=video("A river"), parts=(Part("More tomorrow."),))
    world.adapter().publish(post, steps=StepsInMemory())
    assert [seen.alts for seen in world.posts()] == [("A river",), ()]


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (video("Too large", size=60_001), "video_too_large"),
        (video("Too wide", width=1_921, height=1_080), "video_too_wide"),
        (replace(video("Another kind"), mime="video/quicktime"), "video_type"),
    ],
)
def test_a_video_that_this_server_does_not_take_is_not_sent(
    world: MastodonWorld, clip: Video, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        world.adapter().publish(replace(outgoing("River."), video=clip), steps=StepsInMemory())
    assert caught.value.code == code
    assert world.server.asked_for("/media") == []


def test_a_server_that_names_no_video_takes_none(world: MastodonWorld) -> None:
    world.fake.kinds = ["image/jpeg", "image/png"]
    post = replace(outgoing("River."), video=video("A river"))
    with pytest.raises(Refused, match="This server takes no videos"):
        world.adapter().publish(post, steps=StepsInMemory())
    assert world.server.asked_for("/media") == []


@pytest.mark.parametrize(
    ("told", "limits"),
    [
        ({}, DEFAULT.video),
        ({"video_size_limit": "much", "supported_mime_types": "all"}, DEFAULT.video),
        (
            {
                "video_size_limit": 41_943_040,
                "video_matrix_limit": 2_304_000,
                "supported_mime_types": ["image/png", "video/webm", "video/mp4", 7],
            },
            VideoLimits(41_943_040, None, types=("video/mp4",), pixels_max=2_304_000),
        ),
    ],
)
def test_what_a_server_says_of_videos(told: dict[str, Any], limits: VideoLimits) -> None:
    found = limits_of({"configuration": {"media_attachments": told}}, DEFAULT)
    assert found.video == limits


def test_a_server_without_the_newer_uploads() -> None:
    for world in open_world("old"):
        world.adapter().publish(outgoing("x", picture("One")), steps=StepsInMemory())
        assert world.posts()[0].alts == ("One",)


# --- replies ----------------------------------------------------------------------------------


def test_a_reply_names_whom_it_answers_once(world: MastodonWorld) -> None:
    adapter = world.adapter()
    world.mention("Hello?")
    (item,) = adapter.fetch_mentions("").items
    for text, sent in (
        ("Yes.", "@stranger@far.test Yes."),
        ("Yes @Stranger@far.test.", "Yes @Stranger@far.test."),
        ("Yes @stranger@far.testing.", "@stranger@far.test Yes @stranger@far.testing."),
    ):
        adapter.publish(outgoing(text, reply_to=item.reply_ref), steps=StepsInMemory())
        assert world.posts()[-1].text == sent


def test_going_on_under_our_own_post_names_nobody(world: MastodonWorld) -> None:
    adapter = world.adapter()
    first = adapter.publish(outgoing("One."), steps=StepsInMemory())
    adapter.publish(outgoing("Two.", reply_to=ReplyRef(first.remote_id)), steps=StepsInMemory())
    assert world.posts()[-1].text == "Two."


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("direct", "direct"), ("private", "private"), ("unlisted", "unlisted"), ("public", "public")],
)
def test_an_answer_is_never_more_public_than_what_it_answers(
    world: MastodonWorld, theirs: str, ours: str
) -> None:
    status = world.fake.make(STRANGER, "Between us", visibility=theirs)
    world.fake.notify(status)
    adapter = world.adapter()
    (item,) = adapter.fetch_mentions("").items
    assert item.kind is (MentionKind.MESSAGE if theirs == "direct" else MentionKind.MENTION)
    for ref in (item.reply_ref, ReplyRef(item.remote_id)):
        adapter.publish(outgoing("Yes.", reply_to=ref), steps=StepsInMemory())
        assert world.fake.statuses[world.posts()[-1].remote_id]["visibility"] == ours


def test_the_name_in_front_counts(world: MastodonWorld) -> None:
    world.mention("Hello?")
    adapter = world.adapter()
    (item,) = adapter.fetch_mentions("").items
    room = 500 - len("@stranger ")
    adapter.publish(outgoing("x" * room, reply_to=item.reply_ref), steps=StepsInMemory())
    with pytest.raises(Refused, match="1 character over"):
        adapter.publish(outgoing("x" * (room + 1), reply_to=item.reply_ref), steps=StepsInMemory())


# --- did it go out? ---------------------------------------------------------------------------


@pytest.mark.parametrize("since", [timedelta(0), timedelta(hours=1)])
def test_just_after_an_attempt_it_is_too_early_for_no(
    world: MastodonWorld, since: timedelta
) -> None:
    with pytest.raises(RetryLater) as caught:
        world.adapter().find_published(outgoing("x y z"), since=datetime.now(UTC) - since)
    assert 20 < (caught.value.delay_s or 0) <= 30


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=-2)])
def test_a_clock_that_is_wrong_over_there(world: MastodonWorld, ahead: timedelta) -> None:
    world.fake.clock_ahead = ahead
    adapter = world.adapter()
    world.post_elsewhere("Weekly reminder")
    for status in world.fake.statuses.values():
        status["created_at"] = (world.fake.now() - timedelta(minutes=30)).isoformat()
    post = outgoing("Weekly reminder", ago=timedelta(minutes=1))
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert adapter.find_published(post, since=since).presence is Presence.ABSENT
    adapter.publish(post, steps=StepsInMemory())
    lookup = adapter.find_published(post, since=since)
    assert lookup.presence is Presence.FOUND


def test_the_same_words_from_before_the_first_attempt_are_another_post(
    world: MastodonWorld,
) -> None:
    world.post_elsewhere("Closed today.")
    world.posts()
    for status in world.fake.statuses.values():
        status["created_at"] = (datetime.now(UTC) - timedelta(minutes=3)).isoformat()
    post = outgoing("Closed today.", ago=timedelta(minutes=1))
    since = datetime.now(UTC) - timedelta(minutes=6)
    assert world.adapter().find_published(post, since=since).presence is Presence.ABSENT


def test_nearly_the_same_is_for_a_person(world: MastodonWorld) -> None:
    world.post_elsewhere("The bridge is closed until six. Please take the ring road.")
    post = outgoing(
        "The bridge is closed until seven. Please take the ring road.", ago=timedelta(minutes=1)
    )
    since = datetime.now(UTC) - timedelta(minutes=5)
    lookup = world.adapter().find_published(post, since=since)
    assert lookup.presence is Presence.UNCLEAR
    assert lookup.reason


def test_the_same_words_somewhere_else_are_for_a_person(world: MastodonWorld) -> None:
    world.post_elsewhere("Thank you!")
    asked = world.mention("Here you are.")
    since = datetime.now(UTC) - timedelta(minutes=5)
    post = outgoing("Thank you!", reply_to=ReplyRef(asked, {"acct": "x", "visibility": "public"}))
    assert world.adapter().find_published(post, since=since).presence is not Presence.FOUND


def test_a_reply_whose_question_is_gone_can_still_be_found(world: MastodonWorld) -> None:
    asked = world.mention("Hello?")
    adapter = world.adapter()
    post = outgoing("Here.", reply_to=ReplyRef(asked))
    adapter.publish(post, steps=StepsInMemory())
    world.fake.statuses.pop(asked)
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert adapter.find_published(post, since=since).presence is not Presence.ABSENT


def test_too_many_newer_posts_are_for_a_person(world: MastodonWorld) -> None:
    for number in range(210):
        world.post_elsewhere(f"{number} bulletins and counting, all of them different {number}")
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert (
        world.adapter().find_published(outgoing("Lost?"), since=since).presence is Presence.UNCLEAR
    )


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {}),
        Reply(200, {"error": "odd"}),
        Reply(200, None),
        Reply(200, body=b""),
        Reply(500),
    ],
)
def test_an_answer_that_is_no_list_is_not_taken_for_no(world: MastodonWorld, reply: Reply) -> None:
    fault = Fault(reply, match=lambda a: a.path.endswith("/statuses"))
    since = datetime.now(UTC) - timedelta(minutes=5)
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().find_published(outgoing("x"), since=since)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("*Loud* & _clear_", "<p><em>Loud</em> &amp; <em>clear</em></p>"),
        ("“Quoted” – it's", "<p>&quot;Quoted&quot; - it’s</p>"),
        ("a\n\nb  c", "<p>a</p><p>b c</p>"),
        (
            "Hi @bob@far.test!",
            '<p>Hi <a href="https://far.test/@bob" class="mention">@bob</a>!</p>',
        ),
        ("https://e.org/x", '<p><a href="https://e.org/x">e.org/x</a></p>'),
        ("👍", "<p>👍</p>"),
        ("ﬁne", "<p>fine</p>"),
    ],
)
def test_the_same_in_another_dress(sent: str, shown: str) -> None:
    assert likeness(sent, {"content": shown}) == 1.0


@pytest.mark.parametrize(("sent", "shown"), [("👍", "👎"), ("a", ""), ("One", "Two"), ("1", "11")])
def test_not_the_same(sent: str, shown: str) -> None:
    assert likeness(sent, {"content": shown}) < 0.8


# --- in ---------------------------------------------------------------------------------------


def test_a_status_with_all_that_it_may_have(world: MastodonWorld) -> None:
    status = world.fake.make(
        STRANGER,
        "See https://www.gov.uk/a/long/path/that/is/cut?x=1 @council",
        spoiler_text="Crash",
        media_attachments=[
            {"type": "image", "description": "A car"},
            {"type": "video", "description": None},
            {"type": "unknown"},
        ],
    )
    world.fake.notify(status)
    (item,) = world.adapter().fetch_mentions("").items
    assert item.text == (
        "[Content warning: Crash]\n\n"
        "See https://www.gov.uk/a/long/path/that/is/cut?x=1 @council\n\n"
        "[Image: A car]\n[Video]\n[Attachment]"
    )
    assert item.author.handle == "stranger@far.test"


def test_a_quote(world: MastodonWorld) -> None:
    world.fake.notify(world.fake.make(STRANGER, "Look"), "quote")
    world.fake.notify(world.fake.make(STRANGER, "Liked"), "favourite")
    assert [i.kind for i in world.adapter().fetch_mentions("").items] == [MentionKind.QUOTE]


def test_a_thread_is_known_by_its_first_post(world: MastodonWorld) -> None:
    root = world.stranger_posts("Root")
    parent = root
    for number in range(5):
        parent = world.mention(f"Deeper {number}", reply_to=parent)
    items = world.adapter().fetch_mentions("").items
    assert {item.thread_id for item in items} == {root}
    assert len(world.server.asked_for("/context")) == 1  # the rest of the thread follows from one


def test_a_thread_that_cannot_be_asked_for_stays_with_its_parent(world: MastodonWorld) -> None:
    root = world.stranger_posts("Root")
    world.mention("Reply", reply_to=root)
    for status in (404, 500):
        fault = Fault(Reply(status), match=lambda a: a.path.endswith("/context"))
        with world.server.going_wrong(fault):
            (item,) = world.adapter().fetch_mentions("").items
        assert item.thread_id == root


def test_a_status_dated_ahead_came_when_we_heard_of_it(world: MastodonWorld) -> None:
    world.mention("From the future", at=datetime.now(UTC) + timedelta(days=300))
    (item,) = world.adapter().fetch_mentions("").items
    assert item.posted_at < datetime.now(UTC) + timedelta(minutes=1)


def test_a_server_that_does_not_know_min_id() -> None:
    for world in open_world("without_min_id"):
        adapter = world.adapter()
        for number in range(60):
            world.mention(f"Old {number}")
        cursor = adapter.fetch_mentions("").cursor
        said = [world.mention(f"New {number}") for number in range(20)]
        batch = adapter.fetch_mentions(cursor)
        assert [i.remote_id for i in batch.items] == said
        assert list(adapter.fetch_mentions(batch.cursor).items) == []


# --- other servers ----------------------------------------------------------------------------


def test_takahe_says_400_to_a_bad_token(takahe: MastodonWorld) -> None:
    with pytest.raises(AuthorisationLost):
        takahe.adapter(secret="wrong").verify()
    with pytest.raises(AuthorisationLost):
        takahe.adapter(secret="wrong").publish(outgoing("x"), steps=StepsInMemory())


def test_a_server_without_a_search_says_so(takahe: MastodonWorld) -> None:
    takahe.stranger_posts("A #flood")
    with pytest.raises(Refused, match="Try a hashtag"):
        takahe.adapter().search("flood", "")
    assert len(takahe.adapter().search("#flood", "").items) == 1


def test_takahe_can_do_the_rest(takahe: MastodonWorld) -> None:
    adapter = takahe.adapter()
    published = adapter.publish(outgoing("Hello.", picture("One")), steps=StepsInMemory())
    assert [p.remote_id for p in adapter.fetch_own_posts("").items] == [published.remote_id]
    adapter.delete(published.remote_id)
    adapter.delete(published.remote_id)


def test_a_search_that_grows_past_a_page(world: MastodonWorld) -> None:
    at = datetime.now(UTC) - timedelta(minutes=10)
    for number in range(90):
        world.fake.make(STRANGER, "flood", at=at + timedelta(seconds=number))
    adapter = world.adapter()
    batch = adapter.search("flood", "")
    assert len(batch.items) == 40
    for number in range(45):
        world.fake.make(STRANGER, "flood again", at=at + timedelta(seconds=100 + number))
    more = adapter.search("flood", batch.cursor)
    assert [item.text for item in more.items] == ["flood again"] * 45
    assert list(adapter.search("flood", more.cursor).items) == []


def test_hiding_is_not_to_be_had(world: MastodonWorld) -> None:
    with pytest.raises(Refused, match="no way to hide"):
        world.adapter().hide("1")
    assert world.server.ledger == []


def test_blocking(world: MastodonWorld) -> None:
    world.adapter().block(STRANGER)
    assert world.fake.blocked == [STRANGER]


@pytest.mark.parametrize(
    "words",
    ["Your login is currently disabled", "Your login is missing a confirmed e-mail address"],
)
def test_an_account_that_the_platform_shut_needs_a_person(world: MastodonWorld, words: str) -> None:
    with (
        world.server.going_wrong(Fault(Reply(403, {"error": words}))),
        pytest.raises(AuthorisationLost, match=words),
    ):
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())


def test_a_403_for_another_reason_is_a_refusal(world: MastodonWorld) -> None:
    with (
        world.server.going_wrong(Fault(Reply(403, {"error": "This action is not allowed"}))),
        pytest.raises(Refused),
    ):
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())


@pytest.mark.parametrize("most", [40, 80])
def test_many_mentions_are_read_to_the_end_whatever_a_page_holds(
    world: MastodonWorld, most: int
) -> None:
    world.fake.most = most
    adapter = world.adapter()
    cursor = adapter.fetch_mentions("").cursor
    for number in range(130):
        world.mention(f"Report {number}")
    texts, more, asked = [], True, len(world.server.ledger)
    while more:
        batch = adapter.fetch_mentions(cursor)
        texts += [item.text for item in batch.items]
        cursor, more = batch.cursor, batch.more
    assert [text.rpartition(" ")[2] for text in texts] == [str(n) for n in range(130)]
    assert len(world.server.ledger) - asked == {40: 5, 80: 3}[most]
