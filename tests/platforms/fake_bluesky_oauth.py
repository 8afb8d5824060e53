"""The sign-in of a Bluesky server: authorization server, directory and what a token needs there.

As the reference server was seen to behave (oauth-provider of dev-env 0.6): it demands a nonce,
binds tokens to the key that the request was pushed with, takes a refresh token once and ends the
whole sign-in when one comes twice.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import jwt

from .server import Asked, KnownApp, Reply

LIFE_S = 3_600


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(jwk: dict[str, str]) -> str:
    told = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return text(sha256(told.encode()).digest())


@dataclass
class Grant:
    """One sign-in, from its code to its end."""

    subject: str
    client_id: str
    thumbprint: str
    access: str = ""
    refresh: str = ""
    used: set[str] = field(default_factory=set)


class FakeSignIn:
    """`answer` is None for what is not asked of it."""

    code = KnownApp.code

    def __init__(self, url: str, did: str, handles: dict[str, str]) -> None:
        self.url, self.did, self.handles = url, did, handles
        self.issuer = url
        self.home = url  # what the account's own document says
        self.agrees = did  # who agrees in the browser
        self.life_s = LIFE_S
        self.nonce = secrets.token_hex(8)
        self.demands_nonce = True
        self.document: dict[str, Any] | None = None  # as read at the client's address
        self.pushed: list[dict[str, str]] = []
        self.assertions: list[str] = []
        self.proofs: set[str] = set()
        self.grants: list[Grant] = []
        self.issued: list[str] = []

    # --- what anybody may read --------------------------------------------------------------

    def answer(self, asked: Asked) -> Reply | None:
        path = asked.path
        if path == "/.well-known/oauth-protected-resource":
            return Reply(data={"resource": self.url, "authorization_servers": [self.issuer]})
        if path == "/.well-known/oauth-authorization-server":
            return Reply(data=self.metadata())
        if path.startswith("/did:"):
            return self._account(path[1:])
        if not path.startswith("/oauth/"):
            return None
        refused = self._proof(asked)
        if refused is None:
            refused = self._client(self._form(asked))
        step = {"par": self._push, "token": self._token, "revoke": self._revoke}
        reply = refused or step[path.removeprefix("/oauth/")](asked)
        return Reply(reply.status, reply.data, headers={"DPoP-Nonce": self.nonce, **reply.headers})

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "client_id_metadata_document_supported": True,
            "require_pushed_authorization_requests": True,
            "pushed_authorization_request_endpoint": f"{self.url}/oauth/par",
            "authorization_endpoint": f"{self.url}/oauth/authorize",
            "token_endpoint": f"{self.url}/oauth/token",
            "revocation_endpoint": f"{self.url}/oauth/revoke",
        }

    def _account(self, did: str) -> Reply:
        names = [f"at://{handle}" for handle, owner in self.handles.items() if owner == did]
        if not names:
            return Reply(404, {"message": f"DID not registered: {did}"})
        service = {
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": self.home,
        }
        return Reply(data={"id": did, "alsoKnownAs": names, "service": [service]})

    # --- keys -------------------------------------------------------------------------------

    def _form(self, asked: Asked) -> dict[str, str]:
        return {name: values[0] for name, values in asked.form().items()}

    def _proof(self, asked: Asked, token: str = "", status: int = 400) -> Reply | None:
        """What is wrong with the proof of a request, if anything is."""
        try:
            proof = asked.headers["dpop"]
            head = jwt.get_unverified_header(proof)
            claims = jwt.decode(proof, jwt.PyJWK(head["jwk"], "ES256").key, algorithms=["ES256"])
            assert "d" not in head["jwk"]
            assert head["typ"] == "dpop+jwt"
            assert (claims["htm"], claims["htu"]) == (asked.method, self.url + asked.path)
            assert claims["jti"] not in self.proofs
            assert not token or claims["ath"] == text(sha256(token.encode()).digest())
        except (KeyError, AssertionError, jwt.PyJWTError):
            return Reply(status, {"error": "invalid_dpop_proof"})
        if self.demands_nonce and claims.get("nonce") != self.nonce:
            return Reply(status, {"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": self.nonce})
        self.proofs.add(claims["jti"])
        return None

    def _thumbprint(self, asked: Asked) -> str:
        return thumbprint(jwt.get_unverified_header(asked.headers["dpop"])["jwk"])

    def _client(self, form: dict[str, str]) -> Reply | None:
        """Whether it is the client that it says, by the key in its document."""
        if form["client_id"].startswith("http://localhost?"):
            return None
        told = form.get("client_assertion", "")
        self.assertions.append(told)
        try:
            if self.document is not None:
                (jwk,) = self.document["jwks"]["keys"]
                assert jwt.get_unverified_header(told)["kid"] == jwk["kid"]
                jwt.decode(
                    told,
                    jwt.PyJWK(jwk).key,
                    algorithms=["ES256"],
                    audience=self.issuer,
                    issuer=form["client_id"],
                )
        except (AssertionError, jwt.PyJWTError):
            return Reply(401, {"error": "invalid_client"})
        return None if told else Reply(401, {"error": "invalid_client"})

    # --- there and back -----------------------------------------------------------------------

    def _push(self, asked: Asked) -> Reply:
        form = self._form(asked)
        if form["code_challenge_method"] != "S256" or form["response_type"] != "code":
            return Reply(400, {"error": "invalid_request"})
        self.pushed.append({**form, "thumbprint": self._thumbprint(asked)})
        uri = f"urn:ietf:params:oauth:request_uri:{len(self.pushed)}"
        return Reply(201, {"request_uri": uri, "expires_in": 299})

    def _token(self, asked: Asked) -> Reply:
        form = self._form(asked)
        if form["grant_type"] == "refresh_token":
            return self._renew(form["refresh_token"], form["client_id"], self._thumbprint(asked))
        pushed = self.pushed[-1]
        right = (
            form["code"] == self.code
            and form["redirect_uri"] == pushed["redirect_uri"]
            and form["client_id"] == pushed["client_id"]
            and text(sha256(form["code_verifier"].encode()).digest()) == pushed["code_challenge"]
            and self._thumbprint(asked) == pushed["thumbprint"]
        )
        if not right:
            return Reply(400, {"error": "invalid_grant", "error_description": "Invalid code"})
        grant = Grant(self.agrees, form["client_id"], pushed["thumbprint"])
        self.grants.append(grant)
        return self._tokens(grant)

    def _renew(self, refresh: str, client_id: str, key: str) -> Reply:
        for grant in self.grants:
            if refresh in grant.used:  # whoever has it may have stolen it
                self.grants.remove(grant)
                break
            if (refresh, client_id, key) == (grant.refresh, grant.client_id, grant.thumbprint):
                grant.used.add(refresh)
                return self._tokens(grant)
        return Reply(400, {"error": "invalid_grant", "error_description": "Invalid refresh token"})

    def _tokens(self, grant: Grant) -> Reply:
        grant.access, grant.refresh = (f"canary-{secrets.token_hex(12)}" for _ in range(2))
        self.issued += [grant.access, grant.refresh]
        return Reply(
            data={
                "access_token": grant.access,
                "refresh_token": grant.refresh,
                "token_type": "DPoP",
                "expires_in": self.life_s,
                "scope": "atproto transition:generic",
                "sub": grant.subject,
            }
        )

    def _revoke(self, asked: Asked) -> Reply:
        token = self._form(asked)["token"]
        self.grants = [one for one in self.grants if token not in (one.access, one.refresh)]
        return Reply(data={})

    # --- what a token is good for -----------------------------------------------------------------

    def admits(self, asked: Asked) -> Reply | None:
        """None where a request with 'Authorization: DPoP' is let in."""
        token = asked.headers.get("authorization", "").removeprefix("DPoP ")
        refused = self._proof(asked, token, status=401)
        if refused is not None:
            return refused
        for grant in self.grants:
            if grant.access == token and grant.thumbprint == self._thumbprint(asked):
                return None
        return Reply(401, {"error": "invalid_token", "message": "Token expired"})
