"""What an alert says, the same on every channel; and the form each channel wants it in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.alerts import AlertKind
from operations.models import Alert, Channel

SPELT_OUT = 10
"""So many alerts of a message are spelt out; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Said:
    """One alert as people read it."""

    kind: str
    label: str
    about: str
    message: str
    account: str
    url: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Words:
    """One message. `said` are the first alerts of it, `more` counts the rest."""

    title: str
    said: tuple[Said, ...]
    more: int
    url: str
    organisation: str

    @property
    def may_be_switched_off(self) -> bool:
        return any(said.kind != AlertKind.ACCESS for said in self.said)


def words_of(alerts: Sequence[Alert]) -> Words:
    """One message about these."""
    said = tuple(_said(alert) for alert in alerts[:SPELT_OUT])
    kinds = Counter(alert.get_kind_display() for alert in alerts)
    if len(alerts) == 1:
        title = f"{said[0].label}: {said[0].about}"
    else:
        counted = ", ".join(f"{label.lower()} ({count})" for label, count in kinds.most_common())
        title = f"{len(alerts)} alerts: {counted}"
    # Where people can see it all: the operators' page is not everybody's.
    return Words(title, said, len(alerts) - len(said), _link("my_day"), settings.ORGANISATION)


def trial_words(name: str) -> Words:
    """What a test alert says."""
    about = f"Alerts for “{name}” arrive here."
    said = Said(
        "test",
        "Test alert",
        about,
        "Somebody pressed ‘Send a test alert’. Nothing is wrong.",
        "",
        _link("operations:alerts"),
        timezone.now(),
    )
    return Words("Test alert from Socialdesk", (said,), 0, said.url, settings.ORGANISATION)


def body_for(channel: Channel, words: Words) -> dict[str, Any]:
    """What is posted to a webhook of this channel."""
    return {Channel.TEAMS: _teams, Channel.SLACK: _slack, Channel.JSON: _json}[channel](words)


def mail_for(words: Words) -> tuple[str, str]:
    """Subject and text of the e-mail."""
    subject = " ".join(f"[{words.organisation}] {words.title}".split())
    return subject[:200], render_to_string("operations/email/alert.txt", {"words": words})


def _said(alert: Alert) -> Said:
    return Said(
        alert.kind,
        AlertKind(alert.kind).label,
        alert.subject_label,
        alert.message,
        str(alert.account) if alert.account else "",
        _place(alert),
        alert.raised_at,
    )


def _place(alert: Alert) -> str:
    if alert.kind == AlertKind.ACCESS:
        about_review = alert.subject_type == "accounts.accessreview"
        return _link("reviews:reviews" if about_review else "my_conditions")
    if alert.delivery is not None:
        return _link("scheduling:post", alert.delivery.post_id)
    if alert.account_id is not None:
        return _link("accounts:account", alert.account_id)
    return _link("operations:overview")


def _link(name: str, *args: Any) -> str:
    return f"{settings.BASE_URL}{reverse(name, args=args)}"


def _json(words: Words) -> dict[str, Any]:
    """Our own form: stable names, times as ISO 8601 in UTC."""
    return {
        "source": "socialdesk",
        "organisation": words.organisation,
        "title": words.title,
        "url": words.url,
        "count": len(words.said) + words.more,
        "alerts": [
            {
                "kind": said.kind,
                "label": said.label,
                "about": said.about,
                "message": said.message,
                "account": said.account,
                "url": said.url,
                "raised_at": said.raised_at.isoformat(),
            }
            for said in words.said
        ],
    }


def _teams(words: Words) -> dict[str, Any]:
    """An Adaptive Card in the envelope that Teams' workflow webhooks take."""
    body: list[dict[str, Any]] = [_block(words.title, size="Large", weight="Bolder")]
    for said in words.said:
        lines = [
            _block(said.label, weight="Bolder", color="Attention", spacing="None"),
            _block(said.about, spacing="None"),
            _block(said.message, isSubtle=True, spacing="None"),
        ]
        open_it = {"type": "Action.OpenUrl", "title": "Open in Socialdesk", "url": said.url}
        body.append(
            {"type": "Container", "separator": True, "items": lines, "selectAction": open_it}
        )
    if words.more:
        body.append(_block(f"And {words.more} more.", isSubtle=True))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": "Open Socialdesk", "url": words.url}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _block(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": _no_marks(text), "wrap": True, **look}


def _no_marks(text: str) -> str:
    """Text blocks read a kind of Markdown: a post's words must not become links there."""
    return "".join(f"\\{sign}" if sign in r"\`*_[]()#<>" else sign for sign in text)


def _slack(words: Words) -> dict[str, Any]:
    """Slack's blocks, with the title as plain text for notifications."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": words.title[:150]}}
    ]
    for said in words.said:
        text = f"*{_escaped(said.label)}*\n{_escaped(said.about)}\n{_escaped(said.message)}"
        link = f"<{said.url}|Open in Socialdesk>"
        blocks.append(
            {"type": "section", "text": {"type": "mrkdwn", "text": f"{text[:2800]}\n{link}"}}
        )
    if words.more:
        more = {"type": "mrkdwn", "text": f"And {words.more} more. <{words.url}|Open Socialdesk>"}
        blocks.append({"type": "context", "elements": [more]})
    return {"text": _escaped(words.title), "blocks": blocks}


def _escaped(text: str) -> str:
    """As Slack wants it; its marks for bold and the like are switched off by a zero-width space."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"{sign}\u200b" if sign in "*_~`" else sign for sign in text)
