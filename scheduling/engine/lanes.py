"""Fairness: how much of one process the deliveries of one platform may take up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from accounts.models import SocialAccount

Lane = tuple[str, str]
"""A platform and the address of its server: what hangs or slows down together."""


def lane_of(account: SocialAccount) -> Lane:
    return account.platform, account.base_url


class Lanes:
    """The places of one process for deliveries under way, and which platforms take them up.

    A platform may have half of the places that the others leave free. So those that hang leave some
    to the rest, however many hang; and one that has all the work has half a process for it.
    """

    def __init__(self, places: int, under_way: Iterable[Lane] = ()) -> None:
        self._places = places
        self._busy = Counter(under_way)

    @classmethod
    def unbounded(cls) -> Lanes:
        """For whoever sends one after the other."""
        return cls(2**31)

    def has_room(self, lane: Lane) -> bool:
        """Whether this platform may have one more place."""
        own = self._busy[lane]
        left_by_others = self._places - (self._busy.total() - own)
        return own < (left_by_others + 1) // 2

    @property
    def are_crowded(self) -> bool:
        """Whether some platform has its share, so that more of it may have to wait."""
        return not all(map(self.has_room, self._busy))

    def admit(self, lane: Lane) -> bool:
        """Take a place for a delivery; False when its platform has its share."""
        if not self.has_room(lane):
            return False
        self._busy[lane] += 1
        return True

    def leave(self, lane: Lane) -> None:
        """Give a place back."""
        self._busy[lane] -= 1
