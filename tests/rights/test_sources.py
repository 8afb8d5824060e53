"""No code writes rows outside of an action: every source is searched, not the services alone.

A function may write when it is an action, or when all that leads to it is: every function that
names it (in a call or in a table of functions) is one of those. The rest is in ALLOWED, with why.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "audit", "mentions", "operations", "scheduling", "socialdesk")
BY_KEYWORD = {"update", "save", "create", "delete"}
"""Only calls without a positional argument: the others are dicts', files' and adapters'."""
ALWAYS = {"bulk_create", "bulk_update", "get_or_create", "update_or_create", "executemany"}
MANY_TO_MANY = {"add", "set", "remove", "clear"}
"""Only on what the models call their many-to-many relations, from either side."""
RAW = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "ALTER", "DROP", "MERGE", "COPY")

_HEALTH = "telemetry: when a platform last answered; a change of health is an action"
_ON_THE_WAY = "a person's way to a platform and back; that an account is connected is an action"
_POLLER = "the poller's own book-keeping: leases, pace, cursor; what came in is an action"
_LEASE = "telemetry of the engine: leases and results of steps of what an action has claimed"
_RECORD = "the record itself"
_TURN = "whose turn it is to renew tokens, and those a platform gave; that it did is an action"
_SEAL = "the record's seal: places, tree and checkpoints, which prove the events"
_EXPORT = "how far an export is; that it began and ended are actions"
_OUTBOX = "messages about what is on record already, on their way to people"
ALLOWED: dict[str, str] = {
    "accounts/authorising.py:request_begin": _ON_THE_WAY,
    "accounts/authorising.py:request_take": _ON_THE_WAY,
    "accounts/authorising.py:request_keep": _ON_THE_WAY,
    "accounts/authorising.py:request_forget": _ON_THE_WAY,
    "accounts/authorising.py:request_forget_old": _ON_THE_WAY,
    "accounts/connections.py:open_account": "a platform's own session, kept beside its secret",
    "accounts/connections.py:account_renew": "telemetry: what tokens say of themselves",
    "accounts/connections.py:note_success": _HEALTH,
    "accounts/health.py:health_note": _HEALTH,
    "accounts/health.py:lapse_note": "telemetry: until when the platform lets the credentials work",
    "accounts/health.py:_limits_read": "telemetry: what a server takes by now, as it declares it",
    "accounts/health.py:_note_well": _HEALTH,
    "accounts/models/people.py:create_user": "Django's createsuperuser and the demo come this way",
    "accounts/lockdowns.py:lockdowns_due": "a claim: when a platform was last asked to revoke",
    "accounts/lockdowns.py:tokens_revoke": "what a platform said that is asked again",
    "accounts/tasks.py:renew_tokens": "a claim: when tokens are next to be renewed",
    "accounts/turns.py:_hand_over": _TURN,
    "accounts/turns.py:asking": _TURN,
    "accounts/turns.py:failed": _TURN,
    "accounts/turns.py:give_back": _TURN,
    "accounts/turns.py:keep": _TURN,
    "accounts/turns.py:take": _TURN,
    "accounts/using.py:note_use": "telemetry: when an account was last used, as the record says",
    "accounts/tasks.py:check_due_accounts": "a claim: when an account was last looked at",
    "audit/exports/paper.py:close": "a PDF is saved, no row",
    "audit/exports/work.py:claim": _EXPORT,
    "audit/exports/work.py:forget_old": _EXPORT,
    "audit/exports/work.py:_held": _EXPORT,
    "audit/exports/work.py:_keep": _EXPORT,
    "audit/sealing.py:seal": _SEAL,
    "audit/sealing.py:_sign": _SEAL,
    "audit/sealing.py:_take_in": _SEAL,
    "audit/selfcheck.py:check_next": _SEAL,
    "audit/tree.py:_grow": _SEAL,
    "audit/forwarding.py:forward": "how far the record has been forwarded",
    "audit/witnesses.py:show_all": _SEAL,
    "audit/witnesses.py:_is_dismissed": _SEAL,
    "audit/witnesses.py:_show": _SEAL,
    "mentions/moderating.py:claim_due": _LEASE,
    "mentions/moderating.py:_admitted": _LEASE,
    "mentions/moderating.py:_put_off": _LEASE,
    "mentions/moderating.py:_tell_pages": _LEASE,
    "mentions/polling.py:claim_account": _POLLER,
    "mentions/polling.py:claim_due": _POLLER,
    "mentions/polling.py:stay_awake": _POLLER,
    "mentions/polling.py:_admitted": _POLLER,
    "mentions/polling.py:_failed": _POLLER,
    "mentions/polling.py:_keep": _POLLER,
    "mentions/polling.py:_make_missing": _POLLER,
    "mentions/polling.py:_renew": _POLLER,
    "audit/models/event.py:insert": _RECORD,
    "mentions/polling.py:_worked": _POLLER,
    "operations/raising.py:on_alert_raised": "an alert tells of what other actions and events say",
    "operations/raising.py:on_alert_settled": "the same",
    "operations/outbox.py:claim": _OUTBOX,
    "operations/outbox.py:settle_over": _OUTBOX,
    "operations/outbox.py:_put": _OUTBOX,
    "operations/sending.py:_end": _OUTBOX,
    "scheduling/variants.py:_make": "what follows from a picture and an account's limits, kept",
    "scheduling/traffic/learning.py:bring_forward": "when the engine tries next, not what is sent",
    "socialdesk/health.py:broker_seen": "telemetry: when the broker last answered",
    "scheduling/engine/correct.py:due_corrections": _LEASE,
    "scheduling/engine/prepare.py:claim_soon": _LEASE,
    "scheduling/engine/prepare.py:put": _LEASE,
    "scheduling/engine/publish.py:_store": _LEASE,
    "scheduling/engine/pulse.py:renew": _LEASE,
    "scheduling/engine/reconcile.py:due_looks": _LEASE,
}


@dataclass
class Function:
    """A function or a module's table, what it names, and where it writes."""

    file: str
    name: str
    is_action: bool = False
    names: set[str] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.file}:{self.name}"


def _sources() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def _functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text("utf-8"))
    file = str(path.relative_to(ROOT))
    constants = {
        target.id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield _looked_at(file, target.id, node, constants)
        elif isinstance(node, ast.FunctionDef):
            yield _looked_at(file, node.name, node, constants)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield _looked_at(file, inner.name, inner, constants)


def _looked_at(file: str, name: str, node: ast.AST, constants: dict[str, str]) -> Function:
    found = Function(file, name)
    for decorator in getattr(node, "decorator_list", []):
        found.is_action |= ast.unparse(decorator).startswith("action(")
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id != name:
            found.names.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            found.names.add(inner.attr)
        if isinstance(inner, ast.Call) and (written := _written(inner, constants)):
            found.writes.append(f"{file}:{inner.lineno} {written}")
    return found


def _written(call: ast.Call, constants: dict[str, str]) -> str:
    if not isinstance(call.func, ast.Attribute):
        return ""
    name, of = call.func.attr, call.func.value
    if name in MANY_TO_MANY and isinstance(of, ast.Attribute) and of.attr in _related():
        return f"{of.attr}.{name}"
    if name in ALWAYS or (name in BY_KEYWORD and not call.args):
        return name
    if name == "execute" and call.args:
        words = ast.unparse(call.args[0])
        sql = constants.get(words, words).strip("frb'\"\\n ").upper()
        return f"execute {sql[:20]}" if sql.startswith(RAW) else ""
    return ""


@cache
def _related() -> frozenset[str]:
    fields = [f for m in apps.get_models() for f in m._meta.get_fields() if f.many_to_many]
    return frozenset(
        f.get_accessor_name() if f.auto_created else f.name
        for f in fields
        if not f.auto_created or f.get_accessor_name()
    )


@pytest.fixture(scope="module")
def functions() -> list[Function]:
    return [function for path in _sources() for function in _functions(path)]


def _outside(functions: list[Function]) -> set[str]:
    """Those that write and that something other than an action leads to."""
    called = {name for function in functions for name in function.names}
    by_name: dict[str, list[Function]] = defaultdict(list)
    for function in functions:
        by_name[function.name].append(function)
    # What nothing here leads to is called by Django, Celery or a person: it begins outside.
    edge = [f for f in functions if not f.is_action and f.name not in called]
    outside = {f.key for f in edge}
    while edge:
        above = edge.pop()
        for name in above.names:
            for below in by_name[name]:
                elsewhere = name.startswith("_") and below.file != above.file
                if not (below.is_action or elsewhere or below.key in outside):
                    outside.add(below.key)
                    edge.append(below)
    return {f.key for f in functions if f.writes and f.key in outside}


def test_rows_are_written_inside_of_actions_alone(functions):
    outside = _outside(functions)
    assert outside <= set(ALLOWED), sorted(outside - set(ALLOWED))
    assert set(ALLOWED) <= outside, "what is allowed and not there any more goes from the list"


def test_the_search_sees_what_it_looks_for():
    source = """
_SQL = "UPDATE x SET y = 1"
def view(request): Post.objects.filter(pk=1).update(text="x")
@action("a.b", needs=x)
def service(*, actor): _helper()
def _helper(): Post.objects.create(text="x"); {}.update({"a": 1}); image.save(out)
def bare(cursor): cursor.execute(_SQL)
def joins(user, seen): user.groups.add(1); seen.add(2); user.names.add(3)
def left(team): team.group.user_set.clear()
"""
    tree = ast.parse(source)
    constants = {"_SQL": "'UPDATE x SET y = 1'"}
    made = [
        _looked_at("f.py", node.name, node, constants)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    ]
    assert _outside(made) == {"f.py:view", "f.py:bare", "f.py:joins", "f.py:left"}
