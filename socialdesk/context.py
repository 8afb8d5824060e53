"""What every page's frame needs: the navigation with only what the person may open."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.levels import Capability, OrgCapability
from accounts.models import User
from accounts.policy import accounts_where, org_capabilities
from accounts.web import actor_of
from audit.actors import ActorKind
from mentions.selectors.inbox import unread_count
from scheduling.models import Pause
from scheduling.selectors.approvals import COUNTED
from scheduling.selectors.held import Waiting, waiting_counts
from scheduling.selectors.pauses import SHOWN, in_force_for
from socialdesk.health import broker_seen
from socialdesk.times import clock

PINNED = 6
"""Accounts shown in the side; the rest are one click away."""


BROKER_GONE = {
    "tone": "amber",
    "icon": "wifi-off",
    "text": "Redis does not answer. Posts go out and messages come in only when it is back; "
    "nothing is lost. Tell your administrator.",
}


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of base.html. Costs nothing on signed-out pages and on htmx's fragments."""
    frame: dict[str, Any] = {"org_name": settings.ORGANISATION, "demo": settings.DEMO}
    htmx = getattr(request, "htmx", None)
    # Going back in the browser asks by htmx, too, and for the whole page.
    fragment = htmx and not htmx.boosted and not htmx.history_restore_request
    if actor_of(request).kind is not ActorKind.PERSON or fragment:
        return frame
    pinned = _pinned(request)
    waits = waiting_counts(actor_of(request))
    return frame | {
        "nav": navigation(request, waits, sees_accounts=bool(pinned)),
        "waits": waits,
        "nav_new": _new_post() if waits.may_write else None,
        "nav_accounts": pinned,
        "banners": _banners(request),
        "theme": "system",
    }


def _banners(request: HttpRequest) -> list[dict[str, str]]:
    told = [_banner(pause) for pause in in_force_for(actor_of(request))[:SHOWN]]
    return told if broker_seen() else [BROKER_GONE, *told]


def _banner(pause: Pause) -> dict[str, str]:
    begun = timezone.localtime(pause.begun_at)
    since = f"{begun:%H:%M}" if begun.date() == timezone.localdate() else clock(begun)
    return {
        "tone": "violet",
        "icon": "player-pause",
        "text": f"{pause.what} is held since {since} by {pause.begun_by_label}: {pause.reason}",
        "url": reverse("scheduling:pause", args=[pause.pk]),
        "action": "Review",
    }


def navigation(
    request: HttpRequest, waits: Waiting | None = None, *, sees_accounts: bool | None = None
) -> list[dict[str, Any]]:
    """The pages the person may open, with what waits on each.

    `waits`; `sees_accounts`: whether there is any account they may view. Both are asked for where
    they are not known.
    """
    actor = actor_of(request)
    user: User = actor.user
    org = org_capabilities(user)
    waits = waits or waiting_counts(actor)
    items = [
        _item(request, "My day", "my_day", "home", "g d"),
        _item(request, "Calendar", "scheduling:calendar", "calendar", "g c"),
        _item(request, "Approvals", "scheduling:approvals", "checkbox", "g a", waits.approvals),
        _item(request, "Inbox", "mentions:inbox", "inbox", "g i", unread_count(actor)),
        _item(request, "Held", "scheduling:held", "player-pause", "g h", waits.held),
    ]
    if waits.unknown:
        items.append(
            _item(
                request, "Unknown", "scheduling:unknown_list", "help-circle", "g u", waits.unknown
            )
        )
    items.append(_item(request, "Accounts", "accounts:register", "at", "g s"))
    if org & {OrgCapability.PEOPLE, OrgCapability.RECORD}:
        items.append(_item(request, "People", "people:people", "users", "g p"))
    if sees_accounts is None:
        sees_accounts = accounts_where(actor, Capability.VIEW).exists()
    if sees_accounts or OrgCapability.RECORD in org:
        items.append(_item(request, "Record", "audit:record", "file-text", "g r"))
    if org & {OrgCapability.SETTINGS, OrgCapability.RECORD}:
        items.append(_item(request, "Operations", "operations:overview", "activity", "g o"))
    items.append(_item(request, "Settings", "profile", "settings", "g e"))
    return items


def _item(
    request: HttpRequest, label: str, name: str, icon: str, key: str, count: int = 0
) -> dict[str, Any]:
    url = reverse(name)
    current = request.path == url or (url != "/" and request.path.startswith(url))
    shown = f"{COUNTED - 1}+" if count >= COUNTED else (count or "")
    return {
        "label": label,
        "url": url,
        "icon": icon,
        "key": key,
        "count": shown,
        "current": current,
    }


def _new_post() -> dict[str, str]:
    return {"label": "New post", "url": reverse("scheduling:compose"), "key": "n"}


def _pinned(request: HttpRequest) -> list[dict[str, Any]]:
    accounts = accounts_where(actor_of(request), Capability.VIEW)[:PINNED]
    return [
        {
            "account": account,
            "url": reverse("accounts:account", args=[account.pk]),
            "health": account.condition,
        }
        for account in accounts
    ]
