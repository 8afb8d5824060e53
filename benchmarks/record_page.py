"""The record page and its search over a long record; prints one JSON line.

    make bench-record                     ten million events; 20 GB of disk and half an hour
    EVENTS=1000000 make bench-record      fewer

An embedded, durable PostgreSQL that nothing else uses, filled by SQL: three years of what 2,000
people did with 300 accounts, with addresses, posts and words. Each view is asked for REQUESTS times
with other values each time, as an auditor (and once as a publisher with twelve accounts), through
middleware, view, queries, the reading that is put on record, and template; not the network.

- `first`: the first page of each view; `deep`: the page beyond nine tenths of what it shows, and
  `deep_ratio` by how much slower that is, over all views that have one.
- `p95_ms` and `queries` are those of the slowest view; `pages` has each of them.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.audit import installation

EVENTS = int(os.environ.get("EVENTS", "10000000"))
REQUESTS = int(os.environ.get("REQUESTS", "40"))
PEOPLE, ACCOUNTS, MINE = 2_000, 300, 12
DAYS = 3 * 365
WARM = 3
TARGET = {"p95_ms": 200, "deep_ratio": 1.5, "queries": 10}
END = datetime(2026, 11, 1, tzinfo=UTC)
Line = dict[str, Any]

# A word in every third event, one in every hundredth, one in each, and numbers in few.
_FILL = """
INSERT INTO audit_event (occurred_at, name, act, actor_kind, actor_id, actor_label, actor_via,
    address, correlation_id, subject_type, subject_id, subject_label, post_id, account_id,
    account_label, data, words)
SELECT %(end)s::timestamptz - make_interval(secs => (%(events)s - n) * %(step)s),
    CASE WHEN n %% 50 = 0 THEN 'record.read' WHEN n %% 5000 = 1 THEN 'account.frozen'
        WHEN n %% 40 = 1 THEN 'grant.given' WHEN n %% 11 = 2 THEN 'delivery.approved'
        WHEN n %% 7 = 3 THEN 'conversation.assigned' WHEN n %% 13 = 4 THEN 'post.created'
        ELSE 'delivery.published' END,
    gen_random_uuid(),
    CASE WHEN n %% 3 = 0 THEN 'worker' ELSE 'person' END,
    CASE WHEN n %% 3 = 0 THEN NULL ELSE who END,
    CASE WHEN n %% 3 = 0 THEN 'publisher' ELSE 'Person ' || who END, '',
    CASE WHEN n %% 3 = 0 THEN '' ELSE '192.0.' || who / 250 || '.' || who %% 250 END,
    md5(n::text), 'scheduling.delivery', (n / 4)::text,
    '“The bridge at Hill Road is closed” on Account ' || account,
    CASE WHEN n %% 50 = 0 OR n %% 40 = 1 THEN NULL ELSE n / 4 END,
    CASE WHEN n %% 50 = 0 OR n %% 13 = 4 THEN NULL ELSE account END,
    'Account ' || account || ' (Sandbox @account' || account || ')',
    jsonb_build_object('from', 'publishing', 'to', 'published', 'reason',
        (ARRAY['closed', 'flood', 'fire'])[1 + n %% 3] || ' on street' || n / 500),
    'published person ' || who || ' the bridge at hill road is '
        || (ARRAY['closed', 'flood', 'fire'])[1 + n %% 3] || ' street' || n / 500
        || ' account ' || account || CASE WHEN n %% 100 = 7 THEN ' zeppelin' ELSE '' END
FROM (SELECT n, %(person)s + (n * 7919 %% %(people)s) AS who,
        %(account)s + (n * 104729 %% %(accounts)s) AS account
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS made
"""
_COUNT = """
INSERT INTO audit_quarter (at, events, readings)
SELECT date_bin('15 minutes', occurred_at, '2000-01-01Z'), count(*),
    count(*) FILTER (WHERE name = 'record.read') FROM audit_event GROUP BY 1
"""


def fill() -> float:
    """People, accounts and EVENTS events; how many seconds it took."""
    from django.db import connection

    began = time.monotonic()
    first_person, first_account = _rows()
    with connection.cursor() as cursor:
        # Indexes are made when the rows are there; the sealer has no part in what is measured.
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'audit_event'"
            " AND indexname NOT LIKE '%_pkey'"
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_queue")
        cursor.execute("SET synchronous_commit = off")
        for first in range(1, EVENTS + 1, 500_000):
            given = {
                "end": END, "events": EVENTS, "step": DAYS * 86_400 / EVENTS,
                "person": first_person, "people": PEOPLE,
                "account": first_account, "accounts": ACCOUNTS,
                "first": first, "last": min(first + 499_999, EVENTS),
            }  # fmt: skip
            cursor.execute(_FILL, given)
        cursor.execute("ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_queue")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute(_COUNT)
        cursor.execute("RESET synchronous_commit")
        cursor.execute("VACUUM (ANALYZE) audit_event")
        cursor.execute("ANALYZE")
    return time.monotonic() - began


def _rows() -> tuple[int, int]:
    """People and accounts; the first number of each."""
    from accounts.models import SocialAccount, User
    from tests.factories import give

    people = User.objects.bulk_create(
        User(email=f"person{n}@bench.example", full_name=f"Person {n}") for n in range(PEOPLE)
    )
    User.objects.create(email="auditor@bench.example", full_name="Auditor", is_auditor=True)
    accounts = SocialAccount.objects.bulk_create(
        SocialAccount(
            platform="sandbox",
            base_url="http://127.0.0.1:1",
            remote_id=f"remote-{n}",
            handle=f"@account{n}",
            display_name=f"Account {n}",
            owner=people[0],
            time_zone="Europe/London",
        )
        for n in range(ACCOUNTS)
    )
    for account in accounts[:MINE]:
        give(people[1], "publisher", account)
    return people[0].pk, accounts[0].pk


# --- asking ---------------------------------------------------------------------------------------


def views() -> dict[str, tuple[str, Callable[[random.Random], Line]]]:
    """Who asks for what, by name: each value is one among many, so that no page is asked twice."""
    from accounts.models import SocialAccount, User

    people = list(User.objects.filter(email__startswith="person").values_list("pk", flat=True))
    accounts = list(SocialAccount.objects.values_list("pk", flat=True))

    def day(r: random.Random) -> str:
        return f"{END - timedelta(days=r.randrange(2, DAYS)):%Y-%m-%d}"

    def street(r: random.Random) -> str:
        return f"street{r.randrange(EVENTS // 500)}"

    return {
        "everything": ("auditor", lambda r: {}),
        "person": ("auditor", lambda r: {"who": r.choice(people)}),
        "account": ("auditor", lambda r: {"account": r.choice(accounts)}),
        "action": ("auditor", lambda r: {"action": "account.frozen"}),
        "noun": ("auditor", lambda r: {"action": "delivery.*"}),
        "address": (
            "auditor",
            lambda r: {"address": f"192.0.{r.randrange(1, 8)}.{r.randrange(250)}"},
        ),
        "machine": ("auditor", lambda r: {"who": "Socialdesk"}),
        "day": ("auditor", lambda r: {"since": (d := day(r)), "until": d}),
        "hour": (
            "auditor",
            lambda r: {
                "since": (d := day(r)),
                "since_at": "10:00",
                "until": d,
                "until_at": "11:00",
            },
        ),
        "words_in_a_third": ("auditor", lambda r: {"text": r.choice(["flood", "fire", "closed"])}),
        "words_in_a_hundredth": ("auditor", lambda r: {"text": "zeppelin"}),
        "words_in_few": ("auditor", lambda r: {"text": street(r)}),
        "words_in_none": ("auditor", lambda r: {"text": f"nowhere{r.randrange(10**6)}"}),
        "words_that_meet_nowhere": ("auditor", lambda r: {"text": f"zeppelin {street(r)} fire"}),
        "person_and_words": (
            "auditor",
            lambda r: {"who": r.choice(people), "text": r.choice(["flood", "zeppelin"])},
        ),
        "account_and_action": (
            "auditor",
            lambda r: {"account": r.choice(accounts), "action": "account.frozen"},
        ),
        "person_and_account": (
            "auditor",
            lambda r: {"who": r.choice(people), "account": r.choice(accounts)},
        ),
        "day_and_words": (
            "auditor",
            lambda r: {"since": (d := day(r)), "until": d, "text": "fire"},
        ),
        "of_twelve_accounts": ("person1", lambda r: {}),
    }


def asker(who: str) -> Any:
    """A browser in which this person has signed in."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import User

    client = Client()
    user = User.objects.get(email=f"{who}@bench.example")
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    return client


def deep_place(asked: Line) -> str:
    """Where nine tenths of what a view shows are newer; '' where it is shown on one page or two."""
    from audit.selectors.events import Cursor

    if asked.get("since"):
        return ""
    at = END - timedelta(days=DAYS * 0.9)
    return str(Cursor(at, 2**62))


def measure(name: str, who: str, make: Callable[[random.Random], Line]) -> Line:
    """Milliseconds and queries of one view, and of its deep page."""
    client = asker(who)
    r = random.Random(name)
    asked = [make(r) for _ in range(WARM + REQUESTS)]
    first, queries = _ask(client, "/record/", asked)
    line = {"first": first, "queries": queries}
    if deep_place(asked[0]):
        asked = [{**make(r), "before": deep_place({})} for _ in range(WARM + REQUESTS)]
        line["deep"], _ = _ask(client, "/record/", asked)
    if who == "auditor":
        asked = [make(r) for _ in range(WARM + REQUESTS)]
        line["activity"], _ = _ask(client, "/record/activity/", asked, {"HX-Request": "true"})
    return line


def _ask(
    client: Any, path: str, asked: list[Line], headers: Line | None = None
) -> tuple[Line, int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    took, slow = [], 0
    for number, query in enumerate(asked):
        began = time.perf_counter()
        answer = client.get(path, query, headers=headers or {})
        if number >= WARM:
            took.append((time.perf_counter() - began) * 1000)
        slow += answer.status_code == 503
        if answer.status_code not in (200, 503):
            raise SystemExit(f"{path} {query} answers {answer.status_code}")
    with CaptureQueriesContext(connection) as questions:
        client.get(path, asked[-1], headers=headers or {})
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    asked_of_database = [q for q in questions if q["sql"] not in ("BEGIN", "COMMIT")]
    line = {
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "max_ms": round(max(took), 1),
    }
    if slow:
        line["gave_up"] = slow
    return line, len(asked_of_database)


def main() -> int:
    """Measure, print, and end with 0: the figures are for people to judge."""
    logging.disable(logging.WARNING)
    os.environ |= {"SOCIALDESK_REQUIRE_MFA": "no", "SOCIALDESK_ALLOWED_HOSTS": "testserver"}
    with installation() as folder:
        from django.core.management import call_command
        from django.db import connection

        call_command("collectstatic", interactive=False, verbosity=0)
        filled = fill()
        say(f"filled in {filled:.0f} s, {shutil.disk_usage(folder).free >> 30} GB left")
        if os.environ.get("KEEP"):
            input(f"{os.environ['DATABASE_URL']}\n")
        pages = {}
        for name, (who, make) in views().items():
            pages[name] = measure(name, who, make)
            say(f"{name}: {pages[name]}")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size('audit_event')")
            size = cursor.fetchone()[0]
    deep = [page for page in pages.values() if "deep" in page]
    line = {
        "benchmark": "record",
        "events": EVENTS,
        "p95_ms": max(page["first"]["p95_ms"] for page in pages.values()),
        "deep_p95_ms": max(page["deep"]["p95_ms"] for page in deep),
        "deep_ratio": round(
            statistics.median(page["deep"]["p50_ms"] for page in deep)
            / statistics.median(page["first"]["p50_ms"] for page in deep),
            2,
        ),
        "queries": max(page["queries"] for page in pages.values()),
        "activity_p95_ms": max(p["activity"]["p95_ms"] for p in pages.values() if "activity" in p),
        "pages": pages,
        "requests": REQUESTS,
        "target": TARGET,
        "filled_s": round(filled),
        "gb": round(size / 1e9, 1),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(line))
    return 0


def say(words: str) -> None:
    """How far it is, apart from the one line that is its result."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
