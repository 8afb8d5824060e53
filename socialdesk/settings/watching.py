"""Watching over it: metrics, alerts and logs."""

from __future__ import annotations

import sys
from typing import Any

import structlog

from socialdesk.logs import mask_paths
from socialdesk.settings.installation import DEBUG, env

METRICS_TOKEN = env.text(
    "SOCIALDESK_METRICS_TOKEN",
    "",
    "Bearer token that /metrics asks for; empty: there is no such page.",
)
ALERT_EMAILS = env.items(
    "SOCIALDESK_ALERT_EMAILS", (), "Addresses that get every alert, beside those set on the page."
)
ALERT_BACKLOG_S = env.integer(
    "SOCIALDESK_ALERT_BACKLOG_S",
    60,
    "Seconds for which something may be due, or the clock silent, before people are alerted.",
    at_least=10,
)
LOG_JSON = env.flag(
    "SOCIALDESK_LOG_JSON",
    not DEBUG,
    "One JSON object a log line.",
    shown="yes, unless SOCIALDESK_DEBUG",
)
LOG_LEVEL = env.text("SOCIALDESK_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR.")

# --- logs ------------------------------------------------------------------------------------
_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "desk": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Where it failed, and never with what its variables held: one may be a secret.
                structlog.processors.format_exc_info,
                mask_paths,
                structlog.processors.JSONRenderer()
                if LOG_JSON
                else structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
                ),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "desk"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # These log whole addresses, and an address may hold a token.
        "urllib3": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # The clock ticks every second; that a tick found nothing to do is not worth five lines.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "django_structlog.celery": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        *_shared,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
