"""The Celery app. The request's id travels with every task into its logs and audit events."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "socialdesk.settings")

app = Celery("socialdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@worker_init.connect
def _be_ready(**_: Any) -> None:
    from platforms.registry import warm_up

    warm_up()


@worker_shutting_down.connect
def _begin_nothing_more(**_: Any) -> None:
    from scheduling.engine.publisher import publisher

    publisher.close()


@worker_ready.connect
def _watch(sender: Any, **_: Any) -> None:
    from operations.watching import watchman

    watchman.watch_from(sender.hostname)


@worker_shutdown.connect
def _watch_no_more(**_: Any) -> None:
    from operations.watching import watchman

    watchman.end()


@setup_logging.connect
def _use_django_logging(**_: Any) -> None:
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)
