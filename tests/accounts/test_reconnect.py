"""New credentials have to be of the very same account."""

from __future__ import annotations

import dataclasses

import pytest

from accounts.connections import Proven
from accounts.errors import Invalid
from accounts.models import Credential
from accounts.services.social import account_reconnect
from platforms.contract import Identity
from tests.factories import COMMAND, CredentialFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def proven():
    account = CredentialFactory().account
    identity = Identity(account.remote_id, "@new", "New", "https://there/new")
    return account, Proven(
        account.platform, account.base_url, "fresh", "session", identity, account.limits
    )


def test_the_same_account_takes_them(proven):
    account, new = proven
    account_reconnect(actor=COMMAND, account=account, proven=new)
    credential = Credential.objects.get()
    assert (credential.secret, credential.session) == ("fresh", "session")
    assert account.handle == "@new"


@pytest.mark.parametrize("other", ["platform", "base_url", "identity"])
def test_another_account_server_or_platform_is_refused_and_nothing_changes(proven, other):
    account, new = proven
    value = Identity("9", "@other", "", "") if other == "identity" else "https://other.example"
    with pytest.raises(Invalid, match="Nothing was changed"):
        account_reconnect(
            actor=COMMAND, account=account, proven=dataclasses.replace(new, **{other: value})
        )
    assert Credential.objects.get().secret == "canary-secret-5d1f"
