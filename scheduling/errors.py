"""What scheduling says when something cannot be done."""

from __future__ import annotations


class WrittenAlready(Exception):  # says what happened
    """The form was sent before, and its post is there: nothing was written a second time."""

    def __init__(self, post_id: int) -> None:
        super().__init__("This post is here already. Nothing was written or sent a second time.")
        self.post_id = post_id


class Stale(Exception):  # says what happened
    """Somebody else was first; nothing was overwritten. The message is for the person."""
