"""Proofs by a key of ours: of each request (DPoP, RFC 9449), and of who we are (RFC 7523).

A key is on the curve P-256; as a text it is its private number in base64url, 43 letters.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from platforms.contract import RetryLater
from platforms.guard import Answer, GuardedSession, GuardedTransport

_BYTES = 32
_LIVES_S = 60  # of an assertion; the reference server takes none that is older
NEW_NONCE = "use_dpop_nonce"
BAD_PROOF = "invalid_dpop_proof"


def new_key() -> str:
    """A fresh private key; a secret."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _text(key.private_numbers().private_value.to_bytes(_BYTES, "big"))


def _private(key: str) -> ec.EllipticCurvePrivateKey:
    value = int.from_bytes(urlsafe_b64decode(key + "=" * (-len(key) % 4)), "big")
    return ec.derive_private_key(value, ec.SECP256R1())


def public_jwk(key: str) -> dict[str, str]:
    """What anybody may know of a key (RFC 7517)."""
    point = _private(key).public_key().public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": _text(point.x.to_bytes(_BYTES, "big")),
        "y": _text(point.y.to_bytes(_BYTES, "big")),
    }


def key_id(key: str) -> str:
    """The name of a key: the thumbprint of its public part (RFC 7638)."""
    told = json.dumps(public_jwk(key), separators=(",", ":"), sort_keys=True)
    return _text(sha256(told.encode()).digest())


def assertion(key: str, client_id: str, audience: str) -> str:
    """Says to one server, within a minute and once, that we are this client (private_key_jwt)."""
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(24),
        "iat": now,
        "exp": now + _LIVES_S,
    }
    return jwt.encode(claims, _private(key), algorithm="ES256", headers={"kid": key_id(key)})


class Prover:
    """Makes the proof for each request, with the nonce that its server gave last."""

    def __init__(self, key: str) -> None:
        self._key = _private(key)
        self._jwk = public_jwk(key)
        self._nonces: dict[str, str] = {}  # by origin

    def headers(self, method: str, address: str, token: str = "") -> dict[str, str]:
        """What goes with a request; `token`: the access token that goes with it, if one does."""
        parts = urlsplit(address)
        claims: dict[str, Any] = {
            "htm": method.upper(),
            "htu": urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
            "iat": int(time.time()),
            "jti": secrets.token_urlsafe(24),
        }
        if nonce := self._nonces.get(parts.netloc):
            claims["nonce"] = nonce
        if token:
            claims["ath"] = _text(sha256(token.encode()).digest())
        head = {"typ": "dpop+jwt", "jwk": self._jwk}
        proof = jwt.encode(claims, self._key, algorithm="ES256", headers=head)
        return {"DPoP": proof} | ({"Authorization": f"DPoP {token}"} if token else {})

    def heard(self, address: str, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        """Take the nonce from an answer. True: nothing was done, only because of the old one."""
        nonce = headers.get("DPoP-Nonce", "")
        if not nonce:
            return False
        self._nonces[urlsplit(address).netloc] = nonce
        return status in (400, 401) and error_in(body) == NEW_NONCE


def error_in(body: bytes) -> str:
    """The error's name in an answer of a token server (RFC 6749, 5.2), '' when there is none."""
    try:
        told = json.loads(body[:20_000])
    except (ValueError, RecursionError):
        return ""
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, str) else ""


def proof_refused(who: str, answer: Answer) -> RetryLater | None:
    """What it means that a server finds fault with the proof alone; None: that it does not.

    It has done nothing then, and the tokens are as good as before.
    """
    if answer.status in (400, 401) and error_in(answer.body) in (NEW_NONCE, BAD_PROOF):
        return RetryLater(
            f"{who} did not take the proof that goes with a request. Is this machine's clock "
            "right?",
            code="proof",
        )
    return None


def post(
    wire: GuardedSession, prover: Prover, address: str, form: Mapping[str, str]
) -> requests.Response:
    """Send a form with its proof; once more where the server wants another nonce in it."""
    for _ in range(2):
        answer = wire.post(address, data=form, headers=prover.headers("POST", address))
        if not prover.heard(address, answer.status_code, answer.headers, answer.content):
            break
    return answer


class ProvingTransport(httpx.BaseTransport):
    """Lets a library on httpx send with an access token that is bound to a key."""

    def __init__(self, session: GuardedSession, prover: Prover) -> None:
        self._inner = GuardedTransport(session)
        self._prover = prover
        self.token = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address = str(request.url)
        for _ in range(2):
            request.headers.update(self._prover.headers(request.method, address, self.token))
            answer = self._inner.handle_request(request)
            if not self._prover.heard(address, answer.status_code, answer.headers, answer.content):
                break
        return answer


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
