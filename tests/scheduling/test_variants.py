"""Pictures as platforms take them: within every adapter's limits, the same each time, and whole."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from platforms.contract import Image, Refused
from platforms.counting import text_problems
from platforms.images import fit, fits
from platforms.registry import ADAPTERS, platform_info
from scheduling.attached import attached, attached_to
from scheduling.models import Keep, Variant
from scheduling.variants import bytes_of, changes, made_for, make_ahead
from tests.factories import add_media, person
from tests.scheduling.files import gif, picture, upload

PLATFORMS = sorted(ADAPTERS)


def drawn(width: int, height: int, form: str, seed: int) -> Image:
    out = io.BytesIO()
    Pillow.effect_noise((width, height), 40 + seed).convert("RGB").save(out, form)
    return Image(out.getvalue(), f"image/{form.lower()}", "", width, height)


@pytest.mark.parametrize("platform", PLATFORMS)
@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    form=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]),
    seed=st.integers(0, 40),
    keep=st.sampled_from([(0.5, 0.5), (0.0, 0.5), (1.0, 1.0)]),
    bytes_max=st.sampled_from([None, 20_000]),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_made_is_within_the_limits(platform, width, height, form, seed, keep, bytes_max):
    from dataclasses import replace

    limits = platform_info(platform).limits
    if bytes_max:
        limits = replace(limits, image_bytes_max=bytes_max, image_pixels_max=90_000)
    image = drawn(width, height, form, seed)
    try:
        made = fit(image, limits, keep=keep)
    except Refused as refused:
        pytest.fail(refused.message)
    assert fits(made, limits)
    assert made == fit(image, limits, keep=keep)
    with Pillow.open(io.BytesIO(made.data)) as opened:
        assert opened.size == (made.width, made.height)
    assert not [
        p.code
        for p in text_problems("x", limits, [made])
        if p.code in ("image_shape", "not_an_image")
    ]


pytestmark = pytest.mark.django_db


def add(desk, data: bytes):
    return add_media(person(desk.contributor), upload(data))


def on(desk, platform: str):
    desk.account.platform, desk.account.declared_limits = platform, {}
    desk.account.save()


def test_it_is_made_ahead_once_and_is_what_is_sent(desk):
    on(desk, "instagram")
    media = add(desk, picture("PNG", (300, 90)))
    post = desk.draft(pictures=[(media.pk, "A bridge", "left")])
    make_ahead(post)
    make_ahead(post)
    variant = Variant.objects.get()
    (image,) = attached_to(post.deliveries.get())[1].images
    assert image.data == bytes_of(variant)
    assert (image.width, image.height) == (171, 90)
    with Pillow.open(io.BytesIO(image.data)) as opened:
        assert opened.getpixel((2, 2))[0] > 200  # the red corner on the left


def test_what_is_kept_is_part_of_what_is_approved(desk):
    from scheduling.content import content_hash

    media = add(desk, picture("PNG"))
    hashes = set()
    for keep in Keep.values:
        delivery = desk.draft(pictures=[(media.pk, "A bridge", keep)]).deliveries.get()
        hashes.add(content_hash(delivery))
        media.post = None
        media.save()
    assert len(hashes) == len(Keep.values)


def test_a_file_that_was_exchanged_is_not_sent(desk):
    media = add(desk, picture("PNG"))
    delivery = desk.draft(pictures=[(media.pk, "A bridge")]).deliveries.get()
    with open(media.file.path, "wb") as file:
        file.write(picture("PNG", (41, 30)))
    with pytest.raises(Refused) as raised:
        attached_to(delivery)
    assert raised.value.code == "media_changed"


@pytest.mark.parametrize(
    ("platform", "data", "keep", "words"),
    [
        (
            "instagram",
            picture("PNG", (300, 90)),
            "top",
            "cut to keep the top, now 171×90, sent as JPEG",
        ),
        ("bluesky", gif(), "middle", "shown as a still picture"),
        ("x", gif(), "middle", None),
        ("facebook_page", picture("PNG"), "middle", None),
    ],
)
def test_what_will_be_changed_is_said(desk, platform, data, keep, words):
    on(desk, platform)
    media = add(desk, data)
    media.keep = keep
    assert [one.words for one in changes(desk.account, [media])] == ([words] if words else [])
    made_for(media, desk.account.limits)
    assert [one.words for one in changes(desk.account, [media])] == ([words] if words else [])


def test_scaling_is_said_with_its_size(desk):
    media = add(desk, picture("PNG", (400, 200)))
    desk.account.declared_limits = {
        "text_max": 500,
        "unit": "character",
        "image_pixels_max": 20_000,
    }
    (change,) = changes(desk.account, [media])
    assert change.words == "scaled to 200×100"


def test_rules_see_the_shape_that_will_be_sent(desk):
    on(desk, "instagram")
    media = add(desk, picture("PNG", (300, 90)))
    (image,) = attached([media], desk.account.limits)[1].images
    assert (image.width, image.height) == (171, 90)
