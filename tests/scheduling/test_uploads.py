"""Files that come with the form, what goes together in a post, and uploads nobody has used."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import FileSystemStorage
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Invalid
from audit.actions import NotAllowed
from audit.models import Event
from scheduling.models import Media, Post
from scheduling.services.media import TIDIER, UNUSED_FOR, media_discard
from scheduling.services.posts import post_send, post_submit
from scheduling.states import State
from tests.factories import add_media, person
from tests.scheduling.files import gif, picture, upload, video

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


@pytest.mark.ffmpeg
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


# --- what nobody has used -------------------------------------------------------------------------


def uploaded(desk, *, ago: timedelta, **fields) -> Media:
    media = add_media(person(desk.contributor), upload(picture("PNG")))
    Media.objects.filter(pk=media.pk).update(uploaded_at=timezone.now() - ago, **fields)
    media.refresh_from_db()
    return media


def test_an_upload_that_no_post_has_taken_up_for_a_day_is_thrown_away(desk):
    old = [uploaded(desk, ago=UNUSED_FOR + timedelta(minutes=1)) for _ in range(2)]
    new = uploaded(desk, ago=UNUSED_FOR - timedelta(minutes=1))
    used = uploaded(desk, ago=UNUSED_FOR * 3, post=desk.draft())
    taken_out = uploaded(desk, ago=UNUSED_FOR * 3, post=desk.draft(), removed_at=timezone.now())

    assert media_discard(actor=TIDIER) == 2

    assert set(Media.objects.all()) == {new, used, taken_out}
    assert [media.file.storage.exists(media.file.name) for media in old] == [False, False]
    assert all(one.file.storage.exists(one.file.name) for one in (new, used, taken_out))
    (event,) = Event.objects.filter(name="media.discarded")
    assert (event.actor_kind, event.actor_label, event.data) == ("worker", "tidier", {"count": 2})


def test_a_run_that_finds_nothing_is_not_on_record(desk):
    uploaded(desk, ago=timedelta(0))
    assert media_discard(actor=TIDIER) == 0
    assert not Event.objects.filter(name="media.discarded").exists()


def test_a_file_that_cannot_be_deleted_waits_for_the_next_run(desk, monkeypatch):
    stuck, other = [uploaded(desk, ago=UNUSED_FOR * 2) for _ in range(2)]
    delete = FileSystemStorage.delete

    def refuse(storage: FileSystemStorage, name: str) -> None:
        if name == stuck.file.name:
            raise PermissionError
        delete(storage, name)

    with monkeypatch.context() as patched:
        patched.setattr(FileSystemStorage, "delete", refuse)
        assert media_discard(actor=TIDIER) == 1
    assert set(Media.objects.all()) == {stuck}
    assert not other.file.storage.exists(other.file.name)
    assert media_discard(actor=TIDIER) == 1


def test_no_person_throws_uploads_away(desk):
    uploaded(desk, ago=UNUSED_FOR * 2)
    with pytest.raises(NotAllowed):
        media_discard(actor=person(desk.manager))
    assert Media.objects.count() == 1
