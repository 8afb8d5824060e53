"""Pictures and videos on their way into a post; posts.py puts them there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.utils import timezone

from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.errors import Invalid
from accounts.policy import Decision, by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from scheduling import (
    antivirus,
    events,  # noqa: F401  # declares them
)
from scheduling.intake import Taken
from scheduling.models import Media
from scheduling.rules import drafts_somewhere

log = structlog.get_logger(__name__)
SCANNER = "antivirus"
"""What the alert about it is about."""
UNUSED_FOR = timedelta(days=1)
"""How long an upload waits for its post to be saved."""
MOST_AT_ONCE = 500
TIDIER = Actor.worker("tidier")


def _drafts_somewhere(actor: Actor, _: Mapping[str, Any]) -> Decision:
    return drafts_somewhere(actor)


@action("media.added", needs=_drafts_somewhere)
def media_add(*, actor: Actor, taken: Taken) -> Media:
    """Keep what was taken in: its uploader's alone until its post is saved. Raises Invalid."""
    media = Media(
        mime=taken.mime,
        width=taken.width,
        height=taken.height,
        size=taken.size,
        sha256=taken.sha256,
        seconds=taken.seconds,
        uploaded_by=actor.user,
    )
    try:
        media.file.save("upload", taken.file, save=True)
    except OSError:
        log.exception("media_not_kept", size=media.size)
        raise Invalid(
            "",
            "The server could not keep the file, most likely because its disk is full. Your "
            "text is safe. Tell your administrator.",
        ) from None
    data = {"sha256": media.sha256, "mime": media.mime, "size": media.size}
    record("media.added", subject=media, data=data)
    if antivirus.is_wanted():
        settle_alert(kind=AlertKind.ANTIVIRUS, subject=SCANNER)
    return media


@action("media.refused", needs=_drafts_somewhere)
def media_refuse(*, actor: Actor, infection: str, sha256: str, size: int) -> None:
    """Put on record that an upload was infected; nothing of it is kept."""
    record("media.refused", data={"infection": infection, "sha256": sha256, "size": size})


@action("media.unchecked", needs=_drafts_somewhere)
def media_leave(*, actor: Actor, reason: str) -> None:
    """Put on record, and tell people, that an upload could not be checked and was not taken."""
    record("media.unchecked", data={"reason": reason})
    raise_alert(
        kind=AlertKind.ANTIVIRUS,
        subject=SCANNER,
        message=f"Nobody can add pictures or videos. {reason}",
    )


@action("media.discarded", needs=by(ActorKind.WORKER), may_find_nothing=True)
def media_discard(*, actor: Actor) -> int:
    """Throw away uploads that no post has taken up for a day; how many.

    The file goes first, so none is left that nobody knows of; what cannot be deleted waits for the
    next time, row and all.
    """
    old = Media.objects.filter(post=None, uploaded_at__lt=timezone.now() - UNUSED_FOR)
    gone = 0
    for media in old.select_for_update(skip_locked=True).order_by("pk")[:MOST_AT_ONCE]:
        try:
            media.file.delete(save=False)
        except Exception as error:  # noqa: BLE001 - an object store's client raises what it likes
            log.warning("media_not_deleted", media=media.pk, kind=type(error).__name__)
            continue
        media.delete()
        gone += 1
    if gone:
        record("media.discarded", data={"count": gone})
    return gone
