"""Fill an empty installation with the Northmoor demo and say the sign-ins."""

from __future__ import annotations

from argparse import Namespace

from accounts.management.base import DeskCommand, Report
from socialdesk.demo import seed


class Command(DeskCommand):
    help = (
        "Fill an empty installation with the Northmoor demo on the Sandbox. An installation that "
        "has people is left as it is. Prints the demo sign-ins."
    )

    def act(self, given: Namespace) -> Report:
        sign_ins = seed()
        lines = [f"{s['email']}  {s['password']}  {s['title']}" for s in sign_ins]
        return Report("\n".join(lines), {"sign_ins": sign_ins})
