"""Brings the database up to date; run as a program of its own: `prepare FILE [--ours]`.

FILE receives, as JSON, what `seed_demo --json` said. A database that somebody else made (no
`--ours`) is given demo data only while there is nobody in it. One process does all of it, because
loading Django takes longer than most of the steps.
"""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import django

from socialdesk.launcher.ready import why_not_alive

SANDBOX_SECONDS = 30.0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    steps = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not steps:
        return
    _say(f"Bringing the database up to date: {len(steps)} steps ...")
    began = time.monotonic()
    call_command("migrate", interactive=False, verbosity=0)
    _say(f"The database is up to date ({time.monotonic() - began:.1f} s).")


def _seed(result: Path, *, ours: bool) -> None:
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    if not settings.DEMO:
        return
    # A seeding that was cut short has left people but no file; it may simply be done again.
    if get_user_model().objects.exists() and (result.exists() or not ours):
        return
    result.unlink(missing_ok=True)
    _say("Filling in the demo data ...")
    began = time.monotonic()
    _wait_for_sandbox(settings.SANDBOX_URL)
    said = io.StringIO()
    call_command("seed_demo", json=True, stdout=said)
    with os.fdopen(os.open(result, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(said.getvalue())
    _say(f"The demo data is in place ({time.monotonic() - began:.1f} s).")


def _wait_for_sandbox(url: str) -> None:
    """It was started a moment ago; demo accounts are connected to it."""
    port = urlsplit(url).port
    until = time.monotonic() + SANDBOX_SECONDS
    while port and why_not_alive(port) and time.monotonic() < until:
        time.sleep(0.1)


def main() -> None:
    """Migrate, then seed."""
    django.setup()
    _migrate()
    _seed(Path(sys.argv[1]), ours="--ours" in sys.argv[2:])


if __name__ == "__main__":
    main()
