"""The register: for each account who answers for it, what it is for, and whether it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.levels import CAPABILITIES, Capability, Level
from accounts.models import Grant, SocialAccount, User
from accounts.models.credentials import MissingScope

USES: dict[str, str] = {"dormant": "Dormant", "used": "In use"}
OWNERS: dict[str, str] = {"left": "Owner has left", "here": "Owner is here"}
_BOTH = [lv for lv in Level if {Capability.DRAFT, Capability.APPROVE} <= CAPABILITIES[lv]]


def registered(
    *, text: str = "", platform: str = "", use: str = "", owner: str = ""
) -> QuerySet[SocialAccount]:
    """Every account that fits; `since`: when it was last used, or connected if it never was."""
    accounts = SocialAccount.objects.select_related("owner", "credential")
    accounts = accounts.defer("credential__secret", "credential__session")
    accounts = accounts.annotate(since=Coalesce(F("used_at"), F("connected_at")))
    if text:
        named = Q(display_name__icontains=text) | Q(handle__icontains=text.removeprefix("@"))
        accounts = accounts.filter(
            named | Q(purpose__icontains=text) | Q(owner__full_name__icontains=text)
        )
    if platform:
        accounts = accounts.filter(platform=platform)
    if use == "dormant":
        accounts = accounts.filter(since__lte=dormant_since())
    elif use == "used":
        accounts = accounts.filter(since__gt=dormant_since())
    if owner in OWNERS:
        accounts = accounts.filter(owner__is_active=owner == "here")
    return accounts


def dormant_since() -> datetime:
    """Whatever was not used after this is dormant."""
    return timezone.now() - timedelta(days=settings.DORMANT_DAYS)


@dataclass(frozen=True, slots=True)
class Both:
    """Somebody who can both write and approve on an account; `team`: through which, or ''."""

    person: User
    level: str
    team: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One account of the register."""

    account: SocialAccount
    is_dormant: bool
    both: tuple[Both, ...]
    ends_at: datetime | None = None  # the credentials, unless somebody does something
    missing_scopes: tuple[MissingScope, ...] = ()

    @property
    def missing_words(self) -> str:
        count = len(self.missing_scopes)
        return f"{count} permission{'' if count == 1 else 's'} missing"

    @property
    def stands_alone(self) -> bool:
        """What its one approver writes, nobody else can approve; without any, nothing can be."""
        return len(self.both) < 2


def entries(accounts: Sequence[SocialAccount]) -> list[Entry]:
    """The accounts with who can both write and approve there. Three queries at most."""
    both = _both([account.pk for account in accounts])
    since = dormant_since()
    return [
        Entry(
            account,
            (account.used_at or account.connected_at) <= since,
            tuple(sorted(both.get(account.pk, {}).values(), key=lambda b: b.person.full_name)),
            *_connected_by(account),
        )
        for account in accounts
    ]


def _connected_by(account: SocialAccount) -> tuple[datetime | None, tuple[MissingScope, ...]]:
    if not account.is_connected or not hasattr(account, "credential"):
        return None, ()
    credential = account.credential
    return credential.lapses_at, tuple(credential.missing_scopes)


def _both(account_ids: Sequence[int]) -> dict[int, dict[int, Both]]:
    grants = Grant.objects.in_force().filter(account__in=account_ids, level__in=_BOTH)
    own = grants.filter(user__isnull=False).values_list("account", "user", "level", "team__name")
    teams = grants.filter(team__isnull=False)
    through = teams.values_list("account", "team__group__user_set", "level", "team__name")
    rows = [row for row in own.union(through, all=True) if row[1] is not None]
    here = User.objects.filter(is_active=True, frozen_at=None)
    people = here.in_bulk({user for _, user, _, _ in rows})
    found: dict[int, dict[int, Both]] = {}
    # Their own level before that of a team: it says more.
    for account, user, level, team in sorted(rows, key=lambda row: row[3] is not None):
        person = people.get(user)
        if person is not None and level not in person.lapsed_levels:
            found.setdefault(account, {}).setdefault(user, Both(person, level, team or ""))
    return found


COLUMNS = (
    "account", "platform", "handle", "owner", "owner_email", "owner_has_left", "purpose",
    "service_hours", "time_zone", "approval_required", "connected", "last_used", "dormant",
    "write_and_approve", "health", "last_answer", "credentials_end", "permissions_missing",
)  # fmt: skip


def rows(found: QuerySet[SocialAccount]) -> Iterator[tuple[str, ...]]:
    """The whole register as text, a row per account; times are UTC, ISO 8601."""
    for entry in entries(list(found.order_by("display_name", "pk"))):
        account, owner = entry.account, entry.account.owner
        yield (
            account.display_name,
            account.info.label,
            account.handle,
            str(owner),
            owner.email,
            _yes(not owner.is_active),
            account.purpose,
            account.service_hours,
            account.time_zone,
            _yes(account.approval_required),
            account.connected_at.isoformat(),
            account.used_at.isoformat() if account.used_at else "",
            _yes(entry.is_dormant),
            "; ".join(
                f"{b.person} ({b.level}{f', {b.team}' if b.team else ''})" for b in entry.both
            ),
            account.condition,
            account.last_success_at.isoformat() if account.last_success_at else "",
            entry.ends_at.isoformat() if entry.ends_at else "",
            " ".join(scope.name for scope in entry.missing_scopes),
        )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
