"""Reviews of access: begun by an administrator, decided by owners, ended by the clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import Level, OrgCapability
from accounts.models import AccessReview, Grant, Outcome, ReviewItem, SocialAccount
from accounts.moments import day_words, end_of_day
from accounts.policy import Decision, by, decide_review, organisation
from accounts.selectors.reviews import answering
from audit.actions import Line, action, record, record_many
from audit.actors import Actor, ActorKind

KEEPER = Actor.worker("access review")
REMIND_BEFORE = timedelta(days=7)
MOST = 500
"""So many levels are decided in one act."""
_WORKER = by(ActorKind.WORKER)


@action("review.started", needs=organisation(OrgCapability.ACCOUNTS))
def review_start(
    *,
    actor: Actor,
    name: str,
    due_on: date,
    note: str = "",
    levels: Iterable[str] = Level.values,
    accounts: Iterable[SocialAccount] | None = None,
) -> AccessReview:
    """Put every grant in force before those who answer for its account, until the end of `due_on`.

    `accounts`: on which; None: on all. Raises Invalid: no name, a day that is over, nothing to see.
    """
    if not name.strip():
        raise Invalid("name", "Give the review a name.")
    due_at = end_of_day(due_on, settings.TIME_ZONE)
    if due_at <= timezone.now():
        raise Invalid("due_on", "People need some time for it: choose a day ahead.")
    wanted = [level for level in Level if level in set(levels)]
    if not wanted:
        raise Invalid("levels", "Choose at least one level.")
    rows = Grant.objects.in_force().filter(level__in=wanted)
    if accounts is not None:
        rows = rows.filter(account__in=list(accounts))
    under = list(rows.order_by("pk").values_list("pk", "account_id"))
    if not under:
        raise Invalid("", "There is no level in force that this would look at.")
    now = timezone.now()
    review = AccessReview.objects.create(
        name=name.strip(),
        note=note.strip(),
        levels=wanted,
        all_accounts=accounts is None,
        due_at=due_at,
        started_by=actor.user,
        started_by_label=actor.label,
        reminded_at=now if due_at - now <= REMIND_BEFORE else None,
    )
    ReviewItem.objects.bulk_create(
        (ReviewItem(review=review, grant_id=grant, account_id=on) for grant, on in under),
        batch_size=2000,
    )
    data = {"due_at": due_at, "levels": wanted, "grants": len(under)}
    record("review.started", subject=review, data=data | {"all_accounts": review.all_accounts})
    _ask(review)
    return review


def _may_decide(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    return decide_review(actor, arguments["account"])


@action("grant.confirmed", "grant.ended", needs=_may_decide)
def review_decide(
    *,
    actor: Actor,
    review: AccessReview,
    account: SocialAccount,
    items: Collection[int],
    confirm: bool,
) -> int:
    """Confirm these grants of the account, or take them away at once; how many it were.

    Raises Invalid: the review is over, none chosen, decided by somebody else already, one's own to
    confirm.
    """
    review = AccessReview.objects.select_for_update().get(pk=review.pk)
    if not review.is_open or review.due_at <= timezone.now():
        raise Invalid("", "This review is over.")
    # One at a time on an account, as where levels are given.
    SocialAccount.objects.select_for_update().only("pk").get(pk=account.pk)
    rows = ReviewItem.objects.filter(review=review, account=account, pk__in=list(items)[:MOST])
    found = list(rows.select_related("grant__user", "grant__team__group", "grant__account"))
    if not found:
        raise Invalid("", "Choose at least one level.")
    if any(item.outcome for item in found):
        raise Invalid("", "Somebody has decided on one of these already. Look again.")
    live = [item for item in found if item.grant.is_in_force]
    _put(actor, [item for item in found if not item.grant.is_in_force], Outcome.OVERTAKEN)
    if not live:
        raise Invalid("", "These levels have ended or were replaced in the meantime.")
    if confirm and any(_is_own(actor, item.grant) for item in live):
        raise Invalid("", "Nobody confirms a level of their own. Ask another manager.")
    if confirm:
        _put(actor, live, Outcome.CONFIRMED)
        record_many("grant.confirmed", [_line(item, review) for item in live])
        return len(live)
    for item in live:
        item.grant.end_now()
    _put(actor, live, Outcome.REMOVED)
    record_many("grant.ended", [_line(item, review) for item in live])
    for user in {item.grant.user for item in live}:
        why = f"A review took levels: {review}."
        rights_changed.send(Grant, actor=actor, account=account, user=user, reason=why)
    return len(live)


@action("grant.lapsed", needs=_WORKER, may_find_nothing=True)
def review_lapse(*, actor: Actor, review: AccessReview, account: SocialAccount) -> int:
    """The review's day is over: what nobody confirmed on this account ends. How many it were."""
    SocialAccount.objects.select_for_update().only("pk").get(pk=account.pk)
    items = ReviewItem.objects.filter(review=review, account=account, outcome="")
    found = list(items.select_related("grant__user", "grant__team", "grant__account"))
    live = [item for item in found if item.grant.is_in_force]
    _put(actor, [item for item in found if not item.grant.is_in_force], Outcome.OVERTAKEN)
    for item in live:
        item.grant.end_now()
    _put(actor, live, Outcome.LAPSED)
    record_many("grant.lapsed", [_line(item, review) for item in live])
    if live:
        why = f"Nobody confirmed levels in the review {review}."
        rights_changed.send(Grant, actor=actor, account=account, user=None, reason=why)
    return len(live)


@action("review.closed", needs=_WORKER)
def review_close(*, actor: Actor, review: AccessReview) -> None:
    """All of it is decided or has lapsed."""
    review.closed_at = timezone.now()
    review.save(update_fields=["closed_at"])
    settle_alert(kind=AlertKind.ACCESS, subject=review)
    counts = {
        outcome.value: ReviewItem.objects.filter(review=review, outcome=outcome).count()
        for outcome in Outcome
        if outcome
    }
    record("review.closed", subject=review, data=counts)


@action("review.reminded", needs=_WORKER)
def review_remind(*, actor: Actor, review: AccessReview) -> None:
    """Tell those who still have to decide that it ends soon; once."""
    review.reminded_at = timezone.now()
    review.save(update_fields=["reminded_at"])
    settle_alert(kind=AlertKind.ACCESS, subject=review)
    _ask(review)
    record("review.reminded", subject=review, data={"due_at": review.due_at})


def _ask(review: AccessReview) -> None:
    people = tuple(sorted(answering(review)))
    if people:
        raise_alert(
            kind=AlertKind.ACCESS,
            subject=review,
            message=f"Confirm or remove the levels on your accounts by {day_words(review.due_at)}. "
            "What nobody confirms by then lapses.",
            people=people,
        )


def _put(actor: Actor, items: Collection[ReviewItem], outcome: Outcome) -> None:
    ReviewItem.objects.filter(pk__in=[item.pk for item in items]).update(
        outcome=outcome,
        decided_by=actor.user,
        decided_by_label=actor.label,
        decided_at=timezone.now(),
    )


def _line(item: ReviewItem, review: AccessReview) -> Line:
    grant = item.grant
    holder = grant.user or grant.team
    data = {"holder": holder, "level": grant.level, "reason": f"Access review: {review}"}
    return Line(subject=grant, account=grant.account, data=data)


def _is_own(actor: Actor, grant: Grant) -> bool:
    if actor.kind is not ActorKind.PERSON:
        return False
    if grant.team is not None:
        return bool(grant.team.group.user_set.filter(pk=actor.id).exists())
    return grant.user_id == actor.id
