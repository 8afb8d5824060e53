"""Publish what is due, here and now, without workers; or say what would go out."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from django.utils import timezone

from accounts.management.base import DeskCommand, Report
from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.publish import publish
from scheduling.models import Delivery
from scheduling.recheck import why_not
from scheduling.states import State


class Command(DeskCommand):
    help = (
        "Publish what is due in this process, for a day on which the workers do not run. With "
        "--dry-run nothing is claimed or sent: it says what would go out, and what would be held."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go out")

    def act(self, given: Namespace) -> Report:
        return _would_go() if given.dry_run else _go()


def _go() -> Report:
    take_back_expired()
    done: list[dict[str, Any]] = []
    while claimed := claim_due():  # of each account the next; until nothing is left
        for delivery_id, fence in claimed:
            done.append({"delivery": delivery_id, "outcome": publish(delivery_id, fence) or "held"})
    lines = [f"delivery {row['delivery']}: {row['outcome']}" for row in done]
    bad = [row for row in done if row["outcome"] != "published"]
    return Report(
        "\n".join(lines) or "Nothing is due.",
        {"deliveries": done},
        failed=f"{len(bad)} of {len(done)} did not go out." if bad else "",
    )


def _would_go() -> Report:
    rows = Delivery.objects.filter(state=State.SCHEDULED, next_try_at__lte=timezone.now())
    found: list[dict[str, Any]] = []
    related = ("account", "post__author", "sender")
    for delivery in rows.select_related(*related).order_by("next_try_at", "pk").iterator():
        hold = why_not(delivery)
        found.append(
            {
                "delivery": delivery.pk,
                "account": str(delivery.account),
                "due_at": delivery.due_at,
                "would": "hold" if hold else "publish",
                "because": hold.reason if hold else "",
            }
        )
    lines = [
        f"delivery {r['delivery']} on {r['account']}: {r['would']} {r['because']}" for r in found
    ]
    return Report("\n".join(lines) or "Nothing is due.", {"dry_run": True, "deliveries": found})
