"""Trainings, policies and which levels take them. What follows is worked out in the same act."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.conf import settings
from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.conditions import limits_refresh
from accounts.errors import Invalid
from accounts.levels import Level, OrgCapability
from accounts.models import (
    Acceptance,
    Condition,
    PolicyDocument,
    PolicyVersion,
    Training,
    TrainingRecord,
    User,
)
from accounts.moments import end_of_day, start_of_day
from accounts.policy import by, organisation
from accounts.services.lapses import WATCHER, lapses_look
from audit.actions import action, record
from audit.actors import Actor, ActorKind

_PEOPLE = organisation(OrgCapability.PEOPLE)


@action("training.created", needs=_PEOPLE)
def training_create(
    *, actor: Actor, name: str, purpose: str = "", months: int | None = None
) -> Training:
    """A course that levels may take; `months`: how long a record of it is good. Raises Invalid."""
    training = Training.objects.create(
        name=_checked_name(Training, name, "training"), purpose=purpose.strip(), months=months
    )
    record("training.created", subject=training, data={"months": months})
    return training


@action("training.changed", needs=_PEOPLE)
def training_change(
    *, actor: Actor, training: Training, name: str, purpose: str, months: int | None
) -> Training:
    """Rename it or say anew how long records are good; those there are stay. Raises Invalid."""
    before = {"name": training.name, "purpose": training.purpose, "months": training.months}
    training.name = _checked_name(Training, name, "training", other_than=training.pk)
    training.purpose, training.months = purpose.strip(), months
    training.save(update_fields=["name", "purpose", "months"])
    after = {"name": training.name, "purpose": training.purpose, "months": months}
    record("training.changed", subject=training, data={"before": before, "after": after})
    _follow(None)
    return training


@action("training.recorded", needs=_PEOPLE)
def training_record(
    *,
    actor: Actor,
    training: Training,
    user: User,
    done_on: date,
    evidence: str,
    last_day: date | None = None,
) -> TrainingRecord:
    """Record that somebody did a course. `last_day`: the last on which it counts; None: for good.

    Raises Invalid: no evidence, done in the future, ended before it began, one's own.
    """
    if actor.kind is ActorKind.PERSON and actor.id == user.pk:
        raise Invalid("person", "Nobody records their own training. Ask another administrator.")
    if not user.is_active:
        raise Invalid("person", f"{user} has left.")
    if done_on > timezone.localdate():
        raise Invalid("done_on", "This day has not come yet.")
    if last_day is not None and last_day < done_on:
        raise Invalid("last_day", "It cannot run out before it was done.")
    if not evidence.strip():
        raise Invalid("evidence", "Say what shows it: a certificate, a list of the course.")
    made = TrainingRecord.objects.create(
        training=training,
        user=user,
        done_on=done_on,
        last_day=last_day,
        expires_at=end_of_day(last_day, settings.TIME_ZONE) if last_day else None,
        evidence=evidence.strip(),
        recorded_by=actor.user,
        recorded_by_label=actor.label,
    )
    data = {
        "person": user,
        "training": training,
        "done_on": done_on,
        "last_day": last_day,
        "evidence": made.evidence,
    }
    record("training.recorded", subject=made, data=data)
    _follow([user])
    return made


@action("training.withdrawn", needs=_PEOPLE)
def training_record_withdraw(*, actor: Actor, made: TrainingRecord, reason: str) -> None:
    """A record was wrong: it counts no more, and stays to be seen. Raises Invalid."""
    if not reason.strip():
        raise Invalid("reason", "Say why; it goes on record.")
    if made.withdrawn_at is not None:
        raise Invalid("", "This record was withdrawn already.")
    made.withdrawn_at = timezone.now()
    made.save(update_fields=["withdrawn_at"])
    data = {"person": made.user, "training": made.training, "reason": reason.strip()}
    record("training.withdrawn", subject=made, data=data)
    _follow([made.user])


@action("policy.published", needs=_PEOPLE)
def policy_create(*, actor: Actor, name: str, text: str) -> PolicyVersion:
    """A policy with its first version. Nobody is asked until a level takes it. Raises Invalid."""
    name = _checked_name(PolicyDocument, name, "policy")
    document = PolicyDocument.objects.create(name=name)
    return _publish(actor, document, text, "", timezone.now())


@action("policy.published", needs=_PEOPLE)
def policy_publish(
    *, actor: Actor, document: PolicyDocument, text: str, changed: str, accept_by: date
) -> PolicyVersion:
    """A new version, which everybody of whom it is asked has to accept anew.

    Until the end of `accept_by` the version they accepted before is enough. Raises Invalid.
    """
    document = PolicyDocument.objects.select_for_update().get(pk=document.pk)
    if not changed.strip():
        raise Invalid("changed", "Say what is new: everybody has to read it again.")
    until = end_of_day(accept_by, settings.TIME_ZONE)
    if until <= timezone.now():
        raise Invalid("accept_by", "People need some time to read it: choose a day ahead.")
    version = _publish(actor, document, text, changed.strip(), until)
    _follow(None)
    return version


@action("policy.accepted", needs=by(ActorKind.PERSON))
def policy_accept(*, actor: Actor, version: PolicyVersion, sha256: str) -> Acceptance:
    """The person accepts the text that was before them. Raises Invalid when it is not the newest.

    `sha256`: of that text, as its page gave it.
    """
    newest = version.document.versions.order_by("-number").first()
    if newest is None or newest.pk != version.pk or sha256 != version.sha256:
        raise Invalid("", "There is a newer version by now. Read that one, then accept it.")
    if PolicyVersion.hash_of(version.text) != version.sha256:
        raise Invalid("", "This text is not what was published. Tell an administrator.")
    accepted, is_new = Acceptance.objects.get_or_create(
        user=actor.user, version=version, defaults={"sha256": version.sha256}
    )
    if not is_new:
        raise Invalid("", "You have accepted this version already.")
    data = {"version": version.number, "sha256": version.sha256}
    record("policy.accepted", subject=version.document, data=data)
    _follow([actor.user])
    return accepted


@action("condition.changed", needs=_PEOPLE)
def condition_set(
    *,
    actor: Actor,
    what: Training | PolicyDocument,
    levels: Iterable[str],
    starts_on: date,
) -> None:
    """Say which levels take this training or policy. New ones begin to on `starts_on`.

    Those that take it already keep their day, those left out take it no more. Raises Invalid.
    """
    wanted = [level for level in Level if level in set(levels)]
    key = "training" if isinstance(what, Training) else "document"
    if isinstance(what, PolicyDocument) and wanted and not what.versions.exists():
        raise Invalid("levels", "Publish a version first: there is nothing to accept yet.")
    there = Condition.objects.filter(**{key: what})
    before = sorted(there.values_list("level", flat=True))
    if set(before) == set(wanted):
        raise Invalid("levels", "Nothing is changed.")
    begins = start_of_day(starts_on, settings.TIME_ZONE)
    if begins < start_of_day(timezone.localdate(), settings.TIME_ZONE):
        raise Invalid("starts_on", "Choose today or a day ahead.")
    there.exclude(level__in=wanted).delete()
    Condition.objects.bulk_create(
        Condition(level=level, starts_at=begins, **{key: what})
        for level in wanted
        if level not in before
    )
    data = {"before": before, "after": wanted, "starts_on": starts_on}
    record("condition.changed", subject=what, data=data)
    _follow(None)


def _publish(
    actor: Actor, document: PolicyDocument, text: str, changed: str, accept_by: datetime
) -> PolicyVersion:
    words = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not words:
        raise Invalid("text", "Write or paste the text of the policy.")
    last = document.versions.order_by("-number").first()
    sha256 = PolicyVersion.hash_of(words)
    if last is not None and last.sha256 == sha256:
        raise Invalid("text", f"This is word for word version {last.number}.")
    version = PolicyVersion.objects.create(
        document=document,
        number=last.number + 1 if last else 1,
        text=words,
        sha256=sha256,
        changed=changed,
        accept_by=accept_by,
        published_by=actor.user,
        published_by_label=actor.label,
    )
    data = {"version": version.number, "sha256": sha256, "changed": changed, "accept_by": accept_by}
    record("policy.published", subject=document, data=data)
    return version


def _follow(users: list[User] | None) -> None:
    """Work out the limits anew; what has lapsed by it is held at once, what is back is noted."""
    limits_refresh(users)
    lapses_look(actor=WATCHER, users=users)


def _checked_name(
    model: type[Training] | type[PolicyDocument], name: str, word: str, other_than: int = 0
) -> str:
    name = name.strip()
    if not name:
        raise Invalid("name", f"Give the {word} a name.")
    if model._default_manager.filter(name__iexact=name).exclude(pk=other_than).exists():
        raise Invalid("name", f"There is a {word} of this name already.")
    return name
