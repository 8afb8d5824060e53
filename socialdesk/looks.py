"""How the values of closed lists appear: the same word, icon and tone on every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How one value of a closed list appears: always a word, an icon and a tone together."""

    word: str
    icon: str
    tone: str


STATES: Mapping[str, Look] = {
    "draft": Look("Draft", "pencil", "grey"),
    "in_review": Look("In review", "clock", "amber"),
    "approved": Look("Approved", "check", "teal"),
    "scheduled": Look("Scheduled", "calendar", "blue"),
    "publishing": Look("Publishing", "refresh", "indigo"),
    "published": Look("Published", "circle-check", "green"),
    "failed": Look("Failed", "circle-x", "red"),
    "unknown": Look("Unknown", "help-circle", "red-outline"),
    "held": Look("Held", "player-pause", "violet"),
    "cancelled": Look("Cancelled", "ban", "grey"),
    "withdrawn": Look("Withdrawn", "trash", "grey"),
}

HEALTH: Mapping[str, Look] = {
    "healthy": Look("Working", "circle-check", "green"),
    "troubled": Look("Not answering", "alert-triangle", "amber"),
    "lost": Look("Needs reconnecting", "plug-off", "red"),
    "frozen": Look("Frozen", "snowflake", "violet"),
    "unknown": Look("Not checked yet", "circle-dashed", "grey"),
}

PLATFORMS: Mapping[str, str] = {
    "sandbox": "Sandbox",
    "bluesky": "Bluesky",
    "mastodon": "Mastodon",
    "x": "X",
    "facebook": "Facebook Page",
    "instagram": "Instagram",
    "threads": "Threads",
    "linkedin": "LinkedIn",
}

TOAST_LOOKS: Mapping[str, Look] = {
    "debug": Look("Note", "info-circle", "grey"),
    "info": Look("Note", "info-circle", "blue"),
    "success": Look("Done", "circle-check", "green"),
    "warning": Look("Take care", "alert-triangle", "amber"),
    "error": Look("Problem", "circle-x", "red"),
}
