"""Exports that are put together in the background, and searches that people keep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from audit.actions import action, record
from audit.actors import Actor, ActorKind
from audit.models import RecordExport, SavedQuery, Stage
from audit.selectors.events import Filters, Scope, newest
from audit.selectors.exports import oldest_of
from audit.services.reading import Allowed, _a_reader

FORMATS = ("csv", "json", "xlsx", "pdf")
UNFINISHED_MAX = 3
"""Exports of one person that are worked on at a time."""
QUERIES_MAX = 100


class CannotKeep(ValueError):
    """The message is a sentence for people."""


def _its_owner(actor: Actor, arguments: Mapping[str, Any]) -> Allowed:
    """What somebody has made for themselves is nobody else's, and as if it did not exist."""
    thing = arguments.get("export") or arguments["saved"]
    if actor.kind is ActorKind.PERSON and actor.id == thing.owner_id:
        return Allowed(True)
    return Allowed(False, "This is somebody else's.", hidden=True)


def _person(actor: Actor) -> int:
    """Only people have things of their own here. Raises CannotKeep."""
    if actor.kind is not ActorKind.PERSON or actor.id is None:
        raise CannotKeep("Only a person can have this.")
    return actor.id


@action("record.export_began", needs=_a_reader)
def export_begin(
    *, actor: Actor, scope: Scope, filters: Filters, query: str, format: str
) -> RecordExport:
    """Begin an export of what these filters show at this moment. Raises CannotKeep."""
    if format not in FORMATS:
        raise CannotKeep("There is no export of that form.")
    owner = _person(actor)
    mine = RecordExport.objects.filter(owner_id=owner, stage__in=_WORKED_ON)
    if mine.count() >= UNFINISHED_MAX:
        raise CannotKeep("Wait until one of your other exports is done, or stop it.")
    upto = newest()
    if upto is None:
        raise CannotKeep("Nothing is on record yet.")
    export = RecordExport(
        owner_id=owner,
        owner_label=actor.label,
        format=format,
        filters=_plainly(filters),
        query=query,
        account_ids=None if scope.account_ids is None else sorted(scope.account_ids),
        oldest=min(oldest_of(filters), upto.at),
        upto=str(upto),
        place=f"{str(upto).partition('.')[0]}.{upto.id + 1}",
    )
    export.save(force_insert=True)
    data = {**filters.as_data(), "format": format, "export": str(export.pk)}
    record("record.export_began", data=data)
    return export


_WORKED_ON = (Stage.READING, Stage.WRITING, Stage.PROVING)


def _plainly(filters: Filters) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in filters.as_data().items()
    }


@action("record.export_taken", needs=_its_owner)
def export_take(*, actor: Actor, export: RecordExport, what: str) -> None:
    """Its owner is given the file of an export, or its proof."""
    record("record.export_taken", data={"export": str(export.pk), "what": what})


@action("record.export_removed", needs=_its_owner)
def export_remove(*, actor: Actor, export: RecordExport) -> None:
    """Stop an export, or remove its file before its time. Raises CannotKeep."""
    there = RecordExport.objects.filter(pk=export.pk).exclude(stage=Stage.REMOVED)
    if not there.update(stage=Stage.REMOVED, finished_at=timezone.now()):
        raise CannotKeep("This export was removed already.")
    record("record.export_removed", data={"export": str(export.pk)})


@action("record.query_saved", needs=_a_reader)
def query_save(*, actor: Actor, name: str, query: str, shared: bool = False) -> SavedQuery:
    """Keep a search by a name; one of the same name is replaced. Raises CannotKeep."""
    name = name.strip()
    if not name or len(name) > 80:
        raise CannotKeep("Give it a name of at most 80 letters.")
    owner = _person(actor)
    mine = SavedQuery.objects.filter(owner_id=owner)
    if mine.exclude(name=name).count() >= QUERIES_MAX:
        raise CannotKeep("You keep a hundred already. Remove one first.")
    saved, _ = SavedQuery.objects.update_or_create(
        owner_id=owner,
        name=name,
        defaults={"owner_label": actor.label, "query": query, "shared": shared},
    )
    data = {"name": name, "query": query, "shared": shared}
    record("record.query_saved", subject=saved, data=data)
    return saved


@action("record.query_removed", needs=_its_owner)
def query_remove(*, actor: Actor, saved: SavedQuery) -> None:
    """Keep a search no longer."""
    record("record.query_removed", subject=saved, data={"name": saved.name})
    saved.delete()
