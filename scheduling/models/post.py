"""What a person writes, once, for several accounts; and its pictures and videos."""

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


EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
"""By what they are; nothing else is kept."""


def media_path(media: Media, filename: str) -> str:
    """Where it lies: by its own random name, never by the uploaded one."""
    name = media.token.hex
    return f"posts/{name[:2]}/{name}.{EXTENSIONS[media.mime]}"


class Keep(models.TextChoices):
    """What stays in sight where a picture has to be cut."""

    MIDDLE = "middle", "the middle"
    TOP = "top", "the top"
    BOTTOM = "bottom", "the bottom"
    LEFT = "left", "the left side"
    RIGHT = "right", "the right side"


class Media(models.Model):
    """A picture or video, made anew, so nothing but what is to be seen and heard is in it."""

    post = models.ForeignKey(  # None: uploaded, and its post not saved yet
        Post, null=True, on_delete=models.CASCADE, related_name="media"
    )
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    part = models.PositiveSmallIntegerField(default=1)  # the post of the thread it belongs to
    position = models.PositiveSmallIntegerField(default=0)  # in that one, from 0
    file = models.FileField(upload_to=media_path, max_length=200)
    mime = models.CharField(max_length=40)
    width = models.PositiveIntegerField()  # 0: a video that could not be measured
    height = models.PositiveIntegerField()
    seconds = models.FloatField(null=True)  # of a video; None where it could not be measured
    size = models.PositiveIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    alt_text = models.TextField(blank=True)
    keep = models.CharField(max_length=8, choices=Keep.choices, default=Keep.MIDDLE)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    uploaded_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)  # taken out of the post; kept for its story

    class Meta:
        default_permissions = ()
        ordering = ["part", "position", "id"]

    def __str__(self) -> str:
        return self.alt_text[:60] or self.name

    @property
    def is_video(self) -> bool:
        return self.mime.startswith("video/")

    @property
    def noun(self) -> str:
        """What people call it."""
        return "video" if self.is_video else "picture"

    @property
    def name(self) -> str:
        """Which one it is: 'picture 2', 'video 1 of post 3'."""
        which = f"{self.noun} {self.position + 1}"
        return which if self.part == 1 else f"{which} of post {self.part}"

    @property
    def is_unmeasured(self) -> bool:
        """A video whose length nobody knows, and in which a place may still be written."""
        return self.is_video and self.seconds is None


def variant_path(variant: Variant, filename: str) -> str:
    """Beside the others of its original, by what it was made for."""
    name = variant.media.token.hex
    return f"variants/{name[:2]}/{name}-{variant.recipe}.{EXTENSIONS[variant.mime]}"


class Variant(models.Model):
    """A picture as some platforms take it: made from its original, once, and sent from then on."""

    media = models.ForeignKey(Media, on_delete=models.CASCADE, related_name="variants")
    recipe = models.CharField(max_length=32)  # of what it was made for: scheduling.variants
    file = models.FileField(upload_to=variant_path, max_length=200)
    mime = models.CharField(max_length=40)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["media", "recipe"], name="variant_once_per_recipe")
        ]

    def __str__(self) -> str:
        return f"{self.media} at {self.width}×{self.height}"
