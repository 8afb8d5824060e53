"""Merkle trees as RFC 9162 has them: hashes, proofs, and what checks proofs.

Nothing here knows where hashes are kept: whoever asks for a proof says how to find the root of
the leaves from `first` up to, not including, `last`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

EMPTY = sha256().digest()
"""The root of a tree without leaves."""

Subtree = Callable[[int, int], bytes]


def leaf_hash(text: bytes) -> bytes:
    """The hash of a leaf that holds `text`."""
    return sha256(b"\0" + text).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two others."""
    return sha256(b"\1" + left + right).digest()


def split(count: int) -> int:
    """The largest power of two below `count` (2 or more): how many leaves stand on the left."""
    return 1 << (count - 1).bit_length() - 1


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over leaves (or equally high nodes) with these hashes."""
    if not hashes:
        return EMPTY
    row = list(hashes)
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        row = [
            sha256(b"\1" + left + right).digest()
            for left, right in zip(row[::2], row[1::2], strict=False)
        ] + odd
    return row[0]


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + split(last - first)
        if index < middle:
            path.append(subtree(middle, last))
            last = middle
        else:
            path.append(subtree(first, middle))
            first = middle
    return path[::-1]


def consistency_path(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The proof that the tree of `old` leaves is the beginning of that of `new` (2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} is not the beginning of one of {new}")
    path: list[bytes] = []
    first, last = 0, new
    whole = True  # what is left of the old tree is all of it, and its root is known already
    while old != last:
        middle = first + split(last - first)
        if old <= middle:
            path.append(subtree(middle, last))
            last = middle
        else:
            path.append(subtree(first, middle))
            first = middle
            whole = False
    if not whole:
        path.append(subtree(first, last))
    return path[::-1]


def inclusion_holds(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the leaf with this hash is number `index` (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, end, found = index, size - 1, leaf
    for step in path:
        if end == 0:
            return False
        if place % 2 or place == end:
            found = node_hash(step, found)
            while not place % 2 and place:
                place, end = place >> 1, end >> 1
        else:
            found = node_hash(found, step)
        place, end = place >> 1, end >> 1
    return end == 0 and found == root


def consistency_holds(
    old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether `path` proves that the old tree is the beginning of the new one (2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    place, end = old - 1, new - 1
    while place % 2:
        place, end = place >> 1, end >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if end == 0:
            return False
        if place % 2 or place == end:
            before, after = node_hash(step, before), node_hash(step, after)
            while not place % 2 and place:
                place, end = place >> 1, end >> 1
        else:
            after = node_hash(after, step)
        place, end = place >> 1, end >> 1
    return end == 0 and before == old_root and after == new_root
