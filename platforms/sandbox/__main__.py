"""`python -m platforms.sandbox`: run the practice network in the foreground."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from platforms.sandbox.database import DataDirectoryError
from platforms.sandbox.records import LOCAL_HOSTS
from platforms.sandbox.seed import seed
from platforms.sandbox.store import Store

PACKAGE = Path(__file__).resolve().parent


def main() -> None:
    """Exit codes: 0 stopped when asked to, 1 could not start, 2 wrong arguments."""
    asked = _arguments().parse_args()
    _check_port(asked.host, asked.port)
    try:
        store = Store(asked.data)
    except DataDirectoryError as error:
        sys.exit(f"sandbox: {error}")
    if asked.seed and seed(store):
        print("sandbox: demo people and posts were put in", file=sys.stderr)  # noqa: T201 - a command
    store.close()
    _become_server(asked)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m platforms.sandbox",
        description="Run the Sandbox, a small social network to practise on.",
    )
    parser.add_argument("--port", type=int, default=8001, help="port to listen on (8001)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--data", type=Path, required=True, help="directory for its data; made if missing"
    )
    parser.add_argument(
        "--seed", action="store_true", help="put demo people and posts into an empty network"
    )
    parser.add_argument(
        "--public-url", default="", help="what permalinks start with, if not the address asked for"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another host name to answer to, besides this machine's own (may be repeated)",
    )
    return parser


def _check_port(host: str, port: int) -> None:
    """Say in one line what gunicorn would say in a trace-back, and before touching any data."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        sys.exit(f"sandbox: cannot listen on {host} port {port}: {error}")


def _is_foreign(name: str) -> bool:
    """Socialdesk's own settings and secrets are none of another network's business."""
    return name.startswith(("SOCIALDESK_", "GUNICORN_", "DJANGO_")) or name in {
        "DATABASE_URL",
        "REDIS_URL",
    }


def _become_server(asked: argparse.Namespace) -> None:
    """Turn this process into gunicorn, so that signals and the pid mean the same thing."""
    shown = f"[{asked.host}]" if ":" in asked.host else asked.host
    hosts = dict.fromkeys([*LOCAL_HOSTS, shown, *asked.allow_host])
    environment = {
        **{name: value for name, value in os.environ.items() if not _is_foreign(name)},
        "SANDBOX_BIND": f"{shown}:{asked.port}",
        "SANDBOX_DATA": str(asked.data.resolve()),
        "SANDBOX_HOSTS": ",".join(hosts),
        "SANDBOX_PUBLIC_URL": asked.public_url,
    }
    print(f"sandbox: http://{shown}:{asked.port}", file=sys.stderr, flush=True)  # noqa: T201 - a command
    os.execve(  # noqa: S606 - our own interpreter, no shell
        sys.executable,
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--config",
            str(PACKAGE / "gunicorn_settings.py"),
            "--chdir",
            str(PACKAGE.parent.parent),
            "platforms.sandbox.wsgi:application()",
        ],
        environment,
    )


if __name__ == "__main__":
    main()
