"""What Socialdesk stands on: database, Valkey or Redis, mail, the store of uploads, proxies."""

from __future__ import annotations

from urllib.parse import urlsplit

from socialdesk.settings.installation import DATA_DIR, DEBUG, env
from socialdesk.storages import media_storage

DATABASES = {
    "default": {
        **env.database("DATABASE_URL", "postgresql://user:password@host:5432/name"),
        "ATOMIC_REQUESTS": False,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASE_POOL = env.integer(
    "SOCIALDESK_DATABASE_POOL", 20, "Most database connections of one process; 0: no pool."
)
if DATABASE_POOL:
    DATABASES["default"]["OPTIONS"] |= {  # type: ignore[operator]  # a dict by construction
        "pool": {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 10}
    }
# Only what goes through audit.database can be prepared.
DATABASE_PREPARE = env.flag(
    "SOCIALDESK_DATABASE_PREPARE",
    True,
    "Have the server keep the plans of what is asked most, who may do what and the writing of an "
    "event, for each connection. `no` behind a pooler that shares connections out by transaction "
    "and does not know prepared statements (PgBouncer before 1.21).",
)
DATABASES["default"]["OPTIONS"] |= {  # type: ignore[operator]  # a dict by construction
    "prepare_threshold": 2 if DATABASE_PREPARE else None
}
REDIS_URL = env.text("REDIS_URL", None, "redis://:password@host:6379/0")
CACHES = {
    "default": {
        "BACKEND": "socialdesk.cache.ForgetfulCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}

EMAIL_URL = env.text(
    "EMAIL_URL", "", "smtp://user:password@host:587 or smtps://…; empty: e-mails go to the log."
)
_mail = urlsplit(EMAIL_URL)
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if EMAIL_URL
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or 587
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.username or "", _mail.password or ""
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp"
DEFAULT_FROM_EMAIL = env.text(
    "SOCIALDESK_MAIL_FROM", "socialdesk@localhost", "Sender of the e-mails."
)
PROXIES = env.integer(
    "SOCIALDESK_PROXIES", 0, "Trusted proxies in front that add to X-Forwarded-For."
)
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": media_storage(
        env.text(
            "SOCIALDESK_MEDIA_STORAGE",
            "",
            "Where uploads lie: s3://bucket/prefix?endpoint=https://…&region=…; empty: in "
            "SOCIALDESK_DATA_DIR.",
        ),
        env.text(
            "SOCIALDESK_MEDIA_S3_ACCESS_KEY",
            "",
            "For that bucket. Empty: what the AWS libraries find by themselves, such as a role.",
        ),
        env.text("SOCIALDESK_MEDIA_S3_SECRET_KEY", "", "The secret to it."),
    ),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
