"""Connecting an account in the browser: a person is sent to the platform, and comes back.

What they come back with is taken once, from the person and the session that began, within ten
minutes; the accounts it speaks for wait here, sealed, until some are chosen, for fifteen.
Nothing here is on record: it is once an account is connected, and when somebody is refused.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.connections import Proven, account_prove, app_of, checked_address, network_policy
from accounts.errors import Invalid
from accounts.models import AuthorisationRequest, PlatformApp, SocialAccount, User
from accounts.sealing import SealBroken
from accounts.services.apps import app_keep_registered
from audit.actors import Actor
from platforms import oauth
from platforms.apps import app_document, app_register
from platforms.contract import AppCredentials, Identity, Offered, PlatformError, PlatformInfo
from platforms.registry import platform_info

NAME = "Socialdesk"
"""What servers are told that this is called, where it tells them itself."""
STATE_LASTS = timedelta(minutes=10)
FOUND_LASTS = timedelta(minutes=15)
_ON_ITS_WAY = timedelta(minutes=2)  # an answer that came in time is still being looked at


class NotTaken(Exception):  # reads as the answer it is
    """An answer that nothing is made of. `why`: unknown, used, foreign or expired."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def redirect_uri(platform: str) -> str:
    """Where the platform sends people back to; the same for everybody, whatever they asked for."""
    back = reverse("accounts:connect_back", args=[oauth.app_platform(platform)])
    return f"{settings.BASE_URL}{back}"


def document_address() -> str:
    """Where platforms that register nobody read about this desk."""
    return f"{settings.BASE_URL}{reverse('app_document')}"


def document_of(platform: str) -> dict[str, Any] | None:
    """What they read there; None before anybody signed in there. Raises SealBroken."""
    app = app_of(platform, platform_info(platform).default_base_url)
    if app is None:
        return None
    return app_document(
        platform,
        app.credentials(),
        redirect_uri=redirect_uri(platform),
        name=NAME,
        website=settings.BASE_URL,
    )


# --- there ------------------------------------------------------------------------------------


def app_to_connect_by(
    *, actor: Actor, platform: str, base_url: str, account: SocialAccount | None = None
) -> PlatformApp:
    """The app, registered on the spot with a server that takes any. Raises Invalid.

    Asks the network, so it is to be called outside of any transaction.
    """
    info = platform_info(platform)
    if info.oauth is None:
        raise Invalid("", f"{info.label} is connected by its {info.secret_label.lower()}.")
    wanted = info.default_base_url if info.oauth.by_document else base_url.strip()
    address = checked_address(wanted or info.default_base_url)
    app = app_of(platform, address)
    if info.oauth.by_itself and (app is None or app.redirect_uri != redirect_uri(platform)):
        return app_keep_registered(
            actor=actor,
            platform=platform,
            base_url=address,
            credentials=_registered(info, address),
            redirect_uri=redirect_uri(platform),
            account=account,
        )
    if app is None:
        raise Invalid(
            "",
            f"Nobody has set up the app credentials of {info.label} yet. An administrator can, "
            "under Settings, Platforms.",
        )
    return app


def _registered(info: PlatformInfo, base_url: str) -> AppCredentials:
    try:
        return app_register(
            info.key,
            base_url=base_url,
            redirect_uri=redirect_uri(info.key),
            name=NAME,
            website=settings.BASE_URL,
            document=document_address(),
            network=network_policy(),
        )
    except PlatformError as error:
        if info.oauth and info.oauth.by_document:
            raise Invalid("", error.message) from None
        raise Invalid(
            "base_url", f"Socialdesk could not register itself there: {error.message}"
        ) from None


def request_begin(
    *,
    person: User,
    session_key: str,
    app: PlatformApp,
    account: SocialAccount | None = None,
    who: str = "",
) -> str:
    """The address at the platform where the person agrees. Raises Invalid.

    `who`, or what server, it is about where a platform asks. It may ask the network, so it is to
    be called outside of any transaction.
    """
    try:
        credentials = app.credentials()
    except SealBroken as broken:
        raise Invalid("", f"{broken} An administrator has to enter them again.") from None
    request_forget_old()
    state = secrets.token_urlsafe(32)
    try:
        begun = oauth.begin(
            app.platform,
            credentials,
            redirect_uri=redirect_uri(app.platform),
            state=state,
            network=network_policy(),
            base_url=app.base_url,
            who=who,
        )
    except PlatformError as error:
        raise Invalid("who", error.message) from None
    AuthorisationRequest.objects.create(
        app=app,
        person=person,
        account=account,
        session_hash=_hash(session_key),
        state_hash=_hash(state),
        verifier=begun.kept,
    )
    return begun.address


# --- and back ---------------------------------------------------------------------------------


def request_take(
    *, platform: str, state: str, person: User, session_key: str
) -> AuthorisationRequest:
    """What an answer with this state belongs to, once, whatever it says. Raises NotTaken."""
    rows = AuthorisationRequest.objects.select_related("app", "account")
    request = rows.filter(state_hash=_hash(state), app__platform=platform).first()
    if request is None:
        raise NotTaken("unknown")
    mine = AuthorisationRequest.objects.filter(pk=request.pk, used_at=None)
    if not mine.update(used_at=timezone.now()):
        raise NotTaken("used")
    if request.person_id != person.pk or request.session_hash != _hash(session_key):
        raise NotTaken("foreign")
    if timezone.now() - request.begun_at > STATE_LASTS:
        raise NotTaken("expired")
    return request


def request_agreed(
    request: AuthorisationRequest, code: str, state: str, issuer: str = ""
) -> list[Offered]:
    """The accounts that a person may now connect. Raises PlatformError, SealBroken.

    `issuer`: who says that the answer is theirs, where a platform has many (RFC 9207).

    Asks the network, so it is to be called outside of any transaction.
    """
    app, network = request.app, network_policy()
    credentials = app.credentials()
    tokens = oauth.exchange(
        app.platform,
        credentials,
        code=code,
        redirect_uri=redirect_uri(app.platform),
        network=network,
        verifier=request.verifier,
        state=state,
        issuer=issuer,
        base_url=app.base_url,
    )
    return oauth.offered(
        app.platform, tokens, network=network, base_url=app.base_url, app=credentials
    )


@dataclass(frozen=True, slots=True)
class Found:
    """One account on offer; `account`: the one that it is here, if it is."""

    platform: str
    base_url: str
    identity: Identity
    secret: str = field(repr=False)
    account: SocialAccount | None = None

    @property
    def info(self) -> PlatformInfo:
        return platform_info(self.platform)


def request_keep(request: AuthorisationRequest, offered: Sequence[Offered]) -> None:
    """Let what was found wait, sealed, until the person has chosen."""
    told = [dataclasses.asdict(one) for one in offered]
    request.found, request.found_at = json.dumps(told), timezone.now()
    request.save(update_fields=["found", "found_at"])


def request_waiting(*, request_id: UUID, person: User, session_key: str) -> AuthorisationRequest:
    """What this person has found in this session. Raises NotTaken when it waits no longer."""
    request = (
        AuthorisationRequest.objects.select_related("app")
        .filter(
            pk=request_id,
            person=person,
            session_hash=_hash(session_key),
            found_at__gt=timezone.now() - FOUND_LASTS,
        )
        .first()
    )
    if request is None:
        raise NotTaken("gone")
    return request


def request_found(request: AuthorisationRequest) -> list[Found]:
    """What waits, and what of it is connected. Raises SealBroken."""
    return found_in(request, offered_in(request.found))


def offered_in(text: str) -> list[Offered]:
    return [
        Offered(
            told["platform"], Identity(**told["identity"]), told["secret"], told.get("base_url", "")
        )
        for told in json.loads(text)
    ]


def found_in(request: AuthorisationRequest, offered: Sequence[Offered]) -> list[Found]:
    """The accounts on offer, each beside the one that it is here."""
    ids = [one.identity.remote_id for one in offered]
    here = {
        (account.platform, _place(account.remote_id, account.base_url)): account
        for account in SocialAccount.objects.filter(remote_id__in=ids)
    }
    found = []
    for one in offered:
        usual = platform_info(one.platform).default_base_url or request.app.base_url
        base_url = one.base_url or usual
        known = here.get((one.platform, _place(one.identity.remote_id, base_url)))
        if known is not None:
            base_url = known.base_url
        found.append(Found(one.platform, base_url, one.identity, one.secret, known))
    return found


def _place(remote_id: str, base_url: str) -> tuple[str, str]:
    """What tells an account from all others of its platform: a DID by itself, wherever it lives."""
    return remote_id, "" if remote_id.startswith("did:") else base_url


def found_prove(request: AuthorisationRequest, found: Found) -> Proven:
    """Ask the platform whether what is on offer is what it says. Raises Invalid."""
    proven = account_prove(
        platform=found.platform,
        handle=found.identity.handle,
        base_url=found.base_url,
        secret=found.secret,
        app=request.app,
    )
    if proven.identity.remote_id != found.identity.remote_id:
        raise Invalid(
            "",
            f"{found.info.label} offered {found.identity.handle} and now says that it is "
            f"{proven.identity.handle}. Nothing was connected.",
        )
    return proven


def request_forget(request: AuthorisationRequest) -> None:
    """Throw away what was found."""
    AuthorisationRequest.objects.filter(pk=request.pk).delete()


def request_forget_old() -> int:
    """Throw away what nobody may use any more; how many that were."""
    now = timezone.now()
    unanswered = Q(found_at=None, begun_at__lt=now - STATE_LASTS - _ON_ITS_WAY)
    gone, _ = AuthorisationRequest.objects.filter(
        unanswered | Q(found_at__lte=now - FOUND_LASTS)
    ).delete()
    return gone


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
