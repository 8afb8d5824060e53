"""The app that a platform knows Socialdesk by: proving that it is known, and registering one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from platforms.contract import AppCredentials, NetworkPolicy, PlatformError, Refused
from platforms.declared import OAuth, Proof
from platforms.dpop import error_in
from platforms.failures import Asker, Malformed, text_of
from platforms.guard import Answer, GuardedSession
from platforms.oauth import address_of, begin, declared
from platforms.registry import platform_info
from platforms.signing_in import sign_in_of

MADE_UP = "socialdesk-asks-whether-it-is-known"
"""A code that no platform has given."""


class Standing(StrEnum):
    """What a platform says of app credentials."""

    KNOWN = "known"
    WRONG = "wrong"
    OPEN = "open"  # it does not say before somebody connects an account


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a test of app credentials, and one sentence for people."""

    standing: Standing
    words: str


def app_test(
    key: str,
    app: AppCredentials,
    *,
    redirect_uri: str,
    network: NetworkPolicy,
    base_url: str = "",
) -> Told:
    """Ask the platform whether it knows the app. Changes nothing there, and raises nothing."""
    oauth, who = declared(key), platform_info(key).label
    if oauth.proof is Proof.PUSHED:
        return _pushed(key, app, who, redirect_uri, network, base_url)
    wire = GuardedSession(network)
    asker = Asker(who, wire, secrets=lambda: [app.client_secret])

    def ask() -> None:
        _ask_for_token(wire, oauth, app, address_of(key, base_url, oauth.token_path), redirect_uri)

    try:
        asker.ask(ask)
    except PlatformError as error:
        answer = wire.last
        if answer is None or answer.status >= 500 or answer.status == 429 or answer.status < 400:
            return Told(Standing.OPEN, f"{who} could not be asked just now: {error.message}")
        return _from_refusal(oauth, who, answer, by_header=_by_header(oauth, app))
    return Told(Standing.KNOWN, f"{who} knows the app, and its secret is right.")


def _pushed(
    key: str, app: AppCredentials, who: str, redirect_uri: str, network: NetworkPolicy, server: str
) -> Told:
    """Ask for what a person would be asked for, and send nobody there."""
    try:
        begin(key, app, redirect_uri=redirect_uri, state=MADE_UP, network=network, who=server)
    except PlatformError as error:
        unknown = error.code in ("invalid_client", "invalid_client_metadata", "unauthorized_client")
        wrong = unknown or isinstance(error, Refused)
        return Told(Standing.WRONG if wrong else Standing.OPEN, error.message)
    return Told(Standing.KNOWN, f"{who} knows this desk, and sends people back to it.")


def _ask_for_token(
    wire: GuardedSession, oauth: OAuth, app: AppCredentials, address: str, redirect_uri: str
) -> None:
    """A token for the app itself, or for a made-up code, which no platform gives."""
    form = {"grant_type": "client_credentials"}
    basic = (app.client_id, app.client_secret) if _by_header(oauth, app) else None
    if basic is None:
        form |= {"client_id": app.client_id, "client_secret": app.client_secret}
    if oauth.proof is Proof.ASKED:
        answer = wire.get(address, params=form)
    else:
        if oauth.proof is Proof.CODE:
            form |= {"grant_type": "authorization_code", "redirect_uri": redirect_uri}
            form |= {"code": MADE_UP, "code_verifier": MADE_UP if oauth.pkce else ""}
        answer = wire.post(address, data=form, auth=basic)
    answer.raise_for_status()
    text_of(answer.json().get("access_token"))


def _by_header(oauth: OAuth, app: AppCredentials) -> bool:
    return oauth.client_by_basic and bool(app.client_secret)


def _from_refusal(oauth: OAuth, who: str, answer: Answer, *, by_header: bool) -> Told:
    wrong = Told(Standing.WRONG, f"{who} does not accept this id and secret.")
    if oauth.proof is not Proof.CODE:
        return wrong
    error = error_in(answer.body)
    if answer.status == 401 or error.startswith(("invalid_client", "unauthorized_client")):
        return wrong
    # A header with the app's name is read before the form with the code.
    if error == "invalid_grant" or (error == "invalid_request" and by_header):
        return Told(Standing.KNOWN, f"{who} knows the app, and its secret is right.")
    return Told(
        Standing.OPEN,
        f"{who} did not refuse the app, but says no more. Only connecting an account proves it.",
    )


def app_document(
    key: str, app: AppCredentials, *, redirect_uri: str, name: str, website: str
) -> dict[str, Any] | None:
    """What servers of the platform read about Socialdesk; None where there is nothing to read."""
    own = sign_in_of(key)
    if own is None or not app.client_secret:
        return None
    return own.document(app, name=name, website=website, redirect_uri=redirect_uri)


def document_problem(key: str, document: str, redirect_uri: str) -> str:
    """Why no server can read about Socialdesk at this address, in a sentence; '' where it can."""
    own = sign_in_of(key)
    try:
        if own is not None:
            own.client_of(document, redirect_uri)
    except Refused as refused:
        return refused.message
    return ""


def app_register(
    key: str,
    *,
    base_url: str,
    redirect_uri: str,
    name: str,
    website: str,
    document: str = "",
    network: NetworkPolicy,
) -> AppCredentials:
    """Make Socialdesk known to a server that takes any app. Raises PlatformError.

    `name` is shown to whoever is asked to agree, and by some servers beside each post. `document`
    is where servers would read about it instead; then nobody is asked anything.
    """
    oauth, own = declared(key), sign_in_of(key)
    if own is not None:
        return own.client_of(document, redirect_uri)
    if not oauth.registers:
        raise Refused("A person has to register the app with this platform.", code="by_hand")
    wire = GuardedSession(network)
    asker = Asker(platform_info(key).label, wire, secrets=list)
    form = {"client_name": name, "redirect_uris": redirect_uri, "website": website}
    form["scopes"] = oauth.separator.join(oauth.scopes)

    def call() -> AppCredentials:
        answer = wire.post(address_of(key, base_url, oauth.registers), data=form)
        answer.raise_for_status()
        told = answer.json()
        if not isinstance(told, dict):
            raise Malformed("no app")
        return AppCredentials(text_of(told.get("client_id")), text_of(told.get("client_secret")))

    return asker.ask(call)
