"""Exports of the record and kept searches, as their owners see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from audit.models import Event, RecordExport, SavedQuery, Stage
from audit.selectors.events import Filters

SHOWN = 50


def oldest_of(filters: Filters) -> datetime:
    """Before this there is nothing that the filters show."""
    if filters.since is not None:
        return filters.since
    first = Event.objects.order_by("occurred_at", "id").values_list("occurred_at", flat=True)
    return first.first() or timezone.now()


def exports_of(owner_id: int) -> Sequence[RecordExport]:
    """The newest exports of a person, without those they removed."""
    found = RecordExport.objects.filter(owner_id=owner_id).exclude(stage=Stage.REMOVED)
    return list(found[:SHOWN])


def export_get(owner_id: int, export_id: UUID) -> RecordExport | None:
    return RecordExport.objects.filter(owner_id=owner_id, pk=export_id).first()


def queries_for(person_id: int, *, shared: bool) -> Sequence[SavedQuery]:
    """The searches a person keeps, and with `shared` those of others that these share."""
    wanted = Q(owner_id=person_id) | Q(shared=True) if shared else Q(owner_id=person_id)
    return list(SavedQuery.objects.filter(wanted)[:200])
