"""Addresses from which platforms fetch: what opens them, what does not, and for how long."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from platforms.contract import Image
from scheduling.attached import attached_to
from scheduling.fetching import GOOD_FOR_S, address_of, public_base
from scheduling.models import Delivery, Media
from scheduling.services.posts import post_edit, post_take_back
from scheduling.states import State
from scheduling.views.media import FETCHES_A_MINUTE
from tests.factories import add_media, person
from tests.scheduling.files import picture, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _open_to_the_internet(settings):
    settings.BASE_URL = "https://desk.example.org"
    cache.clear()


@pytest.fixture
def media(desk) -> Media:
    return add_media(person(desk.publisher), upload(picture("PNG", (60, 40))))


@pytest.fixture
def delivery(desk, media) -> Delivery:
    found = desk.scheduled(pictures=[(media.pk, "A bridge")])
    media.refresh_from_db()
    return found


def path_of(delivery, media) -> str:
    address = address_of(delivery, media)
    assert address.startswith("https://desk.example.org/fetch/")
    return urlsplit(address).path


def body(answer) -> bytes:
    return b"".join(answer.streaming_content)


def test_it_opens_the_file_to_whoever_has_it(client, delivery, media):
    answer = client.get(path_of(delivery, media))
    with media.file.open("rb") as file:
        assert body(answer) == file.read()
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "private, no-store"
    assert not answer.cookies


def test_a_part_of_it(client, delivery, media):
    answer = client.get(path_of(delivery, media), HTTP_RANGE="bytes=1-3")
    assert (answer.status_code, body(answer)) == (206, b"PNG")
    assert answer["Content-Range"] == f"bytes 1-3/{media.size}"
    last = client.get(path_of(delivery, media), HTTP_RANGE="bytes=-4")
    assert body(last) == b"\xaeB`\x82"
    beyond = client.get(path_of(delivery, media), HTTP_RANGE="bytes=999999-")
    assert beyond.status_code == 416


def test_head_tells_the_size(client, delivery, media):
    answer = client.head(path_of(delivery, media))
    assert answer["Content-Length"] == str(media.size)
    assert not answer.content


def test_nothing_is_written_to_it(client, delivery, media):
    assert client.post(path_of(delivery, media)).status_code == 405


def test_it_is_over_after_an_hour(client, delivery, media, monkeypatch):
    path = path_of(delivery, media)
    later = time.time() + GOOD_FOR_S + 1
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("at", [8, 20, -2])
def test_a_changed_one_opens_nothing(client, delivery, media, at):
    path = path_of(delivery, media)
    at = at % len(path)
    changed = path[:at] + ("A" if path[at] != "A" else "B") + path[at + 1 :]
    assert client.get(changed).status_code == 404


def test_what_is_signed_for_something_else_opens_nothing(client, delivery, media):
    from django.core import signing

    token = signing.dumps([delivery.pk, "m", media.pk], salt="something else")
    assert client.get(reverse("scheduling:media_fetch", args=[token])).status_code == 404


def test_it_is_no_way_to_another_posts_file(client, desk, delivery):
    other = add_media(person(desk.publisher), upload(picture("PNG")))
    assert client.get(path_of(delivery, other)).status_code == 404


@pytest.mark.parametrize("state", [State.DRAFT, State.IN_REVIEW, State.HELD, State.CANCELLED])
def test_it_is_over_when_its_post_is_stopped(client, delivery, media, state):
    path = path_of(delivery, media)
    Delivery.objects.update(state=state)
    assert client.get(path).status_code == 404


def test_it_is_over_when_the_picture_is_taken_out(client, desk, delivery, media):
    path = path_of(delivery, media)
    actor, post = person(desk.publisher), delivery.post
    post_take_back(actor=actor, post=post)
    post.refresh_from_db()
    post_edit(
        actor=actor,
        post=post,
        version=post.version,
        text=post.text,
        accounts=[desk.account],
        pictures=[],
    )
    now = timezone.now()
    Delivery.objects.update(state=State.SCHEDULED, due_at=now, next_try_at=now)
    assert client.get(path).status_code == 404


def test_who_asks_too_often_waits(client, delivery, media, monkeypatch):
    monkeypatch.setattr("scheduling.views.media.time.time", lambda: 6_000.0)
    cache.set("fetch:127.0.0.1:100", FETCHES_A_MINUTE, 90)
    answer = client.get(path_of(delivery, media))
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")


@pytest.mark.parametrize(
    "base",
    [
        "http://desk.example.org",
        "https://localhost",
        "https://desk.internal",
        "https://10.0.0.7",
        "https://127.0.0.1:8000",
        "https://desk",
    ],
)
def test_a_desk_that_is_not_open_gives_none(settings, delivery, media, base):
    settings.BASE_URL = base
    assert public_base() == ""
    assert address_of(delivery, media) == ""


def test_instagram_gets_the_address_of_what_it_takes(client, desk, delivery, monkeypatch):
    """It takes JPEG alone, so the address leads to the JPEG that was made of the PNG."""
    desk.account.platform = "instagram"
    desk.account.declared_limits = {}
    desk.account.save()
    delivery.account = desk.account
    (image,) = attached_to(delivery)[1].images
    assert isinstance(image, Image)
    assert image.mime == "image/jpeg"
    answer = client.get(urlsplit(image.url).path)
    assert body(answer) == image.data
