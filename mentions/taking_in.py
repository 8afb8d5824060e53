"""One page of mentions into their tables: people, threads and mentions in a single statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from accounts.models import SocialAccount
from mentions.incoming import Clean
from mentions.models import Status

# What is known of the page is left out first; its mentions get their numbers before the threads
# that name them (the foreign keys are looked at when the transaction ends). A thread nobody knew
# yet belongs to who began it here, and every thread shows its newest mention, whatever order the
# pages came in. People are written in one order everywhere: two pollers who meet the same ones
# must not wait in a ring.
_TAKE_IN = """
WITH page AS MATERIALIZED (
    SELECT nextval('mentions_mention_id_seq') AS id, told.*
      FROM json_to_recordset(%(items)s::json) AS told (
           n int, remote_id text, thread_id text, kind text, text text, posted_at timestamptz,
           permalink text, in_reply_to text, reply_ref jsonb,
           author_id text, handle text, display_name text, profile_url text)
     WHERE NOT EXISTS (
           SELECT FROM mentions_mention AS known
            WHERE known.account_id = %(account)s AND known.remote_id = told.remote_id)
), author AS (
    SELECT DISTINCT ON (author_id) author_id, handle, display_name, profile_url
      FROM page ORDER BY author_id, n DESC
), known AS (
    SELECT id, remote_id, handle, display_name, profile_url FROM mentions_contact
     WHERE platform = %(platform)s AND base_url = %(base_url)s
       AND remote_id IN (SELECT author_id FROM author)
), met AS (
    INSERT INTO mentions_contact AS contact
           (platform, base_url, remote_id, handle, display_name, profile_url, first_seen_at)
    SELECT %(platform)s, %(base_url)s, author_id, author.handle, author.display_name,
           author.profile_url, %(now)s
      FROM author LEFT JOIN known ON known.remote_id = author_id
     WHERE known.id IS NULL OR (known.handle, known.display_name, known.profile_url)
                            <> (author.handle, author.display_name, author.profile_url)
     ORDER BY author_id
        ON CONFLICT (platform, base_url, remote_id) DO UPDATE
       SET handle = excluded.handle, display_name = excluded.display_name,
           profile_url = excluded.profile_url
    RETURNING id, remote_id
), person AS (
    SELECT id, remote_id FROM known UNION SELECT id, remote_id FROM met
), began AS (
    SELECT DISTINCT ON (thread_id) thread_id, author_id
      FROM page ORDER BY thread_id, posted_at, n
), newest AS (
    SELECT DISTINCT ON (thread_id) thread_id, id, posted_at
      FROM page ORDER BY thread_id, posted_at DESC, id DESC
), thread AS (
    INSERT INTO mentions_conversation AS c (account_id, thread_id, contact_id, status,
           last_mention_id, last_at, version, created_at, changed_at)
    SELECT %(account)s, thread_id, person.id, %(unread)s, newest.id, posted_at, 1, %(now)s, %(now)s
      FROM newest JOIN began USING (thread_id) JOIN person ON person.remote_id = author_id
     ORDER BY thread_id
        ON CONFLICT (account_id, thread_id) DO UPDATE
       SET status = excluded.status, version = c.version + 1, changed_at = excluded.changed_at,
           last_at = greatest(excluded.last_at, c.last_at),
           last_mention_id = CASE WHEN excluded.last_at >= c.last_at OR c.last_mention_id IS NULL
                             THEN excluded.last_mention_id ELSE c.last_mention_id END
    RETURNING c.id, c.thread_id
), kept AS (
    INSERT INTO mentions_mention (id, account_id, conversation_id, author_id, remote_id, kind, text,
           posted_at, received_at, permalink, in_reply_to, reply_ref)
    SELECT page.id, %(account)s, thread.id, person.id, page.remote_id, kind, text,
           posted_at, %(now)s, permalink, in_reply_to, reply_ref
      FROM page JOIN thread USING (thread_id) JOIN person ON person.remote_id = author_id
     ORDER BY page.id
    RETURNING 1
)
SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM thread)
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """How many mentions were new, and in how many conversations."""

    mentions: int
    conversations: int


def take_in(account: SocialAccount, items: Sequence[Clean], now: datetime) -> Kept:
    """Keep what is new of `items`. Only one at a time may do so for an account.

    One parameter and not a row of objects for each of three tables: putting values into statements
    was most of what taking a page in cost.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE_IN,
            {
                "items": json.dumps([_row(n, item) for n, item in enumerate(items)]),
                "account": account.pk,
                "platform": account.platform,
                "base_url": account.base_url,
                "unread": Status.UNREAD.value,
                "now": now,
            },
        )
        return Kept(*cursor.fetchone())


def _row(n: int, item: Clean) -> dict[str, object]:
    return {
        "n": n,
        "remote_id": item.remote_id,
        "thread_id": item.thread_id,
        "kind": item.kind,
        "text": item.text,
        "posted_at": item.posted_at.isoformat(),
        "permalink": item.permalink,
        "in_reply_to": item.in_reply_to,
        "reply_ref": item.reply_ref,
        "author_id": item.author.remote_id,
        "handle": item.author.handle,
        "display_name": item.author.display_name,
        "profile_url": item.author.profile_url,
    }
