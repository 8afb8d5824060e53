"""The gate between what is due and what goes out: open, or shut by a pause.

Whoever is about to claim, or to begin an attempt, passes the gate; whoever begins or ends a pause
shuts it first. Passing is a shared and shutting an exclusive advisory lock of PostgreSQL, both held
until their transaction ends. So when a pause is acknowledged (committed), every claim and every
attempt that passed before it is committed and can be seen, and whoever passes afterwards reads the
pause: under READ COMMITTED each statement sees what was committed before it, and the pauses are
read by a statement after the one that waited. No clock and no cache is part of it.

An advisory lock and not a row's: locking a row in share mode writes to it at each claim, and a
stream of claims that overlap would keep a pause waiting for as long as it lasts. The lock manager's
queue is fair: a claim that comes after a waiting pause waits behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Prefetch

from accounts.models import SocialAccount
from scheduling.models import Pause

_KEY = 7_203_114_001
"""Any number that nothing else in this database locks."""


@dataclass(frozen=True, slots=True)
class Shut:
    """The pauses in force."""

    everything: Pause | None = None
    by_account: dict[int, Pause] = field(default_factory=dict)

    def over(self, account_id: int) -> Pause | None:
        """The pause that holds this account back, the widest first; None when it may send."""
        return self.everything or self.by_account.get(account_id)


OPEN = Shut()
"""No pause is in force."""


def pass_gate() -> Shut:
    """Wait for a pause that is being begun or ended, and see what is shut until we commit.

    The first thing of a transaction that claims or begins an attempt, before it locks any row.
    """
    _lock("pg_advisory_xact_lock_shared")
    return shut()


def shut_gate() -> None:
    """Let nobody pass until this transaction ends, and wait for those who did.

    The first thing of a transaction that begins or ends a pause, before it locks any row.
    """
    _lock("pg_advisory_xact_lock")


def shut() -> Shut:
    """The pauses in force as they can be seen now; one query while there is none."""
    everything: Pause | None = None
    by_account: dict[int, Pause] = {}
    ids = Prefetch("covered", SocialAccount.objects.only("pk"))
    rows = Pause.objects.in_force().select_related("account", "team").order_by("pk")
    for pause in rows.prefetch_related(ids):
        if pause.is_of_everything:
            everything = pause
        for account in pause.covered.all():
            by_account.setdefault(account.pk, pause)
    return Shut(everything, by_account)


def _lock(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_KEY])
