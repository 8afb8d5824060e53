"""Invite a person."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from accounts.management.base import DeskCommand, Report, find_team
from accounts.services.people import ROLES, user_invite

_NAMES = {role.removeprefix("is_"): role for role in ROLES}


class Command(DeskCommand):
    help = "Invite a person: sends the link by e-mail and prints it. The first one is made so."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="where the link goes; the person signs in with it")
        parser.add_argument("--name", required=True, help="the person's full name")
        parser.add_argument(
            "--role", action="append", default=[], choices=_NAMES, help="may be repeated"
        )
        parser.add_argument(
            "--team", action="append", default=[], metavar="NAME", help="may be repeated"
        )
        parser.add_argument(
            "--no-email", action="store_true", help="only print the link, send nothing"
        )

    def act(self, given: Namespace) -> Report:
        invitation, link = user_invite(
            actor=self.actor,
            email=given.email,
            full_name=given.name,
            roles=[_NAMES[r] for r in given.role],
            teams=[find_team(t) for t in given.team],
            send=not given.no_email,
        )
        data = {
            "email": invitation.email,
            "link": link,
            "expires_at": invitation.expires_at.isoformat(),
        }
        text = f"{invitation.email} may join until {invitation.expires_at:%d %B %Y}:\n{link}"
        return Report(text, data)
