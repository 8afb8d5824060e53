"""Access reviews: who is asked what, what becomes of what nobody confirms."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability, Level
from accounts.models import AccessReview, Grant, Outcome, ReviewItem
from accounts.policy import decide
from accounts.selectors.reviews import answering, entries, tasks_of
from accounts.services.grants import grant_end, grant_set
from accounts.services.reviews import KEEPER, review_decide, review_start
from accounts.tasks import end_reviews
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.models import Event
from operations.models import Alert
from scheduling.models import HoldKind
from scheduling.states import State
from tests.factories import (
    COMMAND,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_review,
    make_team,
    person,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return SocialAccountFactory(display_name="Fire")


@pytest.fixture
def manager(account):
    user = UserFactory(full_name="Mia Manager")
    give(user, Level.MANAGER, account)
    return user


@pytest.fixture
def writer(account):
    user = UserFactory(full_name="Wanda Writer")
    give(user, Level.PUBLISHER, account)
    return user


def item_of(review, user):
    return ReviewItem.objects.get(review=review, grant__user=user)


def decide_on(actor, review, account, *items, confirm=True):
    return review_decide(
        actor=actor,
        review=review,
        account=account,
        items=[item.pk for item in items],
        confirm=confirm,
    )


def end(review):
    with time_machine.travel(review.due_at + timedelta(seconds=1), tick=False):
        end_reviews()
    review.refresh_from_db()


def names():
    return list(
        Event.objects.filter(name__in=["grant.confirmed", "grant.ended", "grant.lapsed"])
        .order_by("pk")
        .values_list("name", flat=True)
    )


def test_every_grant_in_force_is_put_before_owner_and_managers(account, manager, writer):
    grant_end(actor=COMMAND, grant=give(UserFactory(), Level.VIEWER, account))
    give(UserFactory(), Level.VIEWER, account, expired=True)
    team = give(make_team("Desk", UserFactory()), Level.VIEWER, account)
    review = make_review()
    under = set(review.items.values_list("grant", flat=True))
    assert under == {*Grant.objects.in_force().values_list("pk", flat=True)}
    assert team.pk in under
    assert answering(review) == {account.owner_id, manager.pk}
    assert [(t.account, t.waiting) for t in tasks_of(person(manager))] == [(account, 3)]
    assert [(t.account, t.waiting) for t in tasks_of(person(account.owner))] == [(account, 3)]
    assert not tasks_of(person(writer))
    assert not tasks_of(person(UserFactory(is_administrator=True))), "no task of theirs"
    assert set(Alert.objects.get(kind="access").people) == {account.owner_id, manager.pk}


def test_the_scope_is_levels_and_accounts(account, manager, writer):
    elsewhere = give(UserFactory(), Level.PUBLISHER, SocialAccountFactory())
    by_level = make_review(levels=[Level.MANAGER])
    assert [item.grant.user for item in by_level.items.all()] == [manager]
    by_account = make_review("Another", accounts=[elsewhere.account])
    assert [item.grant for item in by_account.items.all()] == [elsewhere]


def test_confirming_keeps_a_level_and_removing_ends_it_with_what_it_queued(
    account, manager, writer
):
    reader, review = UserFactory(), None
    give(reader, Level.VIEWER, account)
    delivery = DeliveryFactory(
        account=account, post__author=writer, sender=writer, state=State.SCHEDULED
    )
    review = make_review()
    assert decide_on(person(manager), review, account, item_of(review, reader)) == 1
    assert decide_on(person(manager), review, account, item_of(review, writer), confirm=False) == 1
    assert decide(person(reader), Capability.VIEW, account)
    assert decide(person(writer), Capability.VIEW, account).hidden
    delivery.refresh_from_db()
    assert (delivery.state, delivery.hold_kind) == (State.HELD, HoldKind.LAPSED)
    assert names() == ["grant.confirmed", "grant.ended"]
    assert Event.objects.get(name="grant.confirmed").actor_id == manager.pk


def test_what_nobody_confirmed_lapses_by_the_clock_and_each_is_an_event(account, manager, writer):
    reader = UserFactory()
    give(reader, Level.VIEWER, account)
    delivery = DeliveryFactory(
        account=account,
        post__author=writer,
        sender=writer,
        state=State.SCHEDULED,
        due_at=timezone.now() + timedelta(days=30),
    )
    review = make_review()
    decide_on(person(manager), review, account, item_of(review, reader))
    end_reviews()
    assert names() == ["grant.confirmed"]
    end(review)
    end(review)
    assert names() == ["grant.confirmed", "grant.lapsed", "grant.lapsed"]
    assert {e.actor_label for e in Event.objects.filter(name="grant.lapsed")} == {KEEPER.label}
    assert decide(person(writer), Capability.VIEW, account).hidden
    assert decide(person(manager), Capability.MANAGE, account).hidden
    assert decide(person(reader), Capability.VIEW, account)
    delivery.refresh_from_db()
    assert delivery.state == State.HELD
    assert review.closed_at is not None
    closed = Event.objects.get(name="review.closed").data
    assert (closed["confirmed"], closed["lapsed"]) == (1, 2)


def test_what_ended_or_was_replaced_meanwhile_is_left_alone(account, manager, writer):
    review = make_review()
    new = grant_set(
        actor=COMMAND, account=account, user=writer, level=Level.APPROVER, reason="promoted"
    )
    with pytest.raises(Invalid, match="meantime"):
        decide_on(person(manager), review, account, item_of(review, writer), confirm=False)
    end(review)
    assert item_of(review, writer).outcome == Outcome.OVERTAKEN
    new.refresh_from_db()
    assert new.is_in_force, "it was given after the review began"


def test_the_owner_decides_without_a_level_and_others_do_not(account, manager, writer):
    review = make_review()
    item = item_of(review, writer)
    assert decide_on(person(account.owner), review, account, item, confirm=False) == 1
    other = item_of(review, manager)
    for user in (writer, UserFactory(), UserFactory(is_auditor=True)):
        with pytest.raises(NotAllowed):
            decide_on(person(user), review, account, other)
    account.owner.frozen_at = timezone.now()
    with pytest.raises(NotAllowed):
        decide_on(Actor.person(account.owner), review, account, other)


def test_nobody_confirms_their_own(account, manager, writer):
    member = UserFactory()
    team = give(make_team("Heads", member), Level.MANAGER, account)
    review = make_review()
    with pytest.raises(Invalid, match="own"):
        decide_on(person(manager), review, account, item_of(review, manager))
    with pytest.raises(Invalid, match="own"):
        decide_on(person(member), review, account, ReviewItem.objects.get(grant=team))
    own = {e.grant: e.own for e in entries(person(manager), review, account)}
    assert own[item_of(review, manager).grant]
    assert not own[item_of(review, writer).grant]
    assert decide_on(person(member), review, account, item_of(review, manager)) == 1


def test_what_belongs_to_another_account_is_not_decided_here(account, manager):
    other = give(UserFactory(), Level.VIEWER, SocialAccountFactory())
    review = make_review()
    with pytest.raises(Invalid, match="at least one"):
        decide_on(person(manager), review, account, ReviewItem.objects.get(grant=other))
    assert not names()


def test_nothing_is_decided_twice_or_after_the_end(account, manager, writer):
    review = make_review()
    item = item_of(review, writer)
    decide_on(person(manager), review, account, item)
    with pytest.raises(Invalid, match="already"):
        decide_on(person(manager), review, account, item, confirm=False)
    end(review)
    with pytest.raises(Invalid, match="over"):
        decide_on(COMMAND, review, account, item)


def test_those_who_still_have_to_decide_are_reminded_once_a_week_ahead(account, manager, writer):
    done = SocialAccountFactory()
    reader = UserFactory()
    give(reader, Level.VIEWER, done)
    review = make_review(days=20)
    decide_on(person(done.owner), review, done, item_of(review, reader))
    start = timezone.now()
    for day in (1, 12, 15, 16):
        with time_machine.travel(start + timedelta(days=day), tick=False):
            end_reviews()
    assert Event.objects.filter(name="review.reminded").count() == 1
    latest = Alert.objects.filter(kind="access").latest("pk")
    assert set(latest.people) == {account.owner_id, manager.pk}
    end(review)
    assert not Alert.objects.filter(kind="access", settled_at=None).exists()


def test_a_review_that_begins_in_its_last_week_does_not_remind(account, manager):
    make_review(days=3)
    end_reviews()
    assert not Event.objects.filter(name="review.reminded").exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"name": " "}, "name"), ({"days": -1}, "due_on"), ({"levels": []}, "levels")],
)
def test_what_a_review_cannot_be(account, manager, wrong, field):
    with pytest.raises(Invalid) as refused:
        make_review(**wrong)
    assert refused.value.field == field
    assert not AccessReview.objects.exists()


def test_a_review_of_nothing_is_none():
    with pytest.raises(Invalid, match="no level"):
        make_review()


def test_only_administrators_begin_one(account, manager):
    with pytest.raises(NotAllowed):
        review_start(actor=person(manager), name="x", due_on=timezone.localdate())


def test_the_page_decides_one_by_its_button_and_several_together(account, manager, writer, sign_in):
    readers = [UserFactory() for _ in range(3)]
    for reader in readers:
        give(reader, Level.VIEWER, account)
    review = make_review()
    client = sign_in(manager)
    address = f"/reviews/{review.pk}/accounts/{account.pk}/"
    client.post(address, {"decision": f"confirm:{item_of(review, readers[0]).pk}"})
    chosen = [item_of(review, one).pk for one in (readers[1], writer)]
    client.post(address, {"decision": "remove", "i": chosen})
    assert item_of(review, readers[0]).outcome == "confirmed"
    assert item_of(review, writer).outcome == "removed"
    assert item_of(review, readers[2]).outcome == ""
    assert client.post(address, {"decision": "remove"}).status_code == 422
    assert client.post(address, {"decision": "burn", "i": chosen}).status_code == 422
    page = client.get(address).content.decode()
    assert "Yours: somebody else confirms it" in page
    assert "confirmed" in page.lower()
