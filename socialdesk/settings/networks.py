"""The outside networks: how they are reached, how often, and what is taken to them."""

from __future__ import annotations

from socialdesk.settings.installation import env

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
    ("PLC_BASE_URL", "the directory of Bluesky accounts (plc.directory)"),
    ("BLUESKY_HANDLES_BASE_URL", "Bluesky's lookup of handles (public.api.bsky.app)"),
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
