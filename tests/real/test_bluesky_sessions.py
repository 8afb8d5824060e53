"""The Bluesky adapter against the real network: credentials, good and bad."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from atproto import models
from atproto.exceptions import BadRequestError

from platforms.contract import AuthorisationLost, RetryLater, StepsInMemory

from .desk import Desk, claims, expired, open_desk, outgoing, tokens
from .people import Bluesky


@pytest.fixture
def desk(bluesky_network: Bluesky) -> Desk:
    return open_desk(bluesky_network)


@pytest.fixture
def signed_in(desk: Desk) -> Desk:
    desk.adapter().verify()
    assert desk.sessions
    return desk


def _sign_out(desk: Desk, session: str) -> None:
    """Revoke the session at the server, as a person does by signing out everywhere."""
    desk.network.client().com.atproto.server.delete_session(
        headers={"Authorization": f"Bearer {tokens(session)['refresh']}"}
    )


def test_a_wrong_password_loses_the_authorisation(desk: Desk) -> None:
    with pytest.raises(AuthorisationLost) as caught:
        desk.adapter(secret="not-the-password").verify()
    assert "not-the-password" not in str(caught.value)
    assert desk.sessions == []


@pytest.mark.parametrize("call", ["fetch_mentions", "fetch_own_posts"])
def test_reading_with_a_wrong_password_loses_the_authorisation(desk: Desk, call: str) -> None:
    with pytest.raises(AuthorisationLost):
        getattr(desk.adapter(secret="not-the-password"), call)("")


def test_publishing_with_a_wrong_password_loses_the_authorisation(desk: Desk) -> None:
    with pytest.raises(AuthorisationLost):
        desk.adapter(secret="not-the-password").publish(outgoing("No"), steps=StepsInMemory())
    assert desk.network.records(desk.person) == {}


def test_a_kept_session_is_used_instead_of_signing_in_again(signed_in: Desk) -> None:
    before = len(signed_in.sessions)
    adapter = signed_in.adapter(secret="no longer asked for")
    assert adapter.verify().remote_id == signed_in.person.did
    assert len(signed_in.sessions) == before


def test_the_session_holds_no_password(signed_in: Desk) -> None:
    assert signed_in.secret not in signed_in.sessions[-1]


def test_the_server_tells_that_a_session_ran_out(signed_in: Desk) -> None:
    """What the next tests stand on: the expired token is one the server itself would refuse so."""
    stale = expired(signed_in.sessions[-1])
    with pytest.raises(BadRequestError) as caught:
        signed_in.network.client().app.bsky.notification.list_notifications(
            headers={"Authorization": f"Bearer {tokens(stale)['access']}"}
        )
    assert caught.value.response.content.error == "ExpiredToken"


def test_a_session_that_ran_out_is_renewed_without_the_password(signed_in: Desk) -> None:
    stale = expired(signed_in.sessions[-1])
    before = len(signed_in.sessions)
    adapter = signed_in.adapter(session=stale, secret="not asked for")
    published = adapter.publish(outgoing("Still here"), steps=StepsInMemory())
    assert list(signed_in.network.records(signed_in.person)) == [published.remote_id]
    assert len(signed_in.sessions) > before
    assert tokens(signed_in.sessions[-1])["access"] != tokens(stale)["access"]


def test_a_renewal_brings_another_refresh_token(signed_in: Desk) -> None:
    stale = expired(signed_in.sessions[-1])
    signed_in.adapter(session=stale, secret="not asked for").verify()
    old, new = tokens(stale)["refresh"], tokens(signed_in.sessions[-1])["refresh"]
    assert claims(new)["jti"] != claims(old)["jti"]


def test_workers_that_renew_at_once_keep_the_account_connected(signed_in: Desk) -> None:
    """The server takes a used refresh token for two hours more, and names the same next one."""
    stale, before = expired(signed_in.sessions[-1]), len(signed_in.sessions)

    def publish(number: int) -> str:
        adapter = signed_in.adapter(session=stale, secret="not asked for")
        return adapter.publish(outgoing(f"Worker {number}"), steps=StepsInMemory()).remote_id

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(publish, range(4)))
    assert set(signed_in.network.records(signed_in.person)) == made
    fresh = signed_in.sessions[before:]
    assert len(fresh) == 4
    assert len({claims(tokens(session)["refresh"])["jti"] for session in fresh}) == 1
    for session in fresh:  # whichever of them was kept last
        adapter = signed_in.adapter(session=expired(session), secret="not asked for")
        assert adapter.verify().remote_id == signed_in.person.did


def test_a_worker_that_comes_late_with_the_used_token_is_let_in(signed_in: Desk) -> None:
    stale = expired(signed_in.sessions[-1])
    for _ in range(2):
        adapter = signed_in.adapter(session=stale, secret="not asked for")
        assert adapter.verify().remote_id == signed_in.person.did


def test_both_tokens_at_their_end_recover_by_the_app_password(signed_in: Desk) -> None:
    stale = expired(signed_in.sessions[-1], "access", "refresh")
    with pytest.raises(AuthorisationLost):
        signed_in.adapter(session=stale, secret="not the password").verify()
    assert signed_in.adapter(session=stale).verify().remote_id == signed_in.person.did
    assert signed_in.adapter(secret="not asked for").verify()


def test_a_revoked_app_password_ends_with_the_access_token(signed_in: Desk) -> None:
    """So says the server: it forgets the refresh token, and the other one is good for two hours."""
    session = signed_in.sessions[-1]
    signed_in.person.client.com.atproto.server.revoke_app_password(
        models.ComAtprotoServerRevokeAppPassword.Data(name="socialdesk")
    )
    last = signed_in.adapter(session=session).publish(outgoing("Last"), steps=StepsInMemory())
    with pytest.raises(AuthorisationLost):
        signed_in.adapter(session=expired(session)).publish(outgoing("No"), steps=StepsInMemory())
    assert list(signed_in.network.records(signed_in.person)) == [last.remote_id]


def test_a_revoked_session_recovers_by_the_app_password(signed_in: Desk) -> None:
    stale = expired(signed_in.sessions[-1])
    _sign_out(signed_in, stale)
    adapter = signed_in.adapter(session=stale)
    published = adapter.publish(outgoing("Back again"), steps=StepsInMemory())
    assert list(signed_in.network.records(signed_in.person)) == [published.remote_id]
    fresh = signed_in.sessions[-1]
    assert tokens(fresh)["refresh"] != tokens(stale)["refresh"]
    assert signed_in.adapter(session=fresh, secret="not asked for").verify()


@pytest.mark.parametrize("garbage", ["x", "not a session at all", "a:::b:::c:::d", "{}", "eyJ"])
def test_a_session_that_is_garbage_recovers_by_the_app_password(desk: Desk, garbage: str) -> None:
    assert desk.adapter(session=garbage).verify().remote_id == desk.person.did
    assert desk.sessions


def test_a_session_with_a_forged_token_recovers_by_the_app_password(signed_in: Desk) -> None:
    session = signed_in.sessions[-1]
    for token in tokens(session).values():
        session = session.replace(token, token[:-6] + "AAAAAA")
    assert signed_in.adapter(session=session).fetch_mentions("").items == []


def test_without_session_and_app_password_the_authorisation_is_lost(signed_in: Desk) -> None:
    stale = expired(signed_in.sessions[-1])
    signed_in.person.client.com.atproto.server.revoke_app_password(
        models.ComAtprotoServerRevokeAppPassword.Data(name="socialdesk")
    )
    for call in (
        lambda a: a.verify(),
        lambda a: a.fetch_mentions(""),
        lambda a: a.publish(outgoing("No"), steps=StepsInMemory()),
    ):
        with pytest.raises(AuthorisationLost):
            call(signed_in.adapter(session=stale))
    assert signed_in.network.records(signed_in.person) == {}


def test_a_session_of_another_account_is_not_used(
    signed_in: Desk, bluesky_network: Bluesky
) -> None:
    """Rows mixed up in the database must not make one account speak as another."""
    other = open_desk(bluesky_network)
    other.adapter().verify()
    adapter = signed_in.adapter(session=other.sessions[-1])
    adapter.publish(outgoing("Whose?"), steps=StepsInMemory())
    assert other.network.records(other.person) == {}
    assert len(signed_in.network.records(signed_in.person)) == 1


def test_a_suspended_account_has_lost_its_authorisation(signed_in: Desk) -> None:
    network = signed_in.network
    network.take_down(signed_in.person)
    for adapter in (signed_in.adapter(), signed_in.adapter(session="")):
        with pytest.raises(AuthorisationLost):
            adapter.publish(outgoing("No"), steps=StepsInMemory())


def test_signing_in_too_often_is_tried_again_when_the_server_says(desk: Desk) -> None:
    desk.network.sign_in_too_often(desk.person.did)
    with pytest.raises(RetryLater) as caught:
        desk.adapter(session="").verify()
    assert caught.value.delay_s is not None
    assert 0 < caught.value.delay_s <= 300
