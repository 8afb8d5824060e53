"""Saving posts and deliveries so that the version kept beside each names who wrote it."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from audit.actors import Actor
from scheduling.errors import WrittenAlready
from scheduling.models import Delivery, Post


def save_first(post: Post, actor: Actor) -> None:
    """Save a new post; the database tells two that come from one form, however close together."""
    try:
        with transaction.atomic():
            save_version(post, actor)
    except IntegrityError:
        before = Post.objects.filter(author=post.author, form_key=post.form_key).first()
        if before is None:
            raise
        raise WrittenAlready(before.pk) from None


def save_version(row: Post | Delivery, actor: Actor) -> None:
    """Save, and let the version kept beside it name who wrote it; no version without a change."""
    if row.pk is not None and not _differs(row):
        return
    row._history_user = actor.user  # type: ignore[union-attr]  # django-simple-history reads it
    row.save()


def _differs(row: Post | Delivery) -> bool:
    post, delivery = ("text", "elements"), ("own_text", "own_elements", "due_at")
    names = post if isinstance(row, Post) else delivery
    stored = type(row).objects.values(*names).get(pk=row.pk)
    return any(stored[name] != getattr(row, name) for name in names)
