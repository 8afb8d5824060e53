"""What changed between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "out", "in"]
Part = tuple[Kind, str]

# A word keeps the space after it, so that a common space never ties two sentences together.
# Scripts written without spaces are compared sign by sign.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u9fff]+\s*|\s+|.", re.S)
_COMPARISONS_MAX = 1_000_000


def difference(before: str, after: str) -> list[Part]:
    """The two texts as parts that stayed ('same'), were taken out ('out') or put in ('in').

    The same and out parts make up `before`, the same and in parts `after`, to the character.
    Texts too long to compare word by word are shown as one part out and one in.
    """
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    parts: list[Part] = []
    _add(parts, "same", old[:start])
    _middle(parts, old[start : len(old) - end], new[start : len(new) - end])
    _add(parts, "same", old[len(old) - end :])
    return parts


def _middle(parts: list[Part], old: Sequence[str], new: Sequence[str]) -> None:
    if len(old) * len(new) > _COMPARISONS_MAX:
        _add(parts, "out", old)
        _add(parts, "in", new)
        return
    # Words are matched without the space after them: the last one has another, or none.
    matcher = SequenceMatcher(None, [t.rstrip() for t in old], [t.rstrip() for t in new])
    for what, i, j, k, m in matcher.get_opcodes():
        if what == "equal":
            for one, other in zip(old[i:j], new[k:m], strict=True):
                _add_same(parts, one, other)
        else:
            _add(parts, "out", old[i:j])
            _add(parts, "in", new[k:m])


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many tokens both begin with."""
    for index, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return index
    return min(len(old), len(new))


def _add_same(parts: list[Part], one: str, other: str) -> None:
    if one == other:
        _add(parts, "same", [one])
        return
    word = one.rstrip()
    _add(parts, "same", [word])
    _add(parts, "out", [one[len(word) :]])
    _add(parts, "in", [other[len(word) :]])


def _add(parts: list[Part], kind: Kind, tokens: Sequence[str]) -> None:
    words = "".join(tokens)
    if words and parts and parts[-1][0] == kind:
        parts[-1] = (kind, parts[-1][1] + words)
    elif words:
        parts.append((kind, words))
