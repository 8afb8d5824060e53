"""Where alerts go, and the messages on their way there."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.alerts import AlertKind
from accounts.models import SocialAccount
from accounts.sealing import SealedTextField
from operations.models.alert import Alert


class Channel(models.TextChoices):
    """How a destination is spoken to."""

    EMAIL = "email", "E-mail"
    TEAMS = "teams", "Microsoft Teams"
    SLACK = "slack", "Slack"
    JSON = "json", "Webhook (JSON)"


class Destination(models.Model):
    """A mailbox or webhook that gets alerts. Whoever knows a webhook's address can write there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    address = SealedTextField()
    shown = models.CharField(max_length=120)  # as much of the address as pages may show
    kinds = ArrayField(models.CharField(max_length=16, choices=AlertKind.choices))
    accounts = models.ManyToManyField(SocialAccount, blank=True, related_name="+")  # none: all
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class MessageState(models.TextChoices):
    WAITING = "waiting", "Waiting"  # more alerts may still be put into it
    SENDING = "sending", "On its way"  # what it says is fixed; it may have been tried before
    SENT = "sent", "Sent"
    GIVEN_UP = "given_up", "Given up"
    EMPTY = "empty", "Not needed"  # all it had to say was over


class Message(models.Model):
    """One message to one target: all that there is to tell it at that moment."""

    target = models.CharField(max_length=320)  # 'user:5', 'destination:<uuid>', 'address:a@b.c'
    state = models.CharField(
        max_length=8, choices=MessageState.choices, default=MessageState.WAITING
    )
    is_test = models.BooleanField(default=False)
    alerts = models.ManyToManyField(Alert, related_name="messages")
    created_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)  # while a worker is at it
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)  # the last failure, for people

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["target"], condition=Q(state="waiting"), name="message_waits_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state__in=["waiting", "sending"]),
                name="message_due",
            ),
            models.Index(fields=["target", "-id"], name="message_to_target"),
        ]

    def __str__(self) -> str:
        return f"alert to {self.target.partition(':')[0]}"
