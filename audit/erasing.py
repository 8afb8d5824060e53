"""Erasing personal content from events, for ever; the leaves stay, and so does every proof.

Part of an action, which says who may: `audit.services.keeping` for commands, and
`accounts.services.erasing` for people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection, models

from audit.actions import current_actor, record
from audit.actors import ActorKind
from audit.models import Erasure, Event, Leaf, Salt

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/.-]{0,39}")


class Because(models.TextChoices):
    """Why content was erased. A list, so that the reason cannot say again what was erased."""

    REQUEST = "request", "of a request under the right to erasure"
    COURT = "court", "of an order of a court or regulator"
    MISTAKE = "mistake", "it should never have been written down"
    RETENTION = "retention", "its time of keeping was over"


class CannotErase(ValueError):
    """The message is a sentence for people."""


def erase(
    *, event_ids: Sequence[int], parts: Sequence[str], because: Because, reference: str = ""
) -> int:
    """Erase the personal content of events; how many parts had any.

    `parts`: 'who' (the name and address of whoever acted), 'what' (names and data). A person does
    not erase who did what they did themselves, nor what it was. Raises CannotErase.
    """
    if reference and not REFERENCE.fullmatch(reference):
        raise CannotErase("A reference has letters, digits, '/', '.' and '-', and no words.")
    ids = sorted(set(event_ids))
    if Leaf.objects.filter(event_id__in=ids).count() < len(ids) or not ids:
        raise CannotErase("One of these events does not exist or is not sealed yet.")
    events = Event.objects.filter(pk__in=ids)
    if events.filter(name="record.erased").exists():
        raise CannotErase("The record of an erasure holds nothing to erase, and stays.")
    actor = current_actor()
    if actor.kind is ActorKind.PERSON and events.filter(actor_id=actor.id).exists():
        raise CannotErase("Some of this you did yourself: somebody else has to erase it.")
    data = {"events": ids, "parts": sorted(parts), "because": because.value, "reference": reference}
    by = record("record.erased", data=data)
    done = sum(_blank(ids, part, by) for part in parts)
    if not done:
        raise CannotErase("All of this was erased before.")
    return done


def _blank(ids: Sequence[int], part: str, by: int) -> int:
    gone = set(Erasure.objects.filter(event_id__in=ids, part=part).values_list("event_id"))
    new = [event_id for event_id in ids if (event_id,) not in gone]
    Erasure.objects.bulk_create(
        [Erasure(event_id=event_id, part=part, by_id=by) for event_id in new]
    )
    Salt.objects.filter(event_id__in=new).update(**{part: None})
    with connection.cursor() as cursor:
        cursor.execute(_BLANK[part], [new])
    return len(new)


_BLANK = {
    "who": "UPDATE audit_event SET actor_label = '', address = '', words = ''"
    " WHERE id = ANY(%s::bigint[])",
    "what": "UPDATE audit_event SET subject_label = '', account_label = '', data = '{}',"
    " words = '' WHERE id = ANY(%s::bigint[])",
}
