"""What people, commands and tasks do is one act on record each, by who did it.

One act is one group of events with one number (`Event.act`): a bulk act has a line for each thing
it changed, all with that number, and what follows from it (queued posts held when a right ends) is
in the group by the worker that did it. Every address is replayed in test_matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands
from django.test import Client

from accounts.levels import Capability, Level
from accounts.services.people import user_invite
from accounts.services.teams import team_create
from audit.actions import action, record
from audit.models import Event
from audit.sealing import signing_keys
from scheduling.engine.claim import claim_due
from scheduling.engine.publish import publish
from scheduling.models import Delivery, HoldKind
from scheduling.states import State
from socialdesk.celery import app
from tests.acceptance.site import addresses as site_addresses
from tests.factories import COMMAND, PASSWORD, UserFactory
from tests.mentions.fakes import incoming
from tests.rights.asking import ask, remember
from tests.rights.due import DUE, DUE_ELSEWHERE, fall_due_alone
from tests.rights.fillings import FILLINGS
from tests.rights.world import OWN, World
from tests.tamper.conftest import new_key

pytestmark = pytest.mark.usefixtures("db")

ROOMS = ("accounts", "audit", "mentions", "operations", "scheduling", "socialdesk")


def acts_of(do: Callable[[], Any]) -> list[set[tuple[str, str, str]]]:
    """What `do` put on record, by act: name, kind and label of the actor of each event."""
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    do()
    found: dict[object, set[tuple[str, str, str]]] = {}
    for event in Event.objects.filter(pk__gt=newest).order_by("pk"):
        line = (event.name, event.actor_kind, event.actor_label)
        found.setdefault(event.act, set()).add(line)
    return list(found.values())


# --- signing in -----------------------------------------------------------------------------------


def test_signing_in_failing_to_and_signing_out_are_acts(world):
    user = UserFactory(full_name="Sia Signs", password=PASSWORD)
    client = Client()

    def sign_in(password: str) -> None:
        client.post("/auth/sign-in/", {"login": user.email, "password": password})

    assert acts_of(lambda: sign_in("wrong")) == [
        {("session.refused", "anonymous", "somebody not signed in")}
    ]
    assert acts_of(lambda: sign_in(PASSWORD)) == [{("session.started", "person", "Sia Signs")}]
    assert acts_of(lambda: client.post("/auth/sign-out/")) == [
        {("session.ended", "person", "Sia Signs")}
    ]


def test_accepting_an_invitation_is_the_visitors_act_and_then_they_are_signed_in(world):
    _, link = user_invite(
        actor=COMMAND, email="ned@northmoor.example", full_name="Ned New", send=False
    )
    client = Client()
    client.get("/" + link.split("/", 3)[3])
    data = {"full_name": "Ned New", "password": PASSWORD, "again": PASSWORD}
    assert acts_of(lambda: client.post("/people/join/", data)) == [
        {("person.joined", "anonymous", "somebody not signed in")},
        {("session.started", "person", "Ned New")},
    ]


def test_reading_and_exporting_the_record_are_acts(world):
    auditor = world.personas["auditor"]
    remember()
    for name, wanted in {
        "audit:record": ["record.read"],
        "audit:event": ["record.read"],
        "audit:export": ["record.export_began", "record.exported"],
    }.items():
        answer = ask(world, auditor, name, "GET", FILLINGS[name](world, world.sides["own"]))
        assert [event.name for event in answer.events] == wanted, name
        assert {event.actor_id for event in answer.events} == {auditor.me.pk}


# --- nothing without its act ----------------------------------------------------------------------


def test_what_is_rolled_back_leaves_nothing_on_record(world):
    @action("team.created", needs=lambda actor, arguments: _Yes())
    def breaks(*, actor: Any) -> None:
        record("team.created", subject=team_create(actor=actor, name="Half a team"))
        raise ZeroDivisionError

    def run() -> None:
        with pytest.raises(ZeroDivisionError):
            breaks(actor=COMMAND)

    assert acts_of(run) == []


class _Yes:
    allowed, reason, hidden = True, "", False


# --- commands -------------------------------------------------------------------------------------


def _secret(world: World) -> str:
    file = world.media_root / "secret"
    file.write_text("a-secret-of-theirs")
    return str(file)


def _with_another_key(world: World) -> list[str]:
    name = signing_keys()[0].public.name
    settings.RECORD_KEYS = [new_key(name), *settings.RECORD_KEYS]  # undone with the test
    return []


def _with_something_said(world: World) -> list[str]:
    world.network.incoming = [incoming(1)]
    return [str(world.sides["own"].account.pk)]


def _with_something_due(world: World) -> list[str]:
    fall_due_alone(world.sides["own"].deliveries["scheduled"])
    return []


COMMANDS: dict[str, Callable[[World], list[str]]] = {
    "user_invite": lambda w: ["ian@northmoor.example", "--name", "Ian Invited", "--no-email"],
    "user_freeze": lambda w: [w.newcomer.email, "--reason", "a lost phone"],
    "grant_set": lambda w: [
        str(w.sides["own"].account.pk),
        "viewer",
        "--user",
        w.newcomer.email,
        "--reason",
        "joins",
    ],
    "credentials_rotate": lambda w: [],
    "account_connect": lambda w: [
        *("sandbox", "--handle", "@brand-new", "--base-url", "http://127.0.0.1:1"),
        *("--secret-file", _secret(w), "--owner", w.newcomer.email, "--purpose", "Tells people"),
    ],
    "audit_key_change": _with_another_key,
    "mentions_poll": _with_something_said,
}
NO_ACT = {
    "generate_docs": "writes files of the project",
    "seed_demo": "the demo's many acts, counted in tests/acceptance/test_demo_record.py",
}


def test_no_command_is_unknown():
    ours = {name for name, room in get_commands().items() if room in ROOMS}
    assert ours == set(COMMANDS) | set(ELSE) | set(NO_ACT)


def _file(world: World) -> str:
    return str(world.media_root / "taken")


ELSE: dict[str, tuple[Callable[[World], list[str]], list[set[tuple[str, str]]]]] = {
    "account_check": (lambda w: [str(w.sides["own"].account.pk)], []),  # nothing has changed
    "audit_erase": (
        lambda w: [str(w.sides["own"].event.pk), "--because", "request"],
        [{("record.erased", "command")}],
    ),
    "audit_evidence": (
        lambda w: ["event", str(w.sides["own"].event.pk), "--force", "--output", _file(w)],
        [{("record.proof_given", "command")}],
    ),
    "audit_export": (
        lambda w: ["--force", "--output", _file(w)],
        [{("record.export_began", "command")}, {("record.exported", "command")}],
    ),
    "publish_due": (
        _with_something_due,
        [{("delivery.claimed", "worker")}, {("delivery.tried", "worker")},
         {("delivery.published", "worker")}],
    ),
    "audit_keys": (lambda w: [], []),
    "audit_seal": (lambda w: [], []),  # about sealing nothing is recorded, else it never ended
    "audit_verify": (lambda w: [], []),
    "post_create": (
        lambda w: [
            "A post", "--account", str(w.sides["own"].account.pk),
            "--as", w.personas[Level.PUBLISHER].me.email,
        ],
        [{("post.created", "person")}],
    ),
}  # fmt: skip
"""Commands that are more than one act, or none, or somebody else's; and which."""


@pytest.fixture(autouse=True)
def _nothing_is_left(settings: Any, world: World) -> Iterator[None]:
    settings.RECORD_KEYS = list(settings.RECORD_KEYS)  # put back afterwards
    yield
    world.network.incoming, world.network.lost = [], False


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_one_act_by_the_command(world, name, capsys):
    (act,) = acts_of(lambda: call_command(name, *COMMANDS[name](world)))
    assert {kind for _, kind, _ in act} == {"command"}
    assert all(name in label for _, _, label in act)


@pytest.mark.parametrize("name", ELSE)
def test_what_other_commands_put_on_record(world, name, capsys):
    given, wanted = ELSE[name]
    acts = acts_of(lambda: call_command(name, *given(world)))
    assert [{(event, kind) for event, kind, _ in act} for act in acts] == wanted
    for _, kind, label in (line for act in acts for line in act if line[1] != "worker"):
        by = name if kind == "command" else str(world.personas[Level.PUBLISHER].me)
        assert label == by


# --- tasks: whose right counts --------------------------------------------------------------------

TASKS = {
    "accounts.check_due_accounts": "account-health",
    "accounts.renew_tokens": "account-renewal",
    "accounts.revoke_tokens": "lockdown",
    "accounts.keep_conditions": "conditions",
    "accounts.end_reviews": "access review",
    "accounts.forget_authorisations": "throws away what nobody may use any more",
    "audit.write_exports": "exports, in the right of their owners",
    "accounts.note_use": "reads the record; when an account was last used is telemetry",
    "mentions.dispatch_polls": "claims alone",
    "mentions.poll_account": "poller",
    "mentions.dispatch_moderations": "claims alone",
    "mentions.moderate": "moderator, in the right of who asked",
    "operations.send_alerts": "messages about what is on record",
    "scheduling.dispatch_due": "dispatcher and publisher, in the right of each sender",
    "scheduling.watch_rights": "rights watcher",
    "scheduling.discard_uploads": "tidier",
    "scheduling.prepare_soon": "claims alone",
    "scheduling.prepare_delivery": "takes pictures ahead; what is sent is decided when it is due",
    "scheduling.send_corrections": "claims alone",
    "scheduling.send_correction": "corrector, in the right of who proposed it",
    "scheduling.reconcile_unknown": "claims alone",
    "scheduling.reconcile_delivery": "reconciler",
}
"""Each task, and as which worker it acts; only sending asks for the right of a person."""


def test_no_task_is_unknown():
    app.loader.import_default_modules()
    # Other tests of the same process may have put in tasks of their own.
    ours = {name for name in app.tasks if not name.startswith(("celery.", "tests."))}
    assert ours == set(TASKS)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_what_a_task_puts_on_record_is_its_workers(world, name, monkeypatch):
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda *_, **__: None)
    delivery = world.sides["own"].deliveries["cancelled"].pk
    about = {
        "scheduling.prepare_delivery": [delivery],
        "scheduling.reconcile_delivery": [delivery],
        "scheduling.send_correction": [0],
        "mentions.poll_account": [world.sides["own"].account.pk],
        "mentions.moderate": [0, 0],
    }
    acts = acts_of(lambda: app.tasks[name](*about.get(name, [])))
    assert {kind for act in acts for _, kind, _ in act} <= {"worker"}
    assert all(len({label for _, _, label in act}) == 1 for act in acts), "one worker an act"


def test_something_is_due_for_each_task():
    assert set(DUE) | set(DUE_ELSEWHERE) == set(TASKS), "say in tests/rights/due.py what"


@pytest.mark.parametrize("name", sorted(DUE))
def test_a_task_with_something_due_is_one_act_a_thing_by_its_worker(world, name, monkeypatch):
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda *_, **__: None)
    app.loader.import_default_modules()
    prepare, given, wanted = DUE[name]
    prepare(world)
    auditor = str(world.personas["auditor"].me)
    acts = acts_of(lambda: app.tasks[name](*given(world)))
    found = [{(event, "the auditor" if by == auditor else by) for event, _, by in a} for a in acts]
    assert found == wanted
    assert {kind for act in acts for _, kind, by in act if by != auditor} <= {"worker"}
    if not given(world):  # what was due is done: another turn finds nothing
        assert acts_of(lambda: app.tasks[name]()) == []


def test_there_is_no_admin_site():
    """Django's would write rows without an act; there is none, and no address leads to one."""
    assert not apps.is_installed("django.contrib.admin")
    assert not [name for name in site_addresses() if name.startswith("admin:")]


@pytest.mark.parametrize("side", ["own", "frozen", "other"])
def test_live_news_are_of_accounts_one_may_view_alone(world, side):
    """What an open inbox and an open conversation ask for every few seconds."""
    remember()
    about = world.sides[side]
    for persona in world.personas.values():
        if not persona.signed_in:
            continue
        held = persona.held(about, OWN)
        may = Capability.VIEW in held
        for query in ({"list": "x"}, {"open": about.conversation.pk, "list": "x"},
                      {"account": about.account.pk, "list": "x"}):  # fmt: skip
            fill = replace(FILLINGS["mentions:live"](world, about), query=query)
            answer = ask(world, persona, "mentions:live", "GET", fill, htmx=True)
            assert may or about.words not in answer.body, (persona.key, query)
            assert held or about.name not in answer.body, (persona.key, query)
            assert not answer.changed
        if may:
            assert about.words in answer.body, f"{persona.key} sees no news of their own"


@pytest.mark.parametrize("key", [*Level, "approver by team", "no grant", "frozen person"])
@pytest.mark.parametrize("reviewed", [False, True])
def test_the_engine_sends_in_the_right_of_the_sender_and_holds_without_it(world, key, reviewed):
    persona, side = world.personas[key], world.sides["own"]
    delivery = side.deliveries["approved" if reviewed else "scheduled"]
    fall_due_alone(delivery)
    Delivery.objects.filter(pk=delivery.pk).update(sender=persona.me)
    needed = Capability.DRAFT if reviewed else Capability.PUBLISH
    may = needed in persona.on_own and persona.signed_in
    acts = acts_of(lambda: [publish(*claim) for claim in claim_due()])
    delivery.refresh_from_db()
    assert delivery.state == (State.PUBLISHED if may else State.HELD)
    if not may:
        assert delivery.hold_kind in (HoldKind.LAPSED, HoldKind.FROZEN)
    assert {kind for act in acts for _, kind, _ in act} == {"worker"}
    assert all(len({label for _, _, label in act}) == 1 for act in acts), "one worker an act"
