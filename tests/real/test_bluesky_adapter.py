"""The Bluesky adapter against the real network: what goes out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from atproto import models
from atproto.exceptions import BadRequestError

from platforms.contract import (
    NetworkPolicy,
    Outgoing,
    Part,
    Presence,
    Refused,
    StepsInMemory,
    TextUnit,
)
from platforms.counting import count_text
from platforms.registry import open_adapter, platform_info

from .desk import Desk, drain, open_desk, outgoing, picture
from .people import Bluesky, Person, until

LIMITS = platform_info("bluesky").limits


@pytest.fixture
def desk(bluesky_network: Bluesky) -> Desk:
    return open_desk(bluesky_network)


@pytest.fixture(scope="module")
def resident(bluesky_network: Bluesky) -> Person:
    return bluesky_network.account()


def _publish(desk: Desk, post: Outgoing):
    return desk.adapter().publish(post, steps=StepsInMemory())


def _record(desk: Desk, uri: str) -> models.AppBskyFeedPost.Record:
    return desk.network.records(desk.person)[uri]


def test_verify_tells_who_the_account_is(bluesky_network: Bluesky) -> None:
    desk = open_desk(bluesky_network, display_name="Fire & Rescue")
    identity = desk.adapter().verify()
    assert identity.remote_id == desk.person.did
    assert identity.handle == desk.person.handle
    assert identity.display_name == "Fire & Rescue"
    assert desk.person.handle in identity.profile_url or desk.person.did in identity.profile_url


def test_a_post_is_there_as_written_with_its_own_time(desk: Desk) -> None:
    post = outgoing("Two lines.\n\nÜnïcode, 中文, עברית and 👩‍🚒.")
    published = _publish(desk, post)
    record = _record(desk, published.remote_id)
    assert record.text == post.text
    assert datetime.fromisoformat(record.created_at) - post.created_at < timedelta(milliseconds=1)
    assert abs(published.published_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert published.permalink.startswith("https://")
    assert published.permalink.endswith(published.remote_id.rsplit("/", 1)[1])
    assert desk.network.await_post(published.remote_id).author.did == desk.person.did


def test_a_thread_is_there_once_however_often_it_is_sent(desk: Desk) -> None:
    post = replace(outgoing("One."), parts=[Part("Two."), Part("Three.")])
    published = _publish(desk, post)
    again = _publish(desk, post)  # with nothing kept: as by a worker that never heard of the first
    ids = [published.remote_id, *published.parts]
    assert [again.remote_id, *again.parts] == ids
    records = desk.network.records(desk.person)
    assert sorted(records) == sorted(ids)
    assert [records[uri].text for uri in ids] == ["One.", "Two.", "Three."]
    for above, uri in pairwise(ids):
        reply = records[uri].reply
        assert reply is not None
        assert (reply.root.uri, reply.parent.uri) == (ids[0], above)
    assert desk.network.await_post(ids[-1]).record.text == "Three."
    lookup = desk.adapter().find_published(post, since=datetime.now(UTC) - timedelta(hours=1))
    assert lookup.published is not None
    assert [lookup.published.remote_id, *lookup.published.parts] == ids


def test_a_quote_shows_the_post_at_the_address(desk: Desk, resident: Person) -> None:
    shown = resident.client.send_post("Worth saying again.")
    desk.network.await_post(shown.uri)
    address = platform_info("bluesky").post_address
    assert address is not None
    link = f"https://bsky.app/profile/{resident.handle}/post/{shown.uri.rsplit('/', 1)[1]}"
    asked = address.id_at(link, "https://bsky.social")
    published = _publish(desk, replace(outgoing("Quite so."), quote=asked))
    embed = _record(desk, published.remote_id).embed
    assert isinstance(embed, models.AppBskyEmbedRecord.Main)
    assert (embed.record.uri, embed.record.cid) == (shown.uri, shown.cid)


def test_links_mentions_and_tags_can_be_clicked(desk: Desk, resident: Person) -> None:
    link = "https://example.org/road?id=7&lang=en"
    text = (
        f"🚒 Straße zu: {link}. Thanks @{resident.handle}! #Überflutung #2024 "
        f"@nobody-at-all.test (see {link})"
    )
    published = _publish(desk, outgoing(text))
    record = _record(desk, published.remote_id)
    assert record.text == text
    raw = text.encode()
    marked = [
        (raw[f.index.byte_start : f.index.byte_end].decode(), f.features[0])
        for f in sorted(record.facets or [], key=lambda f: f.index.byte_start)
    ]
    assert [shown for shown, _ in marked] == [link, f"@{resident.handle}", "#Überflutung", link]
    assert [f.uri for _, f in marked if isinstance(f, models.AppBskyRichtextFacet.Link)] == [
        link,
        link,
    ]
    assert marked[1][1].did == resident.did
    assert marked[2][1].tag == "Überflutung"

    def told() -> bool:
        answer = resident.client.app.bsky.notification.list_notifications()
        return any(
            n.uri == published.remote_id and n.reason == "mention" for n in answer.notifications
        )

    until(told, what="the mentioned resident told")


def test_images_carry_their_descriptions(desk: Desk) -> None:
    images = [
        picture(64, 48, alt="A blue sign: “Road closed” 🚧"),
        picture(30, 90, alt="", mime="image/jpeg"),
    ]
    published = _publish(desk, outgoing("Two pictures", images=images))
    embed = _record(desk, published.remote_id).embed
    assert isinstance(embed, models.AppBskyEmbedImages.Main)
    assert [i.alt for i in embed.images] == ["A blue sign: “Road closed” 🚧", ""]
    assert [(i.aspect_ratio.width, i.aspect_ratio.height) for i in embed.images] == [
        (64, 48),
        (30, 90),
    ]
    assert [i.image.mime_type for i in embed.images] == ["image/png", "image/jpeg"]
    view = desk.network.await_post(published.remote_id).embed
    assert [i.alt for i in view.images] == ["A blue sign: “Road closed” 🚧", ""]
    blob = desk.person.client.com.atproto.sync.get_blob(
        {"did": desk.person.did, "cid": embed.images[0].image.cid.encode()}
    )
    assert blob == images[0].data


def test_an_image_over_the_limit_is_made_to_fit(desk: Desk) -> None:
    large = picture(1400, 1000, alt="noise", noise=True)
    assert len(large.data) > LIMITS.image_bytes_max
    published = _publish(desk, outgoing("", images=[large]))
    embed = _record(desk, published.remote_id).embed
    assert embed.images[0].image.size <= LIMITS.image_bytes_max
    assert desk.network.await_post(published.remote_id).embed.images[0].alt == "noise"


def test_an_image_of_exactly_the_declared_limit_is_taken(desk: Desk) -> None:
    image = picture(mime="image/jpeg", alt="padded")
    padded = replace(image, data=image.data.ljust(LIMITS.image_bytes_max, b"\0"))
    published = _publish(desk, outgoing("", images=[padded]))
    assert _record(desk, published.remote_id).embed.images[0].image.size == LIMITS.image_bytes_max


def test_a_reply_sits_under_what_it_answers(desk: Desk, resident: Person) -> None:
    question = desk.network.mention(resident, desk.person, "is the road open?")

    def incoming():
        return desk.adapter().fetch_mentions("").items

    (mention,) = until(incoming, what="the question among the mentions")
    assert mention.remote_id == question.uri
    first = _publish(desk, outgoing("Not yet.", reply_to=mention.reply_ref))
    reply = _record(desk, first.remote_id).reply
    assert (reply.parent.uri, reply.parent.cid) == (question.uri, question.cid)
    assert (reply.root.uri, reply.root.cid) == (question.uri, question.cid)

    first_ref = models.create_strong_ref(desk.network.await_post(first.remote_id))
    root_ref = models.create_strong_ref(question)
    more = desk.network.post(
        resident,
        "And the bridge?",
        reply_to=models.AppBskyFeedPost.ReplyRef(parent=first_ref, root=root_ref),
    )

    def answered():
        return [i for i in desk.adapter().fetch_mentions("").items if i.remote_id == more.uri]

    (follow_up,) = until(answered, what="the second question among the mentions")
    assert follow_up.thread_id == mention.thread_id
    assert follow_up.in_reply_to == first.remote_id
    second = _publish(desk, outgoing("Open.", reply_to=follow_up.reply_ref))
    reply = _record(desk, second.remote_id).reply
    assert reply.parent.uri == more.uri
    assert reply.root.uri == question.uri


def test_sending_the_same_post_again_changes_nothing(desk: Desk) -> None:
    post = outgoing("Once, with a picture", images=[picture(alt="a square")])
    first = _publish(desk, post)
    again = _publish(desk, post)
    assert (again.remote_id, again.permalink) == (first.remote_id, first.permalink)
    assert list(desk.network.records(desk.person)) == [first.remote_id]


def test_two_workers_sending_the_same_post_at_once_make_one(desk: Desk) -> None:
    post = outgoing("Once, by four")
    adapters = [desk.adapter() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda a: a.publish(post, steps=StepsInMemory()).remote_id, adapters))
    assert len(set(made)) == 1
    assert list(desk.network.records(desk.person)) == [made[0]]


def test_the_same_words_with_another_key_are_another_post(desk: Desk) -> None:
    made = {_publish(desk, outgoing("Test of the sirens")).remote_id for _ in range(2)}
    assert set(desk.network.records(desk.person)) == made
    assert len(made) == 2


def test_find_published_tells_found_from_absent(desk: Desk) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    post, other = outgoing("Did it go out?"), outgoing("Did it go out?")
    assert desk.adapter().find_published(post, since=since).presence is Presence.ABSENT
    published = _publish(desk, post)
    found = desk.adapter().find_published(post, since=since)
    assert found.presence is Presence.FOUND
    assert found.published is not None
    assert found.published.remote_id == published.remote_id
    assert found.published.permalink == published.permalink
    assert desk.adapter().find_published(other, since=since).presence is Presence.ABSENT


def test_deleting_twice_succeeds_and_the_post_is_gone(desk: Desk) -> None:
    published = _publish(desk, outgoing("Taken down"))
    desk.network.await_post(published.remote_id)
    desk.adapter().delete(published.remote_id)
    desk.adapter().delete(published.remote_id)
    assert desk.network.records(desk.person) == {}
    desk.network.await_gone(published.remote_id)


def test_somebody_elses_post_cannot_be_deleted(desk: Desk, resident: Person) -> None:
    theirs = desk.network.post(resident, "Mine")
    with pytest.raises(Refused):
        desk.adapter().delete(theirs.uri)
    assert theirs.uri in desk.network.records(resident)


# Grapheme clusters of one kind each; those of several code points are where counting goes wrong.
CLUSTERS = {
    "letter": "a",
    "combining": "e\u0301\u0323",
    "family": "👨‍👩‍👧",
    "kiss": "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿",
    "flag": "🇳🇱",
    "england": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "marks": "o" + "\u0301\u0323\u0360" * 7,
    "hebrew": "ש\u05c1\u05bc",
    "skin": "👍🏽",
    "keycap": "1\ufe0f\u20e3",
    "hangul": "\u1100\u1161\u11a8",
    "conjunct": "क्षि",
    "bengali": "ক্ষ",
    "tamil": "நி",
    "thai": "กำ",
    "crlf": "\r\n",
    "newline": "\n",
    "prepend": "\u0600a",
}


@pytest.mark.parametrize("kind", CLUSTERS)
def test_we_count_as_the_server_counts(desk: Desk, kind: str) -> None:
    assert LIMITS.unit is TextUnit.GRAPHEME
    cluster = CLUSTERS[kind]
    # As many clusters as the bytes allow, the rest of the length in plain letters.
    times = min(250, (LIMITS.text_bytes_max - 300) // len(cluster.encode()))
    text = "x" + cluster * times
    text += "b" * (LIMITS.text_max - count_text(text, LIMITS))
    assert count_text(text, LIMITS) == LIMITS.text_max
    published = _publish(desk, outgoing(text))
    assert _record(desk, published.remote_id).text == text
    client = desk.person.client
    with pytest.raises(BadRequestError, match="grapheme"):
        client.send_post(text + "b")
    with pytest.raises(Refused):
        _publish(desk, outgoing(text + "b"))
    assert list(desk.network.records(desk.person)) == [published.remote_id]


def test_the_byte_limit_is_the_networks(desk: Desk) -> None:
    family = "👨‍👩‍👧"  # 18 bytes
    text = family * 166 + "b" * 12
    assert len(text.encode()) == LIMITS.text_bytes_max
    published = _publish(desk, outgoing(text))
    assert _record(desk, published.remote_id).text == text
    with pytest.raises(Refused):
        _publish(desk, outgoing(text + "b"))
    with pytest.raises(BadRequestError):
        desk.person.client.send_post(text + "b")


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_post_is_refused_though_the_network_would_take_it(desk: Desk, text: str) -> None:
    with pytest.raises(Refused):
        _publish(desk, outgoing(text))
    assert desk.network.records(desk.person) == {}


def test_a_server_on_a_private_address_is_refused_unless_it_was_allowed(desk: Desk) -> None:
    adapter = open_adapter(
        "bluesky",
        desk.connection(),
        network=NetworkPolicy(private_hosts=frozenset({"localhost:1"})),
        remember=lambda _: None,
    )
    with pytest.raises(Refused):
        adapter.verify()


def test_own_posts_come_once_and_in_order(desk: Desk) -> None:
    first = [_publish(desk, outgoing(f"Number {n}")).remote_id for n in range(3)]
    for uri in first:
        desk.network.await_post(uri)
    adapter = desk.adapter()
    seen, cursor = drain(adapter.fetch_own_posts, "")
    assert [post.remote_id for post in seen] == first
    assert [post.text for post in seen] == ["Number 0", "Number 1", "Number 2"]
    elsewhere = desk.network.post(desk.person, "Written in the app itself")
    seen, cursor = drain(desk.adapter().fetch_own_posts, cursor)
    assert [post.remote_id for post in seen] == [elsewhere.uri]
    assert seen[0].permalink.startswith("https://")
    assert drain(adapter.fetch_own_posts, cursor)[0] == []
