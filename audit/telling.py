"""Each event as a sentence for people, and what it holds in readable form.

The words come from the event's declaration; where they name a kind of thing ('froze a person'),
its name takes that place: 'Ana Reyes froze Sam Ortega'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.actions import EVENTS, REFUSED
from audit.actors import ActorKind
from audit.difference import Part, difference
from audit.models import Event

_NOUNS = {"user": "person", "socialaccount": "account", "grant": "level", "media": "picture"}
"""What people call rows whose model is named otherwise."""

_ACCOUNT = re.compile(r"\(([^()]+?) @?[^\s()]+\)$")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)")
_BRIEF = 28
_SPACES = 2
"""Texts with at least as many spaces show a change word by word."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event in plain words. `did` + `what` + `rest` follow each other with a space between."""

    who: str
    did: str
    what: str
    rest: str
    where: str

    @property
    def sentence(self) -> str:
        """'Ana Reyes approved “Bridge closed…” on Northmoor Fire (Bluesky)'."""
        return " ".join(part for part in (self.who, self.did, self.what, self.rest) if part)


def told(event: Event, *, brief: bool = False) -> Told:
    """The event as a sentence in parts; `brief`: with no more than the first words of a text."""
    did, what, rest = _said(event, brief)
    return Told(who_of(event), did, what, rest, where_of(event))


def who_of(event: Event) -> str:
    """Who acted, by the name they had then."""
    if event.actor_kind == ActorKind.WORKER:
        return f"Socialdesk ({event.actor_label})"
    if event.actor_kind == ActorKind.COMMAND:
        return f"The command {event.actor_label}"
    if event.actor_kind == ActorKind.ANONYMOUS:
        return event.actor_label[:1].upper() + event.actor_label[1:]
    return event.actor_label


def where_of(event: Event) -> str:
    """From where they acted: an address, what they acted through, or the server itself."""
    places = [event.address, f"through {event.actor_via}" if event.actor_via else ""]
    if not any(places) and event.actor_kind in (ActorKind.WORKER, ActorKind.COMMAND):
        return "this server"
    return ", ".join(place for place in places if place)


def event_words(name: str) -> str:
    """What an event says, without a subject: 'sent for approval'."""
    return " ".join(EVENTS.get(name, name).replace("{}", " ").split())


def account_words(label: str) -> str:
    """'Northmoor Fire (Bluesky @fire.example)' without its handle."""
    return _ACCOUNT.sub(r"(\1)", label)


def _said(event: Event, brief: bool) -> tuple[str, str, str]:
    words = _with_named(EVENTS.get(event.name, event.name), event)
    if event.name == REFUSED:
        return f"{words}:", str(event.data.get("reason", "")), ""
    what, own = _subject(event, brief), _is_own(event)
    noun = _noun(event)
    place = rf"\ban? {noun}\b('s \w+)?"
    if "{}" in words:
        did, _, rest = words.partition("{}")
        return did.strip(), what, rest.strip()
    if own:
        return re.sub(place, "their own entry", words), "", ""
    if what and noun and (found := re.search(place, words)):
        did, rest = words[: found.start()].strip(), words[found.end() :].strip()
        return (f"{did} the {found[1][3:]} of" if found[1] else did), what, rest
    if what and re.search(r"\ban? \w+('s \w+)?$", words):
        return f"{words}:", what, ""
    return words, what, _tally(event)


def _with_named(words: str, event: Event) -> str:
    """'added a person to …' with the person's name, where the event's data has it."""
    for key, value in event.data.items():
        if isinstance(value, Mapping) and "label" in value:
            words = re.sub(rf"\ban? {re.escape(key)}\b", lambda _, v=value: str(v["label"]), words)  # type: ignore[misc]  # bound now, called now
    return words


def _noun(event: Event) -> str:
    model = event.subject_type.rpartition(".")[2]
    return _NOUNS.get(model, model)


def _is_own(event: Event) -> bool:
    return (
        event.actor_kind == ActorKind.PERSON
        and event.subject_type == "accounts.user"
        and event.subject_id == str(event.actor_id)
    )


def _subject(event: Event, brief: bool) -> str:
    label, account = event.subject_label, account_words(event.account_label)
    if event.subject_type.endswith(".socialaccount"):
        return account_words(label)
    if event.subject_type.endswith(".delivery") and "” on " in label:
        return f"{_quoted(label.rpartition('” on ')[0][1:], brief)} on {account}"
    if event.subject_type.endswith(".post"):
        label = _quoted(label, brief)
    if account and event.account_label in label:
        return label.replace(event.account_label, account)
    return f"{label} on {account}".strip() if account else label


def _quoted(text: str, brief: bool) -> str:
    if brief and len(text) > _BRIEF:
        text = text[:_BRIEF].rsplit(" ", 1)[0].rstrip(" .,;:…") + "…"
    return f"“{text}”"


def _tally(event: Event) -> str:
    count = event.data.get("count")
    return f"({count:,})" if isinstance(count, int) and not isinstance(count, bool) else ""


# --- what an event holds ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing an event holds: a value, a time, a change from one value to another, or a
    change within a text (`parts`)."""

    label: str
    value: str = ""
    moment: datetime | None = None
    changed: bool = False
    before: str = ""
    after: str = ""
    parts: tuple[Part, ...] = ()


Path = tuple[str, ...]


def facts(data: Mapping[str, Any]) -> list[Fact]:
    """What an event's data says, change by change; what stayed as it was is left out."""
    return list(_facts((), data))


def _facts(path: Path, value: Any) -> Iterable[Fact]:
    if isinstance(value, Mapping) and {"before", "after"} <= value.keys():
        yield from _changes(path, value["before"], value["after"])
        value = {k: v for k, v in value.items() if k not in ("before", "after")}
    if isinstance(value, Mapping) and not _is_named(value):
        for key, item in value.items():
            yield from _facts((*path, key), item)
    else:
        for where, leaf in flat(path, value).items():
            if leaf is not None and leaf not in ("", []):
                yield _fact(where, leaf)


def _changes(path: Path, before: Any, after: Any) -> Iterable[Fact]:
    old, new = flat(path, before), flat(path, after)
    for where in {**old, **new}:
        one, other = old.get(where), new.get(where)
        if one == other:
            continue
        label = _label(where) or "Changed"
        if isinstance(one, str) and isinstance(other, str) and _is_text(one + other):
            yield Fact(label, changed=True, parts=tuple(difference(one, other)))
        else:
            yield Fact(label, changed=True, before=in_words(one), after=in_words(other))


def _is_text(words: str) -> bool:
    return words.count(" ") + words.count("\n") >= _SPACES and not _TIME.match(words)


def flat(path: Path, value: Any) -> dict[Path, Any]:
    """Nested values by their path; an item of a list goes by the name of what it is about."""
    if isinstance(value, Mapping) and not _is_named(value):
        found: dict[Path, Any] = {}
        for key, item in value.items():
            found |= flat((*path, key), item)
        return found
    if isinstance(value, list) and any(isinstance(i, Mapping) and not _is_named(i) for i in value):
        found = {}
        for number, item in enumerate(value, 1):
            found |= _flat_item(path, number, item)
        return found
    return {path: value}


def _flat_item(path: Path, number: int, item: Any) -> dict[Path, Any]:
    if isinstance(item, Mapping):
        for key, value in item.items():
            if _is_named(value):
                rest = {k: v for k, v in item.items() if k != key}
                here = (*path[:-1], account_words(str(value["label"])))
                return flat(here, rest) or {here: "yes"}
    return flat((*path, str(number)), item)


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"id", "label"}


def _fact(path: Path, value: Any) -> Fact:
    label = _label(path) or "Value"
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return Fact(label, moment=datetime.fromisoformat(value))
        except ValueError:
            pass  # a time that is none is shown as it was written
    return Fact(label, value=in_words(value))


def in_words(value: Any) -> str:
    """A single value for people."""
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_named(value):
        return str(value["label"])
    if isinstance(value, list):
        return ", ".join(in_words(item) for item in value)
    return str(value)


_LABELS = {"due_at": "Due", "content_hash": "Content (SHA-256)", "base_url": "Server"}


def _label(path: Path) -> str:
    words = [_LABELS.get(key, key.replace("_", " ")) for key in path]
    shown = " › ".join(word for word in words if word)
    return shown[:1].upper() + shown[1:]


def pruned(data: Any, account_ids: Iterable[int]) -> Any:
    """The data without what it says of accounts other than these."""
    mine = frozenset(account_ids)

    def keep(value: Any) -> bool:
        about = value.get("account") if isinstance(value, Mapping) else None
        return not (isinstance(about, Mapping) and _is_named(about)) or about["id"] in mine

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(item) for key, item in value.items() if keep(item)}
        if isinstance(value, list):
            return [walk(item) for item in value if keep(item)]
        return value

    return walk(data)
