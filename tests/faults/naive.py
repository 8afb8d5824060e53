"""The control: an engine as it is often built, which must fail where ours has to pass.

A post is a Celery task with an ETA; a failure is tried again by Celery; the broker's memory is the
schedule. Nothing here is bad style: it is what the documentation of the parts suggests.

    celery -A tests.faults.naive:app worker
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from celery import Celery

from platforms.contract import Connection, NetworkPolicy, Outgoing, StepsInMemory
from platforms.registry import open_adapter
from tests.faults import adapters
from tests.faults.networks import TIMEOUT_S

VISIBILITY_S = 5
"""Celery's default is an hour, and posts are planned days ahead; here both are seconds."""

adapters.register()
app = Celery("naive", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_default_queue="naive",
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_S,
        # Without these a killed worker's tasks wait 100 s before they are given to another.
        "unacked_restore_throttle": 1,
        "unacked_restore_interval": 2,
    },
)


@app.task(bind=True, max_retries=3, name="naive.send")
def send(self: Any, platform: str, base_url: str, token: str, key: str, text: str) -> None:
    """Send one post, and again when that went wrong."""
    network = NetworkPolicy(
        private_hosts=frozenset(json.loads(os.environ["NAIVE_HOSTS"])),
        read_timeout_s=TIMEOUT_S,
        total_timeout_s=TIMEOUT_S,
    )
    adapter = open_adapter(
        platform, Connection("", base_url, token), network=network, remember=lambda _: None
    )
    post = Outgoing(key=key, text=text, created_at=datetime.now(UTC))
    try:
        adapter.publish(post, steps=StepsInMemory())
    except Exception as error:
        raise self.retry(exc=error, countdown=1) from error
