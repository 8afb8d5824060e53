"""Who acts. Every change names one: a person, a worker, a command, or a platform; never nobody."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class ActorKind(StrEnum):
    PERSON = "person"
    WORKER = "worker"  # a background process of ours
    COMMAND = "command"  # somebody at the server's shell
    PLATFORM = "platform"  # an outside network told us
    ANONYMOUS = "anonymous"  # a visitor who has not signed in


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts and from where. `user` is the signed-in person's row for kind PERSON, else None."""

    kind: ActorKind
    label: str
    id: int | None = None
    address: str = ""
    via: str = ""  # the command or key through which a person acts, when not the pages
    user: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def person(cls, user: Any, *, address: str = "", via: str = "") -> Actor:
        """A signed-in person. Raises ValueError for an anonymous user."""
        if user is None or not user.pk:
            raise ValueError("a person who acts has to be signed in")
        return cls(ActorKind.PERSON, str(user), user.pk, address, via, user)

    @classmethod
    def worker(cls, name: str) -> Actor:
        return cls(ActorKind.WORKER, name)

    @classmethod
    def command(cls, name: str) -> Actor:
        return cls(ActorKind.COMMAND, name)

    @classmethod
    def anonymous(cls, *, address: str = "", label: str = "somebody not signed in") -> Actor:
        return cls(ActorKind.ANONYMOUS, label, address=address)

    def through(self, via: str) -> Actor:
        """The same person, acting through something other than the pages."""
        return replace(self, via=via)
