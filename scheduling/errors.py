"""What scheduling says when something cannot be done."""

from __future__ import annotations


class Stale(Exception):  # says what happened
    """Somebody else was first; nothing was overwritten. The message is for the person."""
