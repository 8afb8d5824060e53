"""`python -m socialdesk.launcher`: see --help."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time

from socialdesk.launcher import keys, processes
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import host_layout
from socialdesk.launcher.lock import exclusive
from socialdesk.launcher.serve import serve
from socialdesk.launcher.services import Services


def _services(_: argparse.Namespace) -> None:
    """Start PostgreSQL and Valkey, leave them running, print what a shell has to export."""
    layout = host_layout()
    with exclusive(layout):
        services = Services(layout, os.environ)
        services.start(detached=True)
    found = dict(services.urls)
    found["SOCIALDESK_SECRET_KEY"] = keys.kept(layout.secrets, "secret_key")
    found["SOCIALDESK_CREDENTIAL_KEYS"] = keys.kept(layout.secrets, "credential_keys")
    found["SOCIALDESK_RECORD_KEYS"] = keys.kept(layout.secrets, "record_keys")
    for name, value in found.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


def _stop(_: argparse.Namespace) -> None:
    """Stop the servers that `services` left running."""
    layout = host_layout()
    with exclusive(layout):
        Services(layout, {}).stop_all()


def _run(options: argparse.Namespace) -> None:
    """Start everything in the foreground; Ctrl-C stops it."""
    if options.end_with_parent:
        processes.end_with_parent()
    serve(host_layout(), options.port, options.since or time.time())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m socialdesk.launcher", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help=_run.__doc__, description=_run.__doc__)
    run.add_argument("--port", type=int, default=8000, help="of the page; the Sandbox has the next")
    run.add_argument("--since", type=float, help="when the start began, in seconds since 1970")
    run.add_argument("--end-with-parent", action="store_true", help="stop when `make` is killed")
    run.set_defaults(function=_run)
    for name, function in (("services", _services), ("stop", _stop)):
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(function=function)
    return parser


def main() -> int:
    """Run one command; 1 and a message on stderr when it cannot be done."""
    options = _parser().parse_args()
    try:
        options.function(options)
    except LauncherError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
