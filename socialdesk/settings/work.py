"""Celery: a message is a hint that there may be work; the database is the schedule."""

from __future__ import annotations

from kombu import Queue

from socialdesk.settings.servers import REDIS_URL

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    # Without these a killed worker's tasks wait 100 s before they are given to another.
    "unacked_restore_throttle": 1,
    "unacked_restore_interval": 2,
}
CELERY_TASK_SOFT_TIME_LIMIT = None  # thread pools know no time limits; requests have their own
CELERY_TIMEZONE = "UTC"
# Alerts have a queue of their own: a webhook that hangs keeps no post waiting.
CELERY_TASK_QUEUES = [Queue("celery"), Queue("publish"), Queue("alerts")]
CELERY_TASK_ROUTES = {
    "scheduling.dispatch_due": {"queue": "publish"},
    "operations.*": {"queue": "alerts"},
}
CELERY_BEAT_SCHEDULER = "operations.clock:Clock"
CELERY_BEAT_SCHEDULE = {
    "dispatch-due": {"task": "scheduling.dispatch_due", "schedule": 1.0, "options": {"expires": 5}},
    "prepare": {"task": "scheduling.prepare_soon", "schedule": 5.0, "options": {"expires": 10}},
    "reconcile": {
        "task": "scheduling.reconcile_unknown",
        "schedule": 2.0,
        "options": {"expires": 5},
    },
    "corrections": {
        "task": "scheduling.send_corrections",
        "schedule": 2.0,
        "options": {"expires": 5},
    },
    "poll": {"task": "mentions.dispatch_polls", "schedule": 1.0, "options": {"expires": 5}},
    "moderate": {
        "task": "mentions.dispatch_moderations",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "account-health": {
        "task": "accounts.check_due_accounts",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "renew-tokens": {
        "task": "accounts.renew_tokens",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "revoke-tokens": {
        "task": "accounts.revoke_tokens",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "conditions": {
        "task": "accounts.keep_conditions",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "rights": {"task": "scheduling.watch_rights", "schedule": 60.0, "options": {"expires": 60}},
    "uploads": {
        "task": "scheduling.discard_uploads",
        "schedule": 3_600.0,
        "options": {"expires": 600},
    },
    "reviews": {"task": "accounts.end_reviews", "schedule": 60.0, "options": {"expires": 60}},
    "authorisations": {
        "task": "accounts.forget_authorisations",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "exports": {"task": "audit.write_exports", "schedule": 2.0, "options": {"expires": 5}},
    "use": {"task": "accounts.note_use", "schedule": 600.0, "options": {"expires": 300}},
    "alerts": {"task": "operations.send_alerts", "schedule": 5.0, "options": {"expires": 10}},
}
