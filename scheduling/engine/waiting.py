"""What is due and has to wait for its platform is put off, with the reason, and not claimed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, Value
from django.db.models.functions import Least

from platforms.contract import Deed
from scheduling.engine.lanes import Lanes, lane_of
from scheduling.models import Delivery
from scheduling.recheck import grace
from scheduling.traffic.admission import Wait, Wish, admit

_THEN = timedelta(seconds=1)


def admitted(deliveries: Sequence[Delivery], lanes: Lanes) -> list[Delivery]:
    """Those that their platforms take now. They have to be locked, and in their lanes.

    The others leave their lanes and are to be tried again when their platform may be asked, and at
    the latest when they are overdue and are held.
    """
    answers = admit([Wish(each.account, {Deed.PUBLISH: _posts(each)}) for each in deliveries])
    put_off: dict[Wait, list[int]] = {}
    for delivery, wait in zip(deliveries, answers, strict=True):
        if wait is not None:
            lanes.leave(lane_of(delivery.account))
            put_off.setdefault(wait, []).append(delivery.pk)
    for wait, ids in put_off.items():
        # When it is tried is the tick's own plan and no change to what it is: nothing to record.
        Delivery.objects.filter(pk__in=ids).update(
            next_try_at=Least(Value(wait.until), F("due_at") + grace() + _THEN),
            notice=wait.why[:500],
        )
    return [d for d, wait in zip(deliveries, answers, strict=True) if wait is None]


def _posts(delivery: Delivery) -> int:
    """As how many posts it counts there: those of its thread, and its first comment."""
    return 1 + len(delivery.elements.get("thread", ())) + ("first_comment" in delivery.elements)
