"""Taking mentions in: rows and reading position in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from accounts.models import SocialAccount
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from mentions import events  # noqa: F401  # declares them
from mentions.errors import NothingNew
from mentions.incoming import Clean
from mentions.models import Feed
from mentions.taking_in import take_in


@action("mentions.received", needs=by(ActorKind.WORKER, ActorKind.COMMAND, ActorKind.PLATFORM))
def mentions_ingest(
    *,
    actor: Actor,
    account: SocialAccount,
    items: Sequence[Clean],
    cursor_before: str,
    cursor: str,
    now: datetime,
) -> int:
    """Keep the new ones of `items` and move the account's cursor; returns how many were new.

    The cursor moves only from `cursor_before`: a late worker never takes it back. Raises NothingNew
    (nothing is changed then) when all of them are here already.
    """
    # One writer an account at a time, so what is found missing in there is still missing below.
    feed = Feed.objects.select_for_update().get(account=account)
    kept = take_in(account, items, now)
    if not kept.mentions:
        raise NothingNew
    if feed.cursor == cursor_before:
        feed.cursor = cursor
    feed.account, feed.last_new_at = account, now
    feed.save(update_fields=["cursor", "last_new_at"])
    data = {"count": kept.mentions, "conversations": kept.conversations}
    record("mentions.received", subject=feed, account=account, data=data)
    return kept.mentions
