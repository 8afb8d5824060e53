"""Taking mentions in: rows and reading position in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from accounts.models import SocialAccount
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from mentions import events  # noqa: F401  # declares them
from mentions.errors import NothingNew
from mentions.incoming import Clean
from mentions.models import Contact, Conversation, Feed, Mention, Status

# A conversation shows its newest mention, whatever order the pages came in.
_RENEW = """
UPDATE mentions_conversation AS c
   SET status = %s, version = c.version + 1, changed_at = %s,
       last_at = newest.posted_at, last_mention_id = newest.id
  FROM unnest(%s::bigint[]) AS touched(id)
 CROSS JOIN LATERAL (
       SELECT m.id, m.posted_at FROM mentions_mention AS m
        WHERE m.conversation_id = touched.id
        ORDER BY m.posted_at DESC, m.id DESC LIMIT 1) AS newest
 WHERE c.id = touched.id
"""


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
    # One writer an account at a time, so what is found missing here is still missing below.
    feed = Feed.objects.select_for_update().get(account=account)
    known = set(
        Mention.objects.filter(
            account=account, remote_id__in=[item.remote_id for item in items]
        ).values_list("remote_id", flat=True)
    )
    new = [item for item in items if item.remote_id not in known]
    if not new:
        raise NothingNew
    if feed.cursor == cursor_before:
        feed.cursor = cursor
    feed.last_new_at = now
    feed.save(update_fields=["cursor", "last_new_at"])
    contacts = _contacts(account, new)
    conversations = _conversations(account, new, contacts)
    _mentions(account, new, contacts, conversations, now)
    with connection.cursor() as database:
        touched = sorted({conversations[item.thread_id] for item in new})
        database.execute(_RENEW, [Status.UNREAD.value, now, touched])
    data = {"count": len(new), "conversations": len(touched)}
    record("mentions.received", subject=feed, account=account, data=data)
    return len(new)


def _contacts(account: SocialAccount, items: Sequence[Clean]) -> dict[str, int]:
    """Remote id to row id of everybody who wrote, with what they call themselves now."""
    authors = {item.author.remote_id: item.author for item in items}
    rows = Contact.objects.bulk_create(
        # In one order everywhere: two pollers who meet the same people must not wait in a ring.
        [
            Contact(
                platform=account.platform,
                base_url=account.base_url,
                remote_id=author.remote_id,
                handle=author.handle,
                display_name=author.display_name,
                profile_url=author.profile_url,
            )
            for _, author in sorted(authors.items())
        ],
        update_conflicts=True,
        unique_fields=["platform", "base_url", "remote_id"],
        update_fields=["handle", "display_name", "profile_url"],
    )
    return {row.remote_id: row.pk for row in rows}


def _conversations(
    account: SocialAccount, items: Sequence[Clean], contacts: dict[str, int]
) -> dict[str, int]:
    """Thread id to row id, locked; a thread nobody knew yet belongs to who began it here."""
    first: dict[str, Clean] = {}
    for item in sorted(items, key=lambda item: item.posted_at):
        first.setdefault(item.thread_id, item)
    Conversation.objects.bulk_create(
        [
            Conversation(
                account=account,
                thread_id=thread_id,
                contact_id=contacts[item.author.remote_id],
                last_at=item.posted_at,
                version=0,  # the first mention makes it 1
            )
            for thread_id, item in first.items()
        ],
        ignore_conflicts=True,
    )
    rows = Conversation.objects.select_for_update().filter(account=account, thread_id__in=first)
    return dict(rows.order_by("pk").values_list("thread_id", "pk"))


def _mentions(
    account: SocialAccount,
    items: Sequence[Clean],
    contacts: dict[str, int],
    conversations: dict[str, int],
    now: datetime,
) -> None:
    Mention.objects.bulk_create(
        [
            Mention(
                account=account,
                conversation_id=conversations[item.thread_id],
                author_id=contacts[item.author.remote_id],
                remote_id=item.remote_id,
                kind=item.kind,
                text=item.text,
                posted_at=item.posted_at,
                permalink=item.permalink,
                in_reply_to=item.in_reply_to,
                reply_ref=item.reply_ref,
            )
            for item in items
        ],
        ignore_conflicts=True,
    )
