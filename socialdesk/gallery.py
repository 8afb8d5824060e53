"""The component gallery at /gallery/, with DEBUG only: every piece of the pages, in every state.

It is where a page's author copies from and where the look is judged in one screenshot. Its data
is made up here and touches no table.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from socialdesk.looks import HEALTH, PLATFORMS, STATES

TONES = ["grey", "teal", "blue", "indigo", "green", "amber", "red", "red-outline", "violet"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
FLOOD = (
    "River levels on the Ouse are rising. Avoid Skeldergate and King's Staith tonight. "
    "Updates: https://northvale.example/floods #YorkFloods @EnvAgency"
)


@dataclass(frozen=True)
class Account:
    platform: str
    display_name: str
    handle: str


@dataclass(frozen=True)
class Person:
    full_name: str
    email: str = field(default="")


class SampleForm(forms.Form):
    """One field of every kind a page uses."""

    subject = forms.CharField(label="Working title", help_text="Only the desk sees this.")
    text = forms.CharField(label="Text", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    account = forms.ChoiceField(
        label="Account", choices=[("", "Choose one"), ("1", "Northvale Police")]
    )
    day = forms.DateField(label="Day", widget=forms.DateInput(attrs={"type": "date"}))
    levels = forms.MultipleChoiceField(
        label="Levels",
        choices=[("viewer", "Viewer"), ("publisher", "Publisher")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="What may this team do?",
    )
    kind = forms.ChoiceField(
        label="When", choices=[("now", "Now"), ("later", "At a time")], widget=forms.RadioSelect
    )
    urgent = forms.BooleanField(
        label="Tell approvers at once", required=False, help_text="They get an e-mail."
    )
    picture = forms.FileField(label="Picture", required=False)


def _chip(state: str, time: str, text: str, platform: str = "bluesky") -> SimpleNamespace:
    return SimpleNamespace(
        state=state, time=time, text=text, platform=platform, url="#calendar",
        account="Northvale Police", move_url="/gallery/" if state == "scheduled" else "",
    )  # fmt: skip


def _month(now: dt.datetime) -> list[list[SimpleNamespace]]:
    first = now.date() - dt.timedelta(days=now.weekday() + 7)
    chips = {
        2: [_chip("published", "09:00", "Road closed at Fulford")],
        7: [_chip("failed", "08:30", "Missing: have you seen Ella?", "mastodon")],
        8: [
            _chip("scheduled", "09:00", "River levels on the Ouse", "mastodon"),
            _chip("in_review", "12:00", "Thank you to our volunteers"),
            _chip("held", "17:30", "Market open late", "sandbox"),
        ],
        10: [_chip("approved", "10:00", "Recruiting now", "linkedin")],
        15: [_chip("unknown", "11:00", "Appeal for witnesses", "x")],
    }
    today = now.date()
    weeks = []
    for week in range(3):
        days = [first + dt.timedelta(days=week * 7 + number) for number in range(7)]
        weeks.append(
            [
                SimpleNamespace(
                    date=day, url="#calendar", chips=chips.get((day - first).days, []),
                    more=3 if (day - first).days == 8 else 0, is_today=day == today,
                    is_past=day < today, is_other=day.month != today.month, add_url="#calendar",
                )
                for day in days
            ]
        )  # fmt: skip
    return weeks


def _rows(now: dt.datetime, me: Person) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            id=1, url="#inbox", name="Sam Ortega", handle="sam.ortega.example", platform="bluesky",
            text="There is water in the underpass at Leeman Road and a car stuck in it!",
            at=now - dt.timedelta(minutes=4), unread=True, risk="Risk to life · 11 min left",
            account="Northvale Police", kind="Mention", assignee=None, current=False,
        ),
        SimpleNamespace(
            id=2, url="#inbox", name="Priya N.", handle="priya@social.example", platform="mastodon",
            text="Thank you for the quick answer, that helped a lot.",
            at=now - dt.timedelta(hours=3), unread=False, risk="",
            account="Northvale Police", kind="Reply", assignee=me, current=True,
        ),
    ]  # fmt: skip


def _messages(now: dt.datetime, account: Account, me: Person) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            who="theirs", name="Sam Ortega", handle="sam.ortega.example", platform="bluesky",
            text="@northvale.example is the underpass at Leeman Road open?",
            at=now - dt.timedelta(minutes=14), url="https://bluesky.example/post/1",
        ),
        SimpleNamespace(who="note", author=me, text="Control room says closed until 18:00.",
                        at=now - dt.timedelta(minutes=9)),
        SimpleNamespace(
            who="ours", account=account, author=me, platform="bluesky", state="in_review",
            text="It is closed until 18:00. Please use Holgate Road.",
            at=now - dt.timedelta(minutes=2),
        ),
    ]  # fmt: skip


def _story(now: dt.datetime) -> list[SimpleNamespace]:
    changed = [
        ("same", "River levels are "), ("out", "high"), ("in", "rising on the Ouse"),
        ("same", ". Avoid Skeldergate."),
    ]  # fmt: skip
    steps: list[dict[str, Any]] = [
        {"tone": "grey", "icon": "pencil", "who": "Priya Nair", "did": "wrote the first version"},
        {"tone": "grey", "icon": "edit", "who": "Priya Nair", "did": "changed it", "diff": changed},
        {"tone": "teal", "icon": "check", "who": "Tom Hale", "did": "approved exactly this",
         "quote": "Good. Send before the school run."},
        {"tone": "red", "icon": "circle-x", "who": "Socialdesk", "did": "tried to publish",
         "state": "failed", "detail": "Bluesky answered: the picture is larger than 2 MB."},
        {"tone": "green", "icon": "circle-check", "who": "Socialdesk", "did": "published it",
         "state": "published"},
    ]  # fmt: skip
    return [
        SimpleNamespace(at=now - dt.timedelta(minutes=50 - 9 * number), **step)
        for number, step in enumerate(steps)
    ]


def gallery(request: HttpRequest) -> HttpResponse:
    """Every component on one page; `?plain` in the address leaves the toasts out."""
    now = timezone.now()
    me = Person("Priya Nair", "priya@northvale.example")
    police = Account("bluesky", "Northvale Police", "northvale.example")
    accounts = [
        Account(key, f"Northvale on {name}", f"northvale_{key}") for key, name in PLATFORMS.items()
    ]
    bound = SampleForm({"subject": "", "account": "", "day": "2026-02-31", "kind": "now"})
    if "plain" not in request.GET:
        messages.success(request, "Moved to Tue 24 Nov, 09:00.", extra_tags="undo:/gallery/")
        messages.error(request, "Bluesky could not be reached. Nothing was sent; it stays held.")
    return render(
        request,
        "gallery.html",
        {
            "account": police,
            "accounts": accounts,
            "checks": [
                {"tone": "green", "text": "Short enough for all three accounts"},
                {"tone": "amber", "text": "One picture has no alt text", "url": "#media",
                 "why": "People who cannot see it get nothing.", "fix": "Write it"},
                {"tone": "red", "text": "The time is in the past", "url": "#time"},
            ],
            "day_ago": now - dt.timedelta(days=3),
            "events": [
                {"at": now - dt.timedelta(minutes=3), "who": "Tom Hale", "did": "post.approved",
                 "what": "River levels on the Ouse", "where": "10.1.4.22", "detail": "Sealed",
                 "url": ""},
                {"at": now - dt.timedelta(days=2), "who": "Socialdesk", "did": "delivery.published",
                 "what": "Road closed at Fulford", "where": "worker-1", "detail": "Sealed",
                 "url": ""},
            ],
            "form": SampleForm(),
            "bound": bound,
            "health_values": list(HEALTH),
            "hour_ago": now - dt.timedelta(hours=2),
            "later": (now + dt.timedelta(days=1)).astimezone(ZoneInfo("Europe/London")),
            "legend": [
                {"value": state, "url": "#calendar", "on": state != "cancelled"} for state in STATES
            ],
            "me": me,
            "month": _month(now),
            "picker_groups": [
                {"label": "Police", "choices": [
                    {"id": 1, "account": accounts[1], "checked": True},
                    {"id": 2, "account": accounts[2], "checked": True},
                ]},
                {"label": "Fire and rescue", "choices": [
                    {"id": 3, "account": accounts[0]},
                    {"id": 4, "account": accounts[3], "reason": "Frozen"},
                ]},
            ],
            "previews": [
                {"platform": key, "name": "Northvale Police", "handle": "northvale.example",
                 "text": FLOOD, "hue": 4, "over": 12 if key == "mastodon" else 0}
                for key in ("bluesky", "mastodon", "sandbox")
            ]
            + [
                {"platform": key, "name": "Northvale Police", "handle": "northvale.example",
                 "text": FLOOD, "posts": 3, "audience": "Those who are named in it",
                 "thread": [(2, "Keep away from the banks.", ()), (3, "Move your car.", ())],
                 "poll": {"options": ["I have moved it", "I have no car"], "open_for": "1 day"},
                 "quote": "https://x.example/northvale/status/1", "form": "Reel",
                 "link": "https://www.gov.uk/flood", "link_host": "www.gov.uk",
                 "first_comment": "The map: https://www.gov.uk/flood"}
                for key in ("mastodon", "x")
            ],
            "rows": _rows(now, me),
            "states": list(STATES),
            "story": _story(now),
            "thread": _messages(now, police, me),
            "tones": TONES,
            "weekdays": WEEKDAYS,
        },
    )  # fmt: skip
