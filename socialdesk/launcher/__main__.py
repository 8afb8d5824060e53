"""`python -m socialdesk.launcher`: see --help."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from socialdesk.launcher import keys
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import host_layout
from socialdesk.launcher.services import Services, exclusive


def _services(_: argparse.Namespace) -> None:
    """Start PostgreSQL and Valkey, leave them running, print what a shell has to export."""
    layout = host_layout()
    with exclusive(layout):
        services = Services(layout, os.environ)
        services.start(detached=True)
    found = dict(services.urls)
    found["SOCIALDESK_SECRET_KEY"] = keys.kept(layout.secrets, "secret_key")
    found["SOCIALDESK_CREDENTIAL_KEYS"] = keys.kept(layout.secrets, "credential_keys")
    for name, value in found.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


def _stop(_: argparse.Namespace) -> None:
    """Stop the servers that `services` left running."""
    layout = host_layout()
    with exclusive(layout):
        Services(layout, {}).stop_all()


def _key(_: argparse.Namespace) -> None:
    """Print a new key for SOCIALDESK_CREDENTIAL_KEYS."""
    sys.stdout.write(keys.credential_key() + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m socialdesk.launcher", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function in (("services", _services), ("stop", _stop), ("key", _key)):
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
