"""Working on exports: a step at a time, each of which leaves files and a row behind that the next
one, of this worker or another, goes on from."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread

import structlog
from django.db import Error, connection, transaction
from django.db.models import Q
from django.utils import timezone

from audit.actions import NotAllowed
from audit.actors import Actor, ActorKind
from audit.exporting import as_row, data_for
from audit.exports.evidence import NotYet, segment, single
from audit.exports.files import NAMES, PROOF, write_file
from audit.exports.store import Store
from audit.models import RecordExport, Stage
from audit.models.export import KEPT_DAYS, WORKING
from audit.selectors.events import Cursor, Filters, Scope, events_beyond
from audit.services.reading import record_export_end

log = structlog.get_logger(__name__)

PART = 5_000
"""Events of a part: what is held in memory, and lost when a worker is killed."""
LEASE = timedelta(seconds=30)
AT_ONCE = 2
"""So many exports are worked on at a time, on all machines together: the rest wait, and the
workers have time for what cannot."""
AGAIN = timedelta(seconds=1)
"""For so long an export is left alone that waits for its last event to be sealed."""

Right = Callable[[int], tuple[Actor, Scope]]
"""The owner as an actor, and what they may see at this moment. Raises NotAllowed."""


class LeaseLost(Exception):
    """Somebody else works on this export."""


class RightsChanged(Exception):
    """The owner sees another part of the record than when the export began."""


def claim() -> RecordExport | None:
    """An export that nobody works on, with a lease; None where there is none."""
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    with transaction.atomic():
        if RecordExport.objects.filter(lease_until__gt=now, stage__in=WORKING).count() >= AT_ONCE:
            return None
        waiting = RecordExport.objects.filter(free, stage__in=WORKING).order_by("begun_at")
        export = waiting.select_for_update(skip_locked=True).first()
        if export is not None:
            export.token, export.lease_until = uuid.uuid4(), now + LEASE
            export.save(update_fields=["token", "lease_until"])
    return export


def work(export: RecordExport, right: Right, still: Callable[[], bool]) -> None:
    """Go on with a claimed export while there is time, and let go of it."""
    again = None
    try:
        actor, scope = right(export.owner_id)
        _check(export, scope)
        with _held(export):
            while export.is_working and still():
                _STEPS[Stage(export.stage)](export, actor, scope)
    except LeaseLost:
        if RecordExport.objects.filter(pk=export.pk, stage=Stage.REMOVED).exists():
            Store(export).remove()  # what was written while it was being removed
        return
    except NotYet:
        again = timezone.now() + AGAIN
    except (NotAllowed, RightsChanged):
        _fail(export, "What you may see of the record has changed. Begin a new export.")
    except OSError as error:  # a full disk is not got rid of by trying for ever
        log.exception("export_failed", export=str(export.pk))
        _fail(export, f"The file could not be written: {error.strerror or 'unknown'}.")
    except Error:  # the database is away: what was begun goes on when it is back
        raise
    except Exception:  # a fault of ours would be met again at every turn
        log.exception("export_failed", export=str(export.pk))
        _fail(export, "It could not be written. The log of the workers says why.")
    with suppress(LeaseLost):
        _keep(export, lease_until=again, token=None)


def forget_old() -> int:
    """Remove the files of exports whose time is over; how many these were."""
    over = timezone.now() - timedelta(days=KEPT_DAYS)
    done = 0
    for export in RecordExport.objects.filter(finished_at__lt=over, stage=Stage.READY)[:20]:
        Store(export).remove()
        done += RecordExport.objects.filter(pk=export.pk).update(stage=Stage.REMOVED)
    return done


# --- steps ----------------------------------------------------------------------------------------


def _read(export: RecordExport, actor: Actor, scope: Scope) -> None:
    """One part of the record."""
    place = Cursor.read(export.place)
    filters = Filters.from_data(export.filters)
    events = events_beyond(scope, filters, place, False, PART)
    if events:
        rows = [as_row(event, data_for(scope, event)) for event in events]
        Store(export).put_part(export.parts, rows)
        export.parts += 1
        export.count += len(events)
        export.place = str(Cursor.of(events[-1]))
    if len(events) < PART:
        export.stage = Stage.WRITING
    _keep(export, parts=export.parts, count=export.count, place=export.place, stage=export.stage)


def _write(export: RecordExport, actor: Actor, scope: Scope) -> None:
    """The file, from the parts. When it is there, an event names its hash."""

    def tell(written: int) -> None:
        _keep(export, written=written)

    name = write_file(export, tell)
    sha256, size = Store(export).digest(name)
    with transaction.atomic():
        number = record_export_end(
            actor=actor.through("export"),
            filters=export.filters,
            format=export.format,
            count=export.count,
            complete=True,
            file={"export": str(export.pk), "sha256": sha256, "bytes": size},
        )
        _keep(export, stage=Stage.PROVING, sha256=sha256, size=size, event_id=number)


def _prove(export: RecordExport, actor: Actor, scope: Scope) -> None:
    """The proof of one part, and at last of the event that names the file. Raises NotYet."""
    store, number = Store(export), export.proven
    if number < export.parts:
        numbers = [row["number"] for row in store.part(number)]
        store.put(_piece(number), lambda out: segment(out, numbers, scope.account_ids))
        _keep(export, proven=number + 1)
        return
    store.put(_piece(number), lambda out: single(out, export.event_id or 0))
    store.join(PROOF, [_piece(one) for one in range(export.parts + 1)])
    _keep(export, stage=Stage.READY, finished_at=timezone.now())
    store.keep_only(*NAMES.values(), PROOF)


_STEPS: dict[Stage, Callable[[RecordExport, Actor, Scope], None]] = {
    Stage.READING: _read,
    Stage.WRITING: _write,
    Stage.PROVING: _prove,
}


def _piece(number: int) -> str:
    return f"proof-{number:06}.gz"


def _check(export: RecordExport, scope: Scope) -> None:
    seen = None if scope.account_ids is None else sorted(scope.account_ids)
    if seen != export.account_ids:
        raise RightsChanged


def _fail(export: RecordExport, error: str) -> None:
    Store(export).remove()
    owner = Actor(ActorKind.PERSON, export.owner_label, export.owner_id, via="export")
    with suppress(LeaseLost), transaction.atomic():
        _keep(export, stage=Stage.FAILED, error=error[:200], finished_at=timezone.now())
        record_export_end(
            actor=owner,
            filters=export.filters,
            format=export.format,
            count=export.count,
            complete=False,
            file={"export": str(export.pk)},
        )


@contextmanager
def _held(export: RecordExport) -> Iterator[None]:
    """Keep the lease while a step takes long: a workbook is closed in one go."""
    over = Event()
    mine = RecordExport.objects.filter(pk=export.pk, token=export.token)

    def renew() -> None:
        try:
            while not over.wait(LEASE.total_seconds() / 3):
                mine.update(lease_until=timezone.now() + LEASE)
        except Error:
            log.warning("export_lease_not_renewed", export=str(export.pk))
        finally:
            connection.close()

    thread = Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _keep(export: RecordExport, **values: object) -> None:
    """Put how far it is into its row, if it is still ours. Raises LeaseLost."""
    mine = RecordExport.objects.filter(pk=export.pk, token=export.token).exclude(
        stage=Stage.REMOVED
    )
    if "lease_until" not in values:
        values["lease_until"] = timezone.now() + LEASE
    if not mine.update(**values):
        raise LeaseLost
    for name, value in values.items():
        setattr(export, name, value)
