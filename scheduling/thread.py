"""The further posts of a thread while one writes: counted for each account, and arranged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from accounts.models import SocialAccount
from platforms.counting import count_text
from scheduling.composing import Count, Shown
from scheduling.elements import Element, clean_text
from scheduling.models import Media

FIRST_KEY = "1"
"""What stands for the first post where a picture says to which it belongs."""
_FIRST = 2  # the number of the first further post
_ACT = re.compile(r"(up|down|remove)-(\d{1,3})")


class Typed(NamedTuple):
    """A further post as it is being written. `key`: what its pictures name it by, while its number
    changes with each that is moved or removed."""

    key: str
    text: str = ""


def typed(texts: Sequence[str]) -> list[Typed]:
    """The further posts of a thread as it was saved."""
    return [Typed(str(number), text) for number, text in enumerate(texts, _FIRST)]


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
    id: str  # as Typed.key
    text: str
    media: Sequence[Media]
    counts: Sequence[Counted]
    is_first: bool
    is_last: bool

    @property
    def key(self) -> str:
        """Which field the browser counts."""
        return f"part-{self.number}"

    anchor = key


def further_posts(
    written: Sequence[Typed], shown: Sequence[Shown], media: Mapping[str, Sequence[Media]]
) -> list[Further]:
    """The posts that follow the first, counted on each account that shows them.

    `media`: what each shows, by its key.
    """
    sides = [side for side in shown if str(Element.THREAD) not in side.left_out]
    sides = [side for side in sides if side.account.can("thread")]
    return [
        Further(
            number,
            one.key,
            one.text,
            media.get(one.key, ()),
            [_counted(side, one.text) for side in sides],
            is_first=number == _FIRST,
            is_last=number == len(written) + 1,
        )
        for number, one in enumerate(written, _FIRST)
    ]


def _counted(side: Shown, text: str) -> Counted:
    limits = side.account.limits
    used = count_text(clean_text(text), limits)
    return Counted(side.account, Count(used, limits.text_max), side.rule)


def arranged(written: Sequence[Typed], act: str) -> tuple[list[Typed], str]:
    """The further posts after `act`, and the id of what gets the focus then.

    `act`: 'add', or 'up', 'down' or 'remove' with the number of a post; anything else does nothing.
    """
    found = list(written)
    if act == "add":
        numbers = [int(one.key) for one in found if one.key.isdecimal()]
        new = Typed(str(max([1, *numbers]) + 1))
        return [*found, new], f"part-{len(found) + _FIRST}"
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
