"""The pages of posts, calendar and approvals: what they do, and to whom they are closed."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.models import SocialAccount
from audit.models import Event
from scheduling.content import content_hash
from scheduling.models import Delivery, Media, Post
from scheduling.states import State
from tests.factories import DeliveryFactory, SocialAccountFactory, UserFactory, give
from tests.scheduling.conftest import fall_due

pytestmark = pytest.mark.django_db


def png(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#336699").save(out, kind)
    return out.getvalue()


def close(answer) -> None:
    """What a server does when it has sent a file."""
    for closer in answer._resource_closers:
        closer()


def fields(*accounts: SocialAccount, **other: object) -> dict[str, object]:
    return {"accounts": [a.pk for a in accounts], "text": "Bridge open again"} | other


class TestComposing:
    def test_a_contributor_sends_for_approval(self, desk, sign_in):
        client = sign_in(desk.contributor)
        answer = client.post(reverse("scheduling:compose_send"), fields(desk.account), follow=True)
        assert "Sent for approval on 1 account." in answer.content.decode()
        assert Delivery.objects.get().state == State.IN_REVIEW

    def test_a_publisher_without_a_time_publishes_now(self, desk, sign_in):
        sign_in(desk.publisher).post(reverse("scheduling:compose_send"), fields(desk.account))
        delivery = Delivery.objects.get()
        assert delivery.state == State.SCHEDULED
        assert delivery.due_at <= timezone.now()

    def test_a_draft_is_kept_as_a_draft(self, desk, sign_in):
        sign_in(desk.publisher).post(
            reverse("scheduling:compose_send"), fields(desk.account, draft="1")
        )
        assert Delivery.objects.get().state == State.DRAFT

    def test_the_time_is_meant_in_the_zone_that_is_named(self, desk, sign_in):
        day = (timezone.now() + timedelta(days=400)).date().replace(month=7, day=1)
        when = {"due_date": f"{day}", "due_time": "09:00", "due_zone": "America/New_York"}
        sign_in(desk.publisher).post(
            reverse("scheduling:compose_send"), fields(desk.account, **when)
        )
        assert f"{Delivery.objects.get().due_at:%H:%M}" == "13:00"

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"due_date": "2031-03-30", "due_time": "01:30"}, "does not exist"),
            ({"due_date": "2031-03-30"}, "both a day and a time"),
            (
                {"due_date": "0001-01-01", "due_time": "01:30", "due_zone": "Asia/Tokyo"},
                "day of this century",
            ),
            ({"due_date": "2020-01-01", "due_time": "09:00"}, "passed"),
            ({"text": "x" * 501}, "over the limit"),
            ({"accounts": []}, "at least one account"),
            ({"text": ""}, "text is empty"),
            ({"due_date": "2031-03-30", "due_time": "09:00", "due_zone": "Mars/Base"}, "zone"),
        ],
    )
    def test_what_cannot_go_is_said_and_nothing_typed_is_lost(self, desk, sign_in, wrong, said):
        data = fields(desk.account, due_zone="Europe/London") | {"text": "Keep me"} | wrong
        answer = sign_in(desk.publisher).post(reverse("scheduling:compose_send"), data)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert said in page
        assert str(data["text"]) in page
        assert not Delivery.objects.exclude(state=State.DRAFT).exists()

    def test_an_account_that_is_not_ones_own_is_not_taken(self, desk, sign_in):
        other = SocialAccountFactory()
        answer = sign_in(desk.publisher).post(
            reverse("scheduling:compose_send"), fields(desk.account, other)
        )
        assert answer.status_code == 422
        assert not Post.objects.exists()

    def test_the_second_of_two_editors_keeps_the_words_on_the_page(self, desk, sign_in):
        post = desk.draft()
        data = fields(desk.account, post=post.pk, version=1, text="Mine")
        sign_in(desk.publisher).post(
            reverse("scheduling:compose_send"), data | {"text": "Theirs", "draft": "1"}
        )
        answer = sign_in(desk.contributor).post(reverse("scheduling:compose_send"), data)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Nothing was overwritten" in page
        assert "Mine" in page
        assert Post.objects.get().text == "Theirs"

    def test_back_and_send_again_is_the_same_post(self, desk, sign_in):
        client = sign_in(desk.publisher)
        page = client.get(reverse("scheduling:compose"))
        key = page.context["form"].initial["form_key"]
        data = fields(desk.account, form_key=key)
        client.post(reverse("scheduling:compose_send"), data | {"draft": "1"})
        client.post(reverse("scheduling:compose_send"), data | {"text": "Better words"})
        assert [p.text for p in Post.objects.all()] == ["Better words"]
        again = client.post(reverse("scheduling:compose_send"), data, follow=True)
        assert "Nothing was written or sent a second time" in again.content.decode()
        assert Delivery.objects.count() == 1
        saved = client.post(reverse("scheduling:compose_save"), data)
        assert saved.status_code == 422

    def test_it_saves_itself_and_gives_back_the_version(self, desk, sign_in):
        client = sign_in(desk.contributor)
        answer = client.post(reverse("scheduling:compose_save"), fields(desk.account))
        post = Post.objects.get()
        assert f'name="post" value="{post.pk}"' in answer.content.decode()
        again = fields(desk.account, post=post.pk, version=post.version, text="More")
        assert client.post(reverse("scheduling:compose_save"), again).status_code == 200
        assert Post.objects.get().text == "More"

    def test_what_could_not_be_saved_is_not_called_saved(self, desk, sign_in):
        client = sign_in(desk.contributor)
        assert client.post(reverse("scheduling:compose_save"), fields()).status_code == 422
        stale = fields(desk.account, post=desk.draft().pk, version=99)
        answer = client.post(reverse("scheduling:compose_save"), stale)
        assert answer.status_code == 422
        assert "Not saved" in answer.content.decode()

    def test_the_live_check_counts_as_the_platform_does_and_writes_nothing(self, desk, sign_in):
        answer = sign_in(desk.contributor).post(
            reverse("scheduling:compose_check") + "?versions=1",
            fields(desk.account, text="x" * 503, **{f"own-{desk.account.pk}": ""}),
        )
        page = answer.content.decode()
        assert "3 too many" in page
        assert "Send for approval" in page
        assert not Post.objects.exists()

    def test_own_words_for_one_account(self, desk, sign_in):
        other = SocialAccountFactory()
        give(desk.contributor, "contributor", other)
        data = fields(desk.account, other, **{f"own-{other.pk}": "Other words"})
        sign_in(desk.contributor).post(reverse("scheduling:compose_send"), data)
        texts = {d.account_id: d.text for d in Delivery.objects.all()}
        assert texts == {desk.account.pk: "Bridge open again", other.pk: "Other words"}

    def test_an_edit_page_shows_what_is_there(self, desk, sign_in):
        post = desk.draft(own_texts={desk.account.pk: "Own words here"})
        page = sign_in(desk.contributor).get(reverse("scheduling:compose_edit", args=[post.pk]))
        assert "Own words here" in page.content.decode()

    def test_what_is_on_its_way_is_not_edited_but_shown(self, desk, sign_in):
        delivery = desk.in_review()
        url = reverse("scheduling:compose_edit", args=[delivery.post_id])
        answer = sign_in(desk.contributor).get(url)
        assert answer.url == reverse("scheduling:post", args=[delivery.post_id])

    def test_a_day_and_an_account_come_along(self, desk, sign_in):
        url = reverse("scheduling:compose") + f"?day=2031-05-06&account={desk.account.pk}"
        page = sign_in(desk.contributor).get(url).content.decode()
        assert 'value="2031-05-06"' in page
        assert "checked" in page
        assert (
            sign_in(desk.contributor)
            .get(reverse("scheduling:compose") + "?day=31.5.&account=x")
            .status_code
            == 200
        )


class TestPictures:
    def upload(self, client, data: bytes, name: str = "a.png"):
        file = SimpleUploadedFile(name, data, content_type="image/png")
        return client.post(reverse("scheduling:media_upload"), {"file": file})

    def test_a_picture_gets_into_its_post_with_its_words(self, desk, sign_in):
        client = sign_in(desk.contributor)
        media_id = self.upload(client, png()).json()["id"]
        data = fields(desk.account, media=[media_id], **{f"alt-{media_id}": "A bridge"})
        client.post(reverse("scheduling:compose_send"), data)
        media = Media.objects.get()
        assert (media.alt_text, media.post) == ("A bridge", Post.objects.get())
        assert len(media.sha256) == 64

    def test_location_and_device_are_not_kept(self, desk, sign_in):
        out = io.BytesIO()
        exif = Image.Exif()
        exif[0x010F] = "CanaryCamera"
        Image.new("RGB", (40, 30)).save(out, "JPEG", exif=exif)
        self.upload(sign_in(desk.contributor), out.getvalue())
        with Media.objects.get().file.open("rb") as file:
            assert b"CanaryCamera" not in file.read()

    def test_sixteen_bits_of_grey_keep_their_shades(self, desk, sign_in):
        deep = Image.new("I;16", (2, 1))
        deep.putpixel((0, 0), 1_000)
        deep.putpixel((1, 0), 60_000)
        out = io.BytesIO()
        deep.save(out, "PNG")
        self.upload(sign_in(desk.contributor), out.getvalue())
        with Media.objects.get().file.open() as file, Image.open(file) as kept:
            assert [kept.convert("L").getpixel((x, 0)) for x in (0, 1)] == [3, 234]

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"<svg xmlns='http://www.w3.org/2000/svg'><script>x</script></svg>", "no picture"),
            (b"not a picture", "no picture"),
            (b"", "is empty"),
            (png()[:60], "no picture"),
            (png(9000, 8000), "too many pixels"),
        ],
    )
    def test_what_is_no_picture_or_a_bomb_is_refused(self, desk, sign_in, data, said):
        answer = self.upload(sign_in(desk.contributor), data)
        assert answer.status_code == 422
        assert said in answer.json()["error"]
        assert not Media.objects.exists()

    def test_a_file_that_is_too_large_is_refused(self, desk, sign_in, settings):
        settings.UPLOAD_MAX_BYTES = 50
        assert "too large" in self.upload(sign_in(desk.contributor), png()).json()["error"]

    def test_without_a_file_it_says_so(self, desk, sign_in):
        answer = sign_in(desk.contributor).post(reverse("scheduling:media_upload"))
        assert answer.status_code == 422

    def test_who_may_draft_nowhere_uploads_nothing(self, desk, sign_in):
        assert self.upload(sign_in(desk.viewer), png()).status_code == 403

    def test_a_picture_is_seen_by_those_who_see_its_post(self, desk, sign_in):
        client = sign_in(desk.contributor)
        answer = self.upload(client, png()).json()
        shown = client.get(answer["url"])
        assert b"".join(shown.streaming_content)[:4] == b"\x89PNG"
        assert shown["Content-Type"] == "image/png"
        close(shown)
        assert sign_in(desk.publisher).get(answer["url"]).status_code == 404
        client.post(reverse("scheduling:compose_send"), fields(desk.account, media=[answer["id"]]))
        seen = sign_in(desk.viewer).get(answer["url"])
        close(seen)
        assert seen.status_code == 200
        assert sign_in(desk.outsider).get(answer["url"]).status_code == 404

    def test_anothers_upload_cannot_be_taken(self, desk, sign_in):
        media_id = self.upload(sign_in(desk.publisher), png()).json()["id"]
        answer = sign_in(desk.contributor).post(
            reverse("scheduling:compose_send"), fields(desk.account, media=[media_id])
        )
        assert answer.status_code == 422
        assert "Add it again" in answer.content.decode()

    def test_taking_one_out_keeps_it_for_the_story(self, desk, sign_in):
        client = sign_in(desk.contributor)
        media_id = self.upload(client, png()).json()["id"]
        client.post(
            reverse("scheduling:compose_send"), fields(desk.account, media=[media_id], draft="1")
        )
        post = Post.objects.get()
        client.post(
            reverse("scheduling:compose_send"),
            fields(desk.account, post=post.pk, version=post.version, draft="1"),
        )
        assert Media.objects.get().removed_at is not None


class TestPostPage:
    def act(self, client, delivery, name, **data):
        url = reverse("scheduling:delivery_act", args=[delivery.pk, name])
        return client.post(url, data, follow=True).content.decode()

    def test_it_shows_each_state_in_words(self, desk, sign_in):
        client = sign_in(desk.manager)
        for state in State:
            delivery = DeliveryFactory(account=desk.account, state=state)
            page = client.get(reverse("scheduling:post", args=[delivery.post_id]))
            assert state.label in page.content.decode()

    def test_the_acts_work_and_say_what_they_did(self, desk, sign_in):
        client = sign_in(desk.manager)
        delivery = desk.scheduled()
        assert "Held." in self.act(client, delivery, "hold", reason="Wait")
        later = timezone.now() + timedelta(days=3)
        at = {"date": f"{later:%Y-%m-%d}", "time": "09:00", "zone": "UTC"}
        assert "Released." in self.act(client, delivery, "release", **at)
        assert "Moved to" in self.act(client, delivery, "move", **at)
        assert "Publishing to" in self.act(client, delivery, "now")
        assert "Cancelled on" in self.act(client, delivery, "cancel")

    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("hold", {}, "why it is held"),
            ("move", {}, "Choose a day and a time"),
            ("move", {"date": "tomorrow"}, "both a day and a time"),
            ("move", {"date": "2020-01-01", "time": "09:00"}, "has passed"),
            ("withdraw", {"reason": "x"}, "cannot be"),
            ("release", {}, "cannot be released"),
        ],
    )
    def test_what_cannot_be_done_changes_nothing_and_says_why(
        self, desk, sign_in, name, data, said
    ):
        delivery = desk.scheduled()
        page = self.act(sign_in(desk.manager), delivery, name, **data)
        assert said in page
        assert Delivery.objects.get().state == State.SCHEDULED

    def test_there_are_no_other_acts(self, desk, sign_in):
        delivery = desk.scheduled()
        url = reverse("scheduling:delivery_act", args=[delivery.pk, "explode"])
        assert sign_in(desk.manager).post(url).status_code == 404

    def test_taking_back_leads_to_the_editor(self, desk, sign_in):
        delivery = desk.approved()
        url = reverse("scheduling:post_take_back", args=[delivery.post_id])
        answer = sign_in(desk.contributor).post(url)
        assert answer.url == reverse("scheduling:compose_edit", args=[delivery.post_id])
        again = sign_in(desk.contributor).post(url, follow=True)
        assert "Nothing was changed" in again.content.decode()

    def test_cancelling_the_whole_post(self, desk, sign_in):
        delivery = desk.approved()
        sign_in(desk.contributor).post(
            reverse("scheduling:post_cancel", args=[delivery.post_id]), {"reason": "Wrong day"}
        )
        assert Delivery.objects.get().state == State.CANCELLED

    def test_an_approved_post_gets_its_time(self, desk, sign_in):
        delivery = desk.approved(due_at=None)
        later = timezone.now() + timedelta(days=3)
        at = {"date": f"{later:%Y-%m-%d}", "time": "09:00"}
        assert "Scheduled." in self.act(sign_in(desk.contributor), delivery, "schedule", **at)

    def test_a_published_post_is_taken_down_through_its_platform(self, desk, sign_in, network):
        from tests.scheduling.conftest import run_due

        delivery = fall_due(desk.scheduled())
        run_due()
        page = self.act(sign_in(desk.publisher), delivery, "withdraw", reason="Wrong street")
        assert "Taken down" in page
        assert len(network.deleted) == 1

    def test_hostile_text_is_shown_and_not_run(self, desk, sign_in):
        post = desk.draft(text="<script>alert(1)</script>")
        page = sign_in(desk.viewer).get(reverse("scheduling:post", args=[post.pk]))
        assert b"<script>alert(1)" not in page.content
        assert b"&lt;script&gt;" in page.content

    def test_a_foreign_next_is_not_followed(self, desk, sign_in):
        delivery = desk.scheduled()
        url = reverse("scheduling:delivery_act", args=[delivery.pk, "cancel"])
        answer = sign_in(desk.manager).post(url, {"next": "https://evil.example/"})
        assert answer.url == reverse("scheduling:post", args=[delivery.post_id])

    def test_only_the_deliveries_one_may_see_are_there(self, desk, sign_in):
        secret = SocialAccountFactory(display_name="Undercover")
        post = desk.draft()
        DeliveryFactory(post=post, account=secret)
        page = sign_in(desk.viewer).get(reverse("scheduling:post", args=[post.pk]))
        assert b"Undercover" not in page.content

    def test_changing_a_post_with_an_account_one_does_not_have_is_refused(self, desk, sign_in):
        post = desk.draft()
        DeliveryFactory(post=post)
        answer = sign_in(desk.manager).get(reverse("scheduling:compose_edit", args=[post.pk]))
        assert answer.status_code == 404


class TestApprovalPages:
    def test_the_queue_opens_with_its_first_item_and_the_decision_counts(self, desk, sign_in):
        delivery = desk.in_review()
        client = sign_in(desk.approver)
        page = client.get(reverse("scheduling:approvals")).content.decode()
        digest = content_hash(delivery)
        assert digest in page
        url = reverse("scheduling:approval_decide", args=[delivery.pk])
        answer = client.post(url, {"decision": "approve", "content_hash": digest}, follow=True)
        assert "It goes out on" in answer.content.decode()

    def test_what_changed_since_the_last_decision_is_shown(self, desk, sign_in):
        delivery = desk.in_review(text="Bridge open again")
        client = sign_in(desk.approver)
        url = reverse("scheduling:approval_decide", args=[delivery.pk])
        client.post(url, {"decision": "return", "comment": "Which bridge?"})
        post = delivery.post
        sign_in(desk.contributor).post(
            reverse("scheduling:compose_send"),
            fields(desk.account, post=post.pk, version=1, text="Mill bridge open again"),
        )
        page = client.get(reverse("scheduling:approval", args=[delivery.pk])).content.decode()
        assert "Which bridge?" in page
        assert "<ins>" in page

    def test_a_decision_on_something_else_by_now_decides_nothing(self, desk, sign_in):
        delivery = desk.in_review()
        url = reverse("scheduling:approval_decide", args=[delivery.pk])
        data = {"decision": "approve", "content_hash": "0" * 64}
        page = sign_in(desk.approver).post(url, data, follow=True).content.decode()
        assert "Nothing was decided" in page
        assert Delivery.objects.get().state == State.IN_REVIEW

    def test_two_who_decide_at_once(self, desk, sign_in):
        delivery = desk.in_review()
        digest = content_hash(delivery)
        url = reverse("scheduling:approval_decide", args=[delivery.pk])
        data = {"decision": "approve", "content_hash": digest}
        sign_in(desk.approver).post(url, data)
        page = sign_in(desk.manager).post(url, data, follow=True).content.decode()
        assert "Somebody else has decided" in page

    def test_ones_own_words_are_named_as_such(self, desk, sign_in):
        delivery = desk.in_review(author=desk.approver)
        page = sign_in(desk.approver).get(reverse("scheduling:approval", args=[delivery.pk]))
        assert "your own words" in page.content.decode()

    def test_as_a_fragment(self, desk, sign_in):
        delivery = desk.in_review()
        page = sign_in(desk.approver).get(
            reverse("scheduling:approval", args=[delivery.pk]), headers={"HX-Request": "true"}
        )
        assert b"<html" not in page.content

    @pytest.mark.parametrize("due", [None, -1])
    def test_approved_without_a_time_or_after_it_says_what_is_missing(self, desk, sign_in, due):
        delivery = desk.in_review(due_at=None)
        if due:
            Delivery.objects.update(due_at=timezone.now() - timedelta(days=1))
            delivery.refresh_from_db()
        url = reverse("scheduling:approval_decide", args=[delivery.pk])
        data = {"decision": "approve", "content_hash": content_hash(delivery)}
        page = sign_in(desk.approver).post(url, data, follow=True).content.decode()
        assert "time" in page
        assert Delivery.objects.get().state == State.APPROVED


class TestCalendar:
    def test_a_month_shows_what_is_planned_and_counts_the_rest(self, desk, sign_in):
        day = timezone.now() + timedelta(days=40)
        for _ in range(6):
            DeliveryFactory(account=desk.account, state=State.SCHEDULED, due_at=day)
        page = sign_in(desk.viewer).get(reverse("scheduling:calendar") + f"?month={day:%Y-%m}")
        text = page.content.decode()
        assert text.count('class="cal-chip ') == 4
        assert "+2" in text

    def test_a_list_goes_on_where_the_page_ended(self, desk, sign_in, monkeypatch):
        monkeypatch.setattr("scheduling.views.calendar.PAGE", 2)
        monkeypatch.setattr("scheduling.selectors.calendar.PAGE", 2)
        due = timezone.now() + timedelta(days=1)
        made = [
            DeliveryFactory(account=desk.account, due_at=due, post__text=f"Number {n}")
            for n in range(5)
        ]
        client, url = sign_in(desk.viewer), reverse("scheduling:calendar") + "?view=list"
        seen = []
        for _ in range(4):
            page = client.get(url)
            text = page.content.decode()
            seen += [d.post.text for d in made if d.post.text in text]
            url = page.context["older_url"]
            if not url:
                break
        assert seen == [d.post.text for d in made]

    def test_filters_by_state_and_account(self, desk, sign_in):
        other = SocialAccountFactory()
        give(desk.viewer, "viewer", other)
        due = timezone.now() + timedelta(days=1)
        DeliveryFactory(account=desk.account, due_at=due, post__text="Ours draft")
        DeliveryFactory(account=other, due_at=due, post__text="Theirs", state=State.SCHEDULED)
        client, url = sign_in(desk.viewer), reverse("scheduling:calendar") + "?view=list"
        by_account = client.get(f"{url}&account={other.pk}").content.decode()
        assert "Theirs" in by_account
        assert "Ours draft" not in by_account
        by_state = client.get(f"{url}&state=draft").content.decode()
        assert "Ours draft" in by_state
        assert "Theirs" not in by_state
        empty = client.get(f"{url}&state=failed").content.decode()
        assert "Nothing matches" in empty

    @pytest.mark.parametrize(
        "query",
        ["month=2026-13", "month=x", "view=list&day=never", "account=x", "view=list&after=x~y",
         "account=99999999999999999999", "view=list&after=2026-01-01T00:00:00~1", "month=9999-12",
         "view=list&after=9999-12-31T23:59:59-23:59~5", "view=list&after=0001-01-01T00:00Z~5",
         "view=list&only=1&day=2026-11-24"],
    )  # fmt: skip
    def test_nonsense_in_the_address_is_no_fault(self, desk, sign_in, query):
        url = reverse("scheduling:calendar") + f"?{query}"
        assert sign_in(desk.viewer).get(url).status_code == 200

    def test_only_who_may_move_is_offered_to(self, desk, sign_in):
        DeliveryFactory(
            account=desk.account, state=State.SCHEDULED, due_at=timezone.now() + timedelta(hours=1)
        )
        url = reverse("scheduling:calendar") + "?view=list"
        assert b"Move to" in sign_in(desk.publisher).get(url).content
        assert b"data-move=" not in sign_in(desk.contributor).get(url).content

    @pytest.mark.parametrize("view", ["month", "list"])
    def test_the_number_of_queries_does_not_grow(
        self, desk, sign_in, django_assert_max_num_queries, view
    ):
        for _ in range(30):
            other = SocialAccountFactory()
            give(desk.publisher, "publisher", other)
            DeliveryFactory(account=other, due_at=timezone.now() + timedelta(hours=2))
        client = sign_in(desk.publisher)
        with django_assert_max_num_queries(12):
            client.get(reverse("scheduling:calendar") + f"?view={view}")


PAGES = [
    ("get", "scheduling:compose_edit", "post", "contributor"),
    ("get", "scheduling:post", "post", "viewer"),
    ("get", "scheduling:story", "post", "viewer"),
    ("post", "scheduling:post_take_back", "post", "contributor"),
    ("post", "scheduling:post_cancel", "post", "contributor"),
    ("get", "scheduling:account_next", "account", "viewer"),
    ("get", "scheduling:approval", "delivery", "viewer"),
    ("post", "scheduling:approval_decide", "delivery", "approver"),
]


@pytest.mark.parametrize(("method", "name", "of", "level"), PAGES)
class TestRefusals:
    def ask(self, desk, client, method, name, of):
        delivery = desk.in_review()
        pk = {"post": delivery.post_id, "account": delivery.account_id}.get(of, delivery.pk)
        data = {"decision": "return", "comment": "No", "content_hash": content_hash(delivery)}
        return getattr(client, method)(reverse(name, args=[pk]), data)

    def test_an_outsider_finds_nothing(self, desk, sign_in, method, name, of, level):
        assert self.ask(desk, sign_in(desk.outsider), method, name, of).status_code == 404

    def test_a_visitor_is_asked_to_sign_in(self, desk, client, method, name, of, level):
        answer = self.ask(desk, client, method, name, of)
        assert answer.status_code == 302
        assert "/auth/sign-in/" in answer.url

    def test_a_viewer_reads_and_no_more(self, desk, sign_in, method, name, of, level):
        answer = self.ask(desk, sign_in(desk.viewer), method, name, of)
        assert answer.status_code == (200 if level == "viewer" else 403)

    def test_a_right_taken_away_counts_at_once(self, desk, sign_in, method, name, of, level):
        client, who = sign_in(getattr(desk, level)), getattr(desk, level)
        assert self.ask(desk, client, method, name, of).status_code != 404
        delivery = Delivery.objects.get()
        who.grants.update(ended_at=timezone.now())
        pk = {"post": delivery.post_id, "account": delivery.account_id}.get(of, delivery.pk)
        assert getattr(client, method)(reverse(name, args=[pk])).status_code == 404


@pytest.mark.parametrize("act", ["hold", "release", "cancel", "move", "schedule", "now"])
def test_acts_are_closed_to_viewers_and_outsiders(desk, sign_in, act):
    delivery = desk.scheduled()
    url = reverse("scheduling:delivery_act", args=[delivery.pk, act])
    later = timezone.now() + timedelta(days=3)
    data = {"reason": "x", "date": f"{later:%Y-%m-%d}", "time": "09:00"}
    assert sign_in(desk.outsider).post(url, data).status_code == 404
    answer = sign_in(desk.viewer).post(url, data, follow=True)
    assert answer.status_code == 403 or b"Nothing was changed" in answer.content
    delivery.refresh_from_db()
    assert delivery.state == State.SCHEDULED


def test_my_day_and_search_show_only_what_is_ones_own(desk, sign_in):
    DeliveryFactory(account=desk.account, state=State.HELD, hold_reason="Wait for the date")
    DeliveryFactory(state=State.HELD, hold_reason="Somebody else's")
    desk.in_review(due_at=timezone.now() + timedelta(hours=1))
    client = sign_in(desk.manager)
    page = client.get("/").content.decode()
    assert "Wait for the date" in page
    assert "Somebody else's" not in page
    found = client.get("/search/?q=northmoor").content.decode()
    assert desk.account.display_name in found
    assert "Bridge open" in client.get("/search/?q=Bridge").content.decode()
    assert client.get("/search/?q=%00").status_code == 200
    assert UserFactory().full_name not in client.get("/search/?q=person").content.decode()


def test_a_refusal_on_a_page_is_on_record(desk, sign_in):
    post = desk.draft()
    sign_in(desk.viewer).get(reverse("scheduling:compose_edit", args=[post.pk]))
    event = Event.objects.get(name="access.refused")
    assert event.actor_id == desk.viewer.pk
    assert event.data["attempted"] == "scheduling:compose_edit"
