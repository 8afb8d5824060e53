#!/usr/bin/env python
"""Django's command line. Beside a `make run` it works on that one's database."""

import os
import sys

from socialdesk.launcher.environment import use_running


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "socialdesk.settings")
    use_running(os.environ)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
