"""How long the server works on each page of the demo data; prints one JSON line.

    make bench-pages            everything it needs is started and stopped by the command

Each page is asked for REQUESTS times, as the person with most to see there, over an embedded
PostgreSQL and Valkey that nothing else uses. Times are those of the whole request inside the
process: middleware, view, queries, template. The network and gunicorn are not in them.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REQUESTS = int(os.environ.get("REQUESTS", "50"))
WARM = 5
TARGET_MS = 100
TARGET_QUERIES = 12
PAGES = {
    "calendar": ("officer", "/calendar/"),
    "inbox": ("contributor", "/inbox/"),
    "compose": ("officer", "/posts/new/"),
    "approvals": ("supervisor", "/approvals/"),
    "record": ("auditor", "/record/"),
}


@contextmanager
def northmoor() -> Iterator[None]:
    """The demo installation, set up from nothing; Django is ready inside the block."""
    from socialdesk.launcher.keys import credential_key, record_key, secret_key
    from socialdesk.launcher.layout import Layout
    from socialdesk.launcher.services import Services
    from tests.platforms.sandbox_network import running_sandbox

    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        services = Services(Layout(folder / "services"), {}, durable=True)
        services.start()
        try:
            with running_sandbox(folder / "sandbox", "--seed") as sandbox:
                os.environ |= services.urls | {
                    "DJANGO_SETTINGS_MODULE": "socialdesk.settings",
                    "SOCIALDESK_SECRET_KEY": secret_key(),
                    "SOCIALDESK_CREDENTIAL_KEYS": credential_key(),
                    "SOCIALDESK_RECORD_KEYS": record_key(),
                    "SOCIALDESK_DATA_DIR": str(folder / "data"),
                    "SOCIALDESK_REQUIRE_MFA": "no",
                    "SOCIALDESK_ALLOWED_HOSTS": "testserver",
                    "SOCIALDESK_SANDBOX_URL": sandbox.url,
                    "SOCIALDESK_ALLOW_PRIVATE_HOSTS": sandbox.url.removeprefix("http://"),
                    "SOCIALDESK_LOG_LEVEL": "ERROR",
                }
                _fill()
                yield
                _let_go()
        finally:
            services.stop()


def _fill() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from socialdesk import demo

    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", interactive=False, verbosity=0)
    demo.seed()


def _let_go() -> None:
    from django.db import connection

    connection.close()
    connection.close_pool()


def measure(key: str, path: str) -> dict[str, Any]:
    """Milliseconds and queries of one page, asked for by one person."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User

    client = Client()
    user = User.objects.get(email=f"{key}@northmoor.example")
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    took = []
    for number in range(WARM + REQUESTS):
        began = time.perf_counter()
        answer = client.get(path)
        if number >= WARM:
            took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answers {answer.status_code}")
    with CaptureQueriesContext(connection) as questions:
        client.get(path)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return {
        "path": path,
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "max_ms": round(max(took), 1),
        "queries": len(questions),
    }


def main() -> int:
    """Measure, print, and end with 0: the figures are for people to judge."""
    logging.disable(logging.WARNING)
    with northmoor():
        pages = {name: measure(key, path) for name, (key, path) in PAGES.items()}
    line = {
        "benchmark": "pages",
        "data": "demo",
        "requests": REQUESTS,
        "target": {"p95_ms": TARGET_MS, "queries": TARGET_QUERIES},
        "pages": pages,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
