"""What was asked of a platform about what came in: to hide it, delete it, block its author."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import SocialAccount
from mentions.models.conversation import Contact, Conversation, Mention


class Act(models.TextChoices):
    HIDE = "hide", "Hide"
    SHOW = "show", "Show again"
    REMOVE = "remove", "Delete"
    BLOCK = "block", "Block the author"
    UNBLOCK = "unblock", "Unblock the author"


ON_MESSAGE = (Act.HIDE, Act.SHOW, Act.REMOVE)
ON_PERSON = (Act.BLOCK, Act.UNBLOCK)


class Reason(models.TextChoices):
    """Why, in words that may be read out to whoever complains."""

    ABUSE = "abuse", "Insults or harassment"
    HATE = "hate", "Hatred or discrimination"
    THREAT = "threat", "Threats or incitement"
    PRIVATE = "private", "Personal details of somebody"
    CASE = "case", "Could harm a court case or an operation"
    DANGER = "danger", "False and dangerous in an emergency"
    SPAM = "spam", "Spam or fraud"
    RULES = "rules", "Against our house rules"
    REVIEWED = "reviewed", "Looked at again, and it may stand"
    MISTAKE = "mistake", "Done by mistake"
    OTHER = "other", "Another reason, in the note"


class Outcome(models.TextChoices):
    ASKED = "asked", "Asked"  # by a person; the platform has not said yet that it is done
    DONE = "done", "Done"  # the platform said so
    FAILED = "failed", "Not done"  # the platform refused, or was not asked; `problem` says why
    CALLED_OFF = "called_off", "Called off"  # the opposite was asked before it was done


class Moderation(models.Model):
    """One act on one message, or on its author. Kept for ever, as is the message's text."""

    account = models.ForeignKey(SocialAccount, on_delete=models.PROTECT, related_name="moderations")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="moderations"
    )
    mention = models.ForeignKey(Mention, on_delete=models.PROTECT, related_name="moderations")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="moderations")
    act = models.CharField(max_length=8, choices=Act.choices)
    reason = models.CharField(max_length=8, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.ASKED)
    ended_at = models.DateTimeField(null=True, blank=True)
    # Hidden, deleted or blocked as things stand, by this act and no other.
    in_force = models.BooleanField(default=False)
    problem = models.CharField(max_length=500, blank=True)
    # Of the worker that asks: when it does, until when it has the row to itself, how often it did.
    next_try_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["mention"],
                condition=Q(state=Outcome.ASKED, act__in=ON_MESSAGE),
                name="moderation_message_once",
            ),
            models.UniqueConstraint(
                fields=["account", "contact"],
                condition=Q(state=Outcome.ASKED, act__in=ON_PERSON),
                name="moderation_person_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(state=Outcome.ASKED), name="moderation_due"
            ),
            models.Index(fields=["conversation", "id"], name="moderation_thread"),
            models.Index(
                fields=["account", "contact", "id"],
                condition=Q(act__in=ON_PERSON),
                name="moderation_person",
            ),
            models.Index(
                fields=["account", "conversation"],
                condition=Q(in_force=True),
                name="moderation_in_force",
            ),
        ]

    def __str__(self) -> str:
        """What it is about, as a sentence of the record goes on with it."""
        kind = self.mention.get_kind_display().lower()
        return str(self.contact) if self.act in ON_PERSON else f"the {kind} by {self.contact}"
