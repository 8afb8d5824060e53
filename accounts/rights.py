"""What grants give somebody: the rights in force, read in the two forms the policy needs.

Asked at every act of everybody, and by every list. So it is written out, since putting the query
together would take several times as long as answering it; and the question about one account is a
prepared statement, since planning it would, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.levels import CAPABILITIES, Capability, Level
from accounts.models import Grant, User
from audit.database import prepared_cursor


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody has on an account; `lapsed`: levels whose conditions are unmet just now."""

    capabilities: frozenset[Capability] = frozenset()
    lapsed: frozenset[Level] = frozenset()


NOTHING = Held()

_IN_FORCE = "g.ended_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > %(now)s)"
_RIGHTS = f"""
SELECT r.content_object_id, r.permission_id, g.level
  FROM accounts_socialaccountuserobjectpermission AS r
  JOIN accounts_grant AS g ON g.id = r.grant_id
 WHERE r.user_id = %(user)s AND {_IN_FORCE}
 UNION ALL
SELECT r.content_object_id, r.permission_id, g.level
  FROM accounts_user_groups AS m
  JOIN accounts_socialaccountgroupobjectpermission AS r ON r.group_id = m.group_id
  JOIN accounts_grant AS g ON g.id = r.grant_id
 WHERE m.user_id = %(user)s AND {_IN_FORCE}
"""  # noqa: S608  # nothing but our own text
_LAPSED = "held.level = ANY(%(lapsed)s::text[])"
_HELD = f"""
SELECT held.content_object_id, p.codename, CASE WHEN {_LAPSED} THEN held.level END
  FROM ({_RIGHTS}) AS held
  JOIN auth_permission AS p ON p.id = held.permission_id
"""  # noqa: S608  # nothing but our own text
_HELD_ON_ONE = f"{_HELD} WHERE held.content_object_id = %(account)s"
_HELD_ON_SOME = f"{_HELD} WHERE held.content_object_id = ANY(%(accounts)s::bigint[])"
_ACCOUNTS = f"""
SELECT held.content_object_id FROM ({_RIGHTS}) AS held
 WHERE held.permission_id = (SELECT id FROM auth_permission WHERE codename = %(codename)s)
   AND NOT {_LAPSED}
"""  # noqa: S608  # nothing but our own text
# The ORM hands over parameters by place.
_PLACES = re.findall(r"%\((\w+)\)s", _ACCOUNTS)
_ACCOUNTS_BY_PLACE = re.sub(r"%\(\w+\)s", "%s", _ACCOUNTS)


def held_on(user: User, account_id: int) -> Held:
    """What grants give `user` on one account. One query."""
    return _ask(prepared_cursor(), _HELD_ON_ONE, user, account=account_id).get(account_id, NOTHING)


def held_by_account(user: User, account_ids: Iterable[int] | None) -> dict[int, Held]:
    """The same for many accounts, and still one query; None: all on which grants give anything."""
    if account_ids is None:
        return _ask(connection.cursor(), _HELD, user)
    return _ask(connection.cursor(), _HELD_ON_SOME, user, accounts=list(account_ids))


def given_by_grants(user: User, capability: Capability) -> Q:
    """The accounts on which grants give `user` the capability: the same question for a queryset."""
    named = _named(user) | {"codename": capability.value}
    return Q(pk__in=RawSQL(_ACCOUNTS_BY_PLACE, [named[place] for place in _PLACES]))  # noqa: S611


def given_until(user: User, capability: Capability, account_id: int) -> datetime | None:
    """When the last of what gives `user` the capability ends, as things stand: a grant by its date
    or a level by its conditions. None: no end is in sight, or they have not got it."""
    levels = [level for level in Level if capability in CAPABILITIES[level]]
    theirs = Q(user=user) | Q(team__group__user_set=user)
    grants = Grant.objects.in_force().filter(theirs, account=account_id, level__in=levels)
    ends = []
    for level, ends_at in grants.values_list("level", "ends_at"):
        known = [at for at in (ends_at, user.level_ends(level)) if at is not None]
        if not known:
            return None
        ends.append(min(known))
    return max(ends, default=None)


def _named(user: User) -> dict[str, Any]:
    return {"user": user.pk, "now": timezone.now(), "lapsed": list(user.lapsed_levels)}


def _ask(
    cursor: AbstractContextManager[Any], sql: str, user: User, **named: Any
) -> dict[int, Held]:
    found: dict[int, tuple[set[Capability], set[Level]]] = {}
    with cursor as asking:
        asking.execute(sql, _named(user) | named)
        for account_id, codename, lapsed in asking.fetchall():
            capabilities, levels = found.setdefault(account_id, (set(), set()))
            if lapsed:
                levels.add(Level(lapsed))
            else:
                capabilities.add(Capability(codename))
    return {pk: Held(frozenset(has), frozenset(gone)) for pk, (has, gone) in found.items()}
