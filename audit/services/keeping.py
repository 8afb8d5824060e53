"""What happens to the record itself goes on record: erasures, witnesses, faults, keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models

from audit.actions import NotAllowed, action, record
from audit.actors import Actor, ActorKind
from audit.models import Erasure, Event, Leaf, Salt
from audit.services.reading import Allowed

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/.-]{0,39}")


class Because(models.TextChoices):
    """Why content was erased. A list, so that the reason cannot say again what was erased."""

    REQUEST = "request", "of a request under the right to erasure"
    COURT = "court", "of an order of a court or regulator"
    MISTAKE = "mistake", "it should never have been written down"
    RETENTION = "retention", "its time of keeping was over"


class CannotErase(ValueError):
    """The message is a sentence for people."""


def _of_kind(*kinds: ActorKind) -> Any:
    def needs(actor: Actor, _: Mapping[str, Any]) -> Allowed:
        return Allowed(actor.kind in kinds, "Only Socialdesk itself does this.")

    return needs


@action("record.erased", needs=_of_kind(ActorKind.COMMAND))
def content_erase(
    *,
    actor: Actor,
    event_ids: Sequence[int],
    parts: Sequence[str],
    because: Because,
    reference: str = "",
) -> int:
    """Erase the personal content of events; how many parts had any.

    `parts`: 'who' (the name and address of whoever acted), 'what' (names and data). The leaves
    stay, and so does every proof. Raises CannotErase.
    """
    if reference and not REFERENCE.fullmatch(reference):
        raise CannotErase("A reference has letters, digits, '/', '.' and '-', and no words.")
    ids = sorted(set(event_ids))
    if Leaf.objects.filter(event_id__in=ids).count() < len(ids) or not ids:
        raise CannotErase("One of these events does not exist or is not sealed yet.")
    if Event.objects.filter(pk__in=ids, name="record.erased").exists():
        raise CannotErase("The record of an erasure holds nothing to erase, and stays.")
    data = {"events": ids, "parts": sorted(parts), "because": because.value, "reference": reference}
    by = record("record.erased", data=data)
    done = 0
    for part in parts:
        gone = set(Erasure.objects.filter(event_id__in=ids, part=part).values_list("event_id"))
        new = [event_id for event_id in ids if (event_id,) not in gone]
        Erasure.objects.bulk_create(
            [Erasure(event_id=event_id, part=part, by=by) for event_id in new]
        )
        Salt.objects.filter(event_id__in=new).update(**{part: None})
        with connection.cursor() as cursor:
            cursor.execute(_BLANK[part], [new])
        done += len(new)
    if not done:
        raise CannotErase("All of this was erased before.")
    return done


_BLANK = {
    "who": "UPDATE audit_event SET actor_label = '', address = '', words = ''"
    " WHERE id = ANY(%s::bigint[])",
    "what": "UPDATE audit_event SET subject_label = '', account_label = '', data = '{}',"
    " words = '' WHERE id = ANY(%s::bigint[])",
}


@action("witness.failing", needs=_of_kind(ActorKind.WORKER))
def witness_failing_record(*, actor: Actor, witness: str, error: str) -> None:
    """A witness does not take checkpoints any more."""
    record("witness.failing", data={"witness": witness, "error": error})


@action("witness.recovered", needs=_of_kind(ActorKind.WORKER))
def witness_recovered_record(*, actor: Actor, witness: str) -> None:
    """It takes them again."""
    record("witness.recovered", data={"witness": witness})


@action("forwarding.failing", needs=_of_kind(ActorKind.WORKER))
def forward_failing_record(*, actor: Actor, place: str, error: str) -> None:
    """A place that the record is forwarded to does not take it any more."""
    record("forwarding.failing", data={"place": place, "error": error})


@action("forwarding.recovered", needs=_of_kind(ActorKind.WORKER))
def forward_recovered_record(*, actor: Actor, place: str) -> None:
    """It takes it again."""
    record("forwarding.recovered", data={"place": place})


@action("record.fault_found", needs=_of_kind(ActorKind.WORKER, ActorKind.COMMAND))
def fault_record(*, actor: Actor, fault: str) -> None:
    """The record's check of itself found that something is not as it was sealed."""
    record("record.fault_found", data={"fault": fault})


@action("record.key_changed", needs=_of_kind(ActorKind.COMMAND))
def key_change_record(*, actor: Actor, old: str, new: str) -> None:
    """Another key signs from here on. Both are public keys."""
    if old == new:
        raise NotAllowed("This is the key that signs already.")
    record("record.key_changed", data={"old": old, "new": new})
