"""What a person writes, once, for several accounts; and its pictures."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from scheduling.models.tracked import KeptHistoryManager


class Post(models.Model):
    """One text for several accounts. It has no state of its own: see its deliveries."""

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="posts"
    )
    text = models.TextField(blank=True)
    elements = models.JSONField(default=dict, blank=True)  # see scheduling.elements
    version = models.PositiveIntegerField(default=1)  # goes up with each edit; guards against two
    form_key = models.UUIDField(null=True, editable=False)  # of the form it was written in, once
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(
        excluded_fields=["form_key", "created_at", "updated_at"],
        history_manager=KeptHistoryManager,
    )

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["author", "form_key"], name="post_once_per_form")
        ]

    def __str__(self) -> str:
        first = " ".join(self.text.split())
        return (first[:60] + "…") if len(first) > 60 else first or "post without text"


def media_path(media: Media, filename: str) -> str:
    """Where a picture lies: by its own random name, never by the uploaded one."""
    name = media.token.hex
    return f"posts/{name[:2]}/{name}.{'png' if media.mime == 'image/png' else 'jpg'}"


class Media(models.Model):
    """A picture, decoded and encoded anew, so nothing but the picture is in it."""

    post = models.ForeignKey(  # None: uploaded, and its post not saved yet
        Post, null=True, on_delete=models.CASCADE, related_name="media"
    )
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    position = models.PositiveSmallIntegerField(default=0)
    file = models.FileField(upload_to=media_path, max_length=200)
    mime = models.CharField(max_length=40)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    alt_text = models.TextField(blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    uploaded_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)  # taken out of the post; kept for its story

    class Meta:
        default_permissions = ()
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.alt_text[:60] or f"picture {self.position + 1}"
