"""A post's story as steps of a time line, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.models import SocialAccount
from audit.actions import EVENTS
from audit.difference import Part, difference
from audit.models import Event
from audit.telling import Fact, event_words, facts, who_of
from scheduling.models import Attempt, Delivery, Outcome
from scheduling.selectors.story import Told
from scheduling.states import State


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who did what when, and what there is to show of it."""

    at: datetime
    who: str
    did: str
    icon: str
    tone: str = "grey"
    account: SocialAccount | None = None
    state: str = ""  # the state the delivery came to
    quote: str = ""  # words of a person: a text, a comment, a reason
    quoted: str = ""  # what these words are: 'Comment', 'Reason'
    diff: tuple[Part, ...] = ()  # between what it said and what it is to say
    facts: tuple[Fact, ...] = ()
    due: datetime | None = None
    answer: str = ""  # what the platform said, in plain words
    proof: str = ""  # how what was sent compares to what was approved
    proof_tone: str = "green"
    permalink: str = ""
    number: int = 0  # of the attempt
    event: int = 0


LOOKS: dict[str, tuple[str, str]] = {
    "post.created": ("pencil", "grey"),
    "post.changed": ("git-compare", "grey"),
    "delivery.submitted": ("clock", "amber"),
    "delivery.returned": ("arrow-back-up", "amber"),
    "delivery.approved": ("check", "teal"),
    "delivery.scheduled": ("calendar", "blue"),
    "delivery.rescheduled": ("calendar-time", "blue"),
    "delivery.taken_back": ("arrow-back-up", "grey"),
    "delivery.held": ("player-pause", "violet"),
    "delivery.released": ("player-play", "blue"),
    "delivery.cancelled": ("ban", "grey"),
    "delivery.warned": ("alert-triangle", "amber"),
    "delivery.right_ends": ("alert-triangle", "amber"),
    "delivery.tried": ("refresh", "indigo"),
    "delivery.published": ("circle-check", "green"),
    "delivery.retried": ("refresh", "amber"),
    "delivery.failed": ("circle-x", "red"),
    "delivery.in_doubt": ("help-circle", "red"),
    "delivery.settled": ("scale", "teal"),
    "delivery.withdrawn": ("trash", "grey"),
    "correction.proposed": ("pencil", "amber"),
    "correction.ordered": ("pencil", "blue"),
    "correction.approved": ("check", "teal"),
    "correction.returned": ("arrow-back-up", "amber"),
    "correction.dropped": ("arrow-back-up", "grey"),
    "correction.tried": ("refresh", "indigo"),
    "correction.made": ("circle-check", "green"),
    "correction.retried": ("refresh", "amber"),
    "correction.failed": ("circle-x", "red"),
    "correction.in_doubt": ("help-circle", "red"),
}
ANSWERS: dict[str, str] = {
    Outcome.STARTED: "This attempt is still under way.",
    Outcome.PUBLISHED: "The platform took it.",
    Outcome.RETRY: "Nothing went out; it could not be done just then",
    Outcome.REFUSED: "The platform refused it",
    Outcome.AUTHORISATION: "The platform no longer accepts the account’s credentials",
    Outcome.UNKNOWN: "It could not be told whether it went out",
    Outcome.ABANDONED: "Given up before anything was sent.",
}
_OUTCOMES = frozenset(
    f"delivery.{word}" for word in ("published", "retried", "failed", "in_doubt", "held")
)
_SHOWN = frozenset({
    "from", "to", "comment", "reason", "note", "permalink", "published_at", "message", "code",
    "number", "content_hash", "due_at", "found", "held_because", "by_hand", "correction",
})  # fmt: skip
"""What of a delivery's event a step shows in its own way."""


def steps_of(told: Told) -> list[Step]:
    """The time line, oldest first. An attempt is one step, with how it ended."""
    by_id = {str(delivery.pk): delivery for delivery in told.deliveries}
    under_way: dict[str, Step] = {}
    steps: list[Step] = []
    for event in told.events:
        delivery = by_id.get(event.subject_id) if _is_about_delivery(event) else None
        if event.name == "delivery.claimed":
            continue
        step = _step(event, delivery)
        if event.name == "delivery.tried" and delivery is not None:
            under_way[event.subject_id] = _tried(step, event, delivery, told)
            continue
        tried = under_way.pop(event.subject_id, None) if event.name in _OUTCOMES else None
        steps.append(_ended(step, tried) if tried else step)
    steps += under_way.values()
    return sorted(steps, key=lambda step: step.at)


def _is_about_delivery(event: Event) -> bool:
    return event.subject_type == "scheduling.delivery"


def _step(event: Event, delivery: Delivery | None) -> Step:
    icon, tone = LOOKS.get(event.name, ("circle", "grey"))
    step = Step(
        at=event.occurred_at,
        who=who_of(event),
        did=_did(event.name),
        icon=icon,
        tone=tone,
        account=delivery.account if delivery else None,
        event=event.pk,
    )
    told = _TELLERS.get(event.name, _otherwise)(step, event.data)
    state = event.data.get("to")
    return replace(told, state=state) if state in State.values else told


def _did(name: str) -> str:
    """What was done; a delivery's step names its account, and a correction is one of the post."""
    if name.startswith("correction."):
        words = EVENTS[name]
        return words.replace("{}", "the post") if "{}" in words else f"{words} the post"
    return event_words(name).replace(" a post", " the post")


def _written(step: Step, data: Mapping[str, Any]) -> Step:
    own = {k: v for k, v in data.items() if k != "text"}
    said = [fact for fact in facts(own) if fact.moment or fact.value not in ("", "nothing")]
    return replace(step, quote=str(data.get("text", "")), facts=tuple(said))


def _otherwise(step: Step, data: Mapping[str, Any]) -> Step:
    return replace(step, facts=tuple(facts(data)))


def _plainly(step: Step, data: Mapping[str, Any]) -> Step:
    """What deliveries' events have in common: a comment or reason, a time, what was found."""
    for key, word in (("comment", "Comment"), ("reason", "Reason"), ("note", "Note")):
        if data.get(key):
            step = replace(step, quote=str(data[key]), quoted=word)
    if data.get("message"):
        code = f" (code {data['code']})" if data.get("code") else ""
        step = replace(step, answer=f"{data['message']}{code}")
    if data.get("found"):
        step = replace(step, answer=str(data["found"]))
    rest = {key: value for key, value in data.items() if key not in _SHOWN}
    return replace(
        step,
        due=_moment(data.get("due_at")),
        permalink=_link(data.get("permalink")),
        facts=tuple(facts(rest)),
    )


def _corrected(step: Step, data: Mapping[str, Any]) -> Step:
    """What was said before and what is to be said, as a difference."""
    rest = {key: value for key, value in data.items() if key not in ("before", "after")}
    if "after" not in data:
        return _plainly(step, rest)
    parts = difference(str(data.get("before", "")), str(data["after"]))
    return replace(_plainly(step, rest), diff=tuple(parts))


_TELLERS: dict[str, Callable[[Step, Mapping[str, Any]], Step]] = {
    "post.created": _written,
    **{name: _plainly for name in LOOKS if name.startswith("delivery.")},
    **{name: _corrected for name in LOOKS if name.startswith("correction.")},
}


def _tried(step: Step, event: Event, delivery: Delivery, told: Told) -> Step:
    """An attempt that is under way, or whose end nobody wrote down."""
    number = event.data.get("number")
    number = number if isinstance(number, int) else 0
    attempt = told.attempts.get(delivery.pk, {}).get(number)
    if attempt is None:
        return replace(step, number=number)
    step = replace(step, number=number, answer=answer_words(attempt))
    proof, tone = _proof(attempt, told)
    return replace(step, proof=proof, proof_tone=tone)


def _ended(step: Step, tried: Step) -> Step:
    """The end of an attempt, with what is known of the attempt itself."""
    return replace(
        step,
        number=tried.number,
        answer=tried.answer or step.answer,
        proof=tried.proof,
        proof_tone=tried.proof_tone,
    )


def answer_words(attempt: Attempt) -> str:
    """How one attempt ended, with the platform's answer, in plain words."""
    words = ANSWERS.get(attempt.outcome, attempt.get_outcome_display())
    if not attempt.message:
        return words if words.endswith(".") else f"{words}."
    code = f" (code {attempt.code})" if attempt.code else ""
    return f"{words.rstrip('.')}: {attempt.message}{code}"


def _proof(attempt: Attempt, told: Told) -> tuple[str, str]:
    """Whether what was sent is what was approved, by their hashes."""
    approvals = told.approvals.get(attempt.delivery_id, [])
    before = [approval for approval in approvals if approval.at <= attempt.started_at]
    if not before:
        return "Sent without review", "grey"
    last = before[-1]
    if last.content_hash == attempt.content_hash:
        return f"Exactly what {last.by} approved", "green"
    delivery = next((d for d in told.deliveries if d.pk == attempt.delivery_id), None)
    if delivery is not None and delivery.reviewed:
        return f"Not what {last.by} approved", "red"
    return "Sent without review, after an earlier version was approved", "grey"


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if value else None
    except (TypeError, ValueError):
        return None


def _link(value: Any) -> str:
    """A permalink, if it is one: it comes from a platform or a person."""
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else ""
