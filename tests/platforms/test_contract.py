"""What every adapter has to do, against a server of its own kind over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platforms.contract import (
    MODERATION,
    Adapter,
    Allowance,
    Audience,
    AuthorisationLost,
    Batch,
    Counted,
    Feature,
    Form,
    Image,
    Incoming,
    MentionKind,
    OutcomeUnknown,
    Outgoing,
    Part,
    Poll,
    Prepares,
    Presence,
    Refused,
    ReplyRef,
    RetryLater,
    StepsInMemory,
)
from platforms.counting import count_text
from platforms.registry import ADAPTERS

from .server import Fault, Reply
from .worlds import Match, World, picture, video

HOUR = timedelta(hours=1)


def drain(adapter: Adapter, cursor: str) -> tuple[list[Incoming], str]:
    """All that there is after `cursor`, in batches, and the cursor after it."""
    found: list[Incoming] = []
    for _ in range(50):
        batch = adapter.fetch_mentions(cursor)
        found += batch.items
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("there was always more")


def texts(items: list[Incoming]) -> list[str]:
    return [item.text for item in items]


# --- who --------------------------------------------------------------------------------------


def test_it_keeps_to_the_protocol(world: World) -> None:
    adapter = world.adapter()
    assert isinstance(adapter, Adapter)
    assert adapter.info.key == world.key
    assert adapter.limits().text_max > 0
    assert (adapter.limits().images_max > 0) is (Feature.IMAGES in adapter.info.features)
    if world.key in ADAPTERS:  # may be left out, and none of ours does
        assert isinstance(adapter, Counted)
        assert isinstance(adapter, Prepares)


def test_opening_sends_nothing(world: World) -> None:
    world.adapter()
    assert world.server.ledger == []


@pytest.mark.parametrize("known", [True, False])
def test_verify_tells_who_the_credentials_belong_to(world: World, known: bool) -> None:
    identity = world.adapter(known=known).verify()
    assert identity.remote_id == world.remote_id
    assert world.handle in identity.handle
    assert identity.display_name == "The Council"


@pytest.mark.parametrize(
    "secret", ["wrong-canary-secret", "", "line\nbreak", "snö-ø", "/etc/passwd"]
)
def test_wrong_credentials_are_told_as_such(world: World, secret: str) -> None:
    with pytest.raises(AuthorisationLost) as caught:
        world.adapter(secret=secret).verify()
    assert not secret or secret not in f"{caught.value!r} {caught.value.message}"


def test_credentials_taken_away_later(world: World) -> None:
    adapter = world.adapter()
    adapter.verify()
    world.revoke()
    for call in (
        adapter.verify,
        lambda: adapter.fetch_mentions(""),
        lambda: adapter.publish(world.outgoing("Hello."), steps=StepsInMemory()),
    ):
        with pytest.raises(AuthorisationLost):
            call()
    assert world.posts() == []


def test_a_server_that_is_not_there(world: World) -> None:
    adapter = world.adapter()
    world.server.close()
    for call in (
        adapter.verify,
        lambda: adapter.fetch_mentions(""),
        lambda: adapter.publish(world.outgoing("Hello."), steps=StepsInMemory()),
    ):
        with pytest.raises(RetryLater) as caught:
            call()
        assert "127.0.0.1" in caught.value.message
        assert caught.value.down


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9", "https://10.0.0.7", "https://[::1]:1"])
def test_a_private_server_is_refused_by_its_address(world: World, base_url: str) -> None:
    with pytest.raises(Refused, match="SOCIALDESK_ALLOW_PRIVATE_HOSTS"):
        world.adapter(base_url=base_url).verify()


# --- out --------------------------------------------------------------------------------------


def test_a_post_goes_out_as_written(world: World) -> None:
    text = (
        f"Road closed: https://www.gov.uk/road?id=7&lang=en. Thanks {world.mentionable}!\n\n"
        "#Überflutung <b>not bold</b> & more"
    )
    published = world.adapter().publish(world.outgoing(text), steps=StepsInMemory())
    (seen,) = world.posts()
    assert (seen.remote_id, seen.text) == (published.remote_id, text)
    assert published.permalink.startswith("http")
    assert abs(published.published_at - datetime.now(UTC)) < timedelta(seconds=5)


def test_images_go_with_their_alternative_texts(world: World) -> None:
    images = [picture(f"Image number {n} – “é” 🚒", seed=n) for n in range(4)]
    world.adapter().publish(world.outgoing("Four images.", *images), steps=StepsInMemory())
    (seen,) = world.posts()
    assert seen.alts == tuple(image.alt_text for image in images)
    assert seen.sizes == tuple(len(image.data) for image in images)


def test_a_video_goes_with_its_alternative_text(world: World) -> None:
    adapter, clip = world.adapter(), video("The river at the bridge – “é” 🌊")
    post = replace(world.outgoing("Stay away."), images=(), video=clip)
    if Feature.VIDEO not in adapter.info.features:
        with pytest.raises(Refused, match="has no videos"):
            adapter.publish(post, steps=StepsInMemory())
        assert world.posts() == []
        return
    if not world.tells_videos:
        return
    adapter.publish(post, steps=StepsInMemory())
    (seen,) = world.posts()
    assert (seen.alts, seen.sizes) == ((clip.alt_text,), (len(clip.data),))


def test_an_image_without_words(world: World) -> None:
    world.adapter().publish(world.outgoing("", picture("A blue light")), steps=StepsInMemory())
    assert [seen.text for seen in world.posts()] == [""]


def test_a_large_image_is_made_to_fit(world: World) -> None:
    limits = world.adapter().limits()
    side = int((limits.image_bytes_max * 2.2) ** 0.5)  # noise takes nearly a byte a pixel
    image = picture("Noise", side, side)
    assert len(image.data) > limits.image_bytes_max
    if limits.media_by_url:  # it fetches what is there, and cannot be given something smaller
        with pytest.raises(Refused, match="too large"):
            world.adapter().publish(world.outgoing("Large.", image), steps=StepsInMemory())
        return
    world.adapter().publish(world.outgoing("Large.", image), steps=StepsInMemory())
    (seen,) = world.posts()
    assert 0 < seen.sizes[0] <= limits.image_bytes_max


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (Image(b"GIF89a" + b"\0" * 50, "image/tiff", "", 5, 5), "cannot be read"),
        (Image(b"%PDF-1.4", "application/pdf", "", 5, 5), "not an image"),
    ],
)
def test_what_is_no_image_is_refused_before_anything_is_sent(
    world: World, image: Image, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        world.adapter().publish(world.outgoing("Look.", image), steps=StepsInMemory())
    assert world.posts() == []


def test_a_reply_goes_under_what_it_answers(world: World) -> None:
    adapter = world.adapter()
    first = adapter.publish(world.outgoing("The bridge is closed."), steps=StepsInMemory())
    asked = world.mention("Until when?", reply_to=first.remote_id)
    batch = adapter.fetch_mentions("")
    (item,) = batch.items
    assert (item.remote_id, item.kind, item.in_reply_to) == (
        asked,
        MentionKind.REPLY,
        first.remote_id,
    )
    assert item.thread_id == first.remote_id
    adapter.publish(world.outgoing("Until six.", reply_to=item.reply_ref), steps=StepsInMemory())
    answer = world.posts()[-1]
    assert answer.reply_to == asked
    assert answer.text.endswith("Until six.")

    again = world.mention("Thanks!", reply_to=answer.remote_id)
    (thanks,) = adapter.fetch_mentions(batch.cursor).items
    assert (thanks.remote_id, thanks.thread_id) == (again, first.remote_id)


def test_a_reply_by_nothing_but_an_id(world: World) -> None:
    asked = world.mention("Hello?")
    world.adapter().publish(world.outgoing("Yes.", reply_to=ReplyRef(asked)), steps=StepsInMemory())
    assert world.posts()[0].reply_to == asked


def test_a_reply_to_what_is_gone_is_refused(world: World) -> None:
    gone = world.stranger_posts("Soon gone.").replace("1", "9")[:-1] + "9"
    with pytest.raises(Refused):
        world.adapter().publish(
            world.outgoing("Yes.", reply_to=ReplyRef(gone)), steps=StepsInMemory()
        )
    assert world.posts() == []


def test_deleting_twice(world: World) -> None:
    adapter = world.adapter()
    published = adapter.publish(world.outgoing("Gone soon."), steps=StepsInMemory())
    adapter.delete(published.remote_id)
    assert world.posts() == []
    adapter.delete(published.remote_id)


# --- keeping order ------------------------------------------------------------------------------


def rude_reply(world: World) -> Incoming:
    """A stranger's reply under a post of ours, as it comes in."""
    ours = world.adapter().publish(world.outgoing("Ask us."), steps=StepsInMemory())
    world.mention("Rude.", reply_to=ours.remote_id)
    (item,) = world.adapter().fetch_mentions("").items
    return item


def declined(world: World, feature: Feature, *acts: Callable[[], None]) -> bool:
    """Whether the platform lacks it; then it has to say so in its own words, and ask nothing."""
    if feature in world.info.features:
        return False
    asked = len(world.server.ledger)
    for act in acts:
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.message == world.info.measure(feature).says
    assert len(world.server.ledger) == asked
    return True


def test_each_says_what_the_public_sees_or_why_it_cannot_be_done(world: World) -> None:
    assert set(world.info.moderation) == set(MODERATION)
    for measure in world.info.moderation.values():
        assert measure.says.endswith(".")
        assert measure.kinds


def test_hiding_a_reply_and_showing_it_again_each_twice(world: World) -> None:
    adapter, id_ = world.adapter(), rude_reply(world).remote_id
    if declined(world, Feature.HIDE, lambda: adapter.hide(id_), lambda: adapter.show(id_)):
        return
    for _ in range(2):
        adapter.hide(id_)
        assert world.hidden() == [id_]
    for _ in range(2):
        adapter.show(id_)
        assert world.hidden() == []


def test_deleting_somebodys_reply_twice(world: World) -> None:
    adapter, id_ = world.adapter(), rude_reply(world).remote_id
    if declined(world, Feature.REMOVE, lambda: adapter.remove(id_)):
        return
    assert world.is_there(id_)
    for _ in range(2):  # what is gone already is what was asked for
        adapter.remove(id_)
        assert not world.is_there(id_)


def test_blocking_somebody_and_unblocking_them_each_twice(world: World) -> None:
    adapter, them = world.adapter(), rude_reply(world).author.remote_id
    if declined(world, Feature.BLOCK, lambda: adapter.block(them), lambda: adapter.unblock(them)):
        return
    for _ in range(2):
        adapter.block(them)
        assert set(world.blocked()) == {them}
    for _ in range(2):
        adapter.unblock(them)
        assert world.blocked() == []


def test_no_answer_to_what_keeps_order_leaves_it_in_doubt(world: World) -> None:
    """So it is asked again, which does no harm; a page never says that it is done."""
    item = rude_reply(world)
    acts = {
        Feature.HIDE: (lambda a: a.hide(item.remote_id), lambda a: a.show(item.remote_id)),
        Feature.REMOVE: (lambda a: a.remove(item.remote_id),),
        Feature.BLOCK: (
            lambda a: a.block(item.author.remote_id),
            lambda a: a.unblock(item.author.remote_id),
        ),
    }
    for act in (act for f in acts if f in world.info.features for act in acts[f]):
        with (
            world.server.going_wrong(Fault(Reply(503), match=lambda asked: asked.method != "GET")),
            pytest.raises((OutcomeUnknown, RetryLater)),
        ):
            act(world.adapter())
        act(world.adapter())


# --- the text's limits ------------------------------------------------------------------------

FAMILY = "👨‍👩‍👧‍👦"
AT_THE_LIMIT = {
    "plain": "x",
    "accented": "é",
    "combining": "e\u0301",
    "rtl": "ש",
    "astral": "𝒜",
    "flag": "🇬🇧",
    "skin": "👍🏽",
}


@pytest.mark.parametrize("name", list(AT_THE_LIMIT))
def test_the_limit_is_the_servers_own(world: World, name: str) -> None:
    adapter = world.adapter()
    limits = adapter.limits()
    unit = AT_THE_LIMIT[name]
    number = limits.text_max // count_text(unit, limits)
    fits = unit * number
    post = world.outgoing(fits)
    published = adapter.publish(post, steps=StepsInMemory())
    assert world.posts()[-1].text == fits
    found = adapter.find_published(post, since=datetime.now(UTC) - HOUR)
    assert found.published is not None
    assert found.published.remote_id == published.remote_id
    before = len(world.server.asked_for("", "POST"))
    with pytest.raises(Refused, match="over the limit"):
        adapter.publish(world.outgoing(fits + unit * 2), steps=StepsInMemory())
    assert not [a for a in world.server.asked_for("", "POST")[before:] if world.writes(a)]


def test_emoji_families_up_to_the_bytes_that_fit(world: World) -> None:
    adapter = world.adapter()
    limits = adapter.limits()
    number = limits.text_max // count_text(FAMILY, limits)
    if limits.text_bytes_max is not None:
        number = limits.text_bytes_max // len(FAMILY.encode())
        with pytest.raises(Refused, match="too large"):
            adapter.publish(world.outgoing(FAMILY * (number + 1)), steps=StepsInMemory())
    adapter.publish(world.outgoing(FAMILY * number), steps=StepsInMemory())
    assert world.posts()[-1].text == FAMILY * number


@pytest.mark.parametrize("text", ["", "  \n ", "nul\0", "half \ud83d"])
def test_what_is_no_text_is_refused(world: World, text: str) -> None:
    if not text.strip() and world.info.limits.media_required:
        return  # the picture is enough there
    with pytest.raises(Refused):
        world.adapter().publish(world.outgoing(text), steps=StepsInMemory())
    assert world.posts() == []


# --- did it go out? ---------------------------------------------------------------------------


def test_a_post_that_went_out_is_found(world: World) -> None:
    adapter = world.adapter()
    began = datetime.now(UTC)
    post = world.outgoing(f"Found: https://example.org/x and {world.mentionable} – “quoted” & <b>.")
    published = adapter.publish(post, steps=StepsInMemory())
    lookup = world.adapter().find_published(post, since=began)
    assert lookup.presence is Presence.FOUND
    assert lookup.published is not None
    assert lookup.published.remote_id == published.remote_id
    assert lookup.published.permalink == published.permalink
    assert abs(lookup.published.published_at - published.published_at) < timedelta(seconds=2)


def test_a_reply_that_went_out_is_found(world: World) -> None:
    adapter = world.adapter()
    first = adapter.publish(world.outgoing("Ask us."), steps=StepsInMemory())
    world.mention("Hello?", reply_to=first.remote_id)
    (item,) = adapter.fetch_mentions("").items
    began = datetime.now(UTC)
    post = world.outgoing("Here we are.", reply_to=item.reply_ref)
    published = adapter.publish(post, steps=StepsInMemory())
    lookup = adapter.find_published(post, since=began)
    assert lookup.published is not None
    assert lookup.published.remote_id == published.remote_id


@pytest.mark.parametrize("text", ["Never sent.", "👍", "#flood"])
def test_a_post_that_did_not_go_out_is_absent(world: World, text: str) -> None:
    world.post_elsewhere("Something else entirely, made in another program.")
    post = world.outgoing(text, ago=timedelta(minutes=5))
    lookup = world.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert (lookup.presence, lookup.published) == (Presence.ABSENT, None)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(acts=True, reset=True),
        Fault(acts=True, hang_s=2.0),
        Fault(acts=True, reply=Reply(503, {"error": "busy"})),
        Fault(acts=True, reply=Reply(200, body=b"<html>OK</html>")),
    ],
    ids=["reset", "hang", "503", "html"],
)
def test_sent_but_not_confirmed_is_unknown_and_then_found(world: World, fault: Fault) -> None:
    adapter = world.adapter(policy=world.impatient() if fault.hang_s else None)
    adapter.verify()
    began = datetime.now(UTC)
    post = world.outgoing("Did it go out?")
    fault.match = world.writes
    with world.server.going_wrong(fault), pytest.raises(OutcomeUnknown) as caught:
        adapter.publish(post, steps=StepsInMemory())
    assert caught.value.down
    (seen,) = world.posts()
    lookup = world.adapter().find_published(post, since=began)
    assert lookup.published is not None
    assert lookup.published.remote_id == seen.remote_id


def test_images_are_uploaded_once_over_several_attempts(world: World) -> None:
    steps = StepsInMemory()
    post = world.outgoing("Two images.", picture("One", seed=1), picture("Two", seed=2))
    fault = Fault(reply=Reply(429, {"error": "slow down"}), match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(post, steps=steps)
    assert world.posts() == []
    world.adapter().publish(post, steps=steps)
    assert len([asked for asked in world.server.ledger if world.uploads(asked)]) == 2
    assert world.posts()[0].alts == ("One", "Two")


class TakenAway(Exception):
    """What the engine raises when a delivery is no longer this worker's."""


class StepsTakenAway(StepsInMemory):
    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def put(self, name: str, result: object) -> None:
        if self.left == 0:
            raise TakenAway
        self.left -= 1
        super().put(name, result)


@pytest.mark.parametrize("after", [0, 1])
def test_nothing_is_published_once_the_delivery_is_somebody_elses(world: World, after: int) -> None:
    images = [picture("One")] * after
    with pytest.raises(TakenAway):
        world.adapter().publish(world.outgoing("Mine?", *images), steps=StepsTakenAway(after))
    assert not [asked for asked in world.server.ledger if world.writes(asked)]
    assert world.posts() == []


def test_an_upload_without_an_answer_is_no_doubt_about_the_post(world: World) -> None:
    fault = Fault(acts=True, reset=True, match=world.uploads)
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(world.outgoing("Image.", picture("One")), steps=StepsInMemory())
    assert world.posts() == []


# --- threads ------------------------------------------------------------------------------------


def thread(world: World, *texts: str) -> Outgoing:
    """A thread of some minutes ago, so that 'not there' can be told for certain."""
    first, *others = texts
    post = world.outgoing(first, ago=timedelta(minutes=5))
    return replace(post, parts=[Part(text) for text in others])


def about(world: World, text: str) -> Match:
    """The request that publishes this text."""
    return lambda asked: world.writes(asked) and text.encode() in asked.body


def are_in_order(world: World, *texts: str) -> bool:
    """Are exactly these there, each under the one before?"""
    seen = world.posts()
    under = [one.reply_to for one in seen]
    return [one.text for one in seen] == list(texts) and under == [
        "",
        *(one.remote_id for one in seen[:-1]),
    ]


def test_a_thread_goes_out_each_under_the_one_before(world: World) -> None:
    post, adapter = thread(world, "One.", "Two.", "Three."), world.adapter()
    if Feature.THREAD not in world.info.features:
        with pytest.raises(Refused, match="no threads"):
            adapter.publish(post, steps=StepsInMemory())
        assert world.posts() == []
        return
    published = adapter.publish(post, steps=StepsInMemory())
    assert are_in_order(world, "One.", "Two.", "Three.")
    ids = [seen.remote_id for seen in world.posts()]
    assert [published.remote_id, *published.parts] == ids
    lookup = world.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert lookup.published is not None
    assert [lookup.published.remote_id, *lookup.published.parts] == ids


@pytest.mark.parametrize("lost", ["One.", "Two.", "Three."])
@pytest.mark.parametrize("acts", [True, False], ids=["it went out", "it did not"])
def test_no_post_of_a_thread_is_doubled_or_lost(world: World, lost: str, acts: bool) -> None:
    """The answer to one of them is lost; whoever goes on has nothing but the steps."""
    if Feature.THREAD not in world.info.features:
        return
    post, steps = thread(world, "One.", "Two.", "Three."), StepsInMemory()
    fault = Fault(acts=acts, reset=True, match=about(world, lost))
    with world.server.going_wrong(fault), pytest.raises(OutcomeUnknown):
        world.adapter().publish(post, steps=steps)
    lookup = world.adapter().find_published(post, since=datetime.now(UTC) - HOUR)
    assert (lookup.presence is Presence.FOUND) is (acts and lost == "Three.")
    world.adapter().publish(post, steps=steps)
    assert are_in_order(world, "One.", "Two.", "Three.")
    world.adapter().publish(post, steps=steps)
    assert are_in_order(world, "One.", "Two.", "Three.")


def test_a_thread_that_is_told_to_wait_says_how_far_it_came(world: World) -> None:
    if Feature.THREAD not in world.info.features:
        return
    post, steps = thread(world, "One.", "Two."), StepsInMemory()
    fault = Fault(Reply(429, {"error": "slow down"}), match=about(world, "Two."))
    with (
        world.server.going_wrong(fault),
        pytest.raises(RetryLater, match="1 of 2 posts of this thread are out"),
    ):
        world.adapter().publish(post, steps=steps)
    world.adapter().publish(post, steps=steps)
    assert are_in_order(world, "One.", "Two.")


def test_what_is_out_of_a_thread_cannot_be_changed_unseen(world: World) -> None:
    if Feature.THREAD not in world.info.features:
        return
    post, steps = thread(world, "One.", "Two."), StepsInMemory()
    fault = Fault(Reply(429, {"error": "slow down"}), match=about(world, "Two."))
    with world.server.going_wrong(fault), pytest.raises(RetryLater):
        world.adapter().publish(post, steps=steps)
    with pytest.raises(Refused, match="out already"):
        world.adapter().publish(replace(post, text="Other."), steps=steps)
    world.adapter().publish(replace(post, parts=[Part("Better.")]), steps=steps)
    assert are_in_order(world, "One.", "Better.")


def test_every_post_of_a_thread_is_checked_before_the_first_goes_out(world: World) -> None:
    if Feature.THREAD not in world.info.features:
        return
    adapter = world.adapter()
    too_long = "x" * (adapter.limits().text_max + 1)
    with pytest.raises(Refused, match="Post 2 of the thread"):
        adapter.publish(thread(world, "One.", too_long), steps=StepsInMemory())
    assert world.posts() == []


def test_a_picture_of_a_later_post_goes_with_it(world: World) -> None:
    if Feature.THREAD not in world.info.features:
        return
    post = replace(world.outgoing("One."), parts=[Part("Two.", [picture("The second")])])
    world.adapter().publish(post, steps=StepsInMemory())
    assert [seen.alts for seen in world.posts()] == [(), ("The second",)]


def test_posts_of_a_thread_show_pictures_a_video_and_the_same_picture_again(world: World) -> None:
    if Feature.THREAD not in world.info.features:
        return
    still, clip = picture("A blue light"), video("The river")
    parts = [Part("Two.", video=clip), Part("Three.", [still])]
    post = replace(world.outgoing("One.", still, picture("The map", seed=1)), parts=parts)
    steps, adapter = StepsInMemory(), world.adapter()
    assert isinstance(adapter, Prepares)
    adapter.prepare(post, steps=steps)
    assert world.posts() == []
    adapter.publish(post, steps=steps)
    shown = [("A blue light", "The map"), ("The river",), ("A blue light",)]
    assert [seen.alts for seen in world.posts()] == shown


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Part("Two.", [picture("Same")] * 9), "9 images"),
        (Part("Two.", [picture("Still")], video("River")), "A post has either"),
        (Part("Two.", video=replace(video("River"), size=10**10)), "A video has"),
    ],
    ids=["too many", "both", "too large"],
)
def test_what_a_later_post_shows_is_checked_before_the_first_goes_out(
    world: World, part: Part, told: str
) -> None:
    if Feature.THREAD not in world.info.features:
        return
    post = replace(world.outgoing("One."), parts=[part])
    with pytest.raises(Refused, match=f"Post 2 of the thread: {told}"):
        world.adapter().publish(post, steps=StepsInMemory())
    assert world.posts() == []


# --- what else goes along -------------------------------------------------------------------------

ALONG: dict[Feature, dict[str, Any]] = {
    Feature.POLL: {"poll": Poll(("Yes", "No"), 1_440)},
    Feature.QUOTE: {"quote": "1"},
    Feature.LINK: {"link": "https://example.org/road"},
    Feature.AUDIENCE: {"audience": Audience.MENTIONED},
    Feature.FIRST_COMMENT: {"first_comment": "See the map."},
    Feature.REEL: {"form": Form.REEL},
    Feature.STORY: {"form": Form.STORY},
}


@pytest.mark.parametrize("feature", list(ALONG))
def test_what_a_network_does_not_have_is_refused_and_not_left_out(
    world: World, feature: Feature
) -> None:
    if feature in world.info.features:
        return
    with pytest.raises(Refused, match="has no"):
        world.adapter().publish(
            replace(world.outgoing("Hello."), **ALONG[feature]), steps=StepsInMemory()
        )
    assert world.posts() == []


def test_a_poll_arrives(world: World) -> None:
    if Feature.POLL not in world.info.features:
        return
    post = replace(world.outgoing("Which day?"), poll=Poll(("Monday", "Friday"), 1_440))
    world.adapter().publish(post, steps=StepsInMemory())
    assert world.last_poll() == (("Monday", "Friday"), 1_440)


def test_a_quote_arrives(world: World) -> None:
    """By what its address says of it, and that is what people have."""
    if Feature.QUOTE not in world.info.features:
        return
    address = world.info.post_address
    assert address is not None
    adapter = world.adapter()
    shown = adapter.publish(world.outgoing("Worth saying again."), steps=StepsInMemory())
    asked = address.id_at(shown.permalink + "?from=here", world.server.url)
    assert asked, shown.permalink
    post = replace(world.outgoing("Quite so."), quote=asked)
    adapter.publish(post, steps=StepsInMemory())
    assert world.last_quote() == shown.remote_id
    assert address.id_at("https://elsewhere.example/@x/1", world.server.url) == ""


# --- ahead of time ------------------------------------------------------------------------------


def uploads(world: World) -> int:
    return len([asked for asked in world.server.ledger if world.uploads(asked)])


def preparing(world: World) -> Prepares:
    """An adapter that can do part of publishing ahead of time; skips where it cannot."""
    adapter = world.adapter()
    if not isinstance(adapter, Prepares):
        pytest.skip(f"{world.info.label} prepares nothing")
    return adapter


def test_what_was_prepared_is_not_done_again(world: World) -> None:
    steps = StepsInMemory()
    post = world.outgoing("Two images.", picture("One", seed=1), picture("Two", seed=2))
    preparing(world).prepare(post, steps=steps)
    assert (world.posts(), uploads(world)) == ([], 2)
    preparing(world).prepare(post, steps=steps)
    assert uploads(world) == 2
    world.adapter().publish(post, steps=steps)
    assert uploads(world) == 2
    assert world.posts()[0].alts == ("One", "Two")


def test_what_was_prepared_may_be_gone(world: World) -> None:
    steps = StepsInMemory()
    post = world.outgoing("An image.", picture("One", seed=1))
    preparing(world).prepare(post, steps=steps)
    world.throw_uploads_away()
    world.adapter().publish(post, steps=steps)
    assert uploads(world) == 2
    assert [seen.alts for seen in world.posts()] == [("One",)]


@pytest.mark.parametrize("images", [0, 1])
def test_preparing_tells_that_the_credentials_are_lost(world: World, images: int) -> None:
    adapter = preparing(world)
    adapter.verify()
    world.revoke()
    with pytest.raises(AuthorisationLost):
        adapter.prepare(world.outgoing("Hello.", *[picture("One")] * images), steps=StepsInMemory())


def test_preparing_refuses_what_publishing_would(world: World) -> None:
    adapter = preparing(world)
    post = world.outgoing("x" * (adapter.limits().text_max + 1))
    with pytest.raises(Refused, match="over the limit"):
        adapter.prepare(post, steps=StepsInMemory())
    image = Image(b"%PDF-1.4", "application/pdf", "", 5, 5)
    with pytest.raises(Refused, match="not an image"):
        adapter.prepare(world.outgoing("Look.", image), steps=StepsInMemory())


@pytest.mark.parametrize("after", [0, 1])
def test_preparing_stops_when_the_delivery_is_somebody_elses(world: World, after: int) -> None:
    images = [picture("One", seed=1), picture("Two", seed=2)]
    with pytest.raises(TakenAway):
        preparing(world).prepare(world.outgoing("Mine?", *images), steps=StepsTakenAway(after))
    assert world.posts() == []


@pytest.mark.parametrize("prefix", ["X-RateLimit-", "RateLimit-", "X-Rate-Limit-"])
def test_what_the_server_says_is_left(world: World, prefix: str) -> None:
    adapter = world.adapter()
    if not isinstance(adapter, Counted):
        return
    assert adapter.allowance() is None
    headers = {f"{prefix}Limit": "300", f"{prefix}Remaining": "0", f"{prefix}Reset": "40"}
    fault = Fault(Reply(429, {"error": "slow down"}, headers=headers), match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(RetryLater) as caught:
        adapter.publish(world.outgoing("Hello."), steps=StepsInMemory())
    assert (caught.value.too_much, caught.value.down, caught.value.delay_s) == (True, False, 40.0)
    assert adapter.allowance() == Allowance(300, 0, 40.0)


def test_the_declared_rates_can_be_counted(world: World) -> None:
    for rate in world.info.rates:
        assert rate.units >= sum(rate.costs.values()) > 0
        assert rate.per_s > 0


# --- in ---------------------------------------------------------------------------------------


def test_a_mention_as_it_arrives(world: World) -> None:
    at = datetime.now(UTC) - timedelta(minutes=3)
    remote_id = world.mention("Hello, <script>alert(1)</script> & 👩‍🚒\nsecond line", at=at)
    (item,) = world.adapter().fetch_mentions("").items
    assert item.remote_id == item.thread_id == remote_id
    assert item.kind is MentionKind.MENTION
    assert item.text == "Hello, <script>alert(1)</script> & 👩‍🚒\nsecond line"
    assert abs(item.posted_at - at) < timedelta(seconds=1)
    assert item.in_reply_to == ""
    assert item.author.display_name == world.stranger_name  # nothing that turns it round
    assert item.author.avatar_url == ""  # it was a script
    assert item.permalink.startswith("http")


def test_nothing_new_is_nothing(world: World) -> None:
    adapter = world.adapter()
    empty = adapter.fetch_mentions("")
    assert (list(empty.items), empty.more) == ([], False)
    again = adapter.fetch_mentions(empty.cursor)
    assert (list(again.items), again.more) == ([], False)


def test_the_first_page_is_the_newest(world: World) -> None:
    for number in range(70):
        world.mention(f"Number {number}")
    batch = world.adapter().fetch_mentions("")
    assert 1 <= len(batch.items) <= 50
    numbers = [int(text.split()[1]) for text in texts(list(batch.items))]
    assert numbers == list(range(70 - len(numbers), 70))


@pytest.mark.parametrize("arrivals", [1, 3, 45, 130])
def test_nothing_is_lost_or_doubled(world: World, arrivals: int) -> None:
    """As many as may come between two polls; many at one time, and after an empty start."""
    adapter = world.adapter()
    _, cursor = drain(adapter, "")
    said: list[str] = []
    heard: list[str] = []
    at = datetime.now(UTC)
    for _ in range(4):
        for number in range(arrivals):
            when = at + timedelta(milliseconds=number // 8)
            said.append(world.mention(f"Number {len(said)}", at=when))
        items, cursor = drain(adapter, cursor)
        heard += [item.remote_id for item in items]
        again, cursor = drain(adapter, cursor)
        assert again == []
    assert sorted(heard) == sorted(said)


def test_a_poll_while_others_write(world: World) -> None:
    adapter = world.adapter()
    _, cursor = drain(adapter, "")
    said: list[str] = []
    heard: list[str] = []
    for number in range(60):
        said.append(world.mention(f"Number {number}"))
        if number % 7 == 3:
            batch: Batch[Incoming] = adapter.fetch_mentions(cursor)
            heard += [item.remote_id for item in batch.items]
            cursor = batch.cursor
    items, cursor = drain(adapter, cursor)
    heard += [item.remote_id for item in items]
    assert heard == said


def test_the_cursor_of_a_lost_poll_is_good_for_another(world: World) -> None:
    adapter = world.adapter()
    _, cursor = drain(adapter, "")
    said = [world.mention(f"Number {number}") for number in range(5)]
    assert [i.remote_id for i in adapter.fetch_mentions(cursor).items] == said
    assert [i.remote_id for i in world.adapter().fetch_mentions(cursor).items] == said


def test_own_posts_also_those_made_elsewhere(world: World) -> None:
    adapter = world.adapter()
    first = adapter.publish(world.outgoing("By Socialdesk."), steps=StepsInMemory())
    batch = adapter.fetch_own_posts("")
    assert [post.remote_id for post in batch.items] == [first.remote_id]
    assert batch.items[0].permalink == first.permalink
    cursor = batch.cursor
    made = [world.post_elsewhere(f"By hand {number}.") for number in range(60)]
    heard = []
    for _ in range(5):
        batch = adapter.fetch_own_posts(cursor)
        heard += [(post.remote_id, post.text) for post in batch.items]
        cursor = batch.cursor
        if not batch.more:
            break
    assert heard == [(id_, f"By hand {n}.") for n, id_ in enumerate(made)]


@pytest.mark.parametrize("query", ["#flood", "flood"])
def test_a_search_finds_others_and_then_only_what_is_new(world: World, query: str) -> None:
    adapter = world.adapter()
    if Feature.SEARCH not in adapter.info.features:
        with pytest.raises(Refused):
            adapter.search(query, "")
        return
    old = world.stranger_posts("A #flood in the high street")
    world.stranger_posts("Nothing of the kind")
    world.post_elsewhere("Our own words on the #flood")
    batch = adapter.search(query, "")
    assert [(i.remote_id, i.kind) for i in batch.items] == [(old, MentionKind.MATCH)]
    new = world.stranger_posts("The #flood again")
    batch = adapter.search(query, batch.cursor)
    assert [i.remote_id for i in batch.items] == [new]
    assert list(adapter.search(query, batch.cursor).items) == []


def test_a_search_for_nothing_is_refused(world: World) -> None:
    with pytest.raises(Refused):
        world.adapter().search("  ", "")
    assert world.server.ledger == []
