"""Files that come with the form, and what goes together in a post."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.errors import Invalid
from scheduling.models import Media, Post
from scheduling.services.posts import post_send, post_submit
from scheduling.states import State
from tests.factories import add_media, person
from tests.scheduling.files import gif, needs_ffmpeg, picture, upload, video

pytestmark = pytest.mark.django_db


def fields(*accounts, **other):
    return {"accounts": [a.pk for a in accounts], "text": "Bridge open again"} | other


# --- without scripts ------------------------------------------------------------------------------


def test_files_are_sent_with_the_form_where_there_are_no_scripts(desk, sign_in):
    client = sign_in(desk.contributor)
    files = [upload(picture("PNG"), "bridge.png"), upload(picture("JPEG"), "river.jpg")]
    answer = client.post(
        reverse("scheduling:compose_send"), fields(desk.account, upload="1", files=files)
    )
    post = Post.objects.get()
    assert answer.url == reverse("scheduling:compose_edit", args=[post.pk])
    assert [one.mime for one in post.media.all()] == ["image/png", "image/jpeg"]
    page = client.get(answer.url).content.decode()
    for media in post.media.all():
        assert f'name="alt-{media.pk}"' in page
    assert [delivery.state for delivery in post.deliveries.all()] == [State.DRAFT]


def test_a_file_that_is_refused_there_leaves_words_and_other_files(desk, sign_in):
    files = [upload(picture("PNG"), "bridge.png"), upload(b"no picture", "notes.txt")]
    answer = sign_in(desk.contributor).post(
        reverse("scheduling:compose_send"), fields(desk.account, upload="1", files=files)
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "“notes.txt” was not added." in page
    assert "Bridge open again" in page
    assert f'name="media" value="{Media.objects.get().pk}"' in page
    assert not Post.objects.exists()


# --- what goes together ---------------------------------------------------------------------------


def draft(desk, author, *files):
    added = [add_media(person(author), upload(data)) for data in files]
    return desk.draft(author, pictures=[(media.pk, "A bridge") for media in added])


@needs_ffmpeg
@pytest.mark.parametrize("send", [post_submit, post_send])
def test_a_second_video_stays_in_the_draft_and_is_not_sent(desk, sign_in, send):
    author = desk.contributor if send is post_submit else desk.publisher
    post = draft(desk, author, video(), video(0.5))
    with pytest.raises(Invalid, match="one video at the most"):
        send(actor=person(author), post=post)
    assert post.deliveries.get().state == State.DRAFT
    data = fields(desk.account, post=post.pk, media=[media.pk for media in post.media.all()])
    page = sign_in(author).post(reverse("scheduling:compose_check"), data).content.decode()
    assert page.count("one video at the most") == 1
    assert 'href="#pictures"' in page


@pytest.mark.parametrize(
    ("platform", "files", "said"),
    [
        ("x", [gif(), picture("PNG")], "goes alone here"),
        ("x", [gif()], ""),
        ("x", [picture("PNG"), picture("GIF")], ""),  # it does not move
        ("mastodon", [gif(), picture("PNG")], ""),
        ("bluesky", [gif(), picture("PNG")], ""),  # shown as a still picture
    ],
)
def test_a_gif_that_moves_goes_alone_where_the_platform_has_it_so(desk, platform, files, said):
    desk.account.platform, desk.account.declared_limits = platform, {}
    desk.account.save()
    post = draft(desk, desk.contributor, *files)
    if said:
        with pytest.raises(Invalid, match=said):
            post_submit(actor=person(desk.contributor), post=post)
    else:
        post_submit(actor=person(desk.contributor), post=post)
    assert (post.deliveries.get().state == State.DRAFT) is bool(said)
