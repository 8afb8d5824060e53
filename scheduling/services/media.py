"""Pictures on their way into a post; posts.py puts them there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import ALLOWED, Decision, accounts_where
from audit.actions import action, record
from audit.actors import Actor
from scheduling import events  # noqa: F401  # declares them
from scheduling.models import Media
from scheduling.pictures import picture_from

log = structlog.get_logger(__name__)


def _drafts_somewhere(actor: Actor, _: Mapping[str, Any]) -> Decision:
    if accounts_where(actor, Capability.DRAFT).exists():
        return ALLOWED
    return Decision(False, "Pictures are added by those who may draft posts.")


@action("media.added", needs=_drafts_somewhere)
def media_upload(*, actor: Actor, upload: UploadedFile[Any]) -> Media:
    """Take a picture in; until its post is saved it is its uploader's alone. Raises Invalid."""
    picture = picture_from(upload)
    media = Media(
        mime=picture.mime,
        width=picture.width,
        height=picture.height,
        size=len(picture.data),
        sha256=picture.sha256,
        uploaded_by=actor.user,
    )
    try:
        media.file.save("picture", ContentFile(picture.data), save=True)
    except OSError:
        log.exception("picture_not_kept", size=media.size)
        raise Invalid(
            "",
            "The server could not keep the picture, most likely because its disk is full. Your "
            "text is safe. Tell your administrator.",
        ) from None
    data = {"sha256": media.sha256, "mime": media.mime, "size": media.size}
    record("media.added", subject=media, data=data)
    return media
