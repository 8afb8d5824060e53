"""Settings, levels and states: pages drawn from the tables that the code itself reads."""

from __future__ import annotations

from django.db.models import TextChoices

from accounts import policy
from accounts.levels import CAPABILITIES, ON_FROZEN, Capability, Level, OrgCapability
from accounts.models import User
from scheduling.models import HoldKind, Outcome
from scheduling.states import CANCELLABLE, EDITABLE, ENGINE, TABLE, State, Transition
from socialdesk.access import ADDRESSES, Needs, opened_by
from socialdesk.reference.markdown import code, page, table
from socialdesk.settings import env

# --- settings -----------------------------------------------------------------------------------


def settings_page() -> str:
    rows = [
        (
            code(item.name),
            item.kind,
            "**required**" if item.required else _shown(item.default),
            item.help,
        )
        for item in env.declared
    ]
    return page(
        "Settings",
        "socialdesk/settings/",
        "Socialdesk is set up by environment variables alone. Each may also come from a file: "
        "`NAME_FILE` names a file that holds the value, as container secrets do; setting both is "
        "refused. A name that begins with `SOCIALDESK_` and is not in this table is refused at the "
        "start, because it is most likely a typing error. A list is separated by commas.",
        table(("Name", "Kind", "Default", "Meaning"), rows),
        "`make run` fills in what is missing for a first try: servers of its own, kept secrets in "
        "`var/secrets/`, the demo, sign-in without a second factor and logs for people to read.",
    )


def _shown(default: str) -> str:
    return default if " " in default or not default else code(default)


# --- levels -------------------------------------------------------------------------------------


def levels_page() -> str:
    levels = table(
        ("Capability", *(level.label for level in Level)),
        [
            (
                f"{capability.label} ({code(capability.value)})",
                *("✓" if capability in CAPABILITIES[level] else "" for level in Level),
            )
            for capability in Capability
        ],
    )
    roles = table(
        ("Role", "For the whole organisation", "On every account"),
        [
            (_role(flag), _org_words(flag), _account_words(flag))
            for flag in policy.ROLE_CAPABILITIES
        ],
    )
    pausing = f"“{Capability.APPROVE.label}”"
    opened = table(
        ("Capability", "What one may do by it"),
        [(one.label, "; ".join(opened_by(one)) or "-") for one in Capability],
    )
    frozen = " and ".join(f"“{c.label}”" for c in Capability if c in ON_FROZEN)
    return page(
        "Levels, capabilities and roles",
        "accounts/levels.py",
        "A level is given to a person or a team on one social account, with a reason and, if "
        "wanted, an end date. Whoever has no level on an account does not see that it exists.",
        levels,
        "Where an account asks for approval from everybody, “Schedule and send without review” "
        "waits for an approver all the same. Nobody approves their own words, whatever the level.",
        "## What each capability opens",
        "Drawn from [the table of addresses](addresses.md). Viewing comes with each of them.",
        opened,
        f"On a frozen or disconnected account only {frozen} remain, whatever the level.",
        f"Whoever has {pausing} on at least one account may hold everything at the desk, and end "
        "that; for one account, or the accounts of a team, it has to be on (one of) them. So may "
        "an administrator.",
        "## Roles",
        "A role is given to a person beside the levels. The administrator of people and accounts "
        "gets no say over content by being administrator.",
        roles,
        "The words for the code are Django permissions on `accounts.SocialAccount`.",
    )


def _role(flag: str) -> str:
    return flag.removeprefix("is_").replace("_", " ")


def _org_words(flag: str) -> str:
    held = policy.ROLE_CAPABILITIES[flag]
    return "; ".join(c.label for c in sorted(held, key=lambda c: c.value)) or "-"


def _account_words(flag: str) -> str:
    person = User(**{flag: True})
    return "; ".join(c.label for c in Capability if policy._by_role(person, c)) or "-"


# --- addresses -----------------------------------------------------------------------------------


def addresses_page() -> str:
    rows = [
        (_first_upper(one.does), code(name), ", ".join(one.methods), _takes(one.needs))
        for name, one in ADDRESSES.items()
    ]
    return page(
        "Addresses and what they take",
        "socialdesk/access.py",
        "Every address of the site by the name it has in the code, with the methods it takes and "
        "what lets a person in. Any other method is refused (405). Whoever is not signed in is led "
        "to the sign-in page. On a thing of an account on which one has nothing at all the answer "
        "is 404, as if it did not exist; with too low a level it is 403 with the reason; both are "
        "on record. The composer alone answers 422, so that what was typed is kept.",
        "`tests/rights` asks each address as everybody: visitors, each level, people whose rights "
        "came by a team, ran out or were taken away while they were signed in, frozen people and "
        "accounts, administrators and auditors, on their own and on other accounts.",
        table(("What one does", "Address", "Methods", "What it takes"), rows),
    )


def _takes(needs: Needs) -> str:
    if needs.open_to_all:
        return "nothing: open to all"
    held = [f"“{c.label}” on its account" for c in Capability if c in needs.on]
    if needs.anywhere and not needs.on:
        held.append(f"“{needs.anywhere.label}” on any account")
    ways = [" and ".join(held)] if held else []
    ways += [f"the role for “{one.label}”" for one in OrgCapability if one in needs.roles]
    ways += ["being that person"] if needs.oneself else []
    return ", or ".join(ways) or "being signed in"


def _first_upper(words: str) -> str:
    return words[0].upper() + words[1:]


# --- states -------------------------------------------------------------------------------------


def states_page() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> draft"]
    lines += [f"    {row.source} --> {row.target}: {_verb(row)}" for row in _drawn()]
    diagram = "\n".join([*lines, "```"])
    moves = table(
        ("From", "To", "Who may", "Event"),
        [(r.source.label, r.target.label, _who(r), code(r.event)) for r in TABLE],
    )
    return page(
        "States of a delivery",
        "scheduling/states.py",
        "A delivery is one post on one account, and the only thing that has a state; what is said "
        "of a whole post is derived from its deliveries. No other move than these is possible.",
        diagram,
        f"Not drawn: from {_words(CANCELLABLE)} a delivery can be cancelled.",
        "## Every move",
        moves,
        f"The words can be changed while it is {_words(EDITABLE)}. What a person held, or a "
        "freeze, is released only by somebody who may hold and freeze.",
        "## Why a delivery is held",
        _meanings(HoldKind, "Kind"),
        "## How an attempt to send ends",
        _meanings(Outcome, "Outcome"),
    )


def _drawn() -> list[Transition]:
    """All but the way to 'cancelled', which is the same from everywhere and hides the rest."""
    return [row for row in TABLE if row.target is not State.CANCELLED]


def _verb(row: Transition) -> str:
    return row.event.partition(".")[2].replace("_", " ")


def _who(row: Transition) -> str:
    if row.capability == ENGINE:
        return "the publishing engine"
    return Capability(row.capability).label


def _words(states: tuple[State, ...]) -> str:
    names = [state.label.lower() for state in states]
    return ", ".join(names[:-1]) + f" or {names[-1]}"


def _meanings(choices: type[TextChoices], head: str) -> str:
    return table((head, "Means"), [(code(str(one.value)), str(one.label)) for one in choices])
