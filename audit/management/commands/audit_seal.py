"""Seal the record: once, or as the process that keeps doing it."""

from __future__ import annotations

import json
import signal
from argparse import ArgumentParser, Namespace
from threading import Event as Flag

from django.conf import settings

from accounts.connections import network_policy
from accounts.management.base import DeskCommand, Report
from audit import forwarding
from audit.sealer import keep_sealing
from audit.sealing import seal
from audit.selectors.seal import WAITS_TOO_LONG_S, longest_wait_s
from audit.syslog import NotTaken
from audit.witnesses import SENDERS, WitnessFailed
from platforms.addresses import GuardError
from platforms.guard import GuardedSession

_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


class Command(DeskCommand):
    help = (
        "Give every event that waits its place in the record's tree and sign a checkpoint over "
        "it. The process that does so all the time is `audit_seal --keep-on`; several may run, on "
        "one machine or more, and one seals at a time. Needs no broker."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--keep-on", action="store_true", help="until told to stop")
        way.add_argument(
            "--state",
            action="store_true",
            help=f"only say whether something has waited for more than {WAITS_TOO_LONG_S} s",
        )

    def act(self, given: Namespace) -> Report:
        if given.state:
            return _state()
        if given.keep_on:
            stop = Flag()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            keep_sealing(
                stop,
                {**SENDERS, "https": to_https},
                {**forwarding.SENDERS, "https": to_collector},
            )
            return Report("The sealer has stopped.", {})
        count, more = 0, True
        while more and (done := seal()):
            count, more = count + done.count, done.more
        return Report(f"{count} event{'' if count == 1 else 's'} sealed.", {"count": count})


def to_https(place: str, note: str) -> None:
    """Post a checkpoint to a witness, on the same guarded way out as all requests."""
    try:
        answer = GuardedSession(network_policy()).post(place, data=note.encode(), headers=_PLAIN)
    except GuardError as error:
        raise WitnessFailed(str(error)) from None
    if not answer.ok:
        raise WitnessFailed(f"The witness answered {answer.status_code}.")


def to_collector(place: str, lines: forwarding.Lines) -> None:
    """Post a batch of events to a collector, as a list of JSON objects. Raises NotTaken."""
    headers = {"Content-Type": "application/json"}
    if settings.FORWARD_AUTHORIZATION:
        headers["Authorization"] = settings.FORWARD_AUTHORIZATION
    body = json.dumps(list(lines), ensure_ascii=False).encode()
    try:
        answer = GuardedSession(network_policy()).post(place, data=body, headers=headers)
    except GuardError as error:
        raise NotTaken(str(error)) from None
    if not answer.ok:
        raise NotTaken(f"The collector answered {answer.status_code}.")


def _state() -> Report:
    waited = longest_wait_s()
    text = f"The oldest event that is not sealed has waited {waited:.0f} s."
    failed = text if waited > WAITS_TOO_LONG_S else ""
    return Report(text, {"waited_s": round(waited, 1)}, failed=failed)
