"""The exact content of a delivery, and its SHA-256: what an approval is a decision on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from scheduling.models import Delivery, Keep, Media


def content_of(delivery: Delivery) -> dict[str, Any]:
    """Everything that will be public, as JSON: account, text, pictures, what it answers, and each
    element that it has (scheduling.elements)."""
    return {
        "account": delivery.account_id,
        "text": delivery.text,
        "media": [described(media) for media in media_of(delivery)],
        "reply_to": (delivery.reply_to or {}).get("remote_id", ""),
        **delivery.elements,
    }


def media_of(delivery: Delivery) -> list[Media]:
    """What this account shows of the post's pictures and videos: all but those of further posts
    that are left out there."""
    posts = 1 + len(delivery.elements.get("thread", ()))
    shown = delivery.post.media.all()
    return [media for media in shown if media.removed_at is None and media.part <= posts]


def described(media: Media) -> dict[str, Any]:
    """A picture or video of the content. How it is cut, and under which post of a thread it is, are
    part of it where they are not as usual, so that what was decided on before there was a choice
    stays the same content."""
    said: dict[str, Any] = {"sha256": media.sha256, "alt_text": media.alt_text}
    said |= {} if media.keep == Keep.MIDDLE else {"keep": media.keep}
    return said if media.part == 1 else said | {"part": media.part}


def hash_of(content: dict[str, Any]) -> str:
    """SHA-256 in hex over canonical JSON (sorted keys, no spaces, UTF-8)."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def content_hash(delivery: Delivery) -> str:
    """The hash of what would go out now."""
    return hash_of(content_of(delivery))
