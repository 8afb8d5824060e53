"""All settings. What differs between installations comes from the environment (see env.py)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from csp.constants import NONCE, NONE, SELF
from kombu import Queue

from socialdesk.env import host_env
from socialdesk.logs import mask_paths
from socialdesk.storages import media_storage

env = host_env()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- what this installation is ---------------------------------------------------------------
DEBUG = env.flag("SOCIALDESK_DEBUG", False, "Developer mode: error pages with source. Never live.")
SECRET_KEY = env.text(
    "SOCIALDESK_SECRET_KEY", None, "Signs sessions and links: 50 or more random characters."
)
CREDENTIAL_KEYS = env.items(
    "SOCIALDESK_CREDENTIAL_KEYS",
    None,
    "Fernet keys that seal the accounts' credentials, newest first; old ones until rotated out. "
    "Make one with `make key`.",
)
RECORD_KEYS = env.items(
    "SOCIALDESK_RECORD_KEYS",
    None,
    "Keys that sign the record's checkpoints, as name:seed, newest first; two only while one takes "
    "over from the other. Make one with `make record-key`.",
)
WITNESSES = env.items(
    "SOCIALDESK_WITNESSES",
    (),
    "Where the record's checkpoints go outside of this server: file:/mnt/elsewhere/checkpoints, "
    "https://witness.example.org/…, mailto:records@example.org, "
    "s3://bucket/prefix?endpoint=https://…&region=…&days=3650; one or more.",
)
WITNESS_S3_ACCESS_KEY = env.text(
    "SOCIALDESK_WITNESS_S3_ACCESS_KEY",
    "",
    "For s3: witnesses. Empty: what the AWS libraries find by themselves, such as a role.",
)
WITNESS_S3_SECRET_KEY = env.text("SOCIALDESK_WITNESS_S3_SECRET_KEY", "", "The secret to it.")
WITNESS_MAIL_S = env.integer(
    "SOCIALDESK_WITNESS_MAIL_S", 3600, "Seconds between two checkpoints by e-mail.", at_least=60
)
FORWARD_TO = env.items(
    "SOCIALDESK_FORWARD_TO",
    (),
    "Where every event of the record is sent on to, in order and at least once: "
    "syslog+tls://siem.example.org:6514, syslog+tcp://…:601, https://collector.example.org/…; "
    "one or more.",
)
FORWARD_AUTHORIZATION = env.text(
    "SOCIALDESK_FORWARD_AUTHORIZATION",
    "",
    "The Authorization header for https: places, such as `Bearer …` or `Splunk …`.",
)
FORWARD_CA = env.text(
    "SOCIALDESK_FORWARD_CA",
    "",
    "A file of certificates (PEM) to trust for syslog+tls instead of the system's.",
)
FORWARD_CERTIFICATE = env.text(
    "SOCIALDESK_FORWARD_CERTIFICATE",
    "",
    "The file (PEM) of the certificate that syslog+tls shows a receiver which asks for one, with "
    "those between it and its authority.",
)
FORWARD_KEY = env.text(
    "SOCIALDESK_FORWARD_KEY",
    "",
    "The file (PEM) of its private key, without a password. Empty: it is in the certificate's.",
)
ORGANISATION = env.text("SOCIALDESK_ORGANISATION", "Your organisation", "The name on every page.")
BASE_URL = env.text(
    "SOCIALDESK_BASE_URL", "http://127.0.0.1:8000", "The address people open, no slash at the end."
).rstrip("/")
ALLOWED_HOSTS = env.items(
    "SOCIALDESK_ALLOWED_HOSTS",
    (urlsplit(BASE_URL).hostname or "127.0.0.1",),
    "Host names the site answers to.",
    shown="the host of SOCIALDESK_BASE_URL",
)
DATA_DIR = Path(
    env.text(
        "SOCIALDESK_DATA_DIR",
        str(BASE_DIR / "var"),
        "Uploads and local state.",
        shown="var/ beside manage.py",
    )
)
TIME_ZONE = env.text("SOCIALDESK_TIME_ZONE", "Europe/London", "Zone of people who chose none.")
DEMO = env.flag("SOCIALDESK_DEMO", False, "Fill an empty installation with the demo (`make run`).")

# --- people ------------------------------------------------------------------------------------
REQUIRE_MFA = env.flag(
    "SOCIALDESK_REQUIRE_MFA", True, "Nobody may do anything before multi-factor sign-in is set up."
)
DORMANT_DAYS = env.integer(
    "SOCIALDESK_DORMANT_DAYS",
    90,
    "Days without a post and without anybody's doing after which an account is called dormant.",
    at_least=1,
)
INVITATION_DAYS = env.integer(
    "SOCIALDESK_INVITATION_DAYS", 7, "Days an invitation link is good for.", at_least=1
)

# --- the outside networks ----------------------------------------------------------------------
ALLOW_PRIVATE_HOSTS = frozenset(
    env.items(
        "SOCIALDESK_ALLOW_PRIVATE_HOSTS",
        (),
        "host:port pairs of platforms that may be on a private or loopback address.",
    )
)
OUTGOING_PROXY = env.proxy(
    "SOCIALDESK_OUTGOING_PROXY",
    "Proxy through which platforms are reached: http://host:port, http://user:password@host:port. "
    "Hosts of SOCIALDESK_ALLOW_PRIVATE_HOSTS are reached without it.",
)
SANDBOX_URL = env.text("SOCIALDESK_SANDBOX_URL", "", "Address of the Sandbox network, if it runs.")
# Read by platforms/hosts.py and platforms/x.py themselves, which know no Django; checked here.
for _name, _whose in (
    ("X_API_BASE_URL", "X's API"),
    ("GRAPH_API_BASE_URL", "the Graph API (Facebook Pages and Instagram)"),
    ("THREADS_API_BASE_URL", "Threads' API"),
    ("LINKEDIN_API_BASE_URL", "LinkedIn's API"),
):
    env.text(_name, "", f"Another server for {_whose}: a gateway of your own, or one for tests.")
env.integer(
    "X_MONTHLY_POSTS",
    3_000,
    "Posts on X that are paid for in 30 days, over all accounts.",
    at_least=1,
)
env.integer(
    "X_MONTHLY_READS",
    10_000,
    "Posts read from X that are paid for in 30 days; in a day at most a tenth of them.",
    at_least=1,
)
OVERDUE_GRACE_S = env.integer(
    "SOCIALDESK_OVERDUE_GRACE_S", 900, "Seconds late after which a delivery is held for a person."
)
PUBLISH_LEASE_S = env.integer(
    "SOCIALDESK_PUBLISH_LEASE_S",
    8,
    "Seconds without a sign of life after which a worker that was sending counts as dead.",
    at_least=2,
)
REQUEST_TIMEOUT_S = env.integer(
    "SOCIALDESK_REQUEST_TIMEOUT_S",
    30,
    "Seconds one request to a platform may take in all.",
    at_least=1,
)
POLL_MIN_S = env.integer(
    "SOCIALDESK_POLL_MIN_S", 5, "Shortest pause between two polls of an account.", at_least=1
)
POLL_MAX_S = env.integer(
    "SOCIALDESK_POLL_MAX_S", 120, "Longest pause between two polls of an account.", at_least=5
)
UPLOAD_MAX_BYTES = env.integer(
    "SOCIALDESK_UPLOAD_MAX_BYTES", 20_000_000, "Largest picture a person may upload."
)
UPLOAD_MAX_PIXELS = env.integer(
    "SOCIALDESK_UPLOAD_MAX_PIXELS", 60_000_000, "Most pixels a picture may decode to."
)
VIDEO_MAX_BYTES = env.integer(
    "SOCIALDESK_VIDEO_MAX_BYTES",
    200_000_000,
    "Largest video a person may upload. A worker that sends one has all of it in memory.",
)
CLAMD = env.text(
    "SOCIALDESK_CLAMD",
    "",
    "The clamd that checks uploads: tcp://127.0.0.1:3310 or unix:///run/clamav/clamd.ctl; empty: "
    "they are not checked. While it does not answer nothing can be uploaded.",
)

# --- watching over it --------------------------------------------------------------------------
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

# --- servers -----------------------------------------------------------------------------------
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
LOG_JSON = env.flag(
    "SOCIALDESK_LOG_JSON",
    not DEBUG,
    "One JSON object a log line.",
    shown="yes, unless SOCIALDESK_DEBUG",
)
LOG_LEVEL = env.text("SOCIALDESK_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR.")

# --- Django ------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "socialdesk",
    "accounts",
    "scheduling",
    "mentions",
    "operations",
    "audit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "guardian",
    "simple_history",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "socialdesk.middleware.LogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "socialdesk.middleware.DeskMiddleware",
    "socialdesk.middleware.NulMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "socialdesk.urls"
WSGI_APPLICATION = "socialdesk.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "socialdesk.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
USE_I18N = True
USE_TZ = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "dist"] if (BASE_DIR / "frontend/dist").exists() else []
MEDIA_ROOT = DATA_DIR / "media"
EXPORTS_DIR = DATA_DIR / "exports"  # of the record; no address leads into it
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
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
FILE_UPLOAD_HANDLERS = [
    "socialdesk.uploads.Bounded",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- who is let in -------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
# Rights are read by accounts.policy alone: guardian stores them and decides nothing.
# An e-mail address is unique whatever its case, by a constraint that the second check overlooks.
SILENCED_SYSTEM_CHECKS = ["guardian.W001", "auth.W004"]
GUARDIAN_MONKEY_PATCH_USER = GUARDIAN_MONKEY_PATCH_GROUP = False
ANONYMOUS_USER_NAME = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
ACCOUNT_ADAPTER = "accounts.adapter.DeskAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # an address is proven by the invitation link sent to it
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_ADAPTER = "accounts.adapter.DeskMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
MFA_TOTP_ISSUER = f"Socialdesk {ORGANISATION}"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.adapter.tried_address"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_CLIENT_IP_CALLABLE = "socialdesk.middleware.client_address"
AXES_ENABLE_ADMIN = False

# --- what a browser is told -----------------------------------------------------------------------
_secure = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_AGE = (
    env.integer(
        "SOCIALDESK_SESSION_HOURS", 12, "Hours after which a person signs in again.", at_least=1
    )
    * 3600
)
SESSION_COOKIE_NAME = "socialdesk_session"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_SSL_REDIRECT = _secure
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _secure
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

# --- Celery: a message is a hint that there may be work; the database is the schedule -------------
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
    "poll": {"task": "mentions.dispatch_polls", "schedule": 1.0, "options": {"expires": 5}},
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

env.refuse_unknown()
