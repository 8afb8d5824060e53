"""The named points of the engine's path, at each of which a worker may die.

They are where what is written and what has happened differ. The fault tests set a hook that kills
the process there; without one, to reach a point is to do nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """In the order in which a delivery passes them."""

    TICK_BEGUN = "tick.begun"  # nothing taken back, nothing claimed
    CLAIM_WRITTEN = "claim.written"  # claimed, not committed
    ATTEMPT_WRITTEN = "attempt.written"  # not committed
    ATTEMPT_COMMITTED = "attempt.committed"  # the network was not touched
    BEFORE_REQUEST = "publish.before_request"  # the last step is stored, the request comes next
    AFTER_CALL = "publish.after_call"  # the platform has answered, nobody else knows
    OUTCOME_WRITTEN = "outcome.written"  # not committed
    OUTCOME_COMMITTED = "outcome.committed"  # what follows success is not done
    PUBLISH_ENDED = "publish.ended"  # all is done
    LOOK_CLAIMED = "look.claimed"  # planned and committed, no message sent
    LOOK_ANSWERED = "look.answered"  # the platform has told, nothing written
    LOOK_WRITTEN = "look.written"  # not committed
    LOOK_COMMITTED = "look.committed"


hook: Callable[[Point], None] | None = None
"""Called at each point; set by the fault tests and by nothing else."""


def reached(point: Point) -> None:
    """Say that the work has come to `point`."""
    if hook is not None:
        hook(point)
