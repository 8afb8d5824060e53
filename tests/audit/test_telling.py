"""Each event as a sentence, and what it holds in readable form."""

from __future__ import annotations

import pytest

from accounts.services.grants import grant_end
from accounts.services.people import user_change_profile, user_freeze, user_invite, user_unfreeze
from accounts.services.social import account_freeze
from accounts.services.teams import team_member_add
from audit.actions import EVENTS, NotAllowed
from audit.actors import Actor
from audit.models import Event
from audit.services.reading import record_export_end, record_read
from audit.telling import Fact, event_words, facts, pruned, told, where_of
from scheduling.content import content_hash
from scheduling.services.deliveries import delivery_approve, delivery_hold, delivery_return
from scheduling.services.posts import post_create, post_submit
from tests.factories import (
    COMMAND,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    person,
)

pytestmark = pytest.mark.django_db


def said(name):
    return told(Event.objects.filter(name=name).first()).sentence


@pytest.fixture
def fire():
    return SocialAccountFactory(
        display_name="Northmoor Fire", handle="@fire.example", platform="bluesky"
    )


@pytest.fixture
def ana(fire):
    ana = UserFactory(full_name="Ana Reyes")
    give(ana, "manager", fire)
    return ana


@pytest.fixture
def sam(fire):
    sam = UserFactory(full_name="Sam Ortega")
    give(sam, "approver", fire)
    return sam


def test_deliveries(fire, ana, sam):
    post = post_create(actor=person(sam), text="Bridge closed today", accounts=[fire])
    assert said("post.created") == "Sam Ortega wrote “Bridge closed today”"
    post_submit(actor=person(sam), post=post)
    where = "“Bridge closed today” on Northmoor Fire (Bluesky)"
    assert said("delivery.submitted") == f"Sam Ortega sent {where} for approval"
    delivery = post.deliveries.get()
    delivery_return(actor=person(ana), delivery=delivery, comment="Until when?")
    assert said("delivery.returned") == f"Ana Reyes returned {where} with a comment"
    post_submit(actor=person(sam), post=post)
    delivery.refresh_from_db()
    delivery_approve(actor=person(ana), delivery=delivery, content_hash=content_hash(delivery))
    assert said("delivery.approved") == f"Ana Reyes approved {where}"
    delivery_hold(actor=person(ana), delivery=delivery, reason="x")
    assert said("delivery.held") == f"Ana Reyes held {where}"


def test_a_row_keeps_room_for_the_account(fire, sam):
    text = "The A38 bridge at Northmoor, is closed until 18:00"
    post_create(actor=person(sam), text=text, accounts=[fire])
    delivery = DeliveryFactory(account=fire, post__text=text)
    event = Event.objects.get(name="post.created")
    event.subject_type, event.subject_label = "scheduling.delivery", str(delivery)
    event.account_label = str(fire)
    assert told(event, brief=True).what == "“The A38 bridge at…” on Northmoor Fire (Bluesky)"
    assert text in told(event).what


def test_people_and_teams(ana):
    lee = UserFactory(full_name="Lee Frost")
    user_freeze(actor=COMMAND, user=lee, reason="Lost phone")
    assert said("person.frozen") == "The command tests froze Lee Frost"
    user_unfreeze(actor=COMMAND, user=lee)
    assert said("person.unfrozen") == "The command tests lifted the freeze of Lee Frost"
    user_change_profile(actor=person(lee), user=lee, full_name="Lee Frost", time_zone="")
    assert said("person.changed") == "Lee Frost changed their own entry"
    team_member_add(actor=COMMAND, team=make_team("Night shift"), user=lee)
    assert said("team.member_added") == "The command tests added Lee Frost to Night shift"
    user_invite(actor=COMMAND, email="new@x.example", full_name="New", send=False)
    assert (
        said("person.invited") == "The command tests invited a person: invitation of new@x.example"
    )


def test_accounts_and_levels(fire, ana):
    assert said("grant.given") == (
        "The command tests gave Manager on Northmoor Fire (Bluesky) for Ana Reyes"
    )
    account_freeze(actor=person(ana), account=fire, reason="x")
    assert said("account.frozen") == "Ana Reyes froze Northmoor Fire (Bluesky)"
    grant_end(actor=COMMAND, grant=ana.grants.get())
    assert said("grant.ended").startswith("The command tests took Manager on Northmoor Fire (Blue")
    assert said("grant.ended").endswith("for Ana Reyes away")


def test_refusals_readings_and_exports(fire):
    outsider = UserFactory(full_name="Out Sider")
    with pytest.raises(NotAllowed):
        account_freeze(actor=person(outsider), account=fire, reason="x")
    assert said("access.refused").startswith("Out Sider was refused: There is no such account")
    record_read(actor=person(outsider), filters={})
    assert said("record.read") == "Out Sider read the record"
    record_export_end(actor=COMMAND, filters={}, format="csv", count=1_234, complete=True)
    assert said("record.exported") == "The command tests exported the record (1,234)"


def test_who_and_from_where(fire, ana):
    lines = {
        Actor.worker("publisher"): ("Socialdesk (publisher)", "this server"),
        Actor.command("grant_set"): ("The command grant_set", "this server"),
        Actor.anonymous(address="192.0.2.1"): ("Somebody not signed in", "192.0.2.1"),
        Actor.person(ana, address="192.0.2.7"): ("Ana Reyes", "192.0.2.7"),
        Actor.person(ana).through("post_create"): ("Ana Reyes", "through post_create"),
        Actor.person(ana, address="::1").through("key"): ("Ana Reyes", "::1, through key"),
        Actor.person(ana): ("Ana Reyes", ""),
    }
    for actor, (who, where) in lines.items():
        event = Event(
            name="record.read", actor_kind=actor.kind, actor_id=actor.id, actor_label=actor.label,
            actor_via=actor.via, address=actor.address,
        )  # fmt: skip
        assert (told(event).who, where_of(event)) == (who, where)


@pytest.mark.parametrize("name", sorted(EVENTS))
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "subject_type": "scheduling.delivery",
            "subject_label": "“x” on y",
            "account_label": "y (Z @z)",
        },
        {"subject_type": "accounts.user", "subject_label": "{} (a) [b] \\1 'c'", "subject_id": "1"},
        {"data": {"person": {"id": 1, "label": "\\1 {}"}, "count": 3, "reason": None}},
        {"subject_type": "no.such", "subject_label": "“"},
    ],
)
def test_every_event_is_a_sentence(name, fields):
    sentence = told(
        Event(name=name, actor_kind="person", actor_label="Ana", actor_id=7, **fields)
    ).sentence
    assert sentence.startswith("Ana ")
    assert "  " not in sentence.strip()
    assert len(sentence) > 5


def test_an_event_nobody_declares_any_more_is_told_by_its_name():
    assert told(Event(name="old.thing", actor_label="Ana", actor_kind="person")).did == "old.thing"
    assert event_words("delivery.submitted") == "sent for approval"


# --- facts ----------------------------------------------------------------------------------------


def plain(found):
    return {fact.label: fact.value or (fact.before, fact.after) for fact in found}


def test_values_in_words():
    data = {
        "reason": "Lost phone",
        "by_hand": True,
        "complete": False,
        "holder": {"id": 3, "label": "Ana Reyes"},
        "roles": ["is_auditor", "is_administrator"],
        "nothing": None,
        "empty": "",
        "none": [],
        "count": 0,
        "deep": {"er": {"still": "x"}},
        "content_hash": "abc",
    }
    assert plain(facts(data)) == {
        "Reason": "Lost phone",
        "By hand": "yes",
        "Complete": "no",
        "Holder": "Ana Reyes",
        "Roles": "is_auditor, is_administrator",
        "Count": "0",
        "Deep › er › still": "x",
        "Content (SHA-256)": "abc",
    }


def test_a_change_is_shown_and_what_stayed_is_not():
    data = {
        "before": {"name": "A", "zone": "UTC", "on": False},
        "after": {"name": "B", "zone": "UTC", "on": True},
    }
    assert plain(facts(data)) == {"Name": ("A", "B"), "On": ("no", "yes")}
    assert plain(facts({"level": "viewer", "before": None, "after": "x"})) == {
        "Changed": ("nothing", "x"),
        "Level": "viewer",
    }
    assert plain(
        facts({"owner": {"before": {"id": 1, "label": "A"}, "after": {"id": 2, "label": "B"}}})
    ) == {"Owner": ("A", "B")}


def test_a_changed_text_is_shown_word_by_word():
    (fact,) = facts(
        {"before": {"text": "the bridge is closed"}, "after": {"text": "the bridge is open"}}
    )
    assert fact == Fact(
        "Text", changed=True,
        parts=(("same", "the bridge is "), ("out", "closed"), ("in", "open")),
    )  # fmt: skip


def test_lists_of_things_go_by_their_names():
    one = {"id": 1, "label": "Northmoor Fire (Bluesky @f)"}
    two = {"id": 2, "label": "Northmoor Police (Mastodon @p@x)"}
    data = {
        "before": {"accounts": [{"account": one, "own_text": None}]},
        "after": {
            "accounts": [{"account": one, "own_text": "own"}, {"account": two, "own_text": None}]
        },
    }
    assert plain(facts(data)) == {"Northmoor Fire (Bluesky) › own text": ("nothing", "own")} | {
        label: value for label, value in plain(facts(data)).items() if "Police" in label
    }
    assert plain(facts({"ended": [{"a": 1}, "b"]})) == {"Ended › 1 › a": "1", "Ended › 2": "b"}
    assert plain(facts({"x": [{"account": one}]})) == {"Northmoor Fire (Bluesky)": "yes"}


def test_times_are_times():
    good, bad = facts({"due_at": "2026-11-23T12:00:00+00:00", "then": "2026-99-23T12:00:00+00:00"})
    assert good.moment.isoformat() == "2026-11-23T12:00:00+00:00"
    assert (bad.moment, bad.value) == (None, "2026-99-23T12:00:00+00:00")


def test_pruning_takes_out_other_accounts_wherever_they_are():
    mine, other = {"id": 1, "label": "mine"}, {"id": 2, "label": "other"}
    data = {
        "text": "x",
        "accounts": [{"account": mine, "own": "a"}, {"account": other, "own": "b"}],
        "before": {"deep": [{"account": other}, "kept", {"account": "odd"}]},
    }
    assert pruned(data, {1}) == {
        "text": "x",
        "accounts": [{"account": mine, "own": "a"}],
        "before": {"deep": ["kept", {"account": "odd"}]},
    }
