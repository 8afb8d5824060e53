"""Addresses of the inbox that keep the filters of the list beside them."""

from __future__ import annotations

from typing import Any

from django import template

from mentions.models import Act
from mentions.moderation import WORDS, Words

register = template.Library()


@register.simple_tag
def inbox_url(opened: Any, name: str, *args: object, **more: object) -> str:
    """`{% inbox_url opened 'status' 'done' as url %}`: an address of this conversation.

    `opened` is a mentions.views.reading.Opened.
    """
    return str(opened.url(name, *args, **more))


@register.filter
def act_words(act: str) -> Words:
    """`{{ moderation.act|act_words }}`: what an act on a message is called before and after."""
    return WORDS[Act(act)]


@register.filter
def act_icon(act: str) -> str:
    """The icon of an act on a message."""
    return _ACT_ICONS[Act(act)]


@register.filter
def as_handle(handle: str) -> str:
    """With its @, whether the platform gives it one or not."""
    return f"@{handle.removeprefix('@')}"


_ACT_ICONS = {
    Act.HIDE: "eye-off",
    Act.SHOW: "eye",
    Act.REMOVE: "trash",
    Act.BLOCK: "ban",
    Act.UNBLOCK: "lock-open",
}
