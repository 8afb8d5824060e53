"""Pictures of each post of a thread: kept with it, checked, shown, decided on and sent with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from accounts.errors import Invalid
from accounts.levels import Level
from audit.models import Event
from scheduling.content import content_hash, content_of
from scheduling.elements import Elements, words_of
from scheduling.errors import Stale
from scheduling.models import Delivery, Media, Post
from scheduling.placing import MOST_PICTURES, Chosen
from scheduling.services.deliveries import delivery_approve
from scheduling.services.posts import post_edit, post_submit
from tests.factories import SocialAccountFactory, add_media, give, person
from tests.scheduling.conftest import Desk, fall_due, run_due
from tests.scheduling.files import picture, upload, video

pytestmark = pytest.mark.django_db

THREE = Elements(thread=("Two.", "Three."))


def added(user: Any, data: bytes | None = None) -> Media:
    return add_media(person(user), upload(data or picture("PNG")))


def chosen(desk: Desk, *parts: int, author: Any = None) -> list[Chosen]:
    """A picture for each of these posts of a thread, described by its place."""
    return [
        Chosen(added(author or desk.contributor).pk, f"Shown {place} in post {part}", part=part)
        for place, part in enumerate(parts, 1)
    ]


def fields(desk: Desk, *placed: tuple[Media, str], **other: Any) -> dict[str, Any]:
    """A form with a thread whose posts have the keys 7 and 4, and pictures put to keys."""
    return {
        "accounts": [desk.account.pk],
        "text": "One.",
        "further": ["Two.", "Three."],
        "further_key": ["7", "4"],
        "media": [media.pk for media, _ in placed],
        **{f"in-{media.pk}": key for media, key in placed},
        **{f"alt-{media.pk}": f"With {key}" for media, key in placed},
    } | other


def parts_of(post: Post) -> list[tuple[int, int, str]]:
    shown = post.media.filter(removed_at=None)
    return list(shown.values_list("part", "position", "alt_text"))


def save(client: Any, data: dict[str, Any]) -> Post:
    assert client.post(reverse("scheduling:compose_send"), data | {"draft": "1"}).status_code == 302
    return Post.objects.get()


# --- kept with their posts ------------------------------------------------------------------------


def test_each_picture_is_kept_with_the_post_that_it_was_put_to(desk, sign_in):
    one, two, three, other = [added(desk.contributor) for _ in range(4)]
    client = sign_in(desk.contributor)
    post = save(client, fields(desk, (three, "4"), (two, "7"), (one, "1"), (other, "4")))
    assert parts_of(post) == [
        (1, 0, "With 1"),
        (2, 0, "With 7"),
        (3, 0, "With 4"),
        (3, 1, "With 4"),
    ]
    page = client.get(reverse("scheduling:compose_edit", args=[post.pk])).content.decode()
    for media, key in ((one, "1"), (two, "2"), (three, "3"), (other, "3")):
        group = page.split(f'data-pictures="{key}"')[1].split("</fieldset>")[0]
        assert f'name="media" value="{media.pk}"' in group
        assert f'value="{key}" selected' in group


def test_a_post_that_shows_something_needs_no_words_and_others_are_numbered_without_the_empty(
    desk, sign_in
):
    one, two = added(desk.contributor), added(desk.contributor)
    data = fields(desk, (one, "9"), (two, "4"), further=["", " ", "Four."])
    post = save(sign_in(desk.contributor), data | {"further_key": ["7", "9", "4"]})
    assert post.elements == {"thread": ["", "Four."]}
    assert parts_of(post) == [(2, 0, "With 9"), (3, 0, "With 4")]


@pytest.mark.parametrize("keys", [[], ["2"], ["7", "7"], ["x", "4"], ["1", "4"]])
def test_keys_that_are_none_stand_for_the_numbers(desk, sign_in, keys):
    media = added(desk.contributor)
    post = save(sign_in(desk.contributor), fields(desk, (media, "3"), further_key=keys))
    assert parts_of(post) == [(3, 0, "With 3")]


@pytest.mark.parametrize("key", ["99", "", "x", "-1"])
def test_a_picture_of_a_post_that_is_gone_is_not_lost(desk, sign_in, key):
    media = added(desk.contributor)
    post = save(sign_in(desk.contributor), fields(desk, (media, key)))
    assert parts_of(post) == [(1, 0, f"With {key}".strip())]


def test_a_thread_that_is_arranged_takes_its_pictures_along(desk, sign_in):
    media = added(desk.contributor)
    data = fields(desk, (media, "4"), arrange="up-3")
    answer = sign_in(desk.contributor).post(reverse("scheduling:compose_arrange"), data)
    page = answer.content.decode()
    second = page.split('id="part-2"')[1].split('id="part-3"')[0]
    assert f'name="media" value="{media.pk}"' in second
    assert 'value="4" selected>Post 2<' in second


def test_a_picture_moved_to_another_post_is_a_change_with_a_version(desk):
    (one,) = chosen(desk, 2)
    post = desk.draft(elements=THREE, pictures=[one])
    edited = {"text": post.text, "accounts": [desk.account], "elements": THREE}
    moved = [one._replace(part=3)]
    post_edit(
        actor=person(desk.approver), post=post, version=post.version, pictures=moved, **edited
    )
    event = Event.objects.filter(name="post.changed").get()
    assert [event.data[when]["pictures"][0]["part"] for when in ("before", "after")] == [2, 3]
    assert Post.history.latest().history_user == desk.approver


def test_a_picture_of_no_post_is_refused_and_so_are_too_many(desk):
    with pytest.raises(Invalid, match="that is gone"):
        desk.draft(elements=THREE, pictures=chosen(desk, 4))
    many = chosen(desk, *[2] * (MOST_PICTURES + 1))
    with pytest.raises(Invalid, match="10 pictures at the most"):
        desk.draft(elements=THREE, pictures=many)
    spread = [one._replace(part=1 + number % 3) for number, one in enumerate(many)]
    assert Media.objects.filter(post=desk.draft(elements=THREE, pictures=spread)).count() == 11


def test_files_come_with_the_form_for_each_post_where_there_are_no_scripts(desk, sign_in):
    data = fields(desk, upload="1") | {
        "files": upload(picture("PNG"), "one.png"),
        "files-4": upload(picture("JPEG"), "three.jpg"),
    }
    sign_in(desk.contributor).post(reverse("scheduling:compose_send"), data)
    found = Post.objects.get().media.values_list("part", "mime")
    assert list(found) == [(1, "image/png"), (3, "image/jpeg")]


# --- checked --------------------------------------------------------------------------------------


def checked(client: Any, data: dict[str, Any]) -> str:
    return str(client.post(reverse("scheduling:compose_check"), data).content.decode())


def test_each_post_is_checked_for_what_it_shows(desk, sign_in):
    five = [(added(desk.contributor), "7") for _ in range(5)]
    client, data = sign_in(desk.contributor), fields(desk, *five)
    data |= {f"alt-{five[0][0].pk}": "x" * 3_000, f"alt-{five[1][0].pk}": ""}
    page = checked(client, data)
    assert "Post 2 of the thread: 5 images, and 4 fit." in page
    assert "Post 2 of the thread: The alternative text of image 1 is" in page
    assert "Picture 2 of post 2 has no words" in page
    assert page.count('href="#part-2"') >= 2
    spread = fields(desk, *five[:3], *[(media, "4") for media, _ in five[3:]])
    assert "images, and 4 fit" not in checked(client, spread)


@pytest.mark.ffmpeg
def test_each_post_has_one_video_at_the_most_and_no_picture_beside_it(desk, sign_in):
    films = [added(desk.contributor, video()), added(desk.contributor, video(0.5))]
    still = added(desk.contributor)
    client = sign_in(desk.contributor)
    page = checked(client, fields(desk, (films[0], "7"), (films[1], "7"), (still, "1")))
    assert "Post 2 of the thread: A post has one video at the most." in page
    page = checked(client, fields(desk, (films[0], "7"), (still, "7"), (films[1], "4")))
    assert "Post 2 of the thread: A post has either pictures or a video here." in page
    apart = fields(desk, (films[0], "7"), (films[1], "4"), (still, "1"))
    assert "Fits every account it goes to." in checked(client, apart)


def test_what_is_wrong_with_a_later_post_keeps_it_from_being_sent(desk):
    post = desk.draft(elements=THREE, pictures=chosen(desk, 3, 3, 3, 3, 3))
    with pytest.raises(Invalid, match="Post 3 of the thread: 5 images"):
        post_submit(actor=person(desk.contributor), post=post)


# --- shown, decided on, sent ----------------------------------------------------------------------


def test_the_preview_and_the_pages_show_each_with_its_post(desk, sign_in):
    pictures = chosen(desk, 1, 3)
    delivery = desk.in_review(elements=THREE, pictures=pictures)
    first, last = [f"/media/{one.token}/" for one in Media.objects.order_by("part")]
    client = sign_in(desk.approver)
    page = client.get(reverse("scheduling:approval", args=[delivery.pk]))
    preview = page.context["preview"]
    assert [one["url"] for one in preview["media"]] == [first]
    assert [[one["url"] for one in media] for _, _, media in preview["thread"]] == [[], [last]]
    told = page.content.decode()
    assert told.index("Three.") < told.index(last)
    assert "Picture 1 of post 3" in told
    told = client.get(reverse("scheduling:post", args=[delivery.post_id])).content.decode()
    assert told.index(first) < told.index("Two.") < told.index("Three.") < told.index(last)


def test_what_is_approved_says_which_picture_is_under_which_post(desk):
    (one,) = chosen(desk, 2)
    delivery = desk.in_review(elements=THREE, pictures=[one])
    (shown,) = content_of(delivery)["media"]
    assert shown["part"] == 2
    seen = content_hash(delivery)
    Media.objects.update(part=3)
    with pytest.raises(Stale):
        delivery_approve(actor=person(desk.approver), delivery=delivery, content_hash=seen)
    changed = content_of(Delivery.objects.select_related("post").get())
    assert "Three.\n[shows: Shown 1 in post 2]" in words_of(changed)


def test_a_picture_of_the_first_post_is_the_content_that_it_always_was(desk):
    delivery = desk.in_review(pictures=chosen(desk, 1))
    assert set(content_of(delivery)["media"][0]) == {"sha256", "alt_text"}


def test_an_account_without_the_thread_shows_none_of_its_pictures(desk, network):
    plain = SocialAccountFactory(platform="linkedin", display_name="Plain")
    give(desk.contributor, Level.CONTRIBUTOR, plain)
    post = desk.draft(
        elements=THREE,
        own_elements={plain.pk: Elements()},
        accounts=[desk.account, plain],
        pictures=chosen(desk, 1, 2, 3, 3),
    )
    shown = {
        delivery.account_id: [one.get("part", 1) for one in content_of(delivery)["media"]]
        for delivery in post.deliveries.all()
    }
    assert shown == {desk.account.pk: [1, 2, 3, 3], plain.pk: [1]}


def test_each_post_goes_out_with_its_pictures(desk, network):
    pictures = chosen(desk, 1, 3, 3, author=desk.publisher)
    fall_due(desk.scheduled(elements=THREE, pictures=pictures))
    run_due()
    (sent,) = network.arrived
    assert [one.alt_text for one in sent.images] == ["Shown 1 in post 1"]
    assert [[one.alt_text for one in part.images] for part in sent.parts] == [
        [],
        ["Shown 2 in post 3", "Shown 3 in post 3"],
    ]
    assert all(one.data for one in (*sent.images, *sent.parts[1].images))
    (media,) = Delivery.objects.get().attempts.get().content["media"][:1]
    assert media["alt_text"] == "Shown 1 in post 1"


def test_a_file_that_was_exchanged_is_told_by_its_post(desk, network):
    (one,) = chosen(desk, 3, author=desk.publisher)
    fall_due(desk.scheduled(elements=THREE, pictures=[one]))
    Media.objects.update(sha256="0" * 64)
    run_due()
    assert "picture 1 of post 3" in Delivery.objects.get().problem
