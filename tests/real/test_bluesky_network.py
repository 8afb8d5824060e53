"""The network itself, by the raw client: what the other tests here stand on."""

from __future__ import annotations

import pytest
from atproto.exceptions import RateLimitExceededError, UnauthorizedError

from .people import Bluesky, until


def test_a_mention_by_one_account_reaches_the_other(bluesky_network: Bluesky) -> None:
    fire = bluesky_network.account("fire", display_name="Fire Service")
    resident = bluesky_network.account("resident")
    post = bluesky_network.mention(resident, fire, "is the road open?")

    def notified() -> list[str]:
        answer = fire.client.app.bsky.notification.list_notifications()
        return [n.uri for n in answer.notifications if n.reason == "mention"]

    assert until(notified, what="a mention among the notifications") == [post.uri]
    seen = bluesky_network.await_post(post.uri)
    assert seen.author.handle == "resident.test"
    assert seen.record.text == "@fire.test is the road open?"


def test_a_wrong_password_is_refused(bluesky_network: Bluesky) -> None:
    person = bluesky_network.account()
    with pytest.raises(UnauthorizedError):
        bluesky_network.client().login(person.handle, "not-the-password")


def test_the_rate_limits_of_the_public_network_are_on(bluesky_network: Bluesky) -> None:
    person = bluesky_network.account()
    answers = bluesky_network.sign_in_too_often(person.handle)
    refused = [error for error in answers if isinstance(error, RateLimitExceededError)]
    assert len(answers) - len(refused) == 30  # in five minutes
    assert refused
    assert refused[0].response is not None
    assert int(refused[0].response.headers["ratelimit-reset"]) > 0
