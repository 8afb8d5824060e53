"""The vocabulary of Socialdesk's pages: icons, states, accounts, people and times.

Every page shows these five the same way because it asks for them here. The markup lives in
`templates/_components/`; this module only decides what to show.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from typing import Any
from zlib import crc32

from django import template
from django.contrib.messages.storage.base import Message
from django.template.defaultfilters import stringfilter
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from platforms.registry import info_of_account
from socialdesk.drawings import svg
from socialdesk.looks import HEALTH, PLATFORMS, STATES, TOAST_LOOKS
from socialdesk.times import clock, in_full, relative, zone_word

register = template.Library()

# --- icons ---------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """`{% icon 'calendar' %}`: one drawing inline; hidden from screen readers unless labelled.

    `css` adds classes (`icon-lg`, `spin`). Raises ValueError for a name that is not in
    `frontend/src/icons/`, so that a misspelt icon fails in the first test that renders it.
    """
    return svg("icons", name, css, label)


@register.simple_tag
def platform_glyph(platform: str, label: str = "") -> SafeString:
    """`{% platform_glyph 'bluesky' %}`: the platform's own mark; an unknown platform is a globe."""
    if platform not in PLATFORMS:
        return svg("icons", "world", "", label)
    return svg("platforms", platform, "", label)


@register.filter
@stringfilter
def platform_name(platform: str) -> str:
    """`{{ 'facebook'|platform_name }}` is 'Facebook Page'; an installed one is as it declares."""
    return PLATFORMS.get(platform) or info_of_account(platform).label


# --- states, health, labels ----------------------------------------------------------------


@register.inclusion_tag("_components/state_badge.html")
def state_badge(state: str, bare: bool = False) -> dict[str, object]:
    """`{% state_badge delivery.state %}`: icon, word and colour of a delivery's state.

    `bare=True` leaves the ground out, for dense rows. Raises ValueError for a state that has
    no look: a state without a word must not reach a person.
    """
    value = str(state)
    if value not in STATES:
        raise ValueError(f"No look for the state {value!r}")
    return {"look": STATES[value], "state": value, "bare": bare}


@register.simple_tag
def state_icon(state: str) -> SafeString:
    """`{% state_icon 'held' %}`: the state's drawing with its word for screen readers."""
    look = STATES[str(state)]
    return svg("icons", look.icon, "", look.word)


@register.filter
def state_word(state: str) -> str:
    """`{{ 'in_review'|state_word }}` is 'In review'."""
    return STATES[str(state)].word


@register.filter
def state_tone(state: str) -> str:
    """`{{ 'in_review'|state_tone }}` is 'tone-amber', the class that carries the colours."""
    return f"tone-{STATES[str(state)].tone}"


@register.inclusion_tag("_components/health.html")
def health(value: str, bare: bool = False) -> dict[str, object]:
    """`{% health account.health %}`: dot and word; `bare=True` shows the dot, reads the word."""
    return {"look": HEALTH.get(str(value), HEALTH["unknown"]), "value": value, "bare": bare}


@register.inclusion_tag("_components/label.html")
def label(text: str, tone: str = "grey", icon: str = "") -> dict[str, object]:
    """`{% label 'Risk' 'red' 'alert-triangle' %}`: a small word that is not a delivery state.

    Tones: grey, teal, blue, indigo, green, amber, red, red-outline, violet.
    """
    return {"text": text, "tone": tone, "icon": icon}


# --- accounts and people -------------------------------------------------------------------


@register.filter
def initials(name: str) -> str:
    """Up to two letters to stand for a name: 'Priya Nair' is 'PN', 'northvale' is 'N'."""
    words = [word for word in re.split(r"[^\w]+", name) if word]
    if not words:
        return "?"
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()


def hue(key: str) -> int:
    """A stable number 0-7 that picks an avatar's ground from the tokens."""
    return crc32(key.encode("utf-8")) % 8


@register.filter
def hue_on(handle: str, platform: str) -> int:
    """`{{ handle|hue_on:platform }}`: an account's ground, the same wherever it is drawn."""
    return hue(f"{platform}:{str(handle).lstrip('@')}")


@register.inclusion_tag("_components/account_chip.html")
def account_chip(
    account: Any, url: str = "", compact: bool = False, health: str = "", size: str = ""
) -> dict[str, object]:
    """`{% account_chip account %}`: avatar with the platform's glyph, name and handle.

    `account` has platform, display_name and handle. `url` makes it a link; `compact=True`
    shows the avatar alone (the name is read out and in the tooltip); `health` adds a dot;
    `size` is '' (32 px), 'sm' (24 px) or 'lg' (44 px).
    """
    name = str(account.display_name or account.handle)
    handle = str(account.handle)
    return {
        "name": name,
        # An e-mail-like Mastodon handle (name@server) wants its @ as much as a plain one does.
        "handle": handle if handle.startswith("@") or not handle else f"@{handle}",
        "platform": account.platform,
        "platform_name": platform_name(str(account.platform)),
        # A small avatar has room for one letter beside the glyph.
        "letters": initials(name)[:1] if size == "sm" else initials(name),
        "hue": hue_on(handle, str(account.platform)),
        "url": url,
        "compact": compact,
        "health": HEALTH.get(health) if health else None,
        "size": size,
    }


@register.inclusion_tag("_components/person.html")
def person(
    user: Any, name: str = "", compact: bool = False, url: str = "", size: str = "sm"
) -> dict[str, object]:
    """`{% person user %}`: initials and name; without a user it is Socialdesk's own worker.

    `name` shows a copied name where the person is gone (audit events); `compact=True` shows
    the initials alone; `size` is 'xs', 'sm' (24 px), '' (32 px) or 'lg'.
    """
    machine = user is None and not name
    shown = name or ("Socialdesk" if user is None else str(user.full_name or user.email))
    key = str(getattr(user, "email", "") or shown)
    return {
        "name": shown,
        "machine": machine,
        "initials": initials(shown.partition("@")[0]),
        "hue": hue(key),
        "compact": compact,
        "url": url,
        "size": size,
    }


@register.inclusion_tag("_components/stranger.html")
def stranger(name: str, handle: str, platform: str) -> dict[str, object]:
    """`{% stranger mention.author_name mention.author_handle 'bluesky' %}`: somebody outside.

    Initials only: their picture is never fetched, so reading the inbox tells them nothing.
    """
    shown = str(name or handle or "?")
    return {"initials": initials(shown), "hue": hue(str(handle or name)), "platform": platform}


# --- times ---------------------------------------------------------------------------------


def _zone(value: object) -> dt.tzinfo:
    """A tzinfo from a tzinfo or an IANA name; the viewer's zone when there is none."""
    if isinstance(value, dt.tzinfo):
        return value
    return zoneinfo.ZoneInfo(str(value)) if value else timezone.get_current_timezone()


@register.filter
def zone_name(zone: object) -> str:
    """`{{ account.time_zone|zone_name }}` is 'London'; nothing is the viewer's own zone."""
    return zone_word(_zone(zone))


@register.inclusion_tag("_components/when.html")
def when(moment: dt.datetime | None, focus: bool = True, none: str = "never") -> dict[str, object]:
    """`{% when event.at %}`: a time that was. Relative within a day, full on hover and focus.

    `moment` is aware. `focus=False` keeps it out of the tab order, for rows that are
    themselves links and repeat the full time; `none` is shown for no time at all.
    """
    if moment is None:
        return {"moment": None, "none": none}
    now = timezone.now()
    local = moment.astimezone(timezone.get_current_timezone())
    near = relative(moment, now)
    return {
        "moment": moment,
        "text": near or clock(local, now),
        "full": in_full(local),
        "focus": focus,
    }


@register.inclusion_tag("_components/due.html")
def due(moment: dt.datetime | None, zone: object = "", none: str = "No time yet") -> dict[str, Any]:
    """`{% due delivery.due_at account.time_zone %}`: a time that will be.

    Always absolute with its zone, 'Tue 24 Nov, 09:00 London'; where the viewer's clock shows
    another time, the viewer's follows. `zone` is an IANA name or a tzinfo.
    """
    if moment is None:
        return {"moment": None, "none": none}
    there = moment.astimezone(_zone(zone))
    here = moment.astimezone(timezone.get_current_timezone())
    same_clock = there.utcoffset() == here.utcoffset()
    same_day = there.date() == here.date()
    yours = f"{here:%H:%M}" if same_day else clock(here)
    return {
        "moment": moment,
        "text": f"{clock(there)} {zone_word(there.tzinfo)}",
        "yours": "" if same_clock else f"{yours} {zone_word(here.tzinfo)}",
        "full": in_full(there),
    }


# --- pieces of pages -----------------------------------------------------------------------


@register.inclusion_tag("_components/empty_state.html")
def empty_state(
    icon: str, title: str, text: str = "", action_url: str = "", action_label: str = ""
) -> dict[str, object]:
    """`{% empty_state 'inbox' 'Nothing waits for you' 'New mentions appear here.' %}`."""
    return {
        "icon": icon,
        "title": title,
        "text": text,
        "action_url": action_url,
        "action_label": action_label,
    }


@register.inclusion_tag("_components/toast.html", takes_context=True)
def toast(context: template.Context, message: Message) -> dict[str, object]:
    """One of Django's messages as a toast.

    `messages.success(request, 'Done', extra_tags='undo:/posts/3/undo/')` adds an Undo button
    that posts to that path.
    """
    undo = ""
    for tag in (message.extra_tags or "").split():
        # Only a path of this site: the tag may be built from a value that came with a request.
        if tag.startswith("undo:/") and not tag.startswith("undo://"):
            undo = tag.removeprefix("undo:")
    return {
        "text": message.message,
        "level": message.level_tag,
        "look": TOAST_LOOKS.get(message.level_tag, TOAST_LOOKS["info"]),
        "urgent": message.level_tag in {"error", "warning"},
        "undo": undo,
        "csrf_token": context.get("csrf_token"),
    }


POST_PART = re.compile(
    r"(?P<link>https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]])"
    r"|(?<![\w@/.])(?P<at>@[\w.-]*\w(?:@[\w.-]*\w)?)"
    r"|(?<![\w&/#])(?P<tag>#\w*[^\W\d_]\w*)"
)


@register.filter
@stringfilter
def as_post(text: str) -> SafeString:
    """A post's text as a platform shows it: escaped, lines kept, links, names and tags marked.

    Links are marked, not clickable: a preview and a stranger's words lead nowhere by accident.
    """
    pieces: list[str] = []
    at = 0
    for found in POST_PART.finditer(text):
        pieces.append(escape(text[at : found.start()]))
        pieces.append(f'<span class="p-{found.lastgroup}">{escape(found[0])}</span>')
        at = found.end()
    pieces.append(escape(text[at:]))
    # Every piece above went through escape(); only our own span is markup.
    return mark_safe("".join(pieces).replace("\r\n", "\n").replace("\n", "<br>"))  # noqa: S308
