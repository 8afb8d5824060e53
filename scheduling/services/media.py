"""Pictures of a post."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import ALLOWED, Decision, decide
from audit.actions import action, record
from audit.actors import Actor
from scheduling import events  # noqa: F401  # declares them
from scheduling.models import Media, Post
from scheduling.pictures import picture_from
from scheduling.states import EDITABLE, OVER

MOST = 10


def _may_change(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    post: Post = arguments["post"] if "post" in arguments else arguments["media"].post
    for delivery in post.deliveries.select_related("account"):
        decision = decide(actor, Capability.DRAFT, delivery.account)
        if not decision:
            return decision
    return ALLOWED


@action("media.added", needs=_may_change)
def media_add(*, actor: Actor, post: Post, upload: UploadedFile, alt_text: str = "") -> Media:
    """Add a picture at the end. Raises Invalid: no picture, too large, too many, not a draft."""
    _refuse_unless_draft(post)
    present = post.media.filter(removed_at=None).count()
    if present >= MOST:
        raise Invalid("picture", f"A post has {MOST} pictures at the most.")
    picture = picture_from(upload)
    media = Media(
        post=post,
        position=present,
        mime=picture.mime,
        width=picture.width,
        height=picture.height,
        size=len(picture.data),
        sha256=picture.sha256,
        alt_text=alt_text.strip(),
        uploaded_by=actor.user,
    )
    media.file.save("picture", ContentFile(picture.data), save=True)
    record("media.added", subject=media, post_id=post.pk, data=_telling(media))
    return media


@action("media.described", needs=_may_change)
def media_describe(*, actor: Actor, media: Media, alt_text: str) -> Media:
    """Say in words what a picture shows. Raises Invalid."""
    _refuse_unless_draft(media.post)
    before, media.alt_text = media.alt_text, alt_text.replace("\x00", "").strip()
    media.save(update_fields=["alt_text"])
    data = {"before": before, "after": media.alt_text}
    record("media.described", subject=media, post_id=media.post_id, data=data)
    return media


@action("media.removed", needs=_may_change)
def media_remove(*, actor: Actor, media: Media) -> Media:
    """Take a picture out of a draft; it is kept for the post's story. Raises Invalid."""
    _refuse_unless_draft(media.post)
    media.removed_at = timezone.now()
    media.save(update_fields=["removed_at"])
    record("media.removed", subject=media, post_id=media.post_id, data=_telling(media))
    return media


def _refuse_unless_draft(post: Post) -> None:
    states = set(post.deliveries.select_for_update().values_list("state", flat=True))
    if states - {*EDITABLE, *OVER} or not states & set(EDITABLE):
        raise Invalid("picture", "Take the post back to draft to change its pictures.")


def _telling(media: Media) -> dict[str, Any]:
    return {
        "sha256": media.sha256,
        "mime": media.mime,
        "width": media.width,
        "height": media.height,
        "alt_text": media.alt_text,
    }
