from __future__ import annotations

from typing import Any

import pytest

from accounts.models import SocialAccount
from mentions.polling import claim_account, poll
from mentions.tasks import POLLER
from tests.factories import CredentialFactory
from tests.mentions.fakes import FakeNetwork


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    """What every account's adapter speaks to in this test."""
    fake = FakeNetwork()
    monkeypatch.setattr("accounts.connections.open_adapter", lambda *_, **__: fake)
    return fake


@pytest.fixture
def account(db: None) -> SocialAccount:
    return CredentialFactory().account


@pytest.fixture
def read(network: FakeNetwork) -> Any:
    """Claim an account and poll it."""

    def run(account: SocialAccount) -> Any:
        assert claim_account(account)
        return poll(account.pk, actor=POLLER)

    return run
