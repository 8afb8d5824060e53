"""Something due for each task: what is brought about first, and what it then puts on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.levels import Level
from accounts.models import AccessReview, Grant, SocialAccount
from accounts.models.social import Health
from audit.actors import Actor
from audit.selectors.events import Filters
from audit.services.handing import export_begin
from audit.views.scope import scope_of
from mentions import moderating
from mentions.polling import claim_account
from scheduling.models import CorrectionState, Delivery, Media
from scheduling.states import State
from tests.factories import (
    CorrectionFactory,
    MentionFactory,
    ModerationFactory,
    UserFactory,
    give,
    make_review,
    make_training,
    require_of,
    train,
)
from tests.mentions.fakes import incoming
from tests.rights.world import World, picture

Acts = list[set[tuple[str, str]]]
"""Each act: the names of its events, and who did each."""


def fall_due_alone(delivery: Delivery) -> None:
    """Make this the one delivery of its account that is to go out, and its time now."""
    now = timezone.now()
    others = Delivery.objects.filter(account=delivery.account).exclude(pk=delivery.pk)
    others.update(state=State.CANCELLED, next_try_at=None, lease_until=None)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.SCHEDULED, due_at=now, next_try_at=now
    )


def own(world: World, state: str) -> Delivery:
    return world.sides["own"].deliveries[state]


def _correction_ordered(world: World) -> None:
    now, delivery = timezone.now(), own(world, "to correct")
    CorrectionFactory(
        delivery=delivery, state=CorrectionState.QUEUED, queued_at=now, next_try_at=now
    )


def _lost_credentials(world: World) -> None:
    """Of one account; the others were looked at just now."""
    SocialAccount.objects.update(checked_at=timezone.now(), health=Health.HEALTHY)
    SocialAccount.objects.filter(pk=world.sides["own"].account.pk).update(checked_at=None)
    world.network.lost = True


def _training_over(world: World) -> None:
    user, training = UserFactory(full_name="Tess Trained"), make_training("Brief")
    give(user, Level.APPROVER, world.sides["own"].account)
    record = train(user, training, days=1)
    require_of(Level.APPROVER, training)
    over = timezone.now() - timedelta(minutes=1)
    type(record).objects.filter(pk=record.pk).update(expires_at=over)


def _review_over(world: World) -> None:
    AccessReview.objects.update(closed_at=timezone.now())
    account = world.sides["own"].account
    review = make_review("Just over", accounts=[account])
    AccessReview.objects.filter(pk=review.pk).update(due_at=timezone.now())


def _export_begun(world: World) -> None:
    actor = Actor.person(world.personas["auditor"].me)
    scope, _ = scope_of(actor)
    export_begin(actor=actor, scope=scope, filters=Filters(), query="", format="json")


def _something_said(world: World) -> None:
    world.network.incoming = [incoming(7)]
    claim_account(world.sides["own"].account)


def _hiding_asked(world: World) -> None:
    side = world.sides["own"]
    mention = MentionFactory(conversation=side.conversation, kind="reply")
    ModerationFactory(mention=mention, by=side.writer)


def _right_over(world: World) -> None:
    user, account = UserFactory(full_name="Nan Now-gone"), world.sides["own"].account
    grant = give(user, Level.PUBLISHER, account)
    at = timezone.now()
    Grant.objects.filter(pk=grant.pk).update(ends_at=at)
    Delivery.objects.filter(pk=own(world, "scheduled").pk).update(sender=user, right_ends_at=at)


def _frozen_and_soon(world: World) -> None:
    delivery = own(world, "scheduled")
    SocialAccount.objects.filter(pk=delivery.account_id).update(
        frozen_at=timezone.now(), frozen_reason="a leak"
    )


def _old_upload(world: World) -> None:
    media = Media(mime="image/png", width=40, height=30, size=100, sha256="ab")
    media.file.save("picture", ContentFile(picture()), save=True)
    Media.objects.filter(pk=media.pk).update(uploaded_at=timezone.now() - timedelta(days=2))


def _nothing(world: World) -> None:
    pass


def _none(world: World) -> Iterable[Any]:
    return []


def _account(world: World) -> list[int]:
    return [world.sides["own"].account.pk]


DUE: dict[str, tuple[Callable[[World], Any], Callable[[World], Iterable[Any]], Acts]] = {
    "accounts.check_due_accounts": (
        _lost_credentials, _none, [{("account.health_changed", "account-health")}],
    ),
    "accounts.keep_conditions": (_training_over, _none, [{("level.lapsed", "conditions")}]),
    "accounts.end_reviews": (
        _review_over, _none,
        [
            {("grant.lapsed", "access review"), ("delivery.held", "rights watcher")},
            {("review.closed", "access review")},
        ],
    ),
    "accounts.note_use": (_nothing, _none, []),
    "audit.write_exports": (_export_begun, _none, [{("record.exported", "the auditor")}]),
    "mentions.dispatch_polls": (_something_said, _none, []),
    "mentions.poll_account": (_something_said, _account, [{("mentions.received", "poller")}]),
    "mentions.dispatch_moderations": (_hiding_asked, _none, []),
    "mentions.moderate": (
        _hiding_asked, lambda w: next(iter(moderating.claim_due()), (0, 0)),
        [{("moderation.hidden", "moderator")}],
    ),
    "operations.send_alerts": (_training_over, _none, []),
    "scheduling.watch_rights": (_right_over, _none, [{("delivery.held", "rights watcher")}]),
    "scheduling.discard_uploads": (
        _old_upload, _none, [{("media.discarded", "tidier")}],
    ),
    "scheduling.prepare_soon": (lambda w: fall_due_alone(own(w, "scheduled")), _none, []),
    "scheduling.prepare_delivery": (
        _frozen_and_soon, lambda w: [own(w, "scheduled").pk], [{("delivery.warned", "preparer")}],
    ),
    "scheduling.send_corrections": (_correction_ordered, _none, []),
    "scheduling.send_correction": (
        _correction_ordered,
        lambda w: [own(w, "to correct").corrections.get().pk],
        [{("correction.tried", "corrector")}, {("correction.made", "corrector")}],
    ),
    "scheduling.reconcile_unknown": (_nothing, _none, []),
    "scheduling.reconcile_delivery": (
        _nothing, lambda w: [own(w, "unknown").pk], [{("delivery.settled", "reconciler")}],
    ),
}  # fmt: skip
"""By task: what makes something due, what the task is given, and its acts."""
DUE_ELSEWHERE = {
    "accounts.forget_authorisations": "puts nothing on record; tests/accounts/test_authorising.py",
    "scheduling.dispatch_due": "its threads see nothing uncommitted: asked by its parts",
    "accounts.renew_tokens": "needs a platform that renews: tests/accounts/test_renewals.py",
    "accounts.revoke_tokens": "needs a lockdown: tests/accounts/test_lockdowns.py",
}
