"""What the sealed record costs and how fast it is checked; prints one JSON line.

    make bench-audit                          everything it needs is started and stopped by it
    EVENTS=100000 LEAVES=1000000 make bench-audit     a smaller record

An embedded, durable PostgreSQL that nothing else uses, and the sealer as its own process.

- `actions_per_s`: CLIENTS processes, each in a loop of an action that does nothing but record an
  event: decision, transaction, recorder, commit. `posts_per_s`: the same with actions that insert a
  post and what is kept of its history first, by `bare_posts_per_s` without action and event.
- `seal_lag_p99_s` is measured while both act, and in a burst of 12,000 events in bulk, by an event
  now and then whose place in the tree is waited for; `unprotected_p99_s` until a witness (a file)
  had a checkpoint over it.
- `overhead`: the insert of a post as such an action against the same insert in a transaction
  without an event, one client, turn about.
- `verify_per_s`: EVENTS events, sealed and exported, through tools/verify_socialdesk.py as a
  program of its own; `verify_ratio` against canonical JSON and SHA-256 of the same three texts a
  line, and nothing else. `false_alarms` is what it found wrong with that record.
- `proof_ms` (p95), `proof_bytes`: the proof of one of these events in a tree of LEAVES leaves. What
  is no event of these is a leaf that SQL made up, with real nodes over all of them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

EVENTS = int(os.environ.get("EVENTS", "1000000"))
LEAVES = int(os.environ.get("LEAVES", "10000000"))
SECONDS = float(os.environ.get("SECONDS", "15"))
CLIENTS = 8
BURST = 12_000
TARGET = {
    "actions_per_s": 2_000,
    "overhead": 1.5,
    "seal_lag_p99_s": 2,
    "verify_per_s": 50_000,
    "verify_ratio": 0.4,
    "proof_bytes": 1_024,
    "proof_ms": 5,
}
VERIFIER = Path(__file__).parents[1] / "tools" / "verify_socialdesk.py"
Line = dict[str, Any]


@contextmanager
def installation() -> Iterator[Path]:
    """An empty one; Django is ready inside the block, and a sealer runs."""
    from socialdesk.launcher.keys import credential_key, record_key, secret_key
    from socialdesk.launcher.layout import Layout
    from socialdesk.launcher.services import Services

    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        services = Services(Layout(folder / "services"), {}, durable=True)
        services.start()
        os.environ |= services.urls | {
            "DJANGO_SETTINGS_MODULE": "socialdesk.settings",
            "SOCIALDESK_SECRET_KEY": secret_key(),
            "SOCIALDESK_CREDENTIAL_KEYS": credential_key(),
            "SOCIALDESK_RECORD_KEYS": record_key(),
            "SOCIALDESK_DATA_DIR": str(folder / "data"),
            "SOCIALDESK_WITNESSES": f"file:{folder / 'checkpoints'}",
            "SOCIALDESK_LOG_LEVEL": "ERROR",
        }
        try:
            import django

            django.setup()
            from django.core.management import call_command

            call_command("migrate", interactive=False, verbosity=0)
            yield folder
            from django.db import connection

            connection.close()
            connection.close_pool()
        finally:
            services.stop()


@contextmanager
def sealer() -> Iterator[None]:
    """The sealer's own process."""
    command = [sys.executable, "-m", "django", "audit_seal", "--keep-on"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


# --- writing --------------------------------------------------------------------------------------


def writing() -> dict[str, Any]:
    """What the clients do: record an event, insert a post and record that, insert a post."""
    from django.db import transaction

    from accounts.models import User
    from audit.actions import EVENTS as KNOWN
    from audit.actions import action, record
    from audit.actors import Actor
    from audit.services.reading import Allowed
    from scheduling.models import Post

    KNOWN["bench.done"] = "wrote a post"
    author = User.objects.get_or_create(email="bench@example.org", full_name="Bench")[0]
    actor = Actor.person(author, address="192.0.2.7")
    text = "The bridge at Hill Road is closed until noon. Use the ring road."

    @action("bench.done", needs=lambda *_: Allowed(True))
    def recorded(*, actor: Actor) -> None:
        record("bench.done", subject=author, post_id=5, data={"text": text, "accounts": [1, 2]})

    @action("bench.done", needs=lambda *_: Allowed(True))
    def audited(*, actor: Actor) -> None:
        post = Post.objects.create(author=author, text=text)
        record("bench.done", subject=post, post_id=post.pk, data={"text": text, "accounts": [1, 2]})

    def bare() -> None:
        with transaction.atomic():
            Post.objects.create(author=author, text=text)

    return {
        "recorded": lambda: recorded(actor=actor),
        "audited": lambda: audited(actor=actor),
        "bare": bare,
    }


def client(name: str, begin: Any, done: Any) -> None:
    """One of the clients: acts for SECONDS, from when all are ready, and says how often."""
    import django

    django.setup()
    logging.disable(logging.WARNING)
    act = writing()[name]
    act()
    begin.wait()
    until, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        act()
        count += 1
    done.put(count)


def act_at_once(name: str) -> tuple[float, list[float], list[float]]:
    """Acts a second of all clients together, and the lags of seal and witness meanwhile."""
    spawn = multiprocessing.get_context("spawn")
    begin, done = spawn.Barrier(CLIENTS + 1), spawn.Queue()
    clients = [spawn.Process(target=client, args=(name, begin, done)) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    begin.wait()
    with lags() as (seen, shown):
        total = sum(done.get() for _ in clients)
    for one in clients:
        one.join()
    return total / SECONDS, seen, shown


@contextmanager
def lags() -> Iterator[tuple[list[float], list[float]]]:
    """Seconds from the commit of an event to that of its place, and to when a witness had it, of
    one event after the other."""
    stop, seen, shown = Flag(), list[float](), list[float]()

    def look() -> None:
        from django.db import connection

        from audit.models import Event, Leaf, Witness

        act = writing()["recorded"]
        while not stop.is_set():
            act()
            began, number = time.monotonic(), Event.objects.latest("pk").pk
            while not Leaf.objects.filter(event_id=number).exists():
                time.sleep(0.02)
            seen.append(time.monotonic() - began)
            place = Leaf.objects.get(event_id=number).index
            while not Witness.objects.filter(size__gt=place).exists():
                time.sleep(0.02)
            shown.append(time.monotonic() - began)
        connection.close()

    thread = Thread(target=look)
    thread.start()
    try:
        yield seen, shown
    finally:
        stop.set()
        thread.join()


def burst() -> list[float]:
    """Lags of sealing while BURST events come in bulk, as three thousand posts make them."""
    from audit.actions import Line as Entry
    from audit.actions import action, record_many
    from audit.actors import Actor
    from audit.services.reading import Allowed

    writing()

    @action("bench.done", needs=lambda *_: Allowed(True))
    def many(*, actor: Actor) -> None:
        record_many("bench.done", [Entry(data={"number": n}) for n in range(100)])

    with lags() as (seen, _):
        for _ in range(BURST // 100):
            many(actor=Actor.worker("bench"))
            time.sleep(0.05)
    return seen


def overhead() -> float:
    """Median time of an audited insert, by that of the same insert without."""
    acts = writing()
    took: dict[str, list[float]] = {"audited": [], "bare": []}
    for number in range(1_200):
        for name, times in took.items():
            began = time.perf_counter()
            acts[name]()
            if number >= 200:
                times.append(time.perf_counter() - began)
    return statistics.median(took["audited"]) / statistics.median(took["bare"])


# --- checking -------------------------------------------------------------------------------------


def fill() -> None:
    """Events up to EVENTS, sealed."""
    from django.db import connection

    from audit.models import Event
    from audit.sealing import seal

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO audit_event (name, act, actor_kind, actor_id, actor_label, actor_via,
                address, correlation_id, subject_type, subject_id, subject_label, post_id,
                account_id, account_label, data, words)
            SELECT 'delivery.published', gen_random_uuid(), 'person', n %% 2000, 'Ana Reyes', '',
                '192.0.2.7', md5(n::text), 'scheduling.delivery', n::text,
                '“The bridge at Hill Road is closed” on Northmoor Fire', n / 4, n %% 300,
                'Northmoor Fire (Bluesky @fire.example)',
                jsonb_build_object('from', 'publishing', 'to', 'published', 'number', 1,
                    'permalink', 'https://social.example/@fire/' || n), ''
            FROM generate_series(1, %s) AS n
            """,
            [max(0, EVENTS - Event.objects.count())],
        )
    while (done := seal()) and done.more:
        pass


def check(folder: Path) -> Line:
    """The verifier's speed on an export, against the bare work on the same texts."""
    from audit.leaves import canonical
    from audit.models import Checkpoint
    from audit.proofs import SealedExport
    from audit.sealing import signing_keys
    from tests.factories import COMMAND

    export, seen = folder / "record.txt", folder / "seen.txt"
    seen.write_text(
        "\n".join(one.note for one in Checkpoint.objects.order_by("size")), encoding="utf-8"
    )
    with export.open("w", encoding="utf-8") as out:
        record = SealedExport(COMMAND)
        out.writelines(record.begin())
    words = ["record", str(export), "--key", str(signing_keys()[0].public)]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *words, "--witnessed", str(seen)],
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    rows = []
    with export.open(encoding="utf-8") as lines:
        for line in lines:
            texts = line.rstrip("\n").split("\t")[2:]
            if len(texts) == 3 and len(rows) < 50_000 and texts[1]:
                rows.append([json.loads(text) for text in texts])
    began = time.perf_counter()
    for row in rows:
        for value in row:
            hashlib.sha256(canonical(value)).digest()
    bare = len(rows) / (time.perf_counter() - began)
    return {
        "verified": record.count,
        "false_alarms": done.stdout.partition("PROVEN:")[0].count("\n"),
        "verifier_exit": done.returncode,
        "verify_per_s": round(record.count / took),
        "bare_per_s": round(bare),
        "verify_ratio": round(record.count / took / bare, 2),
    }


def prove() -> Line:
    """Time and size of the proof of an event in a tree of LEAVES leaves."""
    from django.db import connection

    from audit.models import Checkpoint, Leaf
    from audit.proofs import proof_of
    from audit.sealing import _sign
    from audit.tree import Tree

    real = Tree.whole().size
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_leaf (index, event_id, hash, who, what)"
            " SELECT n, -n, sha256(n::text::bytea), '', '' FROM generate_series(%s, %s) AS n",
            [real, LEAVES - 1],
        )
        tree = Tree(real // 65_536 * 65_536)
        cursor.execute("ALTER TABLE audit_node DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM audit_node WHERE level = 8 AND index >= %s", [tree.size >> 8])
        cursor.execute("ALTER TABLE audit_node ENABLE TRIGGER USER")
        for first in range(tree.size, LEAVES, 65_536):
            cursor.execute(
                "SELECT hash FROM audit_leaf WHERE index >= %s AND index < %s ORDER BY index",
                [first, min(first + 65_536, LEAVES)],
            )
            tree.grow([bytes(row[0]) for row in cursor.fetchall()])
            tree._rows.clear()
        cursor.execute("VACUUM (ANALYZE) audit_leaf")
    _sign(tree, Checkpoint.objects.all()[0].at)
    numbers = list(Leaf.objects.filter(event_id__gt=0).values_list("event_id", flat=True)[:200_000])
    took, sizes, cpu = list[float](), list[int](), time.process_time()
    for number in random.Random(1).sample(numbers, 210):
        began = time.perf_counter()
        proof = proof_of([number])
        took.append((time.perf_counter() - began) * 1000)
        sizes.append(len(proof["events"][0]["path"]))
    return {
        "leaves": tree.size,
        "proof_ms": round(statistics.quantiles(took[10:], n=20)[18], 1),
        "proof_p50_ms": round(statistics.median(took[10:]), 1),
        "proof_cpu_ms": round((time.process_time() - cpu) / len(took) * 1000, 1),
        "proof_bytes": max(sizes),
    }


def main() -> int:
    """Measure, print, and end with 0: the figures are for people to judge."""
    logging.disable(logging.WARNING)
    with installation() as folder:
        ratio = overhead()
        with sealer():
            rates, seen, shown = dict[str, float](), list[float](), list[float]()
            for name in ("recorded", "audited", "bare"):
                rates[name], lags_seen, lags_shown = act_at_once(name)
                seen, shown = seen + lags_seen, shown + lags_shown
            seen += burst()
        fill()
        checked = check(folder)
        proven = prove()
    line = {
        "benchmark": "audit",
        "actions_per_s": round(rates["recorded"]),
        "posts_per_s": round(rates["audited"]),
        "bare_posts_per_s": round(rates["bare"]),
        "overhead": round(ratio, 2),
        "seal_lag_p50_s": round(statistics.median(seen), 2),
        "seal_lag_p99_s": round(statistics.quantiles(seen, n=100, method="inclusive")[98], 2),
        "unprotected_p99_s": round(statistics.quantiles(shown, n=100, method="inclusive")[98], 2),
        **checked,
        **proven,
        "clients": CLIENTS,
        "target": TARGET,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
