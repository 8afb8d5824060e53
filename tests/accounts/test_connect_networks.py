"""Connecting accounts of the networks with one address: by what each of them is connected by."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from django.utils.html import escape

from accounts.connections import open_account
from accounts.models import Credential, SocialAccount
from audit.models import Event
from platforms.contract import PollLimits, StepsInMemory, VideoLimits
from platforms.hosts import API_HOSTS
from platforms.registry import platform_info
from tests.platforms.worlds import WORLDS

KEYS = {
    "api_key": "canary-key",
    "api_key_secret": "canary-key-secret",
    "access_token": "canary-token",
    "access_token_secret": "canary-token-secret",
}


@pytest.fixture(params=list(API_HOSTS))
def network(request, settings, monkeypatch):
    made = WORLDS[request.param]()
    settings.ALLOW_PRIVATE_HOSTS = frozenset({made.server.private_host})
    monkeypatch.setenv(API_HOSTS[made.key][0], made.server.url)
    if made.key == "x":
        made.fake.keys = KEYS
    yield made
    made.close()


def given(network, administrator):
    secrets = {"secret": network.secret}
    if network.key == "x":
        secrets = {f"secret_{part}": value for part, value in KEYS.items()}
    return {
        "handle": network.handle,
        **secrets,
        "owner": administrator.email,
        "time_zone": "Europe/London",
    }


def test_an_account_is_connected_from_the_page(network, administrator, sign_in, caplog):
    client = sign_in(administrator)
    address = reverse("accounts:connect_to", args=[network.key])
    page = client.get(address).content.decode()
    assert 'name="base_url"' not in page
    assert escape(platform_info(network.key).note) in page
    answer = client.post(address, given(network, administrator))
    account = SocialAccount.objects.get()
    assert answer["Location"] == reverse("accounts:account", args=[account.pk])
    assert (account.platform, account.remote_id) == (network.key, network.remote_id)
    assert account.base_url == API_HOSTS[network.key][1]
    secret = Credential.objects.get().secret
    kept = json.loads(secret) if network.key == "x" else secret
    assert kept == (KEYS if network.key == "x" else network.secret)
    shown = client.get(reverse("accounts:account", args=[account.pk])).content.decode()
    told = shown + caplog.text + str(list(Event.objects.values()))
    assert not [word for word in (secret, *KEYS.values()) if word in told]
    assert account.limits == account.info.limits
    open_account(account).verify()


def test_one_key_of_four_that_is_missing_is_asked_for(administrator, sign_in):
    data = {"handle": "council", "owner": administrator.email, "time_zone": "Europe/London"}
    data |= {f"secret_{part}": value for part, value in KEYS.items() if part != "access_token"}
    answer = sign_in(administrator).post(reverse("accounts:connect_to", args=["x"]), data)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"secret_access_token"}
    assert not [value for value in KEYS.values() if value in answer.content.decode()]


def test_new_keys_for_an_account(network, administrator, sign_in):
    client = sign_in(administrator)
    client.post(reverse("accounts:connect_to", args=[network.key]), given(network, administrator))
    account = SocialAccount.objects.get()
    data = {k: v for k, v in given(network, administrator).items() if k.startswith("secret")}
    answer = client.post(reverse("accounts:reconnect", args=[account.pk]), data)
    assert answer.status_code == 302


def test_what_is_stored_of_the_limits_is_what_was_declared(network, administrator, sign_in):
    client = sign_in(administrator)
    client.post(reverse("accounts:connect_to", args=[network.key]), given(network, administrator))
    limits = SocialAccount.objects.get().limits
    assert limits.video is None or isinstance(limits.video, VideoLimits)
    assert limits.poll is None or isinstance(limits.poll, PollLimits)


def test_a_post_goes_out_to_a_connected_account(network, administrator, sign_in):
    sign_in(administrator).post(
        reverse("accounts:connect_to", args=[network.key]), given(network, administrator)
    )
    adapter = open_account(SocialAccount.objects.get())
    post = network.outgoing("From the desk.")
    adapter.publish(post, steps=StepsInMemory())
    assert [seen.text for seen in network.posts()] == ["From the desk."]
