"""Exports of a long record: memory, speed, death on the way, and the proof; prints one JSON line.

    make bench-export                                  a million events in each format
    EVENTS=200000 FORMATS=csv,xlsx make bench-export   fewer

An embedded, durable PostgreSQL that nothing else uses, with EVENTS sealed events. For each format
two exports, of a tenth of them and of all, each written by processes of their own that do what a
worker does. `rss_mb` is the most memory such a process held, `ratio` how much more of it ten times
the events took. The process of the large export is killed (SIGKILL) once in each stage, and another
goes on when the lease has run out; `killed` says in which. `per_s`: events a second of processor
and disk, without the waiting. The verifier checks the proof of the large one, and `same` says
whether its file has the hash that the proof names.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import signal
import subprocess
import sys
import time
from hashlib import file_digest
from pathlib import Path
from typing import Any

from benchmarks.audit import EVENTS, VERIFIER, fill, installation
from benchmarks.record_page import say

FORMATS = os.environ.get("FORMATS", "csv,json,xlsx,pdf").split(",")
PROOF_OF = os.environ.get("PROOF_OF", "csv")
"""The format whose proof is given to the verifier; it is the same for all."""
Line = dict[str, Any]


def worker(export_id: str) -> None:
    """What a worker does for an export, until it is done."""
    import django

    django.setup()
    logging.disable(logging.WARNING)
    from audit.exports.work import claim, work
    from audit.models import RecordExport
    from audit.sealing import seal
    from audit.tasks import right_of

    while RecordExport.objects.get(pk=export_id).is_working:
        export = claim()
        if export is None:
            time.sleep(0.2)
            continue
        until = time.monotonic() + 10
        work(export, right_of, lambda until=until: time.monotonic() < until)
        seal()


def measure(format: str, events: int, *, kill: bool) -> Line:
    """One export of the newest `events`."""
    from accounts.models import User
    from audit.actors import Actor
    from audit.exports.files import NAMES, PROOF, kind_of
    from audit.exports.store import Store
    from audit.models import Event, RecordExport, Stage
    from audit.selectors.events import Filters, Scope
    from audit.services.handing import export_begin
    from scheduling.selectors.story import posts_on

    user, _ = User.objects.get_or_create(
        email="auditor@bench.example", full_name="Auditor", is_auditor=True
    )
    asked = Filters(action="delivery.published")
    if events < EVENTS:
        found = Event.objects.filter(name="delivery.published").order_by("-occurred_at", "-id")
        asked = Filters(action="delivery.published", since=found[events - 1].occurred_at)
    export = export_begin(
        actor=Actor.person(user),
        scope=Scope(posts_on, account_ids=None),
        filters=asked,
        query="",
        format=format,
    )
    command = [sys.executable, "-m", "benchmarks.export", "--worker", str(export.pk)]
    stages = [Stage.READING, Stage.WRITING, Stage.PROVING] if kill else []
    killed, spent, most, began = list[str](), 0.0, 0.0, time.monotonic()
    while True:
        with subprocess.Popen(command) as process:
            while process.poll() is None:
                time.sleep(0.1)
                most = max(most, _memory_mb(process.pid))
                export.refresh_from_db()
                if stages and export.stage == stages[0] and _has_begun(export):
                    process.send_signal(signal.SIGKILL)
                    killed.append(str(stages.pop(0)))
                    break
            process.wait()
        spent += time.monotonic() - began
        if process.returncode == 0:
            break
        if process.returncode != -signal.SIGKILL:
            raise SystemExit(f"a worker ended with {process.returncode}")
        # The lease of the dead runs out in half a minute; here it is not waited for.
        RecordExport.objects.update(lease_until=None)
        began = time.monotonic()
    export.refresh_from_db()
    path = Store(export).folder / NAMES[kind_of(export)]
    with path.open("rb") as whole:
        same = file_digest(whole, "sha256").hexdigest() == export.sha256
    line = {
        "events": export.count,
        "stage": export.stage,
        "rss_mb": round(most),
        "per_s": round(export.count / spent),
        "mb": round(export.size / 1e6, 1),
        "killed": killed,
        "same": same,
    }
    if kill and format == PROOF_OF:
        line |= check(Store(export).folder / PROOF)
    say(f"{format}: {line}")
    Store(export).remove()
    return line


def _memory_mb(pid: int) -> float:
    """The most memory a process has held so far (VmHWM: that of its parent is not in it)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0  # it has ended meanwhile
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _has_begun(export: Any) -> bool:
    """Whether some of a stage's work is done and some is left."""
    from audit.models import Stage

    done = {
        Stage.READING: export.parts,
        Stage.WRITING: export.written,
        Stage.PROVING: export.proven,
    }
    return done[Stage(export.stage)] >= 3


def check(proof: Path) -> Line:
    """What the verifier says of a proof, and in how many seconds."""
    from audit.sealing import signing_keys

    key = str(signing_keys()[0].public)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), "proof", str(proof), "--key", key],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "verifier_exit": done.returncode,
        "verified": next(iter(re.findall(r"^(\d+) events were recorded", done.stdout, re.M)), "0"),
        "verify_s": round(time.monotonic() - began),
        "proof_mb": round(proof.stat().st_size / 1e6, 1),
    }


def main() -> int:
    """Measure, print, and end with 0: the figures are for people to judge."""
    logging.disable(logging.WARNING)
    os.environ["SOCIALDESK_REQUIRE_MFA"] = "no"
    with installation():
        began = time.monotonic()
        fill()
        say(f"{EVENTS} events are sealed after {time.monotonic() - began:.0f} s")
        formats = {}
        for format in FORMATS:
            small = measure(format, EVENTS // 10, kill=False)
            large = measure(format, EVENTS, kill=True)
            ratio = round(large["rss_mb"] / small["rss_mb"], 2)
            formats[format] = {"small": small, "large": large, "ratio": ratio}
    line = {
        "benchmark": "export",
        "events": EVENTS,
        "rss_ratio": max(one["ratio"] for one in formats.values()),
        "rss_mb": max(one["large"]["rss_mb"] for one in formats.values()),
        "formats": formats,
        "target": {"rss_ratio": 1.2},
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2])
        sys.exit(0)
    sys.exit(main())
