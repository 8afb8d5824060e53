"""What an export on paper says of itself: what was asked for, by whom, and how it is checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings

from audit.actors import ActorKind
from audit.exports.paper import Cover
from audit.models import Checkpoint, Event, RecordExport
from audit.selectors.events import Filters
from audit.telling import event_words

_KINDS = {
    ActorKind.WORKER: "Socialdesk itself",
    ActorKind.COMMAND: "commands at the server",
    ActorKind.ANONYMOUS: "somebody who was not signed in",
}


def cover_of(export: RecordExport, volume: int, volumes: int, name: str) -> Cover:
    """Of one volume, counted from 1. `name`: the file's, as it is handed over."""
    of = f", volume {volume} of {volumes}" if volumes > 1 else ""
    begun = _moment(export.begun_at)
    facts = [
        ("Shows", "; ".join(asked_in_words(Filters.from_data(export.filters)))),
        ("Exported for", f"{export.owner_label}, who may see {_seen(export)}"),
        ("As it was on", begun),
        ("Events", f"{export.count:,}, newest first{of}"),
        ("Export", str(export.pk)),
    ]
    return Cover(
        installation=settings.ORGANISATION,
        running=f"Record of {settings.ORGANISATION}, export of {begun}{of}",
        facts=facts,
        closing=list(_closing(name, volumes)),
        commands=(
            "python verify_socialdesk.py proof proof.jsonl.gz --key key.txt"
            " --witnessed checkpoints",
            f"sha256sum {name}",
        ),
    )


def asked_in_words(asked: Filters) -> list[str]:
    """The filters, each as a few words; people and accounts by the newest name on record."""
    words = [
        f"what {_label('actor', asked.person)} did" if asked.person else "",
        f"what {_KINDS[ActorKind(asked.kind)]} did" if asked.kind else "",
        f"on the account {_label('account', asked.account)}" if asked.account else "",
        f"about post {asked.post}" if asked.post else "",
        _action(asked.action) if asked.action else "",
        f"from the address {asked.address}" if asked.address else "",
        f"from {_moment(asked.since)}" if asked.since else "",
        f"before {_moment(asked.until)}" if asked.until else "",
        f"with the words “{asked.text}”" if asked.text else "",
    ]
    told = [part for part in words if part] or ["everything"]
    return [*told, "without readings of the record"] if asked.hides_readings else told


def _action(name: str) -> str:
    noun, _, rest = name.partition(".")
    return f"every event of the kind {noun}" if rest == "*" else f"the event “{event_words(name)}”"


def _label(field: str, number: int) -> str:
    found = Event.objects.filter(**{f"{field}_id": number}).order_by("-occurred_at", "-id")
    label = found.values_list(f"{field}_label", flat=True).first()
    return f"{label} (number {number})" if label else f"number {number}"


def _seen(export: RecordExport) -> str:
    if export.account_ids is None:
        return "the whole record"
    count = len(export.account_ids)
    return f"the events of {count} account{'' if count == 1 else 's'}"


def _closing(name: str, volumes: int) -> Iterator[tuple[str, str]]:
    volume = f" {name} holds all {volumes} volumes." if volumes > 1 else ""
    yield (
        "Its proof",
        "is proof.jsonl.gz, beside this file under Your exports. It holds these events as they"
        " were sealed, and the line of the record that names this file’s SHA-256. No file can name"
        f" its own.{volume}",
    )
    checkpoint = Checkpoint.objects.first()
    if checkpoint is not None:
        origin, size, root = checkpoint.note.splitlines()[:3]
        yield (
            "Checkpoint",
            f"of {origin} when this was written: {int(size):,} events, sealed on"
            f" {_moment(checkpoint.at)}, root {root}. The proof has it or a later one.",
        )
    yield (
        "Not in here",
        "Texts end after eight lines, and a sign that no font here has is printed as its number,"
        " [U+…]. The JSON export has all of it.",
    )
    yield (
        "How to check",
        "With tools/verify_socialdesk.py, which needs nothing of Socialdesk, the public key and the"
        " checkpoints that a witness has. The first command says what is proven and prints the"
        " recorded line; its sha256 has to be what the second prints.",
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
