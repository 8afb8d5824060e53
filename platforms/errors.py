"""What can go wrong with an outside network: four failures, by what may be done next."""

from __future__ import annotations


class PlatformError(Exception):
    """Base of the four. `message` is for people and never holds a secret or a whole answer.

    `code` is the platform's own short code ('429', 'DUPLICATE_POST'), for the record. `down`: the
    platform itself did not work (no answer, a fault of its own), whoever had asked.
    """

    def __init__(self, message: str, *, code: str = "", down: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.down = down


class RetryLater(PlatformError):
    """Nothing happened there, and it may work later. `delay_s`: the platform's own wish, if any.

    `too_much`: it wants fewer requests, and would say so to any other of this account.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        down: bool = False,
        delay_s: float | None = None,
        too_much: bool = False,
    ) -> None:
        super().__init__(message, code=code, down=down)
        self.delay_s = delay_s
        self.too_much = too_much


class Refused(PlatformError):
    """The platform will not take this content or request, now or later; a person must change it."""


DUPLICATE = "duplicate"
"""The code of a Refused that means: this account has just posted the same text already.

Perhaps that was this very post, by an attempt whose answer was lost, so the engine looks.
"""
GONE = "gone"
"""The code of a Refused that means: there is no such thing (any more)."""


class AuthorisationLost(PlatformError):
    """The credentials are no longer good; nothing works until a person reconnects the account."""


class OutcomeUnknown(PlatformError):
    """The request may or may not have taken effect; never send it again blindly."""
