"""One post on one account, what was decided about it and each try to send it."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from accounts.models import SocialAccount, User
from scheduling.elements import LABELS, Element, elements_from, in_brief
from scheduling.models.post import Post
from scheduling.models.tracked import KeptHistoryManager
from scheduling.states import QUEUED, State


class HoldKind(models.TextChoices):
    """Why a delivery is kept back."""

    PAUSED = "paused", "Fell due during a pause"
    PERSON = "person", "Held by a person"
    FROZEN = "frozen", "Frozen"
    LAPSED = "lapsed", "The right to send it lapsed"
    CHANGED = "changed", "Changed since it was approved"
    OVERDUE = "overdue", "Overdue"
    AUTHORISATION = "authorisation", "The account needs reconnecting"


class Delivery(models.Model):
    """One post on one account. `scheduling.transitions.move` is the only writer of `state`."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="deliveries")
    account = models.ForeignKey(SocialAccount, on_delete=models.PROTECT, related_name="deliveries")
    own_text = models.TextField(null=True, blank=True)  # noqa: DJ001  # None: same as main; "": says nothing
    own_elements = models.JSONField(null=True, blank=True)  # None: same as main
    reply_to = models.JSONField(null=True, blank=True)  # a ReplyRef and what it answers, or None
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    state_since = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, blank=True)  # what a person chose; shown in its zone
    sender = models.ForeignKey(  # whose right it goes out by: the scheduler, else the author
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed = models.BooleanField(default=False)  # it goes out by an approval

    hold_kind = models.CharField(max_length=16, choices=HoldKind.choices, blank=True)
    hold_reason = models.CharField(max_length=500, blank=True)

    # The engine's own; a lease without a claim, or a claim without a lease, cannot be written.
    next_try_at = models.DateTimeField(null=True, blank=True)  # when the tick may claim it
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.BigIntegerField(default=0)  # goes up with each claim; a late worker's is stale
    tries = models.PositiveSmallIntegerField(default=0)
    checks = models.PositiveSmallIntegerField(default=0)  # look-ups while in doubt
    steps = models.JSONField(default=dict, blank=True)
    stamp = models.DateTimeField(null=True, blank=True)  # of the first attempt; the same for all
    prepared_at = models.DateTimeField(null=True, blank=True)  # when it was prepared ahead of time
    # When the right it goes out by ends, if before its time; engine/lapses.py writes it.
    right_ends_at = models.DateTimeField(null=True, blank=True)
    notice = models.CharField(max_length=500, blank=True)  # why it waits, or what will go wrong
    problem = models.CharField(max_length=500, blank=True)  # the last failure, for people
    problem_code = models.CharField(max_length=64, blank=True)

    remote_id = models.CharField(max_length=255, blank=True)
    remote_parts = models.JSONField(default=list, blank=True)  # what follows in the same thread
    permalink = models.CharField(max_length=500, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords(
        history_manager=KeptHistoryManager,
        excluded_fields=[
            "state_since",
            "next_try_at",
            "lease_until",
            "fence",
            "tries",
            "checks",
            "steps",
            "remote_parts",
            "stamp",
            "prepared_at",
            "right_ends_at",
            "notice",
            "created_at",
        ],
    )

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["post", "account"], name="delivery_once_per_account"),
            models.CheckConstraint(
                condition=Q(state=State.PUBLISHING, lease_until__isnull=False)
                | (~Q(state=State.PUBLISHING) & Q(lease_until__isnull=True)),
                name="delivery_leased_iff_publishing",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.SCHEDULED)
                | Q(next_try_at__isnull=False, due_at__isnull=False),
                name="delivery_scheduled_has_time",
            ),
            models.CheckConstraint(
                # What a person found may be known by its address alone.
                condition=~Q(state=State.PUBLISHED) | ~Q(remote_id="", permalink=""),
                name="delivery_published_is_there",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=Q(state=State.SCHEDULED),
                name="delivery_due",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state=State.PUBLISHING), name="delivery_leased"
            ),
            models.Index(
                fields=["next_try_at"], condition=Q(state=State.UNKNOWN), name="delivery_in_doubt"
            ),
            models.Index(  # tried and to be tried again; what they keep back is asked at each claim
                fields=["account", "due_at"],
                condition=Q(state=State.SCHEDULED, next_try_at__gt=F("due_at")),
                name="delivery_postponed",
            ),
            models.Index(
                fields=["state_since"],
                condition=Q(state=State.PUBLISHED),
                name="delivery_published_lately",
            ),
            models.Index(
                fields=["state", "account"],
                condition=Q(state__in=[State.FAILED, State.HELD, State.UNKNOWN]),
                name="delivery_in_trouble",
            ),
            models.Index(
                fields=["account", "due_at"],
                condition=Q(state=State.SCHEDULED) & ~Q(notice=""),
                name="delivery_noticed",
            ),
            models.Index(
                fields=["account"],
                condition=Q(right_ends_at__isnull=False),
                name="delivery_right_ends",
            ),
            models.Index(fields=["account", "due_at"], name="delivery_calendar"),
            models.Index(fields=["account", "state", "due_at"], name="delivery_by_state"),
        ]

    def __str__(self) -> str:
        return f"“{self.post}” on {self.account.display_name}"

    @property
    def text(self) -> str:
        """What this account will say."""
        return self.post.text if self.own_text is None else self.own_text

    @property
    def right_of(self) -> User:
        """Whose right it goes out by."""
        return self.sender or self.post.author

    @property
    def right_ends_first(self) -> bool:
        """Whether it will be held before its time: the right it goes out by ends."""
        ends, due = self.right_ends_at, self.due_at
        return self.state in QUEUED and bool(ends and due and ends <= due)

    @property
    def elements(self) -> dict[str, Any]:
        """What this account has beside its text, as JSON; see scheduling.elements."""
        own: dict[str, Any] | None = self.own_elements
        return self.post.elements if own is None else own

    @property
    def along(self) -> str:
        """What it has beside its text, in a few words for a list."""
        return in_brief(elements_from(self.elements))

    @property
    def goes_without(self) -> str:
        """What of the post was left out here, in words."""
        left = [LABELS[Element(name)] for name in self.post.elements if name not in self.elements]
        return ", ".join(
            [*left, *(["the words"] if self.own_text == "" and self.post.text else [])]
        )

    @property
    def is_editable(self) -> bool:
        return self.state in (State.DRAFT, State.FAILED)


class Decided(models.TextChoices):
    APPROVED = "approved", "Approved"
    RETURNED = "returned", "Returned"


class Approval(models.Model):
    """A decision on exact content, by somebody other than its author."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="approvals")
    decided = models.CharField(max_length=12, choices=Decided.choices)
    content_hash = models.CharField(max_length=64)
    content = models.JSONField()  # what was decided on, for the difference to the next version
    comment = models.TextField(blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.get_decided_display()} by {self.by}"


class Outcome(models.TextChoices):
    """How one try ended."""

    STARTED = "started", "Under way"
    PUBLISHED = "published", "Published"
    RETRY = "retry", "Will be tried again"
    REFUSED = "refused", "Refused by the platform"
    AUTHORISATION = "authorisation", "Not authorised"
    UNKNOWN = "unknown", "Outcome unknown"
    ABANDONED = "abandoned", "Given up before anything was sent"


class Attempt(models.Model):
    """One try to send one delivery; committed before the network is touched."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    fence = models.BigIntegerField()
    worker = models.CharField(max_length=120)
    content_hash = models.CharField(max_length=64)
    content = models.JSONField()  # exactly what was sent, as in Approval
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.STARTED)
    message = models.CharField(max_length=500, blank=True)
    code = models.CharField(max_length=64, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "fence"], name="attempt_once_per_claim")
        ]
        # The rows lie in the order of their times: a summary of the pages is enough, and cheap.
        indexes = [BrinIndex(fields=["started_at"], name="attempt_lately")]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery}"
