"""What a level is in force on: trainings in date and policies accepted; and where that lapsed."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.levels import Level


class Training(models.Model):
    """A course that people of some levels must have done."""

    name = models.CharField(max_length=120, unique=True)
    purpose = models.CharField(max_length=300, blank=True)  # what it is and where it is taken
    months = models.PositiveSmallIntegerField(null=True, blank=True)  # how long a record is good
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class TrainingRecord(models.Model):
    """That a person did a course, until when it counts, and who says so."""

    training = models.ForeignKey(Training, on_delete=models.PROTECT, related_name="records")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="training_records"
    )
    done_on = models.DateField()
    last_day = models.DateField(null=True, blank=True)  # the last on which it counts; None: always
    expires_at = models.DateTimeField(null=True, blank=True)  # the end of that day, in our zone
    evidence = models.CharField(max_length=300)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_by_label = models.CharField(max_length=254)
    recorded_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)  # it was written down wrongly

    class Meta:
        default_permissions = ()
        ordering = ["-done_on", "-id"]
        indexes = [
            models.Index(
                fields=["user", "training"], condition=Q(withdrawn_at=None), name="record_of_user"
            ),
            models.Index(fields=["training", "-id"], name="record_of_training"),
        ]

    def __str__(self) -> str:
        return f"{self.training} of {self.user}"

    @property
    def is_in_date(self) -> bool:
        gone = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.withdrawn_at is None and not gone


class PolicyDocument(models.Model):
    """A document of the organisation that people read and accept; its text is in its versions."""

    name = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One text of a document. It never changes: another text is another version."""

    document = models.ForeignKey(PolicyDocument, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)  # of the text in UTF-8, in hex
    changed = models.CharField(max_length=300, blank=True)  # what is new in it
    accept_by = models.DateTimeField()  # whoever accepted an earlier one has until then
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    published_by_label = models.CharField(max_length=254)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="policy_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.document}, version {self.number}"

    @property
    def word(self) -> str:
        return f"Version {self.number}"

    @staticmethod
    def hash_of(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


class Acceptance(models.Model):
    """That a person accepted exactly this text."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="acceptances")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="acceptances"
    )
    sha256 = models.CharField(max_length=64)  # of the text that was on the page
    accepted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "version"], name="accepted_once")]

    def __str__(self) -> str:
        return f"{self.version} accepted by {self.user}"


class Condition(models.Model):
    """That a level takes a training or a policy, from a day on."""

    level = models.CharField(max_length=16, choices=Level.choices)
    training = models.ForeignKey(
        Training, null=True, blank=True, on_delete=models.CASCADE, related_name="conditions"
    )
    document = models.ForeignKey(
        PolicyDocument, null=True, blank=True, on_delete=models.CASCADE, related_name="conditions"
    )
    starts_at = models.DateTimeField()  # before, nobody's level lapses for it

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(training__isnull=True) ^ Q(document__isnull=True),
                name="condition_is_one_thing",
            ),
            models.UniqueConstraint(
                fields=["level", "training"],
                condition=Q(training__isnull=False),
                name="condition_training_once",
            ),
            models.UniqueConstraint(
                fields=["level", "document"],
                condition=Q(document__isnull=False),
                name="condition_document_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} takes {self.training or self.document}"


class Lapse(models.Model):
    """A level of a person that was not in force for a while, because a condition was unmet."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="lapses"
    )
    level = models.CharField(max_length=16, choices=Level.choices)
    why = models.CharField(max_length=300)
    began_at = models.DateTimeField()
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "level"], condition=Q(over_at=None), name="lapse_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display().lower()} of {self.user}"


class Notice(models.Model):
    """That a person was told of a requirement which runs out; once for each date and each lead."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    training = models.ForeignKey(Training, null=True, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(
        PolicyDocument, null=True, on_delete=models.CASCADE, related_name="+"
    )
    until = models.DateTimeField()
    days = models.PositiveSmallIntegerField()  # how far ahead: 30 or 7
    told_at = models.DateTimeField(auto_now_add=True)
    over_at = models.DateTimeField(null=True, blank=True)  # renewed, run out or no longer needed

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "training", "document", "until", "days"],
                name="notice_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(fields=["user"], condition=Q(over_at=None), name="notice_open"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.training or self.document}"
