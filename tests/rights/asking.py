"""Asking an address as somebody, and seeing what came of it: answer, events, changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from django.apps import apps
from django.db import connection
from django.urls import reverse

from accounts.levels import ON_FROZEN, Capability
from audit.models import Event
from socialdesk.access import Needs
from tests.rights.conftest import undone
from tests.rights.fillings import Fill
from tests.rights.world import OWN, Persona, Side, World

IN, SIGN_IN, CLOSED, HIDDEN, REFUSED = "in", "sign in", "closed", "hidden", "refused"
EVENTS = "audit_event"
RECORD = (EVENTS, "django_session")
OF_PEOPLE = {"audit_erasure", "audit_recordexport", "audit_savedquery"}
"""Tables of the record's room that hold what people made there, and nothing of the record."""
"""What is written whatever the answer: the refusal, and the end of a session."""
TELEMETRY = ("mentions_feed", "axes_accesslog")
"""What is no act: how often an account is read while somebody looks, and axes' own list."""


@dataclass
class Answer:
    status: int
    location: str
    body: str
    events: list[Event]
    wrote: set[str] = field(default_factory=set)  # tables written to, also in vain
    changed: bool = False  # what the tables hold is not what they held before


def expected(needs: Needs, persona: Persona, side: Side) -> str:
    """What DESIGN's words and the table of levels say, without asking the policy."""
    if persona.stopped:
        return CLOSED
    if needs.open_to_all:
        return IN
    if not persona.signed_in:
        return SIGN_IN
    if needs.roles & persona.roles:
        return IN
    if needs.anywhere and not _anywhere(needs.anywhere, persona):
        return REFUSED
    if needs.on:
        held = persona.held(side, OWN)
        thawed = side.key != "frozen" or needs.on <= ON_FROZEN
        if needs.on <= held and thawed:
            return IN
        return REFUSED if held else HIDDEN
    return REFUSED if (needs.roles and not needs.anywhere) or needs.oneself else IN


def _anywhere(capability: Capability, persona: Persona) -> bool:
    by_role = {Capability.VIEW: "is_auditor", Capability.MANAGE: "is_administrator"}
    role = by_role.get(capability)
    return capability in persona.on_own or bool(role and getattr(persona.me, role))


def ask(
    world: World,
    persona: Persona,
    name: str,
    method: str,
    fill: Fill,
    *,
    query: Mapping[str, Any] | None = None,
    htmx: bool = False,
) -> Answer:
    """One request, undone again."""
    path = reverse(name.partition(" ")[0], kwargs=dict(fill.at))
    headers = {"HX-Request": "true"} if htmx else {}
    with undone(), _watched() as wrote:
        newest = _newest()
        persona.client.cookies = SimpleCookie(persona.cookies)
        if method in ("GET", "HEAD"):
            answer = persona.client.generic(
                method, path, QUERY_STRING=_words(fill.query if query is None else query),
                headers=headers,
            )  # fmt: skip
        elif method == "POST":
            for value in fill.data.values():
                if hasattr(value, "seek"):
                    value.seek(0)
            answer = persona.client.post(path, dict(fill.data), headers=headers)
        else:
            answer = persona.client.generic(method, path, headers=headers)
        body = _read(answer)
        found = Answer(
            answer.status_code,
            answer.headers.get("Location", ""),
            body,
            # Asked for only where something was put there: this is done thousands of times.
            list(Event.objects.filter(pk__gt=newest).order_by("pk")) if EVENTS in wrote else [],
            set(wrote),
        )
        if found.wrote - {*RECORD, *TELEMETRY}:
            found.changed = fingerprint() != _before[0]
    return found


def _newest() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(id) FROM {EVENTS}")
        return int(cursor.fetchone()[0])


def _words(query: Mapping[str, Any]) -> str:
    from urllib.parse import urlencode

    return urlencode(query)


def _read(answer: Any) -> str:
    raw = b"".join(answer.streaming_content) if answer.streaming else answer.content
    for closer in answer._resource_closers:
        closer()
    return str(raw.decode("utf-8", "replace"))


@contextmanager
def _watched() -> Iterator[set[str]]:
    """The tables that statements write to."""
    wrote: set[str] = set()

    def see(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        words = str(sql).split(None, 3)
        if words[0] in ("INSERT", "UPDATE", "DELETE"):
            wrote.add(words[1 if words[0] == "UPDATE" else 2].strip('"'))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(see):
        yield wrote


_before: list[str] = [""]


def remember() -> None:
    """What all tables hold now is what nothing may differ from."""
    _before[0] = fingerprint()


def fingerprint() -> str:
    """A hash over every row of every table but the record, the sessions and telemetry."""
    # The record's own tables grow with each refusal: what is in them is asked for by its events.
    sealed = {m._meta.db_table for m in apps.get_app_config("audit").get_models()}
    skipped = {*RECORD, *TELEMETRY, *(sealed - OF_PEOPLE)}
    tables = sorted({m._meta.db_table for m in apps.get_models(include_auto_created=True)})
    rows = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
    one = f"SELECT '{{0}}', {rows} FROM \"{{0}}\" t"
    sql = " UNION ALL ".join(one.format(name) for name in tables if name not in skipped)
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return repr(sorted(cursor.fetchall()))
