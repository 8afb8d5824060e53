"""mentions_poll, for operators and scripts."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mentions.models import Mention
from mentions.polling import claim_account
from platforms.contract import RetryLater
from tests.factories import CredentialFactory
from tests.mentions.fakes import incoming

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command("mentions_poll", *words, stdout=out)
    return out.getvalue()


def answer(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json"))
    return found


def test_one_account_by_its_handle(account, network):
    network.page([incoming(1)])
    told = answer(account.handle)
    assert told["ok"]
    assert told["accounts"] == [
        {
            "id": account.pk,
            "platform": "sandbox",
            "handle": account.handle,
            "busy": False,
            "new": 1,
            "error": "",
        }
    ]
    assert Mention.objects.count() == 1
    assert "nothing new" in run(account.handle)


def test_all_accounts_but_the_disconnected(account, network):
    CredentialFactory(account__disconnected_at=timezone.now())
    network.page([incoming(1)])
    assert run("--all").count("\n") == 1
    assert "1 new" in run("--all") or Mention.objects.count() == 1


def test_no_account_at_all(db):
    assert "No account is connected" in run("--all")


def test_an_account_that_cannot_be_read_is_exit_code_1(account, network):
    network.pages[""] = RetryLater("The server is busy.")
    with pytest.raises(CommandError) as caught:
        run(str(account.pk))
    assert caught.value.returncode == 1
    assert "1 of 1" in str(caught.value)


def test_an_account_a_worker_is_reading_is_left_to_it(account, network):
    claim_account(account)
    assert answer(account.handle)["accounts"][0]["busy"]
    assert "by a worker" in run(account.handle)
    assert network.asked == []


def test_a_disconnected_account_is_refused(account):
    account.disconnected_at = timezone.now()
    account.save()
    with pytest.raises(CommandError, match="disconnected"):
        run(account.handle)


def test_which_account_has_to_be_said(db):
    with pytest.raises(CommandError):
        run()
