"""What pages and notices read of conditions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

from accounts import conditions
from accounts.conditions import Asked, standing_of
from accounts.levels import Capability, Level
from accounts.models import (
    Acceptance,
    Condition,
    Grant,
    Lapse,
    Notice,
    PolicyDocument,
    PolicyVersion,
    Team,
    Training,
    TrainingRecord,
    User,
)
from accounts.policy import accounts_where
from accounts.selectors.people import Right
from audit.actors import Actor

AHEAD = timedelta(days=30)
SHOWN = 8
LACKING = 50
"""So many people who lack something are named on its page."""


def managers_of(user: User, levels: Iterable[str]) -> set[User]:
    """Who answers for a person's levels: the managers of the accounts on which they have these."""
    on = Grant.objects.in_force().filter(_theirs(user), level__in=list(levels)).values("account")
    managing = Grant.objects.in_force().filter(account__in=on, level=Level.MANAGER)
    teams = Team.objects.filter(pk__in=managing.values("team")).values("group")
    found = User.objects.filter(
        Q(pk__in=managing.values("user")) | Q(groups__in=teams), is_active=True, frozen_at=None
    )
    return set(found.exclude(pk=user.pk))


def _theirs(user: User) -> Q:
    teams = Team.objects.filter(group__user_set=user).values("pk")
    return Q(user=user) | Q(team__in=teams)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A training or policy that somebody's levels take. `until`: met until then, None: for good."""

    kind: str  # 'training' or 'policy'
    id: int
    name: str
    levels: tuple[str, ...]
    until: datetime | None

    @property
    def is_met(self) -> bool:
        return self.until is None or self.until > timezone.now()

    @property
    def is_urgent(self) -> bool:
        return self.is_soon or not self.is_met

    @property
    def is_soon(self) -> bool:
        return self.until is not None and self.is_met and self.until <= timezone.now() + AHEAD


@dataclass(frozen=True, slots=True)
class Limit:
    """Until when a level is in force for somebody, and what ends it."""

    label: str
    until: datetime
    why: str

    @property
    def has_lapsed(self) -> bool:
        return self.until <= timezone.now()

    @property
    def is_soon(self) -> bool:
        return self.until <= timezone.now() + AHEAD


def limits_of(user: User, rights: Iterable[Right]) -> list[Limit]:
    """The levels somebody has that have an end by their conditions. No query."""
    held = {right.grant.level for right in rights}
    return [
        Limit(level.label, datetime.fromisoformat(limit["until"]), limit["why"])
        for level in Level
        if level.value in held and (limit := user.level_limits.get(level.value))
    ]


def requirements_of(user: User) -> list[Requirement]:
    """What the levels a person has just now take, what is missing first. Two queries."""
    grants = Grant.objects.in_force().filter(_theirs(user))
    held = set(grants.order_by().values_list("level", flat=True))
    labels = {level.value: level.label for level in Level}
    found: dict[tuple[str, int], Requirement] = {}
    for one in standing_of(user):
        if one.level not in held:
            continue
        kind = "training" if one.training_id else "policy"
        key = kind, one.training_id or one.document_id or 0
        before = found.get(key)
        levels = (*(before.levels if before else ()), labels[one.level])
        ends = [u for u in (one.until, before.until if before else None) if u is not None]
        found[key] = Requirement(kind, key[1], one.name, levels, min(ends, default=None))
    return sorted(found.values(), key=lambda r: (r.is_met, r.until is None, r.until, r.name))


def requirements_due(user: User) -> list[Requirement]:
    """Those that are missing or run out within 30 days; no query while nothing has an end soon."""
    soon = (timezone.now() + AHEAD).isoformat()
    if not any(limit["until"] <= soon for limit in user.level_limits.values()):
        return []
    return [one for one in requirements_of(user) if one.is_soon or not one.is_met][:SHOWN]


def lapsing_on(actor: Actor) -> list[Notice | Lapse]:
    """Whose levels have lapsed, or will within 30 days, on accounts the person manages."""
    accounts = accounts_where(actor, Capability.MANAGE).values("pk")
    theirs = Grant.objects.in_force().filter(
        Q(user=OuterRef("user")) | Q(team__group__user_set=OuterRef("user")), account__in=accounts
    )
    others = Q(Exists(theirs), ~Q(user=actor.id), over_at=None)
    lapsed = Lapse.objects.filter(others, Exists(theirs.filter(level=OuterRef("level"))))
    # The one of 30 days and the one of 7 are about the same.
    same = ("user_id", "training_id", "document_id", "until")
    coming = Notice.objects.filter(others).order_by(*same, "pk").distinct(*same)
    found: list[Notice | Lapse] = [*lapsed.select_related("user")[:SHOWN]]
    found += coming.select_related("user", "training", "document")[:SHOWN]
    return found[:SHOWN]


@dataclass(frozen=True, slots=True)
class Overview:
    """A training or a policy with the levels that take it and how many people lack it."""

    what: Training | PolicyDocument
    levels: tuple[str, ...]
    asked: Asked
    newest: PolicyVersion | None = None

    @property
    def lack_words(self) -> str:
        return f"{self.asked.lack} lack{'s' if self.asked.lack == 1 else ''} it"


def trainings() -> list[Overview]:
    counts = conditions.asked()
    rows = Training.objects.prefetch_related(_levels())
    return [Overview(t, _labels(t), counts.get(("training", t.pk), Asked())) for t in rows]


def policies() -> list[Overview]:
    counts = conditions.asked()
    newest = PolicyVersion.objects.order_by("document_id", "-number").distinct("document_id")
    versions = {version.document_id: version for version in newest.defer("text")}
    rows = PolicyDocument.objects.prefetch_related(_levels())
    return [
        Overview(d, _labels(d), counts.get(("policy", d.pk), Asked()), versions.get(d.pk))
        for d in rows
    ]


def _levels() -> Prefetch[str, QuerySet[Condition], str]:
    return Prefetch("conditions", Condition.objects.all(), to_attr="asked_by")


def _labels(what: Training | PolicyDocument) -> tuple[str, ...]:
    taken = {condition.level for condition in what.asked_by}  # type: ignore[union-attr]  # prefetched
    return tuple(level.label for level in Level if level.value in taken)


def people_lacking(what: Training | PolicyDocument) -> list[tuple[User, datetime]]:
    """Of whom it is asked and who lack it, the longest first, at most LACKING; with since when."""
    key = "training_id" if isinstance(what, Training) else "document_id"
    found = conditions.lacking(limit=LACKING, **{key: what.pk})
    people = User.objects.in_bulk([pk for pk, _ in found])
    return [(people[pk], since) for pk, since in found]


def conditions_of(what: Training | PolicyDocument) -> list[Condition]:
    """The levels that take it, lowest first."""
    ranks = {level.value: rank for rank, level in enumerate(Level)}
    return sorted(what.conditions.all(), key=lambda one: ranks[one.level])


def records_of_training(training: Training) -> QuerySet[TrainingRecord]:
    """Every record of it, withdrawn ones too; `person_name` is what pages go by."""
    rows = training.records.select_related("user").annotate(person_name=F("user__full_name"))
    return rows.order_by("person_name", "pk")


def records_of(user: User) -> list[TrainingRecord]:
    """What a person has done that counts or counted, the latest first."""
    return list(user.training_records.filter(withdrawn_at=None).select_related("training")[:50])


def newest_version(document: PolicyDocument) -> PolicyVersion | None:
    return document.versions.select_related("document").order_by("-number").first()


def acceptances_of(user: User) -> list[Acceptance]:
    return list(user.acceptances.select_related("version__document").defer("version__text")[:50])
