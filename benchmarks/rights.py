"""What a permission costs at size: `decide`, and `accounts_where`; prints one JSON line.

    make bench-rights           everything it needs is started and stopped by the command

PEOPLE people, ACCOUNTS accounts, and first FEW, then MANY grants, nine in ten to persons and the
rest to teams; so that it shows whether the number of grants matters. Times are those of the call
in the process, with its query to an embedded PostgreSQL that nothing else uses: of `decide` for
people, accounts and capabilities at random, of `accounts_where` with all the rows it finds made
into objects, and the same for one person who has a level on every account.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accounts.models import SocialAccount, Team, User

PEOPLE, ACCOUNTS, TEAMS = 2_000, 300, 100
FEW, MANY = 4_000, 40_000
ASKED = int(os.environ.get("ASKED", "4000"))
BATCH = 2_000
TARGETS = {"decide_p95_ms": 0.5, "accounts_where_p95_ms": 5, "accounts_where_queries": 1}


@contextmanager
def empty_desk() -> Iterator[None]:
    """An installation without anybody in it; Django is ready inside the block."""
    from socialdesk.launcher.keys import credential_key, record_key, secret_key
    from socialdesk.launcher.layout import Layout
    from socialdesk.launcher.services import Services

    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        services = Services(Layout(folder / "services"), {}, durable=True)
        services.start()
        try:
            os.environ |= services.urls | {
                "DJANGO_SETTINGS_MODULE": "socialdesk.settings",
                "SOCIALDESK_SECRET_KEY": secret_key(),
                "SOCIALDESK_CREDENTIAL_KEYS": credential_key(),
                "SOCIALDESK_RECORD_KEYS": record_key(),
                "SOCIALDESK_DATA_DIR": str(folder / "data"),
                "SOCIALDESK_REQUIRE_MFA": "no",
            }
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            yield
        finally:
            services.stop()


def people_and_accounts() -> tuple[list[User], list[SocialAccount], list[Team]]:
    """Everybody, every account, and teams of forty; everybody is in two of them."""
    from django.contrib.auth.models import Group

    from accounts.models import SocialAccount, Team, User

    people = User.objects.bulk_create(
        User(email=f"p{n}@bench.example", full_name=f"Person {n}") for n in range(PEOPLE)
    )
    accounts = SocialAccount.objects.bulk_create(
        SocialAccount(
            platform="sandbox",
            base_url="http://127.0.0.1:1",
            remote_id=f"r{n}",
            handle=f"@a{n}",
            display_name=f"Account {n:03}",
            owner=people[0],
            time_zone="Europe/London",
        )
        for n in range(ACCOUNTS)
    )
    groups = Group.objects.bulk_create(Group(name=f"team:{n}") for n in range(TEAMS))
    teams = Team.objects.bulk_create(
        Team(name=f"Team {n}", group=group) for n, group in enumerate(groups)
    )
    member = User.groups.through
    member.objects.bulk_create(
        member(user_id=one.pk, group_id=groups[(n * 2 + k) % TEAMS].pk)
        for n, one in enumerate(people)
        for k in range(2)
    )
    return people, accounts, teams


def give(pairs: list[tuple[Any, SocialAccount]]) -> None:
    """A grant for each holder and account, with the rights it stands for, as grant_set writes."""
    from django.contrib.auth.models import Permission

    from accounts.levels import CAPABILITIES, Level
    from accounts.models import (
        Grant,
        SocialAccountGroupObjectPermission,
        SocialAccountUserObjectPermission,
        User,
    )

    permissions = {
        p.codename: p for p in Permission.objects.filter(codename__startswith="account_")
    }
    dice = random.Random(7)  # the same desk each time
    for start in range(0, len(pairs), BATCH):
        grants = Grant.objects.bulk_create(
            Grant(
                account=account,
                level=dice.choice(list(Level)),
                reason="bench",
                given_by_label="bench",
                **({"user": holder} if isinstance(holder, User) else {"team": holder}),
            )
            for holder, account in pairs[start : start + BATCH]
        )
        rights = [(g, permissions[c.value]) for g in grants for c in CAPABILITIES[Level(g.level)]]
        SocialAccountUserObjectPermission.objects.bulk_create(
            SocialAccountUserObjectPermission(
                user_id=grant.user_id,
                permission=permission,
                content_object_id=grant.account_id,
                grant=grant,
            )
            for grant, permission in rights
            if grant.user_id
        )
        SocialAccountGroupObjectPermission.objects.bulk_create(
            SocialAccountGroupObjectPermission(
                group_id=grant.team.group_id,
                permission=permission,
                content_object_id=grant.account_id,
                grant=grant,
            )
            for grant, permission in rights
            if grant.team is not None
        )


def measured(people: list[User], accounts: list[SocialAccount]) -> dict[str, float]:
    """Milliseconds of each question at the present number of grants."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from accounts.levels import Capability
    from accounts.policy import accounts_where, decide
    from audit.actors import Actor

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    dice = random.Random(11)  # the same questions each time
    capabilities = list(Capability)
    actors = [Actor.person(one) for one in people]

    def at_random() -> None:
        decide(dice.choice(actors), dice.choice(capabilities), dice.choice(accounts))

    def where(actor: Actor) -> None:
        list(accounts_where(actor, dice.choice(capabilities)))

    with CaptureQueriesContext(connection) as asked:
        where(actors[0])
    decided = _times(at_random, ASKED)
    some = _times(lambda: where(dice.choice(actors[1:])), ASKED // 4)
    all_of_them = _times(lambda: where(actors[0]), ASKED // 20)
    return {
        "decide_p50_ms": _ms(statistics.median(decided)),
        "decide_p95_ms": _p95(decided),
        "accounts_where_queries": len(asked),
        "accounts_where_p50_ms": _ms(statistics.median(some)),
        "accounts_where_p95_ms": _p95(some),
        "accounts_where_all_p95_ms": _p95(all_of_them),
    }


def _times(ask: Callable[[], None], times: int) -> list[float]:
    for _ in range(times // 10):
        ask()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        found.append(time.perf_counter() - began)
    return found


def _p95(seconds: list[float]) -> float:
    return _ms(statistics.quantiles(seconds, n=20)[-1])


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def main() -> int:
    """Measure, print, and end with 0: the figures are for people to judge."""
    with empty_desk():
        people, accounts, teams = people_and_accounts()
        everybody = [(one, account) for account in accounts for one in people[1:]]
        for_teams = [(team, account) for account in accounts for team in teams]
        dice = random.Random(3)  # the same desk each time
        dice.shuffle(everybody)
        dice.shuffle(for_teams)
        persons, in_teams = iter(everybody), iter(for_teams)
        give([(people[0], account) for account in accounts])
        given, sizes = ACCOUNTS, {}
        for wanted in (FEW, MANY):
            more = wanted - given
            give(list(itertools.islice(persons, more - more // 10)))
            give(list(itertools.islice(in_teams, more // 10)))
            given = wanted
            sizes[wanted] = measured(people, accounts)
    line = {"benchmark": "rights", "people": PEOPLE, "accounts": ACCOUNTS, "grants": MANY}
    few = {f"at_{FEW}_grants": sizes[FEW]}
    machine = {
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(line | sizes[MANY] | few | {"targets": TARGETS} | machine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
