"""The record checks itself: piece by piece, for ever, and as a whole on demand.

It finds what a fault of a disk or a clumsy hand has done. Somebody who owns the server can also
change what checks: only a witness and `tools/verify_socialdesk.py` elsewhere stand against that.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import structlog
from django.db import connection
from django.utils import timezone

from audit.actors import Actor
from audit.merkle import leaf_hash, root_of
from audit.models import Checkpoint, Erasure, Node, SelfCheck
from audit.notes import NoteBroken, opened
from audit.proofs import PLACED, texts_found
from audit.sealing import signing_keys
from audit.services.keeping import fault_record
from audit.tree import HEIGHT, WIDTH, Tree, TreeBroken

log = structlog.get_logger(__name__)

PIECE = 20 * WIDTH
"""Places looked at in one go: a quarter of a second's work, once a minute."""
_LOST = """
    SELECT e.id FROM audit_event e
    WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id)
    AND NOT EXISTS (SELECT FROM audit_unsealed q WHERE q.event_id = e.id) LIMIT 10
"""


def check_next(actor: Actor) -> str:
    """Check the next piece, wherever the last one ended; what is wrong, or ''."""
    state, _ = SelfCheck.objects.get_or_create(pk=1)
    newest, tree = _as_it_is()
    first = state.next_index if state.next_index < tree.size else 0
    last = min(first + PIECE, tree.size)
    fault = next(faults_between(first, last), "")
    if last == tree.size:
        fault = fault or next(faults_of_whole(newest, tree), "")
    if fault and fault != state.fault:
        log.error("record_fault", fault=fault)
        fault_record(actor=actor, fault=fault[:500])
    # A fault is forgotten when the next round has begun and come to its end without one.
    state.fault = fault[:500] or (state.fault if first else "")
    if last == tree.size and not state.fault:
        state.whole_at = timezone.now()
    state.next_index, state.ran_at = last % max(tree.size, 1), timezone.now()
    state.save()
    return fault


def check_all() -> Iterator[str]:
    """Everything that is wrong with the record, from its first place to its newest checkpoint."""
    newest, tree = _as_it_is()
    for first in range(0, tree.size, PIECE):
        yield from faults_between(first, min(first + PIECE, tree.size))
    yield from faults_of_whole(newest, tree)


def _as_it_is() -> tuple[Checkpoint | None, Tree]:
    """The newest checkpoint and, read after it, the tree: a sealer may be at work meanwhile."""
    newest = Checkpoint.objects.first()
    return newest, Tree.whole()


def faults_between(first: int, last: int) -> Iterator[str]:
    """What is wrong with these places. `first` is the beginning of a row of hashes."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{PLACED} WHERE l.index >= %s AND l.index < %s ORDER BY l.index", [first, last]
        )
        found = cursor.fetchall()
    erased = set(
        Erasure.objects.filter(event_id__in=[row[0] for row in found]).values_list(
            "event_id", "part"
        )
    )
    hashes: list[bytes] = []
    for place, row in enumerate(found, first):
        if row[-2] != place:
            yield f"Place {place} of the record is missing."
            return
        hashes.append(bytes(row[-1]))
        yield from _faults_of(place, row, erased)
    if len(found) < last - first:
        yield f"Place {first + len(found)} of the record is missing."
        return
    rows = range(first // WIDTH, last // WIDTH)
    stored = dict(
        Node.objects.filter(level=HEIGHT, index__gte=rows.start, index__lt=rows.stop).values_list(
            "index", "hash"
        )
    )
    for number in rows:
        at = number * WIDTH - first
        if bytes(stored.get(number, b"")) != root_of(hashes[at : at + WIDTH]):
            yield f"The hash over the places from {number * WIDTH} on is not what it was."


def _faults_of(place: int, row: Any, erased: set[tuple[int, str]]) -> Iterator[str]:
    leaf, who, what = texts_found(row)
    if not leaf:
        yield f"The event of place {place} is gone."
    elif leaf_hash(leaf.encode()) != bytes(row[-1]):
        yield f"Event {row[0]} is not what was sealed."
    else:
        for part, text, bound in (("who", who, row[-4]), ("what", what, row[-3])):
            if text and _sha256(text) != bytes(bound):
                yield f"Event {row[0]} is not what was sealed: {part}."
            elif not text and (row[0], part) not in erased:
                yield f"Content of event {row[0]} is gone without an erasure."


def _sha256(text: str) -> bytes:
    return sha256(text.encode()).digest()


def faults_of_whole(checkpoint: Checkpoint | None, tree: Tree) -> Iterator[str]:
    """What is wrong with the tree as a whole, its checkpoint, and what should be in it."""
    with connection.cursor() as cursor:
        cursor.execute(_LOST)
        for (number,) in cursor.fetchall():
            yield f"Event {number} was put in past the seal."
    if checkpoint is None:
        return
    if checkpoint.size > tree.size:
        yield f"The record ends at place {tree.size - 1}; {checkpoint.size} were sealed."
        return
    try:
        said = opened(checkpoint.note, [key.public for key in signing_keys()])
        if Tree(said.size).root() != said.root or said.size != checkpoint.size:
            yield "The newest checkpoint is not one over this record."
    except (NoteBroken, TreeBroken) as error:
        yield str(error)
