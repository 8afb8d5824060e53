"""An administrator erases what the record says of people, without having to be able to read it."""

from __future__ import annotations

import pytest

from accounts.levels import Level
from accounts.services.social import account_freeze
from audit.models import Erasure, Event
from audit.sealing import seal
from audit.selfcheck import check_all
from tests.factories import COMMAND, SocialAccountFactory, give, person
from tests.tamper.conftest import World

pytestmark = pytest.mark.django_db
GOOD = {"part": "what", "because": "request", "reference": "SAR/2026-17", "sure": "on"}


@pytest.fixture
def event():
    account = SocialAccountFactory(display_name="Northmoor Fire")
    account_freeze(actor=COMMAND, account=account, reason="Jo Bloggs of 5 Hill Road complained")
    seal()
    return Event.objects.get(name="account.frozen")


def words_of(answer):
    return " ".join(answer.content.decode().split())


def test_what_is_erased_is_gone_and_the_page_says_when_by_whom_and_why(
    event, sign_in, administrator, tmp_path
):
    world = World(tmp_path)
    world.live(1)
    client, address = sign_in(administrator), f"/record/{event.pk}/erase/"
    before = words_of(client.get(address))
    assert "Bloggs" not in before
    assert "Northmoor" not in before
    assert client.post(address, GOOD).status_code == 302
    said = words_of(client.get(address))
    assert "What it was about was erased on" in said
    assert f"by {administrator.full_name} because of a request under the right" in said
    assert "(SAR/2026-17)" in said
    event.refresh_from_db()
    assert (event.data, event.subject_label, event.words) == ({}, "", "")
    by = Event.objects.get(name="record.erased")
    assert (by.actor_id, by.data["events"]) == (administrator.pk, [event.pk])
    assert "Bloggs" not in repr(by.__dict__)
    world.seal()
    assert list(check_all()) == []
    code, found = world.verify()
    assert code == 0, found


def test_all_that_is_on_record_of_a_post_in_one_act(sign_in, administrator, event):
    for number in (1, 2):
        Event.objects.create(
            name="delivery.published", act=event.act, actor_kind="worker",
            actor_label="publisher", post_id=77, data={"text": f"Jo Bloggs {number}"},
        )  # fmt: skip
    seal()
    client = sign_in(administrator)
    assert "2 events on record" in words_of(client.get("/record/post/77/erase/"))
    assert client.post("/record/post/77/erase/", GOOD | {"part": "both"}).status_code == 302
    assert Erasure.objects.count() == 4
    assert Event.objects.filter(name="record.erased").count() == 1
    assert "Bloggs" not in repr(list(Event.objects.filter(post_id=77).values()))
    assert list(check_all()) == []
    assert client.get("/record/post/78/erase/").status_code == 404


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sure": ""}, "I know that this cannot be undone"),
        ({"because": ""}, "Because"),
        ({"because": "spite"}, "Because"),
        ({"part": "everything"}, "What goes"),
        ({"reference": "Jo Bloggs complained"}, "no words"),
    ],
)
def test_nothing_is_erased_without_reason_and_certainty(
    event, sign_in, administrator, change, says
):
    answer = sign_in(administrator).post(f"/record/{event.pk}/erase/", GOOD | change)
    assert answer.status_code == 422
    assert says in words_of(answer)
    assert not Erasure.objects.exists()


def test_what_one_did_oneself_somebody_else_erases(sign_in, administrator):
    account_freeze(actor=person(administrator), account=SocialAccountFactory(), reason="x")
    seal()
    mine = Event.objects.get(name="account.frozen")
    answer = sign_in(administrator).post(f"/record/{mine.pk}/erase/", GOOD)
    assert answer.status_code == 422
    assert "somebody else has to erase it" in words_of(answer)
    assert not Erasure.objects.exists()


def test_twice_and_unsealed_are_said(event, sign_in, administrator):
    client = sign_in(administrator)
    client.post(f"/record/{event.pk}/erase/", GOOD)
    assert "erased before" in words_of(client.post(f"/record/{event.pk}/erase/", GOOD))
    by = Event.objects.get(name="record.erased")
    assert "not sealed yet" in words_of(client.post(f"/record/{by.pk}/erase/", GOOD))


def test_the_way_there_is_offered_to_whoever_may_and_can_read_the_line(
    event, sign_in, administrator, auditor
):
    way = f"/record/{event.pk}/erase/"
    assert way not in words_of(sign_in(auditor).get(f"/record/{event.pk}/"))
    assert sign_in(auditor).get(way).status_code == 403
    assert sign_in(auditor).post(way, GOOD).status_code == 403
    account = SocialAccountFactory()
    event_account = type(account).objects.get(pk=event.account_id)
    give(administrator, Level.VIEWER, event_account)
    assert way in words_of(sign_in(administrator).get(f"/record/{event.pk}/"))
