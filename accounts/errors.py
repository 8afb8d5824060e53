"""What a service says about input it cannot take."""

from __future__ import annotations


class Invalid(Exception):  # reads as the answer it is
    """Input that cannot be taken. `field`: the form field it belongs to, '' for the whole form."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
