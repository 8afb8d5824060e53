"""The life of an account, and of a person's rights."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from accounts.models import Grant
from accounts.selectors.lives import account_life, person_life, stays_of
from accounts.services.grants import grant_end, grant_set
from accounts.services.leaving import user_leave
from accounts.services.people import user_change_roles, user_freeze
from accounts.services.sign_ins import session_start
from accounts.services.social import account_freeze, account_unfreeze
from accounts.services.teams import team_member_add, team_member_remove
from audit.models import Event
from audit.selectors import strands
from audit.selectors.events import Cursor
from scheduling.services.pauses import pause_begin
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, give, make_team, person

pytestmark = pytest.mark.django_db


def said(life):
    return [re.sub(r"^The command tests ", "", step.said) for step in life.steps]


def text_of(response):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


@pytest.fixture
def account():
    return SocialAccountFactory(display_name="Northmoor Fire", handle="@fire")


def test_an_account_tells_its_levels_freezes_and_holds_and_nothing_else(account):
    ana, other = UserFactory(full_name="Ana Reyes"), SocialAccountFactory()
    grant = give(ana, "publisher", account)
    give(ana, "manager", other)
    account_freeze(actor=COMMAND, account=account, reason="Smoke")
    account_freeze(actor=COMMAND, account=other, reason="Smoke")
    account_unfreeze(actor=COMMAND, account=account)
    pause_begin(actor=COMMAND, reason="A leak", account=account)
    grant_end(actor=COMMAND, grant=grant, reason="Moves on")
    names = [Event.objects.get(pk=step.event).name for step in account_life(account).steps]
    assert names == [
        "grant.ended", "pause.begun", "account.unfrozen", "account.frozen", "grant.given",
    ]  # fmt: skip


def test_a_level_that_ran_out_is_a_step_of_its_own(account):
    ana = UserFactory(full_name="Ana Reyes")
    give(ana, "publisher", account, expired=True)
    told = {step.event: step.said for step in account_life(account).steps}
    assert told.pop(0) == "Publisher on Northmoor Fire (Sandbox @fire) for Ana Reyes ran out"
    assert len(told) == 1


def test_levels_that_went_with_a_leaver_are_steps_of_the_account(account):
    ana = UserFactory(full_name="Ana Reyes")
    give(ana, "publisher", account)
    user_leave(actor=COMMAND, user=ana, reason="Retires")
    assert "ended" in said(account_life(account))[0]


def test_a_level_that_was_replaced_is_told_once(account):
    ana = UserFactory()
    give(ana, "viewer", account)
    give(ana, "manager", account)
    assert len(account_life(account).steps) == 2


def test_an_end_that_is_on_record_is_not_told_twice(account):
    grant = give(UserFactory(), "viewer", account)
    grant_end(actor=COMMAND, grant=grant)
    assert len(account_life(account).steps) == 2
    assert len(person_life(grant.user).steps) == 2


def test_a_person_tells_each_right_that_came_and_went(account):
    ana = UserFactory(full_name="Ana Reyes")
    team = make_team("Night shift")
    give(team, "approver", account)
    team_member_add(actor=COMMAND, team=team, user=ana)
    team_member_remove(actor=COMMAND, team=team, user=ana)
    give(ana, "viewer", account)
    user_change_roles(actor=COMMAND, user=ana, roles=["is_auditor"])
    user_freeze(actor=COMMAND, user=ana, reason="Lost phone")
    session_start(actor=person(ana))
    steps = person_life(ana).steps
    names = [Event.objects.get(pk=step.event).name for step in steps]
    assert names == [
        "person.frozen", "person.changed", "grant.given", "team.member_removed",
        "team.member_added",
    ]  # fmt: skip
    removed, added = steps[3:]
    assert [(g.level, s.came) for s in (removed, added) for g in s.grants] == [
        ("approver", False), ("approver", True),
    ]  # fmt: skip


def test_what_happens_to_a_teams_levels_concerns_whoever_is_in_it_then(account):
    ana = UserFactory()
    team = make_team("Night shift")
    give(team, "viewer", account)
    team_member_add(actor=COMMAND, team=team, user=ana)
    give(team, "manager", account)
    team_member_remove(actor=COMMAND, team=team, user=ana)
    give(team, "publisher", account)
    names = [Event.objects.get(pk=step.event).name for step in person_life(ana).steps]
    assert names == ["team.member_removed", "grant.changed", "team.member_added"]


def test_who_came_into_a_team_by_invitation_was_in_it_from_the_beginning(account):
    ana = UserFactory()
    team = make_team("Night shift", ana)
    (stay,) = stays_of(ana)
    assert (stay.team_id, stay.since, stay.until) == (team.pk, ana.date_joined, None)


def test_a_leaver_was_in_their_teams_until_they_left(account):
    ana, team = UserFactory(), make_team("Night shift")
    team_member_add(actor=COMMAND, team=team, user=ana)
    user_leave(actor=COMMAND, user=ana, reason="Retires")
    (stay,) = stays_of(ana)
    assert stay.until == Event.objects.get(name="person.left").occurred_at


def test_others_with_the_same_number_are_no_part_of_it(account):
    """A team may have the number of a person, and a grant that of an account."""
    ana = UserFactory()
    team = make_team("Night shift")
    grant_set(actor=COMMAND, account=account, team=team, level="viewer", reason="x")
    assert person_life(ana).steps == []


def test_pages_miss_nothing_and_repeat_nothing(account, monkeypatch):
    for number in range(7):
        give(UserFactory(), "viewer", account, expired=number == 3)
    Grant.objects.filter(ends_at__isnull=False).update(ends_at=timezone.now() + timedelta(days=-1))
    monkeypatch.setattr(strands, "PAGE", 3)
    seen, before = [], None
    while True:
        page = strands.strands_page(
            [strands.Q(subject_type="accounts.grant"), strands.Q(account_id=account.pk)],
            before=before,
            size=3,
        )
        seen += [event.pk for event in page.events]
        if page.older is None:
            break
        before = page.older
    assert len(seen) == len(set(seen)) == 7


def test_an_older_page_holds_what_is_older(account):
    for _ in range(3):
        give(UserFactory(), "viewer", account)
    steps = account_life(account).steps
    rest = account_life(account, Cursor.of(Event.objects.get(pk=steps[0].event)))
    assert [s.event for s in rest.steps] == [s.event for s in steps[1:]]
    assert rest.beyond


# --- the pages ------------------------------------------------------------------------------------


def test_each_look_is_a_reading(sign_in, auditor, account):
    client = sign_in(auditor)
    ana = UserFactory(full_name="Ana Reyes")
    give(ana, "publisher", account)
    page = client.get(f"/record/account/{account.pk}/")
    assert "Ana Reyes" in text_of(page)
    page = client.get(f"/record/person/{ana.pk}/")
    assert "Publisher on Northmoor Fire" in text_of(page)
    read = [event.data for event in Event.objects.filter(name="record.read").order_by("id")]
    assert [next(iter(data)) for data in read] == ["life_of_account", "life_of_person"]


def test_who_may_read_them(sign_in, auditor, administrator, account):
    ana, stranger = UserFactory(), UserFactory()
    give(ana, "viewer", account)
    of_account, of_ana = f"/record/account/{account.pk}/", f"/record/person/{ana.pk}/"
    for user, one, other in (
        (auditor, 200, 200),
        (administrator, 200, 200),
        (ana, 200, 200),
        (stranger, 404, 403),
    ):
        client = sign_in(user)
        assert client.get(of_account).status_code == one
        assert client.get(of_ana).status_code == other


def test_an_administrator_is_told_of_rights_and_not_led_to_the_record(sign_in, administrator):
    ana = UserFactory()
    user_freeze(actor=COMMAND, user=ana, reason="Lost phone")
    page = sign_in(administrator).get(f"/record/person/{ana.pk}/")
    assert "Lost phone" in text_of(page)
    event = Event.objects.get(name="person.frozen")
    assert f"/record/{event.pk}/" not in page.content.decode()


def test_few_queries_however_many_levels(sign_in, auditor, account, django_assert_max_num_queries):
    for number in range(12):
        give(UserFactory() if number % 2 else make_team(f"Team {number}"), "viewer", account)
    client = sign_in(auditor)
    client.get("/record/")
    with django_assert_max_num_queries(16):
        client.get(f"/record/account/{account.pk}/")
