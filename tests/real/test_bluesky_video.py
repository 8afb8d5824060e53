"""The Bluesky adapter against the real network: videos."""

from __future__ import annotations

from dataclasses import replace

import pytest
from atproto import models
from atproto_client.exceptions import RequestErrorBase

from platforms.contract import Refused, StepsInMemory
from platforms.registry import platform_info
from tests.platforms.world import video

from .desk import Desk, open_desk, outgoing
from .people import Bluesky

SERVER_MAX = 5 * 1024 * 1024  # of a server that was not told otherwise (pds/src/config)


@pytest.fixture
def desk(bluesky_network: Bluesky) -> Desk:
    return open_desk(bluesky_network)


def test_a_video_is_shown_with_its_description_and_shape(desk: Desk) -> None:
    clip = video("The river at the bridge – “rising” 🌊", width=1080, height=1920)
    post = replace(outgoing("Stay away from the river."), video=clip)
    published = desk.adapter().publish(post, steps=StepsInMemory())
    embed = desk.network.records(desk.person)[published.remote_id].embed
    assert isinstance(embed, models.AppBskyEmbedVideo.Main)
    assert (embed.alt, embed.video.mime_type) == (clip.alt_text, "video/mp4")
    cid = embed.video.cid.encode()
    view = desk.network.await_post(published.remote_id).embed
    assert (view.alt, view.cid) == (clip.alt_text, cid)
    assert (view.aspect_ratio.width, view.aspect_ratio.height) == (1080, 1920)
    assert view.playlist.endswith(".m3u8")
    blob = desk.person.client.com.atproto.sync.get_blob({"did": desk.person.did, "cid": cid})
    assert blob == clip.data


def test_a_video_that_could_not_be_measured_goes_out_too(desk: Desk) -> None:
    post = replace(outgoing(""), video=video("A drill", width=0, height=0))
    published = desk.adapter().publish(post, steps=StepsInMemory())
    view = desk.network.await_post(published.remote_id).embed
    assert (view.alt, view.aspect_ratio) == ("A drill", None)


def test_sending_the_same_video_again_changes_nothing(desk: Desk) -> None:
    post = replace(outgoing("Once"), video=video("A drill"))
    made = {desk.adapter().publish(post, steps=StepsInMemory()).remote_id for _ in range(2)}
    assert set(desk.network.records(desk.person)) == made


def test_the_server_says_how_large_a_video_it_takes(desk: Desk) -> None:
    adapter = desk.adapter()
    limits, usual = adapter.limits().video, platform_info("bluesky").limits.video
    assert limits is not None
    assert usual is not None
    assert (limits.bytes_max, limits.seconds_max) == (SERVER_MAX, usual.seconds_max)
    largest = video("All it takes", size=SERVER_MAX)
    published = adapter.publish(replace(outgoing(""), video=largest), steps=StepsInMemory())
    larger = replace(largest, data=largest.data + b"\0")
    with pytest.raises(Refused) as caught:
        adapter.publish(replace(outgoing(""), video=larger), steps=StepsInMemory())
    assert caught.value.code == "video_too_large"
    with pytest.raises(RequestErrorBase) as told:
        desk.person.client.invoke_procedure(
            "com.atproto.repo.uploadBlob",
            content=larger.data,
            headers={"Content-Type": larger.mime},
        )
    assert told.value.response is not None
    assert told.value.response.status_code == 413
    assert list(desk.network.records(desk.person)) == [published.remote_id]
