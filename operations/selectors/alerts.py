"""Open alerts, where they go, and whether they arrive."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import CharField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat, Replace

from accounts.alerts import AlertKind
from accounts.models import User
from operations.models import Alert, Destination, Message, MessageState
from operations.recipients import target_of


@dataclass(frozen=True, slots=True)
class Place:
    """A destination with its newest message, or the one that does not arrive."""

    destination: Destination
    last: Message | None

    @property
    def kinds(self) -> list[str]:
        return [AlertKind(kind).label for kind in self.destination.kinds]

    @property
    def is_on_its_way(self) -> bool:
        return self.last is not None and self.last.state in ("waiting", "sending")

    @property
    def gets_all(self) -> bool:
        return len(self.destination.kinds) == len(AlertKind)

    @property
    def accounts(self) -> int:
        return len(self.destination.accounts.all())

    @property
    def is_failing(self) -> bool:
        return self.last is not None and bool(self.last.problem)


@dataclass(frozen=True, slots=True)
class Failing:
    """A message that did not arrive, and whom it was for."""

    message: Message
    to: str


def open_alerts() -> QuerySet[Alert]:
    """What is not over, the newest first."""
    return Alert.objects.filter(settled_at=None).select_related("account", "delivery")


def places() -> list[Place]:
    """All destinations with what last went there."""
    found = list(Destination.objects.prefetch_related("accounts"))
    newest = Message.objects.filter(target=OuterRef("target")).order_by("-pk").values("pk")[:1]
    targets = [target_of(place) for place in found]
    rows = Message.objects.filter(
        Q(pk=Subquery(newest)) | (Q(state=MessageState.SENDING) & ~Q(problem="")),
        target__in=targets,
    )
    # What waits behind one that does not arrive is newer, and not what one has to know.
    last = {message.target: message for message in rows.order_by("-pk")}
    return [Place(place, last.get(target_of(place))) for place in found]


def failing(limit: int = 5) -> list[Failing]:
    """Messages that did not arrive and are tried again, the longest first."""
    person = User.objects.annotate(target=_target("user:")).filter(target=OuterRef("target"))
    place = Destination.objects.annotate(target=_target("destination:"))
    rows = Message.objects.filter(state=MessageState.SENDING).exclude(problem="")
    named = rows.annotate(
        to=Coalesce(
            Subquery(person.values("full_name")[:1]),
            Subquery(place.filter(target=OuterRef("target")).values("name")[:1]),
            Replace("target", Value("address:")),
        )
    )
    return [Failing(message, message.to) for message in named.order_by("pk")[:limit]]


def _target(kind: str) -> Concat:
    """As recipients.target_of, in the database."""
    return Concat(Value(kind), Cast("pk", CharField()))
