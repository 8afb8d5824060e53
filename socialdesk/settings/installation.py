"""What this installation is: its keys, name, address and place, and its rules for people."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from socialdesk.env import host_env

env = host_env()
BASE_DIR = Path(__file__).resolve().parents[2]

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
