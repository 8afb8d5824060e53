"""At the moment of sending everything is asked again: rights, approval, freezes, lateness."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import Decision, Rights
from audit.actors import Actor
from scheduling.checks import delivery_problems
from scheduling.content import content_hash
from scheduling.gate import Shut, shut
from scheduling.models import Decided, Delivery, HoldKind

RightsOf = Callable[[User, Capability, SocialAccount], Decision]
"""Whether somebody has a capability on an account."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a delivery may not go out now."""

    kind: HoldKind
    reason: str


class SendersRights:
    """`decide` for the senders of many deliveries: two queries for each sender, and no more."""

    def __init__(self, deliveries: Iterable[Delivery]) -> None:
        accounts: dict[User, list[SocialAccount]] = {}
        for delivery in deliveries:
            accounts.setdefault(sender_of(delivery), []).append(delivery.account)
        self._rights = {
            user.pk: Rights(Actor.person(user), theirs) for user, theirs in accounts.items()
        }

    def __call__(self, sender: User, capability: Capability, account: SocialAccount) -> Decision:
        return self._rights[sender.pk].decide(capability, account)


def sender_of(delivery: Delivery) -> User:
    """Whose right it goes out by."""
    return delivery.right_of


def why_not(
    delivery: Delivery, *, due_at: datetime | None = None, rights: SendersRights | None = None
) -> Hold | None:
    """What forbids sending this delivery at this moment; None when it may go.

    `due_at`: the time it would get, for a look ahead; otherwise its own. `rights`: asked for many
    deliveries at once, this one among them.
    """
    rights = rights or SendersRights([delivery])
    return (
        shut_out(delivery.account)
        or lapsed(sender_of(delivery), delivery.account, reviewed=delivery.reviewed, rights=rights)
        or _changed(delivery)
        or _overdue(due_at or delivery.due_at)
    )


def shut_out(account: SocialAccount) -> Hold | None:
    """What keeps everything from going out on this account, but a pause."""
    if account.is_frozen:
        return Hold(HoldKind.FROZEN, f"The account is frozen: {account.frozen_reason}")
    if not account.is_connected:
        return Hold(HoldKind.AUTHORISATION, "The account is disconnected.")
    return None


def paused(delivery: Delivery, shut: Shut) -> Hold | None:
    """The pause that is over this delivery, as a hold."""
    return pause_over(delivery.account_id, shut)


def pause_over(account_id: int, shut: Shut) -> Hold | None:
    """The pause that is over this account, as a hold."""
    pause = shut.over(account_id)
    return Hold(HoldKind.PAUSED, pause.held_reason) if pause else None


def refuse_paused(delivery: Delivery) -> None:
    """Nobody sends at once past a pause. Raises Invalid."""
    hold = paused(delivery, shut())
    if hold is not None:
        raise Invalid(
            "", f"{hold.reason} Nothing goes out now: choose a time, or wait until this has ended."
        )


def needed_of(delivery: Delivery) -> Capability:
    """What its sender has to have when it goes out."""
    return _needed(reviewed=delivery.reviewed)


def _needed(*, reviewed: bool) -> Capability:
    return Capability.DRAFT if reviewed else Capability.PUBLISH


def lapsed(
    sender: User, account: SocialAccount, *, reviewed: bool, rights: RightsOf
) -> Hold | None:
    """Whether the right by which something goes out is gone. `reviewed`: it was approved."""
    if not reviewed and account.approval_required:
        return Hold(
            HoldKind.LAPSED, "The account now asks for approval, and nobody has approved this."
        )
    decision = rights(sender, _needed(reviewed=reviewed), account)
    if decision:
        return None
    kind = HoldKind.FROZEN if sender.is_frozen else HoldKind.LAPSED
    return Hold(kind, f"{sender} may no longer send this. {decision.reason}")


def _changed(delivery: Delivery) -> Hold | None:
    if delivery.reviewed and (hold := _not_as_approved(delivery)):
        return hold
    problems = delivery_problems(delivery)
    return Hold(HoldKind.CHANGED, problems[0].message) if problems else None


def _not_as_approved(delivery: Delivery) -> Hold | None:
    approval = max(delivery.approvals.all(), key=lambda each: each.pk, default=None)
    if approval is None or approval.decided != Decided.APPROVED:
        return Hold(HoldKind.CHANGED, "Its approval is missing. Send it for approval again.")
    if approval.content_hash != content_hash(delivery):
        return Hold(HoldKind.CHANGED, "It is not what was approved. Send it for approval again.")
    return None


def grace() -> timedelta:
    """How late a delivery may be and still go out."""
    return timedelta(seconds=settings.OVERDUE_GRACE_S)


def overdue_reason(due_at: datetime, now: datetime) -> str:
    minutes = int((now - due_at).total_seconds() // 60)
    return f"It is {minutes} minutes late. Release it, or drop it."


def _overdue(due_at: datetime | None) -> Hold | None:
    now = timezone.now()
    if due_at is None or now - due_at <= grace():
        return None
    return Hold(HoldKind.OVERDUE, overdue_reason(due_at, now))
