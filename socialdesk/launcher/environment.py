"""The environment that the programs of one installation run in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping

from socialdesk.launcher import keys, ports
from socialdesk.launcher.layout import Layout, host_layout

# What a first try wants and a live installation must not: nobody can be asked for a second factor
# by accounts whose passwords the terminal has just printed, and the logs are for a person to read.
_TRIAL = {
    "SOCIALDESK_DEMO": "yes",
    "SOCIALDESK_ORGANISATION": "Northmoor",
    "SOCIALDESK_REQUIRE_MFA": "no",
    "SOCIALDESK_LOG_JSON": "no",
    "SOCIALDESK_ALLOWED_HOSTS": "127.0.0.1,localhost",
}


def is_given(env: Mapping[str, str], name: str) -> bool:
    """Whether `env` has `name`, directly or as a file."""
    return bool(env.get(name) or env.get(f"{name}_FILE"))


def program_environment(
    layout: Layout, given: Mapping[str, str], urls: Mapping[str, str], port: int
) -> dict[str, str]:
    """`given` and what is missing in it: addresses, kept secrets, the Sandbox beside the page."""
    env = {**given, **urls, "SOCIALDESK_DATA_DIR": str(layout.root)}
    sandbox = f"{ports.LOOPBACK}:{port + 1}"
    missing = {
        **_TRIAL,
        "SOCIALDESK_SECRET_KEY": keys.kept(layout.secrets, "secret_key"),
        "SOCIALDESK_CREDENTIAL_KEYS": keys.kept(layout.secrets, "credential_keys"),
        "SOCIALDESK_RECORD_KEYS": keys.kept(layout.secrets, "record_keys"),
        "SOCIALDESK_BASE_URL": f"http://{ports.LOOPBACK}:{port}",
        "SOCIALDESK_SANDBOX_URL": f"http://{sandbox}",
    }
    env |= {name: value for name, value in missing.items() if not is_given(env, name)}
    if not env.get("SOCIALDESK_ALLOW_PRIVATE_HOSTS_FILE"):
        hosts = [item for item in env.get("SOCIALDESK_ALLOW_PRIVATE_HOSTS", "").split(",") if item]
        env["SOCIALDESK_ALLOW_PRIVATE_HOSTS"] = ",".join(dict.fromkeys([*hosts, sandbox]))
    env["DJANGO_SETTINGS_MODULE"] = "socialdesk.settings"
    env["PYTHONUNBUFFERED"] = "1"
    # Celery's warning is about pickled messages, which the settings do not accept.
    env["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser"
    return env


def is_demo(env: Mapping[str, str]) -> bool:
    """Whether the demo data is wanted; anything else than a clear yes is a no."""
    return env.get("SOCIALDESK_DEMO", "").lower() in {"1", "true", "yes", "on"}


def remember(layout: Layout, env: Mapping[str, str]) -> None:
    """Keep the settings of a running installation, for commands given in another window."""
    names = {"DATABASE_URL", "REDIS_URL"}
    kept = {k: v for k, v in env.items() if k in names or k.startswith("SOCIALDESK_")}
    path = layout.run / "environment.json"
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(kept, file)
    part.replace(path)


def forget(layout: Layout) -> None:
    """The installation does not run any more."""
    (layout.run / "environment.json").unlink(missing_ok=True)


def use_running(env: MutableMapping[str, str]) -> None:
    """Take the settings of a `make run` in another window, where `env` names no database itself."""
    if is_given(env, "DATABASE_URL"):
        return
    try:
        text = (host_layout().run / "environment.json").read_text(encoding="utf-8")
    except OSError:
        return
    for name, value in json.loads(text).items():
        if not is_given(env, name):
            env[name] = value
