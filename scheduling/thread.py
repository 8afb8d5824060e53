"""The further posts of a thread while one writes: counted for each account, and arranged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import SocialAccount
from platforms.counting import count_text
from scheduling.composing import Count, Shown
from scheduling.elements import Element, clean_text

_FIRST = 2  # the number of the first further post
_ACT = re.compile(r"(up|down|remove)-(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Counted:
    """How much of a post one account would take."""

    account: SocialAccount
    count: Count
    rule: str


@dataclass(frozen=True, slots=True)
class Further:
    """One further post in the form. `number`: its place in the thread, from 2 on."""

    number: int
    text: str
    counts: Sequence[Counted]
    is_first: bool
    is_last: bool

    @property
    def key(self) -> str:
        """Which field the browser counts."""
        return f"part-{self.number}"

    anchor = key


def further_posts(texts: Sequence[str], shown: Sequence[Shown]) -> list[Further]:
    """The posts that follow the first, counted on each account that shows them."""
    sides = [side for side in shown if str(Element.THREAD) not in side.left_out]
    sides = [side for side in sides if side.account.can("thread")]
    return [
        Further(
            number,
            text,
            [_counted(side, text) for side in sides],
            is_first=number == _FIRST,
            is_last=number == len(texts) + 1,
        )
        for number, text in enumerate(texts, _FIRST)
    ]


def _counted(side: Shown, text: str) -> Counted:
    limits = side.account.limits
    used = count_text(clean_text(text), limits)
    return Counted(side.account, Count(used, limits.text_max), side.rule)


def arranged(texts: Sequence[str], act: str) -> tuple[list[str], str]:
    """The further posts after `act`, and the id of what gets the focus then.

    `act`: 'add', or 'up', 'down' or 'remove' with the number of a post; anything else does nothing.
    """
    found = list(texts)
    if act == "add":
        return [*found, ""], f"part-{len(found) + _FIRST}"
    match = _ACT.fullmatch(act)
    place = int(match[2]) - _FIRST if match else -1
    if match is None or not 0 <= place < len(found):
        return found, ""
    if match[1] == "remove":
        del found[place]
        return found, f"part-{min(place, len(found) - 1) + _FIRST}" if found else "thread-add"
    other = place + (1 if match[1] == "down" else -1)
    if not 0 <= other < len(found):
        return found, ""
    found[place], found[other] = found[other], found[place]
    return found, f"part-{other + _FIRST}"
