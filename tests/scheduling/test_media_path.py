"""Pictures and videos by the engine to networks: what arrives is, byte by byte, what is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from platforms.registry import platform_info
from scheduling.fetching import GOOD_FOR_S
from scheduling.models import Delivery, Media
from scheduling.states import State
from scheduling.variants import bytes_of, variant_of
from tests.factories import CredentialFactory, SocialAccountFactory, add_media, person
from tests.platforms.server import Fault, Reply
from tests.platforms.world import World
from tests.platforms.worlds import InstagramWorld, LinkedInWorld, XWorld
from tests.scheduling import files
from tests.scheduling.conftest import Desk, desk_of, fall_due, run_due
from tests.scheduling.files import upload

W = TypeVar("W", bound=World)
DESK = "https://desk.example.org"
ALT = "The river at the bridge."


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("platforms.x_media._WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr("platforms.linkedin_video._WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr("platforms.instagram_writer._WAITS_S", (0.0, 0.0, 0.0))


def opened(world: W, settings) -> Iterator[W]:
    settings.ALLOW_PRIVATE_HOSTS = frozenset({world.server.private_host})
    yield world
    world.close()


@pytest.fixture
def x(settings) -> Iterator[XWorld]:
    yield from opened(XWorld(), settings)


@pytest.fixture
def linkedin(settings) -> Iterator[LinkedInWorld]:
    yield from opened(LinkedInWorld(), settings)


@pytest.fixture
def instagram(settings) -> Iterator[InstagramWorld]:
    settings.BASE_URL = DESK
    yield from opened(InstagramWorld(), settings)


def approved(world: World, data: bytes) -> tuple[Delivery, Media]:
    """A post with one file on the world's account: written, approved by another, and due."""
    account = SocialAccountFactory(
        platform=world.key,
        base_url=world.server.url,
        remote_id=world.remote_id,
        handle=f"@{world.handle}",
    )
    CredentialFactory(account=account, secret=world.secret)
    desk: Desk = desk_of(account)
    media = add_media(person(desk.contributor), upload(data))
    delivery = fall_due(desk.approved(pictures=[(media.pk, ALT)]))
    media.refresh_from_db()
    return delivery, media


@pytest.mark.ffmpeg
@pytest.mark.django_db
def test_a_video_goes_to_x_in_pieces_and_is_waited_for(x, monkeypatch):
    monkeypatch.setattr("platforms.x_media.CHUNK", 1_000)
    x.fake.processing = 2
    delivery, media = approved(x, files.video())

    assert run_due() == ["published"]

    (post,) = x.fake.posts.values()
    (sent,) = post["media"]
    assert sent["data"] == bytes_of(media)
    assert (sent["kind"]["media_type"], sent["alt"]) == ("video/mp4", ALT)
    assert len(x.server.asked_for("/append")) == -(-media.size // 1_000) > 2
    assert len(x.server.asked_for("/2/media/upload", "GET")) == 2
    delivery.refresh_from_db()
    assert (delivery.state, delivery.remote_id) == (State.PUBLISHED, post["id"])


@pytest.mark.ffmpeg
@pytest.mark.django_db
def test_a_video_goes_to_linkedin_on_from_the_piece_that_is_missing(linkedin):
    linkedin.fake.piece, linkedin.fake.processing = 1_000, 1
    delivery, media = approved(linkedin, files.video(3.5))
    number = -(-media.size // 1_000)
    down = Fault(Reply(503, {}), match=lambda asked: asked.path.endswith("/1"))
    with linkedin.server.going_wrong(down):
        assert run_due() == ["retry"]
    fall_due(delivery)
    assert run_due() == ["published"]
    ((urn, made),) = linkedin.fake.videos.items()
    assert made.data() == bytes_of(media)
    assert len(linkedin.server.asked_for("/pieces/", "PUT")) == number + 1 > 3
    (post,) = linkedin.fake.posts.values()
    assert post["sent"]["content"] == {"media": {"id": urn, "title": ALT}}


@pytest.mark.ffmpeg
@pytest.mark.django_db
def test_a_video_that_was_exchanged_after_its_approval_is_not_sent(x):
    delivery, media = approved(x, files.video())
    media.file.storage.delete(media.file.name)
    media.file.storage.save(media.file.name, upload(files.video(0.5)))

    assert run_due() == ["refused"]

    assert x.server.ledger == []
    delivery.refresh_from_db()
    assert (delivery.state, delivery.problem_code) == (State.FAILED, "media_changed")


# --- what a platform fetches ----------------------------------------------------------------------


def fetching(fetched: list[tuple[str, int]]) -> Callable[[str], bytes | None]:
    """Fetches as Instagram would, from the desk's own pages; notes what it was answered."""

    def fetch(url: str) -> bytes | None:
        try:
            answer = Client().get(urlsplit(url).path)
            fetched.append((url, answer.status_code))
            return b"".join(answer.streaming_content) if answer.status_code == 200 else None
        finally:
            connection.close()  # of the fake server's thread

    return fetch


@pytest.mark.parametrize("kind", ["picture", pytest.param("video", marks=pytest.mark.ffmpeg)])
@pytest.mark.django_db(transaction=True)
def test_instagram_fetches_the_very_bytes_by_an_address_that_is_then_over(instagram, client, kind):
    cache.clear()
    fetched: list[tuple[str, int]] = []
    instagram.fake.fetch = fetching(fetched)
    made = files.picture("PNG") if kind == "picture" else files.video(3.0)
    delivery, media = approved(instagram, made)

    assert run_due() == ["published"]

    ((address, status),) = fetched
    assert address.startswith(f"{DESK}/fetch/")
    assert status == 200
    (container,) = [node for node in instagram.fake.nodes.values() if node.get("container")]
    source = "image_url" if kind == "picture" else "video_url"
    assert container["form"][source] == address
    # A PNG is made a JPEG for Instagram.
    kept = variant_of(media, platform_info("instagram").limits) or media
    assert isinstance(kept, Media) == media.is_video
    assert container["fetched"] == bytes_of(kept)
    delivery.refresh_from_db()
    assert delivery.state == State.PUBLISHED
    assert client.get(urlsplit(address).path).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_who_comes_for_a_picture_too_late_gets_nothing_and_the_post_is_not_out(
    instagram, monkeypatch
):
    cache.clear()
    fetched: list[tuple[str, int]] = []
    fetch = fetching(fetched)

    def an_hour_later(url: str) -> bytes | None:
        later = time.time() + GOOD_FOR_S + 1
        with monkeypatch.context() as patched:
            patched.setattr("django.core.signing.time.time", lambda: later)
            return fetch(url)

    instagram.fake.fetch = an_hour_later
    delivery, _ = approved(instagram, files.picture("PNG"))

    assert run_due() == ["refused"]

    assert [status for _, status in fetched] == [404]
    assert instagram.posts() == []
    delivery.refresh_from_db()
    assert delivery.problem_code == "container_ERROR"
