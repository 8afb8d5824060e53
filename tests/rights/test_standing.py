"""Every address again, where a condition of doing anything at all is not met.

A disconnected account is answered for as a frozen one is; and whoever has no second factor where
one is demanded is led to setting it up, whatever they ask for and whatever they may do.
"""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.levels import ON_FROZEN, Level
from accounts.models import SocialAccount
from socialdesk.access import ADDRESSES
from socialdesk.middleware import OPEN_PATHS
from tests.rights.asking import ask, remember
from tests.rights.fillings import FILLINGS
from tests.rights.test_matrix import _answers, _faults

pytestmark = pytest.mark.usefixtures("db")

DOING = [name for name, address in ADDRESSES.items() if address.needs.on - ON_FROZEN]
"""Addresses at which something is done on an account that a freeze or a disconnection stops."""
SHUT = [n for n in ADDRESSES if n != "gallery" and not ADDRESSES[n].needs.open_to_all]


@pytest.mark.parametrize("name", DOING)
def test_nothing_is_done_on_a_disconnected_account(world, name):
    side, address = world.sides["frozen"], ADDRESSES[name]
    SocialAccount.objects.filter(pk=side.account.pk).update(
        frozen_at=None, frozen_reason="", disconnected_at=timezone.now()
    )
    remember()
    wrong = [
        f"{key}, {method}: {fault}"
        for key in (Level.CONTRIBUTOR, Level.MANAGER, "approver by team", "no grant")
        for method, answer, fill in _answers(world, world.personas[key], name, address, side)
        for fault in _faults(world, world.personas[key], address, side, method, answer, fill)
    ]
    assert not wrong, "\n".join(wrong)


def test_without_a_second_factor_nobody_gets_anywhere_but_to_setting_one_up(world, settings):
    settings.REQUIRE_MFA = True
    remember()
    wrong = []
    for name in SHUT:
        fill = FILLINGS[name](world, world.sides["own"])
        path = reverse(name.partition(" ")[0], kwargs=dict(fill.at))
        if path.startswith(OPEN_PATHS):
            continue
        for key in (Level.MANAGER, "administrator", "auditor"):
            for method in ("GET", "POST"):
                answer = ask(world, world.personas[key], name, method, fill)
                if (answer.status, answer.location) != (302, reverse("mfa_index")):
                    wrong.append(f"{name}, {key}, {method}: {answer.status} {answer.location}")
                if answer.changed or answer.events:
                    wrong.append(f"{name}, {key}, {method}: {answer.wrote} {answer.events}")
    assert not wrong, "\n".join(wrong)
