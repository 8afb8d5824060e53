"""What is particular to Bluesky."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platforms.bluesky_records import facets_of, permalink, split_uri, text_of_record, tid
from platforms.contract import (
    AuthorisationLost,
    MentionKind,
    Outgoing,
    Presence,
    Refused,
    ReplyRef,
    RetryLater,
    StepsInMemory,
    Video,
)
from platforms.failures import Malformed

from .fake_bluesky import DID, POST, STRANGER, FakeBluesky, path_of
from .server import Fault, Reply
from .worlds import BlueskyWorld, outgoing, picture, video


@pytest.fixture
def world() -> Iterator[BlueskyWorld]:
    made = BlueskyWorld()
    yield made
    made.close()


def asked(world: BlueskyWorld, nsid: str) -> int:
    return len([a for a in world.server.ledger if path_of(nsid)(a)])


def records(fake: FakeBluesky, collection: str = POST) -> list[dict[str, Any]]:
    return [record for (_, kind, _), record in fake.records.items() if kind == collection]


# --- record keys ------------------------------------------------------------------------------

TIMES = st.datetimes(datetime(2023, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(TIMES, st.text("0123456789abcdef", min_size=32, max_size=32))
def test_a_record_key_is_a_tid(at: datetime, key: str) -> None:
    """https://atproto.com/specs/tid"""
    made = tid(at, key)
    assert re.fullmatch(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}", made)
    assert made == tid(at, key)
    assert made == tid(at.astimezone(), key)
    assert tid(at + timedelta(milliseconds=1), "0" * 32) > made


@settings(max_examples=15)
@given(st.sets(st.text("0123456789abcdef", min_size=32, max_size=32), min_size=50, max_size=50))
def test_posts_of_one_moment_have_keys_of_their_own(keys: set[str]) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    assert len({tid(at, key) for key in keys}) >= 49  # 20 bits of the key: one in a thousand


# --- sessions ---------------------------------------------------------------------------------


def test_a_session_is_kept_and_used_again(world: BlueskyWorld) -> None:
    world.adapter().verify()
    assert len(world.kept) == 1
    world.adapter().verify()
    world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert asked(world, "createSession") == 1
    assert len(world.kept) == 1


def test_a_session_about_to_end_is_renewed_and_kept(world: BlueskyWorld) -> None:
    world.fake.token_life = timedelta(minutes=17)
    world.adapter().verify()
    world.fake.token_life = timedelta(hours=2)
    for _ in range(2):
        world.kept[-1] = world.kept[-1]
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert asked(world, "refreshSession") == 0  # not yet

    world.fake.token_life = timedelta(minutes=5)
    other = BlueskyWorld()
    try:
        other.fake.token_life = timedelta(minutes=20)
        adapter = other.adapter()
        adapter.verify()
        other.kept = [_ending_soon(other)]
        other.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
        assert asked(other, "createSession") == 1
        assert asked(other, "refreshSession") == 1
        assert len(other.kept) == 2
        other.adapter().verify()
        assert asked(other, "refreshSession") == 1
    finally:
        other.close()


def _ending_soon(world: BlueskyWorld) -> str:
    """The kept session with an access token that ends in a minute."""
    handle, did, _, refresh, pds = world.kept[-1].split(":::")
    access = world.fake.token(timedelta(minutes=1))
    world.fake.access.add(access)
    return ":::".join([handle, did, access, refresh, pds])


def test_a_renewal_without_an_answer_is_no_doubt_about_the_post(world: BlueskyWorld) -> None:
    world.adapter().verify()
    world.kept = [_ending_soon(world)]
    fault = Fault(reset=True, match=path_of("refreshSession"))
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert world.posts() == []


@pytest.mark.parametrize("lost", ["access", "both"])
def test_a_session_taken_away_is_replaced_by_the_password(world: BlueskyWorld, lost: str) -> None:
    world.adapter().verify()
    world.fake.access.clear()
    if lost == "both":
        world.fake.refresh.clear()
    world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert asked(world, "createSession") == 2
    assert len(world.kept) == 2
    assert len(world.posts()) == 1


@pytest.mark.parametrize("kept", ["garbage", "a:::b:::c:::d", "a:::b:::c.d.e:::f:::g", ":::" * 9])
def test_a_session_that_cannot_be_read_is_not_used(world: BlueskyWorld, kept: str) -> None:
    world.kept = [kept]
    assert world.adapter().verify().remote_id == DID


def test_a_session_of_another_account_is_not_used(world: BlueskyWorld) -> None:
    world.adapter().verify()
    world.kept = [world.kept[-1].replace(DID, STRANGER)]
    world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert asked(world, "createSession") == 2


def test_credentials_of_another_account_post_nothing(world: BlueskyWorld) -> None:
    world.remote_id = "did:plc:somebodyelse234567abcdef"
    fault = Fault(change=lambda data: data, match=path_of("createSession"))
    world.fake.handles["x"] = world.remote_id
    with world.server.going_wrong(fault):
        adapter = world.adapter()
        # The fake knows this DID by no password; take it for the account it does know.
        fault.reply = world.fake.session()
        for _ in range(2):
            with pytest.raises(AuthorisationLost, match="another Bluesky account"):
                adapter.publish(outgoing("Hello."), steps=StepsInMemory())
    assert records(world.fake) == []


def test_too_many_sign_ins_say_when_to_come_back(world: BlueskyWorld) -> None:
    reply = Reply(429, {"error": "RateLimitExceeded"}, headers={"Retry-After": "30"})
    fault = Fault(reply, match=path_of("createSession"))
    with world.server.going_wrong(fault), pytest.raises(RetryLater) as caught:
        world.adapter().verify()
    assert caught.value.delay_s == 30


@pytest.mark.parametrize("name", ["AccountTakedown", "AuthFactorTokenRequired"])
def test_an_account_that_cannot_sign_in(world: BlueskyWorld, name: str) -> None:
    fault = Fault(Reply(400, {"error": name, "message": "No."}), match=path_of("createSession"))
    with world.server.going_wrong(fault), pytest.raises(AuthorisationLost, match="No"):
        world.adapter().verify()


def test_an_account_that_is_not_active(world: BlueskyWorld) -> None:
    fault = Fault(
        change=lambda data: {**data, "active": False, "status": "suspended"},
        match=path_of("getSession"),
    )
    with world.server.going_wrong(fault), pytest.raises(AuthorisationLost, match="suspended"):
        world.adapter().verify()


def test_a_profile_that_is_not_there_yet_does_not_stop_verify(world: BlueskyWorld) -> None:
    fault = Fault(
        Reply(400, {"error": "InvalidRequest", "message": "Profile not found"}),
        match=path_of("getProfile"),
    )
    with world.server.going_wrong(fault):
        assert world.adapter().verify().display_name == world.handle


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "https://169.254.169.254"])
def test_an_account_said_to_live_on_a_private_server(world: BlueskyWorld, endpoint: str) -> None:
    """The document that comes with a session names the account's own server."""
    document = {
        "id": DID,
        "verificationMethod": [],
        "alsoKnownAs": [],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": endpoint,
            }
        ],
    }
    fault = Fault(change=lambda data: {**data, "didDoc": document}, match=path_of("createSession"))
    with world.server.going_wrong(fault), pytest.raises((Refused, RetryLater)):
        world.adapter().publish(outgoing("Hello."), steps=StepsInMemory())
    assert asked(world, "putRecord") == 0


# --- out --------------------------------------------------------------------------------------


def test_sending_twice_is_sending_once(world: BlueskyWorld) -> None:
    post = outgoing("Once.", picture("One"))
    first = world.adapter().publish(post, steps=StepsInMemory())
    second = world.adapter().publish(post, steps=StepsInMemory())
    assert first == second
    assert len(world.posts()) == 1


def test_attempts_write_the_same_even_when_a_name_is_gone(world: BlueskyWorld) -> None:
    steps = StepsInMemory()
    post = outgoing("Thanks @stranger.bsky.test")
    fault = Fault(acts=True, reset=True, match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(Exception, match="broke off"):
        world.adapter().publish(post, steps=steps)
    before = records(world.fake)
    world.fake.handles.pop("stranger.bsky.test")
    world.adapter().publish(post, steps=steps)
    assert records(world.fake) == before


def test_facets_are_at_the_right_bytes() -> None:
    text = "🚒 Straße: https://e.org/ü?a=1. @a.bsky.test, @nobody.test #Überflutung 👩‍🚒 $GBP"
    raw = text.encode()
    known = {"a.bsky.test": "did:plc:a"}
    marked = [
        (
            raw[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(),
            facet["features"][0],
        )
        for facet in facets_of(text, known.get)
    ]
    assert [shown for shown, _ in marked] == [
        "https://e.org/ü?a=1",
        "@a.bsky.test",
        "#Überflutung",
        "$GBP",
    ]
    assert marked[0][1]["uri"] == "https://e.org/ü?a=1"
    assert marked[1][1]["did"] == "did:plc:a"
    assert marked[2][1]["tag"] == "Überflutung"


def test_a_name_is_asked_for_once() -> None:
    looked: list[str] = []
    facets_of("@A.bsky.test @a.bsky.test", lambda handle: looked.append(handle))
    assert looked == ["a.bsky.test"]


def test_a_name_service_without_an_answer_puts_the_post_off(world: BlueskyWorld) -> None:
    fault = Fault(Reply(502), match=path_of("resolveHandle"))
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(outgoing("Hi @a.bsky.test"), steps=StepsInMemory())
    assert world.posts() == []


def test_images_tell_their_shape(world: BlueskyWorld) -> None:
    image = picture("A sign", 120, 80)
    world.adapter().publish(outgoing("x", image), steps=StepsInMemory())
    (embedded,) = records(world.fake)[0]["embed"]["images"]
    shape = embedded["aspectRatio"]
    assert (shape["width"], shape["height"]) == (120, 80)
    assert embedded["image"]["mimeType"] == "image/jpeg"


def test_a_video_tells_its_shape_and_is_uploaded_once(world: BlueskyWorld) -> None:
    post, steps = replace(outgoing("River."), video=video("A river")), StepsInMemory()
    world.adapter().prepare(post, steps=steps)
    world.adapter().publish(post, steps=steps)
    assert asked(world, "uploadBlob") == 1
    (record,) = records(world.fake)
    embed = record["embed"]
    assert embed["$type"] == "app.bsky.embed.video"
    assert (embed["aspectRatio"]["width"], embed["aspectRatio"]["height"]) == (640, 360)


def test_a_video_that_was_thrown_away_is_uploaded_again(world: BlueskyWorld) -> None:
    post, steps = replace(outgoing("River."), video=video("A river")), StepsInMemory()
    world.adapter().prepare(post, steps=steps)
    world.throw_uploads_away()
    world.adapter().publish(post, steps=steps)
    assert asked(world, "uploadBlob") == 2
    assert len(world.posts()) == 1


@pytest.mark.parametrize(
    ("told", "most"),
    [(5_242_880, 5_242_880), (10**12, 100_000_000), (None, 100_000_000), (0, 100_000_000)],
)
def test_a_server_may_take_smaller_videos(world: BlueskyWorld, told: int | None, most: int) -> None:
    world.fake.blob_limit = told
    limits = world.adapter().limits().video
    assert limits is not None
    assert limits.bytes_max == most


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (video("Too large", size=60_001), "video_too_large"),
        (video("Too long", seconds=180.1), "video_length"),
        (replace(video("Another kind"), mime="video/webm"), "video_type"),
    ],
)
def test_a_video_that_is_not_taken_is_not_sent(world: BlueskyWorld, clip: Video, code: str) -> None:
    world.fake.blob_limit = 60_000
    with pytest.raises(Refused) as caught:
        world.adapter().publish(replace(outgoing("River."), video=clip), steps=StepsInMemory())
    assert caught.value.code == code
    assert asked(world, "uploadBlob") == 0


def test_an_upload_that_was_thrown_away_is_made_again(world: BlueskyWorld) -> None:
    steps = StepsInMemory()
    post = outgoing("x", picture("One"))
    fault = Fault(Reply(429), match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(post, steps=steps)
    world.fake.blobs.clear()
    world.adapter().publish(post, steps=steps)
    assert asked(world, "uploadBlob") == 2
    assert len(world.posts()) == 1


def test_another_text_under_the_same_key_is_for_a_person(world: BlueskyWorld) -> None:
    post = outgoing("The first words.")
    world.adapter().publish(post, steps=StepsInMemory())
    changed = Outgoing(post.key, "Other words.", post.created_at)
    lookup = world.adapter().find_published(changed, since=post.created_at)
    assert lookup.presence is Presence.UNCLEAR
    assert lookup.reason


@pytest.mark.parametrize(
    "remote_id",
    [f"at://{STRANGER}/{POST}/3abc", f"at://{DID}/app.bsky.feed.like/3abc", "17", "", "at://x/y"],
)
def test_only_our_own_posts_can_be_deleted(world: BlueskyWorld, remote_id: str) -> None:
    with pytest.raises(Refused):
        world.adapter().delete(remote_id)
    assert asked(world, "deleteRecord") == 0


def test_permalinks() -> None:
    assert permalink("a.bsky.social", DID, "3abc") == (
        "https://bsky.app/profile/a.bsky.social/post/3abc"
    )
    for handle in ("handle.invalid", "", "a/b", "a b", "<x>"):
        assert permalink(handle, DID, "3abc") == f"https://bsky.app/profile/{DID}/post/3abc"


@pytest.mark.parametrize("uri", ["", None, 7, "at://did:plc:x", "https://x/y/z", "at://a/b/c d"])
def test_what_is_no_uri(uri: object) -> None:
    with pytest.raises(Malformed):
        split_uri(uri)


# --- in ---------------------------------------------------------------------------------------


def test_a_mention_dated_back_is_heard_too(world: BlueskyWorld) -> None:
    """The list is in the order of the authors' clocks, and one of them may be slow."""
    adapter = world.adapter()
    cursor = adapter.fetch_mentions("").cursor
    world.mention("Now")
    batch = adapter.fetch_mentions(cursor)
    late = world.mention("Three hours slow", at=datetime.now(UTC) - timedelta(hours=3))
    assert [i.remote_id for i in adapter.fetch_mentions(batch.cursor).items] == [late]


def test_likes_and_follows_are_no_mentions(world: BlueskyWorld) -> None:
    view = world.fake.post_as(STRANGER, "x")
    for reason in ("like", "repost", "follow", "something-new"):
        world.fake.notify(view, reason)
    assert list(world.adapter().fetch_mentions("").items) == []


def test_a_quote(world: BlueskyWorld) -> None:
    world.fake.notify(world.fake.post_as(STRANGER, "Look at this"), "quote")
    (item,) = world.adapter().fetch_mentions("").items
    assert item.kind is MentionKind.QUOTE


def test_an_author_who_is_not_the_one_of_the_post_is_not_believed(world: BlueskyWorld) -> None:
    view = world.fake.post_as(DID, "We never said this")
    world.fake.notify({**view, "uri": view["uri"]}, "mention")
    assert list(world.adapter().fetch_mentions("").items) == []


def test_a_reply_takes_root_and_parent(world: BlueskyWorld) -> None:
    adapter = world.adapter()
    root = adapter.publish(outgoing("Root."), steps=StepsInMemory())
    middle = world.mention("Middle.", reply_to=root.remote_id)
    (item,) = adapter.fetch_mentions("").items
    by_extra = adapter.publish(outgoing("One.", reply_to=item.reply_ref), steps=StepsInMemory())
    by_id = adapter.publish(outgoing("Two.", reply_to=ReplyRef(middle)), steps=StepsInMemory())
    for published in (by_extra, by_id):
        record = world.fake.records[split_uri(published.remote_id)]
        assert record["reply"]["root"]["uri"] == root.remote_id
        assert record["reply"]["parent"]["uri"] == middle
        assert record["reply"]["root"]["cid"]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"text": "a", "embed": {"$type": "app.bsky.embed.video", "alt": "b"}}, "a\n\n[Video: b]"),
        (
            {
                "text": "",
                "embed": {
                    "$type": "app.bsky.embed.recordWithMedia",
                    "media": {"$type": "app.bsky.embed.images", "images": [{"alt": "x"}, {}, 7]},
                },
            },
            "[Image: x]\n[Image]",
        ),
        (
            {
                "text": "a",
                "embed": {
                    "$type": "app.bsky.embed.external",
                    "external": {"uri": "javascript:x", "title": "t"},
                },
            },
            "a\n\n[Link: t]",
        ),
        ({"text": 7, "facets": [{"index": 3}], "embed": []}, ""),
        ({}, ""),
    ],
)
def test_what_is_attached_is_told(record: dict[str, Any], text: str) -> None:
    assert text_of_record(record) == text


# --- keeping order ----------------------------------------------------------------------------


def test_hiding_a_reply(world: BlueskyWorld) -> None:
    adapter = world.adapter()
    root = adapter.publish(outgoing("Root."), steps=StepsInMemory())
    first = world.mention("Rude.", reply_to=root.remote_id)
    second = world.mention("Ruder.", reply_to=root.remote_id)
    for remote_id in (first, second, first):
        adapter.hide(remote_id)
    (gate,) = records(world.fake, "app.bsky.feed.threadgate")
    assert gate["hiddenReplies"] == [first, second]
    assert gate["post"] == root.remote_id
    (key,) = [key for key in world.fake.records if key[1] == "app.bsky.feed.threadgate"]
    assert key[2] == root.remote_id.rpartition("/")[2]


def test_only_replies_under_our_posts_can_be_hidden(world: BlueskyWorld) -> None:
    theirs = world.stranger_posts("Theirs.")
    for remote_id in (theirs, world.mention("x", reply_to=theirs)):
        with pytest.raises(Refused, match="Only replies under"):
            world.adapter().hide(remote_id)
    with pytest.raises(Refused, match="no longer there"):
        world.adapter().hide(f"at://{STRANGER}/{POST}/3none")


def test_blocking_twice_is_one_block(world: BlueskyWorld) -> None:
    adapter = world.adapter()
    adapter.block(STRANGER)
    adapter.block(STRANGER)
    (block,) = records(world.fake, "app.bsky.graph.block")
    assert block["subject"] == STRANGER
    with pytest.raises(Refused):
        adapter.block("stranger.bsky.test")
