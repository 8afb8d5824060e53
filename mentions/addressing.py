"""Whom a reply names, on platforms that tell only those it names."""

from __future__ import annotations

import re

from mentions.models import Mention


def addressed(text: str, mention: Mention) -> str:
    """The reply as it goes out: on Mastodon-like servers the person answered is named in it.

    Done before anybody approves it, so that what is approved is what is said, to the letter.
    """
    acct = str((mention.reply_ref.get("extra") or {}).get("acct") or "")
    if not acct or re.search(rf"(?<![\w@])@{re.escape(acct)}(?![\w@])", text, re.IGNORECASE):
        return text
    return f"@{acct} {text}" if text else text
