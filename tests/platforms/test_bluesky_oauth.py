"""Signing in at Bluesky: there, back, renewed and ended, and every way it goes wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from platforms import dpop, oauth
from platforms.bluesky_oauth import BlueskySignIn
from platforms.contract import (
    AppCredentials,
    AuthorisationLost,
    Connection,
    OutcomeUnknown,
    PlatformError,
    Refused,
    RetryLater,
    StepsInMemory,
)
from platforms.keeping import Keeper, is_revocable, standing
from platforms.registry import open_adapter
from platforms.tokens import Tokens

from .fake_bluesky import DID, HANDLE, STRANGER, path_of
from .fake_bluesky_oauth import FakeSignIn, text, thumbprint
from .server import Fault, Reply
from .world import outgoing
from .worlds import BlueskyWorld

BACK = "https://desk.example.org/accounts/connect/back/bluesky/"
DOCUMENT = "https://desk.example.org/oauth-client-metadata.json"
STATE = "canary-state"


class Person:
    """Somebody on the way to a server and back, and the desk's side of it."""

    def __init__(self, world: BlueskyWorld) -> None:
        self.world = world
        self.app = BlueskySignIn.client_of(DOCUMENT, BACK)
        self.server.document = BlueskySignIn.document(
            self.app, name="Socialdesk", website="https://desk.example.org", redirect_uri=BACK
        )

    @property
    def server(self) -> FakeSignIn:
        return self.world.fake.sign_in

    def begin(self, who: str = HANDLE) -> oauth.Begun:
        where: Any = {"network": self.world.policy(), "who": who}
        return oauth.begin("bluesky", self.app, redirect_uri=BACK, state=STATE, **where)

    def back(self, begun: oauth.Begun, **changed: Any) -> Tokens:
        given: Any = {
            "code": self.server.code,
            "redirect_uri": BACK,
            "verifier": begun.kept,
            "state": STATE,
            "issuer": self.server.issuer,
            "network": self.world.policy(),
        }
        return oauth.exchange("bluesky", self.app, **{**given, **changed})

    def agree(self) -> Tokens:
        return self.back(self.begin())

    def connection(self, tokens: Tokens, session: str = "") -> Connection:
        return Connection(HANDLE, self.world.server.url, tokens.dump(), DID, session, self.app)

    def adapter(self, tokens: Tokens) -> Any:
        connection = self.connection(tokens, self.world.kept[-1] if self.world.kept else "")
        return open_adapter(
            "bluesky", connection, network=self.world.policy(), remember=self.world.kept.append
        )

    def renew(self, tokens: Tokens) -> Tokens:
        return oauth.refresh("bluesky", self.app, tokens, network=self.world.policy())


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    world = BlueskyWorld()
    monkeypatch.setenv("PLC_BASE_URL", world.server.url)
    monkeypatch.setenv("BLUESKY_HANDLES_BASE_URL", world.server.url)
    yield Person(world)
    world.close()


def asked(person: Person, path: str) -> list[Any]:
    return person.world.server.asked_for(path)


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_is_a_text_and_tells_its_public_part() -> None:
    key = dpop.new_key()
    assert len(key) == 43
    jwk = dpop.public_jwk(key)
    assert set(jwk) == {"kty", "crv", "x", "y"}
    assert key not in json.dumps(jwk)
    assert dpop.key_id(key) == thumbprint(jwk)
    assert dpop.new_key() != key


def test_a_proof_is_of_one_request_and_one_token() -> None:
    key = dpop.new_key()
    prover = dpop.Prover(key)
    address = "https://pds.example/xrpc/a.b?c=d#e"
    told = prover.headers("get", address, "token")
    claims = jwt.decode(
        told["DPoP"], jwt.PyJWK(dpop.public_jwk(key), "ES256").key, algorithms=["ES256"]
    )
    assert (claims["htm"], claims["htu"]) == ("GET", "https://pds.example/xrpc/a.b")
    assert claims["ath"] == text(sha256(b"token").digest())
    assert told["Authorization"] == "DPoP token"
    assert "nonce" not in claims
    again = jwt.decode(prover.headers("GET", address)["DPoP"], options={"verify_signature": False})
    assert again["jti"] != claims["jti"]
    assert "ath" not in again


def test_a_nonce_is_given_back_to_whoever_gave_it_alone() -> None:
    prover = dpop.Prover(dpop.new_key())
    body = json.dumps({"error": "use_dpop_nonce"}).encode()
    assert prover.heard("https://a.example/x", 401, {"DPoP-Nonce": "n"}, body)
    assert not prover.heard("https://a.example/x", 200, {"DPoP-Nonce": "n2"}, b"{}")
    assert not prover.heard("https://a.example/x", 400, {}, body)

    def nonce(address: str) -> str | None:
        proof = prover.headers("GET", address)["DPoP"]
        return jwt.decode(proof, options={"verify_signature": False}).get("nonce")

    assert (nonce("https://a.example/y"), nonce("https://b.example/x")) == ("n2", None)


# --- who we are -----------------------------------------------------------------------------------


def test_the_document_is_what_the_protocol_wants_and_holds_no_secret() -> None:
    app = BlueskySignIn.client_of(DOCUMENT, BACK)
    told = BlueskySignIn.document(
        app, name="Socialdesk", website="https://desk.example.org", redirect_uri=BACK
    )
    assert told["client_id"] == app.client_id == DOCUMENT
    assert told["redirect_uris"] == [BACK]
    assert told["dpop_bound_access_tokens"] is True
    assert told["scope"].split() == ["atproto", "transition:generic"]
    (key,) = told["jwks"]["keys"]
    assert "d" not in key
    assert app.client_secret not in json.dumps(told)


def test_on_the_machine_itself_it_is_the_client_for_development() -> None:
    back = "http://127.0.0.1:8000/back/"
    app = BlueskySignIn.client_of("http://127.0.0.1:8000/oauth-client-metadata.json", back)
    assert app.client_secret == ""
    query = parse_qs(app.client_id.removeprefix("http://localhost?"))
    assert query == {"redirect_uri": [back], "scope": ["atproto transition:generic"]}


@pytest.mark.parametrize("base", ["http://desk.internal", "http://localhost:8000", "ftp://a"])
def test_an_address_that_servers_cannot_read_is_refused(base: str) -> None:
    with pytest.raises(Refused, match="SOCIALDESK_BASE_URL"):
        BlueskySignIn.client_of(f"{base}/document", f"{base}/back")


# --- there ----------------------------------------------------------------------------------------


def test_what_is_asked_is_pushed_ahead_and_the_address_says_none_of_it(person: Person) -> None:
    begun = person.begin()
    parts = urlsplit(begun.address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{person.server.url}/oauth/authorize"
    assert set(parse_qs(parts.query)) == {"client_id", "request_uri"}
    (pushed,) = person.server.pushed
    assert pushed["login_hint"] == HANDLE
    assert pushed["redirect_uri"] == BACK
    assert pushed["scope"] == "atproto transition:generic"
    kept = json.loads(begun.kept)
    assert oauth.challenge(kept["verifier"]) == pushed["code_challenge"]
    for secret in (kept["key"], kept["verifier"], STATE, person.app.client_secret):
        assert secret not in begun.address + repr(begun)
    assert kept["key"] not in str(pushed)


@pytest.mark.parametrize("who", [HANDLE, f"@{HANDLE.upper()} ", DID])
def test_an_account_is_found_by_its_handle_or_did(person: Person, who: str) -> None:
    assert json.loads(person.begin(who).kept)["did"] == DID


def test_a_server_is_asked_without_saying_whose_account_it_is(person: Person) -> None:
    begun = person.begin(f"{person.server.url}/")
    assert json.loads(begun.kept)["did"] == ""
    assert "login_hint" not in person.server.pushed[0]
    assert person.back(begun).bound is not None


def test_a_server_that_lets_people_in_for_others_names_itself(person: Person) -> None:
    gone = Fault(Reply(404, {}), match=lambda a: a.path.endswith("oauth-protected-resource"))
    with person.world.server.going_wrong(gone):
        assert json.loads(person.begin(person.server.url).kept)["issuer"] == person.server.url


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("", "Enter a handle"),
        ("council", "Enter a handle"),
        ("council.bsky.test/x", "Enter a handle"),
        ("nobody.bsky.test", "Nobody on Bluesky"),
        ("did:key:zabc", "not known"),
        ("https://localhost:1/path", "Leave out"),
        ("http://bsky.social", "by https"),
        ("https://user:pw@bsky.social", "user name or password"),
        ("https://127.0.0.1:1", "not on the public internet"),
    ],
)
def test_who_cannot_be_found(person: Person, who: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        person.begin(who)
    assert person.server.pushed == []


def test_a_handle_that_its_account_does_not_bear_is_refused(person: Person) -> None:
    person.world.fake.handles["elsewhere.bsky.test"] = DID
    bearing = Fault(
        match=lambda a: a.path == f"/{DID}", change=lambda told: {**told, "alsoKnownAs": []}
    )
    with (
        person.world.server.going_wrong(bearing),
        pytest.raises(Refused, match="does not call itself so"),
    ):
        person.begin()


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("oauth-authorization-server", {"issuer": "https://evil.example"}),
        ("oauth-authorization-server", {"client_id_metadata_document_supported": False}),
        ("oauth-authorization-server", {"token_endpoint": None}),
        ("oauth-authorization-server", {"authorization_endpoint": "https://a.example/?x=1"}),
        ("oauth-protected-resource", {"authorization_servers": []}),
        ("oauth-protected-resource", {"authorization_servers": ["https://a", "https://b"]}),
        (DID, {"id": STRANGER}),
        (DID, {"service": []}),
    ],
)
def test_documents_that_do_not_fit_lead_nowhere(
    person: Person, path: str, change: dict[str, Any]
) -> None:
    wrong = Fault(match=lambda a: a.path.endswith(path), change=lambda told: {**told, **change})
    with (
        person.world.server.going_wrong(wrong),
        pytest.raises(RetryLater, match="cannot be understood"),
    ):
        person.begin()
    assert person.server.pushed == []


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("oauth-authorization-server", {"authorization_endpoint": "javascript:alert(1)"}),
        ("oauth-authorization-server", {"token_endpoint": "http://10.0.0.1/token"}),
        ("oauth-protected-resource", {"authorization_servers": ["http://169.254.169.254"]}),
    ],
)
def test_documents_lead_to_no_forbidden_place(
    person: Person, path: str, change: dict[str, Any]
) -> None:
    wrong = Fault(match=lambda a: a.path.endswith(path), change=lambda told: {**told, **change})
    with person.world.server.going_wrong(wrong), pytest.raises(Refused) as caught:
        person.begin()
    assert caught.value.code == "address_refused"


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(400, {"error": "invalid_request", "error_description": "No"}), Refused, "No"),
        (Reply(400, {"error": "invalid_client_metadata"}), RetryLater, "own address"),
        (Reply(401, {"error": "invalid_client"}), RetryLater, "own address"),
        (Reply(429, {}), RetryLater, "slow down"),
        (Reply(503, {}), RetryLater, "fault of its own"),
        (Reply(201, {}), RetryLater, "cannot be understood"),
        (Reply(200, body=b"<html>"), RetryLater, "cannot be understood"),
    ],
)
def test_a_server_that_does_not_take_what_is_pushed(
    person: Person, reply: Reply, kind: type[PlatformError], words: str
) -> None:
    wrong = Fault(reply, match=lambda a: a.path == "/oauth/par")
    with person.world.server.going_wrong(wrong), pytest.raises(kind, match=words):
        person.begin()


# --- nonces ---------------------------------------------------------------------------------------


def test_the_nonce_that_a_server_demands_is_used(person: Person) -> None:
    person.begin()
    assert len(asked(person, "/oauth/par")) == 2


def test_a_server_that_is_never_content_is_asked_twice_and_no_more(person: Person) -> None:
    again = Reply(400, {"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "another"})
    wrong = Fault(again, match=lambda a: a.path == "/oauth/par")
    with person.world.server.going_wrong(wrong), pytest.raises(RetryLater, match="clock"):
        person.begin()
    assert len(asked(person, "/oauth/par")) == 2


def test_a_nonce_that_changes_at_any_time_costs_one_request_and_nothing_else(
    person: Person,
) -> None:
    adapter = person.adapter(person.agree())
    adapter.verify()
    person.server.nonce = "another"
    adapter.publish(outgoing("Still here"), steps=StepsInMemory())
    assert [post.text for post in person.world.posts()] == ["Still here"]
    assert person.world.kept == []


def test_a_proof_that_is_never_taken_loses_nothing(person: Person) -> None:
    adapter = person.adapter(person.agree())
    adapter.verify()
    wrong = Fault(Reply(401, {"error": "invalid_dpop_proof"}))
    with person.world.server.going_wrong(wrong), pytest.raises(RetryLater, match="clock"):
        adapter.publish(outgoing("No"), steps=StepsInMemory())
    assert person.world.posts() == []


# --- and back -------------------------------------------------------------------------------------


def test_a_code_becomes_tokens_bound_to_a_key_that_nobody_saw(
    person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = person.agree()
    assert tokens.bound is not None
    assert (tokens.bound.subject, tokens.bound.server) == (DID, person.server.url)
    assert tokens.expires_within(3_700)
    assert not tokens.expires_within(3_500)
    key = tokens.bound.key
    assert person.server.grants[0].thumbprint == dpop.key_id(key)
    assert oauth.load(tokens.dump()) == tokens
    (offer,) = oauth.offered("bluesky", tokens, network=person.world.policy(), app=person.app)
    assert (offer.identity.remote_id, offer.identity.handle) == (DID, HANDLE)
    assert offer.base_url == person.server.issuer
    sent = str(person.world.server.ledger)
    for secret in [*person.server.issued, key, person.app.client_secret]:
        assert secret not in caplog.text + repr(tokens) + repr(offer)
    assert key not in sent
    assert person.app.client_secret not in sent


@pytest.mark.parametrize("issuer", ["", "https://evil.example"])
def test_an_answer_of_another_server_is_shown_no_code(person: Person, issuer: str) -> None:
    begun = person.begin()
    with pytest.raises(Refused, match="another server"):
        person.back(begun, issuer=issuer)
    assert asked(person, "/oauth/token") == []


def test_a_wrong_code_is_no_tokens(person: Person) -> None:
    begun = person.begin()
    with pytest.raises(AuthorisationLost):
        person.back(begun, code="another")
    with pytest.raises(AuthorisationLost):  # another verifier than the challenge was made of
        person.back(person.begin(), verifier=begun.kept)


def test_whoever_agrees_as_another_account_connects_nothing(person: Person) -> None:
    begun = person.begin()
    person.server.agrees = STRANGER
    with pytest.raises(Refused, match="another account"):
        person.back(begun)
    assert person.server.grants == [], "the tokens were not given back"


def test_a_server_can_speak_for_nobody_who_lives_elsewhere(person: Person) -> None:
    """Of an account whose own document names another server no tokens are taken."""
    begun = person.begin(person.server.url)
    other = BlueskyWorld()
    try:
        person.server.home = other.server.url
        policy = person.world.policy(
            private_hosts=frozenset({person.world.server.private_host, other.server.private_host})
        )
        with pytest.raises(Refused, match="elsewhere"):
            person.back(begun, network=policy)
    finally:
        other.close()
    assert person.server.grants == []


@pytest.mark.parametrize(
    "change",
    [
        {"sub": None},
        {"sub": "council.bsky.test"},
        {"token_type": "Bearer"},
        {"scope": "transition:generic"},
        {"scope": None},
        {"access_token": ""},
    ],
)
def test_tokens_that_are_not_of_this_protocol_are_not_taken(
    person: Person, change: dict[str, Any]
) -> None:
    begun = person.begin()
    wrong = Fault(
        match=lambda a: a.path == "/oauth/token" and "dpop" in a.headers,
        change=lambda told: {**told, **change} if "access_token" in told else told,
    )
    with person.world.server.going_wrong(wrong), pytest.raises(RetryLater, match="understood"):
        person.back(begun)


# --- using them -----------------------------------------------------------------------------------


def test_a_post_goes_out_with_a_proof(person: Person) -> None:
    tokens = person.agree()
    adapter = person.adapter(tokens)
    assert adapter.verify().remote_id == DID
    published = adapter.publish(outgoing("Good morning"), steps=StepsInMemory())
    assert published.permalink.startswith(f"https://bsky.app/profile/{HANDLE}/post/")
    (seen,) = [a for a in person.world.server.ledger if path_of("putRecord")(a)]
    assert seen.headers["authorization"] == f"DPoP {tokens.access_token}"
    assert adapter.lapses_at() is None


def test_another_key_is_not_let_in(person: Person) -> None:
    tokens = person.agree()
    assert tokens.bound is not None
    stolen = replace(tokens, refresh_token="", bound=replace(tokens.bound, key=dpop.new_key()))
    with pytest.raises(AuthorisationLost):
        person.adapter(stolen).verify()
    with pytest.raises(AuthorisationLost):
        person.renew(replace(stolen, refresh_token=tokens.refresh_token))


def test_half_of_a_secret_is_none(person: Person) -> None:
    tokens = person.agree()
    for broken in (replace(tokens, bound=None), replace(tokens, access_token="with a space")):
        before = len(person.world.server.ledger)
        with pytest.raises(AuthorisationLost, match="not whole"):
            person.adapter(replace(broken, refresh_token="")).verify()
        assert len(person.world.server.ledger) == before


def test_tokens_of_another_account_are_not_used(person: Person) -> None:
    person.server.agrees = STRANGER
    tokens = person.back(person.begin(person.server.url))
    with pytest.raises(AuthorisationLost, match="another"):
        person.adapter(tokens).verify()


# --- renewing -------------------------------------------------------------------------------------


def test_a_token_that_is_about_to_end_is_renewed_and_kept(person: Person) -> None:
    person.server.life_s = 30
    tokens = person.agree()
    person.server.life_s = 3_600
    person.adapter(tokens).verify()
    assert len(person.world.kept) == 2  # unproven, then proven
    assert person.server.grants[0].used == {tokens.refresh_token}
    again = person.adapter(tokens)
    again.publish(outgoing("Later"), steps=StepsInMemory())
    assert len(person.world.kept) == 2


def test_one_that_is_refused_is_renewed_once_and_the_post_goes_out_once(person: Person) -> None:
    tokens = person.agree()
    adapter = person.adapter(tokens)
    adapter.verify()
    person.server.grants[0].access = "ended early"
    adapter.publish(outgoing("Once"), steps=StepsInMemory())
    assert [post.text for post in person.world.posts()] == ["Once"]
    assert oauth.load(tokens.dump()).access_token not in person.world.kept[-1]


def test_a_refresh_token_that_is_used_twice_ends_it_all(person: Person) -> None:
    tokens = person.agree()
    fresh = person.renew(tokens)
    assert fresh.bound == tokens.bound
    assert fresh.refresh_token != tokens.refresh_token
    with pytest.raises(AuthorisationLost, match="ended this sign-in"):
        person.renew(tokens)
    with pytest.raises(AuthorisationLost):
        person.renew(fresh)


def test_a_sign_in_that_was_ended_there_is_lost(person: Person) -> None:
    tokens = person.agree()
    adapter = person.adapter(tokens)
    person.server.grants.clear()
    with pytest.raises(AuthorisationLost):
        adapter.publish(outgoing("No"), steps=StepsInMemory())


def test_renewed_tokens_of_somebody_else_are_not_taken(person: Person) -> None:
    tokens = person.agree()
    wrong = Fault(
        match=lambda a: a.path == "/oauth/token",
        change=lambda told: {**told, "sub": STRANGER} if "sub" in told else told,
    )
    with (
        person.world.server.going_wrong(wrong),
        pytest.raises(AuthorisationLost, match="another account"),
    ):
        person.renew(tokens)


def test_a_renewal_without_an_answer_is_in_doubt(person: Person) -> None:
    tokens = person.agree()
    cut = Fault(match=lambda a: a.path == "/oauth/token", reset=True, acts=True)
    with person.world.server.going_wrong(cut), pytest.raises(OutcomeUnknown):
        person.renew(tokens)


@pytest.mark.parametrize("error", ["invalid_client", "invalid_client_metadata"])
def test_a_desk_that_cannot_be_read_just_now_has_lost_nothing(person: Person, error: str) -> None:
    tokens = person.agree()
    wrong = Fault(Reply(400, {"error": error}), match=lambda a: a.path == "/oauth/token")
    with person.world.server.going_wrong(wrong), pytest.raises(RetryLater):
        person.renew(tokens)
    assert person.renew(tokens).access_token


def test_an_app_that_is_gone_renews_nothing(person: Person) -> None:
    tokens = person.agree()
    with pytest.raises(AuthorisationLost, match="know this desk no more"):
        oauth.refresh("bluesky", None, tokens, network=person.world.policy())


def test_it_stands_as_the_tokens_say(person: Person) -> None:
    tokens = person.agree()
    told = standing("bluesky", person.app, tokens.dump(), "")
    assert told.ends_at == tokens.expires_at
    assert told.renew_at is not None
    assert told.scopes == ("atproto", "transition:generic")
    assert standing("bluesky", None, "abcd-efgh-ijkl-mnop", "a:::b").renew_at is None


# --- ending ---------------------------------------------------------------------------------------


def test_tokens_are_given_back_as_often_as_one_likes(person: Person) -> None:
    tokens = person.agree()
    assert is_revocable("bluesky", tokens.dump())
    assert not is_revocable("bluesky", "abcd-efgh-ijkl-mnop")
    for _ in range(2):
        assert oauth.revoke("bluesky", person.app, tokens, network=person.world.policy())
    with pytest.raises(AuthorisationLost):
        person.adapter(tokens).verify()
    with pytest.raises(AuthorisationLost):
        person.renew(tokens)


@pytest.mark.parametrize("part", ["POST", "/.well-known/"])
def test_what_went_wrong_with_it_is_said_without_a_secret(
    person: Person, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = person.agree()
    assert tokens.bound is not None
    hidden = [*tokens.secrets(), person.app.client_secret]
    words = " ".join(hidden)
    told = {"error": "other", "error_description": words, "message": words}
    with person.world.server.going_wrong(
        Fault(Reply(403, told), match=lambda a: a.method == "POST")
    ):
        for call in (
            lambda: person.renew(tokens),
            lambda: oauth.revoke("bluesky", person.app, tokens, network=person.world.policy()),
            lambda: person.adapter(tokens).publish(outgoing("No"), steps=StepsInMemory()),
        )[: 3 if part == "POST" else 2]:
            with pytest.raises(Refused) as caught:
                call()
            said = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
            assert not [secret for secret in hidden if secret in said]
    assert not [secret for secret in hidden if secret in caplog.text]


def test_a_keeper_knows_every_secret(person: Person) -> None:
    tokens = person.agree()
    assert tokens.bound is not None
    keeper = Keeper("bluesky", person.connection(tokens), person.world.policy(), lambda _: None)
    assert {*tokens.secrets(), person.app.client_secret} <= set(keeper.secrets())
    assert AppCredentials("x").client_secret == ""
