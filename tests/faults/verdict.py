"""What became of a scenario, read from the networks' ledgers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit.models import Event
from scheduling.models import Delivery
from scheduling.states import State

if TYPE_CHECKING:
    from .world import World


@dataclass
class Result:
    """One scenario's line in the table at the end."""

    scenario: str
    deliveries: int
    faults: int
    kills: int
    duplicates: list[str]
    lost: list[str]
    unknown: int
    resumed_s: float | None = None  # the longest time from a kill to the next post that arrived
    noticed_s: float | None = None  # the longest time until what a dead worker had moved on
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        def seconds(value: float | None) -> str:
            return "-" if value is None else f"{value:.1f}"

        return (
            f"{self.scenario:<28}{self.deliveries:>6}{self.faults:>8}{self.kills:>7}"
            f"{len(self.duplicates):>12}{len(self.lost):>6}{self.unknown:>9}"
            f"{seconds(self.resumed_s):>11}{seconds(self.noticed_s):>11}"
        )


HEAD = (
    f"{'scenario':<28}{'sent':>6}{'faults':>8}{'kills':>7}{'duplicates':>12}{'lost':>6}"
    f"{'unknown':>9}{'resumed s':>11}{'noticed s':>11}"
)


def judge(world: World, scenario: str, deliveries: Sequence[Delivery], since: float) -> Result:
    """Count what the ledgers hold of these deliveries. `since`: kills from then on are its own.

    Each was to go out once. What stands as unknown where the network cannot tell, what is held and
    what was called off is not lost: a person has been told. It is as bad when twice there.
    """
    there = Counter(post.text for network in world.networks.values() for post in network.accepted)
    rows = Delivery.objects.filter(pk__in=[d.pk for d in deliveries]).select_related(
        "account", "post"
    )
    told = (State.HELD, State.CANCELLED, State.DRAFT)
    lost, unknown = [], 0
    for row in rows:
        unknown += row.state == State.UNKNOWN
        if not there[row.text] and row.state not in told and not world.stands(row):
            lost.append(f"{row.text}: {row.state} {row.problem}")
    texts = {row.text for row in rows}
    kills = [kill for kill in world.kills if kill[0] >= since]
    return Result(
        scenario=scenario,
        deliveries=len(deliveries),
        faults=sum(sum(network.injected.values()) for network in world.networks.values()),
        kills=len(kills),
        duplicates=[text for text in texts if there[text] > 1],
        lost=lost,
        unknown=unknown,
        resumed_s=_resumed(world, [at for at, _ in kills]),
        noticed_s=_noticed(rows, [at for at, _ in kills]),
        notes=[what for _, what in kills],
    )


def _resumed(world: World, kills: Sequence[float]) -> float | None:
    """The longest time from a kill to the next post that any network took.

    Who is killed again while still coming up is counted from then.
    """
    taken = sorted(post.at for network in world.networks.values() for post in network.accepted)
    longest = None
    for kill in kills:
        after = next((at for at in taken if at > kill), None)
        if after is not None and not any(kill < other < after for other in kills):
            longest = max(longest or 0.0, after - kill)
    return longest


def _noticed(rows: Sequence[Delivery], kills: Sequence[float]) -> float | None:
    """The longest time from a kill until what the dead had in hand was taken from them."""
    events = Event.objects.filter(
        subject_type="scheduling.delivery",
        subject_id__in=[str(row.pk) for row in rows],
        data__because__in=("the worker stopped", "no worker began"),
    )
    gaps = []
    for at in events.values_list("occurred_at", flat=True):
        before = [kill for kill in kills if kill <= at.timestamp()]
        if before:
            gaps.append(at.timestamp() - max(before))
    return max(gaps, default=None)
