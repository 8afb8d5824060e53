"""The pages with which people hold everything, review what was held, and release it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.levels import Level
from scheduling.models import Delivery, HoldKind, Pause
from scheduling.services.pauses import pause_begin, pause_end
from scheduling.states import State
from tests.factories import SocialAccountFactory, UserFactory, give, make_team, person
from tests.scheduling.conftest import fall_due, run_due

pytestmark = pytest.mark.django_db

BANNER = "Everything is held since"


def text(answer):
    return answer.content.decode()


def held(desk, kind=HoldKind.OVERDUE, **fields):
    delivery = desk.scheduled()
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.HELD, hold_kind=kind, hold_reason=f"Because of {kind}.", next_try_at=None,
        **fields,
    )  # fmt: skip
    delivery.refresh_from_db()
    return delivery


class TestHoldEverything:
    def test_it_says_what_it_will_hold_before_it_does(self, desk, sign_in):
        soon = timezone.now() + timedelta(minutes=30)
        desk.scheduled(due_at=soon)
        desk.scheduled(due_at=timezone.now() + timedelta(hours=5))
        desk.scheduled(due_at=timezone.now() + timedelta(days=5))
        SocialAccountFactory()
        page = " ".join(text(sign_in(desk.approver).get("/hold/")).split())
        assert "Holds all 2 accounts: 1 post in the next hour, 2 in the next 24 hours." in page
        assert "And 1 account that you do not see." in page

    def test_for_one_account_and_for_a_team(self, desk, sign_in):
        other = SocialAccountFactory(display_name="Elsewhere")
        team = make_team("Control room")
        give(team, Level.PUBLISHER, desk.account)
        give(team, Level.VIEWER, other)
        make_team("Other people")
        client = sign_in(desk.approver)
        page = " ".join(text(client.get("/hold/", {"what": f"account:{desk.account.pk}"})).split())
        assert f"Holds {desk.account.display_name}:" in page
        assert "Elsewhere" not in page
        assert "Other people" not in page
        page = " ".join(text(client.get("/hold/", {"what": f"team:{team.pk}"})).split())
        assert "Holds 2 accounts on which the team Control room has a level" in page
        assert "also for people outside the team" in page

    def test_what_is_being_sent_is_said(self, desk, sign_in):
        fall_due(desk.scheduled())
        Delivery.objects.update(
            state=State.PUBLISHING, lease_until=timezone.now(), next_try_at=None
        )
        page = " ".join(text(sign_in(desk.approver).get("/hold/")).split())
        assert "1 is being sent at this moment" in page

    def test_doing_it_and_ending_it(self, desk, network, sign_in):
        delivery = fall_due(desk.scheduled())
        client = sign_in(desk.approver)
        answer = client.post("/hold/", {"what": "", "reason": "Major incident"}, follow=True)
        assert "Everything is held. Nothing goes out from now on." in text(answer)
        run_due()
        pause = Pause.objects.get()
        page = text(client.get(f"/hold/{pause.pk}/"))
        assert "Held so far" in page
        assert delivery.text in page
        answer = client.post(f"/hold/{pause.pk}/end/", follow=True)
        assert "Waits for review" in text(answer)
        assert delivery.text in text(answer)
        assert "Nothing was changed" in text(client.post(f"/hold/{pause.pk}/end/", follow=True))

    def test_a_reason_is_asked_for_and_what_nobody_offered_is_refused(self, desk, sign_in):
        client = sign_in(desk.approver)
        answer = client.post("/hold/", {"what": "", "reason": " "})
        assert answer.status_code == 422
        assert "Say why" in text(answer)
        stranger = SocialAccountFactory()
        what = f"account:{stranger.pk}"
        assert client.post("/hold/", {"what": what, "reason": "x"}).status_code == 422
        assert not Pause.objects.exists()

    def test_what_is_held_already_is_not_asked_about_again(self, desk, sign_in):
        pause_begin(actor=person(desk.manager), reason="Crisis")
        client = sign_in(desk.approver)
        assert "It is held already" in text(client.get("/hold/"))
        answer = client.post("/hold/", {"what": "", "reason": "Me too"})
        assert answer.status_code == 422

    @pytest.mark.parametrize("who", ["viewer", "contributor", "publisher", "outsider"])
    def test_it_takes_an_approver(self, desk, sign_in, who):
        pause = pause_begin(actor=person(desk.manager), reason="Crisis")
        client = sign_in(getattr(desk, who))
        assert client.get("/hold/").status_code == 403
        assert client.post("/hold/", {"what": "", "reason": "x"}).status_code == 403
        assert client.post(f"/hold/{pause.pk}/end/").status_code == 403
        page = client.get(f"/hold/{pause.pk}/")
        assert page.status_code == 200
        assert "End it" not in text(page)
        assert Pause.objects.in_force().exists()

    def test_a_pause_of_an_account_is_not_there_for_those_who_do_not_see_it(self, desk, sign_in):
        pause = pause_begin(actor=person(desk.manager), reason="Crisis", account=desk.account)
        client = sign_in(desk.outsider)
        assert client.get(f"/hold/{pause.pk}/").status_code == 404
        assert client.post(f"/hold/{pause.pk}/end/").status_code == 404
        assert "is held since" not in text(client.get("/"))
        assert f"{desk.account.display_name} is held since" in text(sign_in(desk.viewer).get("/"))

    def test_it_is_found_by_its_first_letters_by_those_who_may(self, desk, sign_in):
        assert 'href="/hold/"' in text(sign_in(desk.approver).get("/search/?q=hold"))
        assert 'href="/hold/"' not in text(sign_in(desk.publisher).get("/search/?q=hold"))


class TestBanner:
    @pytest.mark.parametrize(
        "path", ["/", "/calendar/", "/inbox/", "/posts/new/", "/accounts/", "/settings/", "/held/"]
    )
    def test_it_is_on_every_page_and_says_who_and_why(self, desk, sign_in, path):
        client = sign_in(desk.contributor)
        assert BANNER not in text(client.get(path))
        pause = pause_begin(actor=person(desk.manager), reason="Crisis")
        page = text(client.get(path))
        assert BANNER in page
        assert f"by {desk.manager}: Crisis" in page
        assert f'href="/hold/{pause.pk}/"' in page
        pause_end(actor=person(desk.manager), pause=pause)
        assert BANNER not in text(client.get(path))

    def test_also_on_a_page_that_is_refused_and_not_for_strangers(self, desk, sign_in, client):
        pause_begin(actor=person(desk.manager), reason="Crisis")
        assert BANNER in text(sign_in(desk.contributor).get("/hold/"))
        assert BANNER not in text(client.get("/auth/sign-in/"))


class TestHeldPage:
    def test_everything_held_by_why(self, desk, sign_in):
        for kind in HoldKind:
            held(desk, kind)
        page = text(sign_in(desk.manager).get("/held/"))
        places = [page.index(f"Because of {kind}.") for kind in HoldKind if kind != "person"]
        assert len(places) == len(HoldKind) - 1
        order = ["paused", "overdue", "authorisation", "frozen", "lapsed", "changed", "person"]
        found = [page.index(f"Because of {kind}.") for kind in order]
        assert found == sorted(found)

    def test_one_kind_alone_and_only_what_one_may_see(self, desk, sign_in):
        held(desk, HoldKind.OVERDUE)
        held(desk, HoldKind.PERSON)
        page = text(sign_in(desk.viewer).get("/held/", {"why": "person"}))
        assert "Because of person." in page
        assert "Because of overdue." not in page
        assert "Because of" not in text(sign_in(desk.outsider).get("/held/"))
        assert sign_in(desk.viewer).get("/held/", {"why": "<b>"}).status_code == 200

    def test_what_may_be_done_is_offered_and_no_more(self, desk, sign_in):
        held(desk, HoldKind.PERSON)
        assert "Release now" not in text(sign_in(desk.publisher).get("/held/"))
        assert "Release now" in text(sign_in(desk.manager).get("/held/"))
        viewers = text(sign_in(desk.viewer).get("/held/"))
        assert "Release now" not in viewers
        assert "Cancel it" not in viewers

    def test_nothing_is_offered_for_release_while_it_is_paused(self, desk, sign_in):
        held(desk, HoldKind.PAUSED)
        pause_begin(actor=person(desk.manager), reason="Crisis")
        page = text(sign_in(desk.publisher).get("/held/"))
        assert "Release now" not in page
        assert "Can be released once the hold has ended" in page

    def test_releasing_one_now(self, desk, sign_in, network):
        delivery = held(desk)
        url = f"/deliveries/{delivery.pk}/release/"
        answer = sign_in(desk.publisher).post(url, {"when": "now", "next": "/held/"}, follow=True)
        assert answer.redirect_chain == [("/held/", 302)]
        assert run_due() == ["published"]

    def test_pages_by_key_leave_nothing_out(self, desk, sign_in, monkeypatch):
        monkeypatch.setattr("scheduling.selectors.held.PAGE", 3)
        now = timezone.now()
        for n in range(7):
            kind = HoldKind.PAUSED if n % 2 else HoldKind.OVERDUE
            held(desk, kind, due_at=now + timedelta(minutes=n) if n else None)
        client, seen, url = sign_in(desk.publisher), [], "/held/"
        for _ in range(5):
            answer = client.get(url)
            seen += [row.delivery.pk for _, rows in answer.context["groups"] for row in rows]
            if not answer.context["older_url"]:
                break
            url = "/held/" + answer.context["older_url"]
        assert len(seen) == len(set(seen)) == 7

    @pytest.mark.parametrize("after", ["x", "1.2", "1.2.yesterday", "99999999999999999999.1.2026"])
    def test_a_cursor_that_we_did_not_make_shows_the_first_page(self, desk, sign_in, after):
        held(desk)
        answer = sign_in(desk.publisher).get("/held/", {"after": after})
        assert "Because of overdue." in text(answer)

    def test_questions_do_not_grow_with_the_rows(self, desk, sign_in):
        client = sign_in(desk.manager)
        held(desk)
        client.get("/held/")
        with CaptureQueriesContext(connection) as few:
            client.get("/held/")
        for kind in (*HoldKind, *HoldKind):
            held(desk, kind)
        with CaptureQueriesContext(connection) as many:
            client.get("/held/")
        assert len(many) <= len(few) + 1
        assert len(many) <= 12


class TestReleasingAGroup:
    @property
    def pace(self):
        later = timezone.now() + timedelta(days=1)
        return {
            "every": "10",
            "due_date": f"{later:%Y-%m-%d}",
            "due_time": "10:00",
            "due_zone": "Europe/London",
        }

    def test_the_times_are_shown_and_then_kept(self, desk, sign_in):
        rows = [held(desk), held(desk)]
        client, given = sign_in(desk.publisher), self.pace | {"d": [row.pk for row in rows]}
        page = text(client.get("/held/release/", given))
        assert "Release 2 at these times" in page
        assert "10:00 London" in page
        assert "10:10 London" in page
        assert not Delivery.objects.filter(state=State.SCHEDULED).exists()
        answer = client.post("/held/release/", given, follow=True)
        assert "Released 2." in text(answer)
        assert Delivery.objects.filter(state=State.SCHEDULED).count() == 2

    def test_what_stays_held_says_why(self, desk, sign_in):
        good, bad = held(desk), held(desk)
        desk.publisher.grants.all().delete()
        Delivery.objects.filter(pk=good.pk).update(sender=desk.manager)
        answer = sign_in(desk.manager).post("/held/release/", self.pace | {"d": [good.pk, bad.pk]})
        page = " ".join(text(answer).split())
        assert "Released 1, 1 stays held" in page
        assert "may no longer send this" in page

    def test_others_rows_are_left_out(self, desk, sign_in):
        mine, managers = held(desk), held(desk, HoldKind.PERSON)
        client = sign_in(desk.publisher)
        page = text(client.get("/held/release/", self.pace | {"d": [mine.pk, managers.pk]}))
        assert "Release 1 at these times" in page
        assert "not yours to release" in page
        outsider = sign_in(desk.outsider)
        answer = outsider.post("/held/release/", self.pace | {"d": [mine.pk]})
        assert answer.status_code == 422
        mine.refresh_from_db()
        assert mine.state == State.HELD

    @pytest.mark.parametrize(
        "given",
        [{"every": "7"}, {"due_date": "2020-01-01"}, {"due_time": "x"}, {"due_zone": "Moon"}, {}],
    )
    def test_what_cannot_be_is_said_and_releases_nothing(self, desk, sign_in, given):
        ids = {"d": [held(desk).pk]} if given else {"d": ["x"]}
        client = sign_in(desk.publisher)
        for ask in (client.get, client.post):
            assert ask("/held/release/", self.pace | ids | given).status_code == 422
        assert not Delivery.objects.filter(state=State.SCHEDULED).exists()


def test_the_navigation_counts_what_waits_for_one(desk, sign_in):
    held(desk)
    held(desk)
    assert desk.in_review()
    page = " ".join(text(sign_in(desk.approver).get("/settings/")).split())
    for word, number in (("Held", 2), ("Approvals", 1)):
        assert f'{word}</span> <span class="count">{number}<' in page
    outsider = UserFactory()
    assert 'class="count"' not in text(sign_in(outsider).get("/settings/"))
