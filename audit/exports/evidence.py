"""The proof of an export: its events as they were sealed, and hashes for all between them.

A line of JSON for each part, so that it is written and checked in parts: a checkpoint, and in the
order of the record either an event with its three texts, or the height and hash of a complete
subtree of events that are not listed. Read in order they give the checkpoint's root. The last line
is the proof of the event that names the file's hash. `tools/verify_socialdesk.py proof` checks it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterator, Sequence
from typing import IO, Any

from django.db import connection

from audit.models import Checkpoint
from audit.proofs import PLACED, NotSealed, proof_of, texts_found
from audit.telling import pruned
from audit.tree import Tree

_ROWS_MAX = 64
"""Rows of 256 hashes that are kept while the proof climbs over them."""
_DATA = 16
"""Where the event's data stands in a row of PLACED."""


class NotYet(Exception):  # a state, and no fault
    """One of the events is not sealed yet, or no checkpoint is signed over it."""


def segment(out: IO[bytes], numbers: Sequence[int], account_ids: Collection[int] | None) -> None:
    """Write the proof of these events, compressed. `account_ids`: whose data may be shown; texts
    that speak of other accounts too are left out. Raises NotYet."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{PLACED} WHERE l.event_id = ANY(%s::bigint[]) ORDER BY l.index", [list(numbers)]
        )
        found = cursor.fetchall()
    checkpoint = Checkpoint.objects.first()
    if len(found) < len(set(numbers)) or checkpoint is None:
        raise NotYet
    if found and found[-1][-2] >= checkpoint.size:
        raise NotYet
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.write(_begun(checkpoint, len(found)).encode())
        for number, item in enumerate(_items(found, Tree(checkpoint.size), account_ids)):
            packed.write(((", " if number else "") + json.dumps(item, ensure_ascii=False)).encode())
        packed.write(b"]}\n")


def single(out: IO[bytes], number: int) -> None:
    """Write the proof of one event by its path. Raises NotYet."""
    try:
        proof = proof_of([number])
    except NotSealed:
        raise NotYet from None
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.write(json.dumps(proof, ensure_ascii=False).encode() + b"\n")


def _begun(checkpoint: Checkpoint, count: int) -> str:
    """The beginning of a line, up to its events."""
    head = {"listed": count, "checkpoints": [checkpoint.note], "consistency": ""}
    return json.dumps(head)[:-1] + ', "events": ['


def _items(
    found: Sequence[Sequence[Any]], tree: Tree, account_ids: Collection[int] | None
) -> Iterator[dict[str, Any]]:
    at = 0
    for row in found:
        place = row[-2]
        yield from _between(tree, at, place)
        leaf, who, what = texts_found(row)
        if account_ids is not None and _is_partly(row[_DATA], account_ids):
            what = ""
        yield {"index": place, "leaf": leaf, "who": who, "what": what}
        at = place + 1
    yield from _between(tree, at, tree.size)


def _between(tree: Tree, first: int, last: int) -> Iterator[dict[str, Any]]:
    """The places from `first` up to, not including, `last`, as complete subtrees."""
    while first < last:
        height = (last - first).bit_length() - 1
        if first:
            height = min(height, (first & -first).bit_length() - 1)
        yield {"height": height, "hash": tree.subtree(first, first + (1 << height)).hex()}
        first += 1 << height
        tree.forget(_ROWS_MAX)


def _is_partly(data: str, account_ids: Collection[int]) -> bool:
    whole = json.loads(data)
    return bool(pruned(whole, account_ids) != whole)
