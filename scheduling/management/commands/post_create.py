"""Write a post as a person, and send it on its way."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime

from django.urls import reverse

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report, find_account, find_person
from audit.actors import Actor
from scheduling.services.posts import post_create, post_send
from scheduling.times import due_from_local


class Command(DeskCommand):
    help = (
        "Write a post as a person. It is a draft unless --send is given; then it is scheduled "
        "where the person may do so, and sent for approval elsewhere, exactly as in the pages."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", help="what the post says")
        parser.add_argument(
            "--account", action="append", required=True, metavar="ACCOUNT",
            help="number, handle or platform:handle; may be given several times",
        )  # fmt: skip
        parser.add_argument("--as", dest="email", required=True, help="who writes: e-mail address")
        parser.add_argument(
            "--at",
            metavar="TIME",
            help="2026-11-24T09:00 in the first account's zone, or with +00:00",
        )
        parser.add_argument("--send", action="store_true", help="schedule, or send for approval")

    def act(self, given: Namespace) -> Report:
        accounts = [find_account(words) for words in given.account]
        actor = Actor.person(find_person(given.email), via=self.name)
        due = _moment(given.at, accounts[0].time_zone) if given.at else None
        post = post_create(actor=actor, text=given.text, accounts=accounts, due_at=due)
        if given.send:
            post_send(actor=actor, post=post)
        deliveries = [
            {"id": d.pk, "account": str(d.account), "state": d.state}
            for d in post.deliveries.select_related("account").order_by("pk")
        ]
        states = ", ".join(f"{d['account']}: {d['state']}" for d in deliveries)
        url = reverse("scheduling:post", args=[post.pk])
        return Report(
            f"Post {post.pk} ({url}): {states}",
            {"post": post.pk, "url": url, "due_at": due, "deliveries": deliveries},
        )


def _moment(text: str, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("--at", "Write the time like 2026-11-24T09:00.") from None
    if moment.tzinfo is not None:
        return moment
    try:
        return due_from_local(moment, zone)
    except Invalid as error:
        raise Invalid("--at", error.message) from None
