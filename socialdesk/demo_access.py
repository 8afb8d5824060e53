"""Northmoor's rules of access: what levels take and who has it, a review, hours of service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from accounts.levels import Level
from accounts.models import SocialAccount, User
from accounts.selectors.reviews import tasks_of
from accounts.services.conditions import (
    condition_set,
    policy_accept,
    policy_create,
    policy_publish,
    training_create,
    training_record,
)
from accounts.services.grants import grant_set
from accounts.services.reviews import review_decide, review_start
from accounts.services.social import account_change
from accounts.using import note_use
from audit.actors import Actor


def seed(people: Mapping[str, User]) -> None:
    """Three trainings and a policy in its second version; somebody lacks one, or soon will."""
    admin, today = Actor.person(people["admin"], via="seed_demo"), timezone.localdate()
    law = training_create(
        actor=admin, name="Media law", purpose="Half a day, online, at the press academy", months=12
    )
    crisis = training_create(
        actor=admin, name="Crisis communication", purpose="A day with the control room", months=24
    )
    data = training_create(
        actor=admin, name="Data protection", purpose="An hour, online", months=36
    )
    council = SocialAccount.objects.get(handle__endswith="northmoor_council")
    grant_set(
        actor=admin,
        account=council,
        user=people["auditor"],
        level=Level.VIEWER,
        reason="Sits in on the council's desk",
    )
    for key, training, ago, left in (
        ("manager", data, 300, 795),
        ("officer", law, 340, 25),
        ("supervisor", law, 100, 265),
        ("supervisor", crisis, 725, 5),
        ("manager", law, 200, 165),
        ("manager", crisis, 400, None),
    ):
        training_record(
            actor=admin,
            training=training,
            user=people[key],
            done_on=today - timedelta(days=ago),
            last_day=None if left is None else today + timedelta(days=left),
            evidence=f"Certificate NM-{1000 + ago}",
        )
    policy = policy_create(actor=admin, name="Social media policy", text=_POLICY)
    for key in ("officer", "contributor", "supervisor", "manager"):
        policy_accept(
            actor=Actor.person(people[key], via="seed_demo"), version=policy, sha256=policy.sha256
        )
    publishing = [Level.PUBLISHER, Level.APPROVER, Level.MANAGER]
    condition_set(actor=admin, what=law, levels=publishing, starts_on=today)
    condition_set(actor=admin, what=data, levels=[Level.VIEWER], starts_on=today)
    condition_set(actor=admin, what=crisis, levels=[Level.APPROVER, Level.MANAGER], starts_on=today)
    condition_set(
        actor=admin,
        what=policy.document,
        levels=[Level.CONTRIBUTOR, *publishing],
        starts_on=today,
    )
    policy_publish(
        actor=admin,
        document=policy.document,
        text=f"{_POLICY}\n\n{_NEW}",
        changed="What to do about pictures of children.",
        accept_by=today + timedelta(days=21),
    )
    _review(admin, people)
    for account in SocialAccount.objects.select_related("owner"):
        account_change(
            actor=admin,
            account=account,
            display_name=account.display_name,
            owner=account.owner,
            purpose=account.purpose,
            time_zone=account.time_zone,
            approval_required=account.approval_required,
            service_hours=_HOURS.get(account.handle, "Weekdays 9 to 17"),
        )
    note_use()


def _review(admin: Actor, people: Mapping[str, User]) -> None:
    """One that is half way: a manager has confirmed what is not their own on one account."""
    review = review_start(
        actor=admin,
        name="Autumn review",
        note="Is everybody still in the job they got this for?",
        due_on=timezone.localdate() + timedelta(days=12),
    )
    manager = people["manager"]
    fire = next(task.account for task in tasks_of(Actor.person(manager)))
    theirs = review.items.filter(account=fire).exclude(grant__user=manager).order_by("pk")
    review_decide(
        actor=Actor.person(manager, via="seed_demo"),
        review=review,
        account=fire,
        items=list(theirs.values_list("pk", flat=True)[:2]),
        confirm=True,
    )


_HOURS = {
    "northmoor_fire": "Every day 7 to 22, warnings at any time",
    "northmoor_police": "At any time",
}
_POLICY = (
    "This is how Northmoor speaks in public. It holds for everybody who writes, approves or "
    "answers on one of our accounts.\n\n"
    "Say what is known, and say what is not known yet. Never guess in public, and correct a "
    "mistake in the open, with the time.\n\n"
    "Nobody approves their own words. If you are not sure whether something needs approval, it "
    "does.\n\n"
    "Never name or show a person who has not agreed to it, and nobody who is in danger because "
    "of it."
)
_NEW = (
    "Pictures of children need the consent of whoever looks after them, in writing, before they "
    "are uploaded. Without it, crop them or choose another picture."
)
