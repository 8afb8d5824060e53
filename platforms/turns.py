"""Taking turns to renew an account's credentials: a refresh token may be good only once.

Whoever opens an adapter says how turns are taken among all its workers (`Connection.turns`);
without that, as for credentials that are not stored yet, there is nobody to wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from platforms.errors import AuthorisationLost


class Turn(Protocol):
    """The right to renew the credentials of one account, which one worker has at a time."""

    @property
    def session(self) -> str:
        """What is kept now, whatever it was when the adapter was opened."""

    @property
    def in_doubt(self) -> bool:
        """Whether somebody asked before whose answer nobody has heard."""

    def asking(self) -> None:
        """Note that the platform is asked now; to be called before it is."""

    def keep(self, session: str) -> None:
        """Keep what the platform answered. Raises RetryLater when the turn was lost meanwhile."""


Turns = Callable[[], AbstractContextManager[Turn]]
"""Waits for the turn and gives it back at the end, knowing by the exception how it went. Raises
RetryLater when somebody else has it for too long, AuthorisationLost when nothing is stored."""


class Alone:
    """Everybody's turn: what is kept is handed on and nobody else is asked."""

    in_doubt = False

    def __init__(self, session: str, remember: Callable[[str], None]) -> None:
        self.session = session
        self._remember = remember

    def asking(self) -> None:
        """Nobody has to know."""

    def keep(self, session: str) -> None:
        self.session = session
        self._remember(session)

    @contextmanager
    def take(self) -> Iterator[Turn]:
        yield self


@contextmanager
def nobodys_turn() -> Iterator[Turn]:
    """For tokens that are only looked at: nothing renews them. Raises AuthorisationLost."""
    raise AuthorisationLost("The platform does not take tokens that it has just given.")
    yield  # what makes it a context
