"""From an account's row to an adapter that can speak for it. The only place that opens secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from accounts.errors import Invalid
from accounts.models import Credential, PlatformApp, SocialAccount
from accounts.sealing import SealBroken
from accounts.turns import turns_of
from platforms.contract import (
    Adapter,
    AppCredentials,
    AuthorisationLost,
    Connection,
    Identity,
    Lapsing,
    Limits,
    NetworkPolicy,
    PlatformError,
    Refused,
    Remember,
    RetryLater,
)
from platforms.declared import limits_kept
from platforms.keeping import Keeper
from platforms.oauth import app_platform
from platforms.registry import UnknownPlatform, open_adapter, platform_info


def network_policy() -> NetworkPolicy:
    """What outgoing requests of this installation may do."""
    most = float(settings.REQUEST_TIMEOUT_S)
    return NetworkPolicy(
        private_hosts=settings.ALLOW_PRIVATE_HOSTS,
        proxy=settings.OUTGOING_PROXY,
        connect_timeout_s=min(5.0, most),
        read_timeout_s=min(20.0, most),
        total_timeout_s=most,
    )


def app_of(platform: str, base_url: str) -> PlatformApp | None:
    """The app by which accounts of `platform` on that server are connected in the browser."""
    whose = app_platform(platform)
    declared = platform_info(platform).oauth
    if declared is not None and declared.by_document:
        base_url = platform_info(platform).default_base_url  # one for all its servers
    return PlatformApp.objects.filter(platform=whose, base_url=base_url).first()


def app_credentials(platform: str, base_url: str) -> AppCredentials | None:
    """The same as its credentials. Raises SealBroken.

    For what begins now. A stored token is spoken for by the app it was given to, `Credential.app`.
    """
    app = app_of(platform, base_url)
    return app.credentials() if app else None


def open_with(platform: str, connection: Connection, *, remember: Remember) -> Adapter:
    """An adapter for credentials that are not stored (yet)."""
    try:
        return open_adapter(platform, connection, network=network_policy(), remember=remember)
    except UnknownPlatform:  # its plug-in is gone or broken, and may come back
        raise RetryLater(
            f"The platform {platform!r} is not installed.", code="not_installed", delay_s=600.0
        ) from None


def open_account(account: SocialAccount) -> Adapter:
    """An adapter for a connected account. Raises AuthorisationLost when it has no credentials."""
    connection = _connection(account)
    credential = account.credential

    def remember(session: str) -> None:
        credential.session = session
        credential.save(update_fields=["session", "updated_at"])

    return open_with(account.platform, connection, remember=remember)


def account_renew(account: SocialAccount) -> bool:
    """Renew the tokens of an account; False where nothing renews them. Raises as `Keeper.renew`."""
    keeper = Keeper(account.platform, _connection(account), network_policy(), lambda _: None)
    if not keeper.is_renewable:
        Credential.objects.filter(account=account).update(**account.credential.standing())
        return False
    keeper.renew()
    return True


def _connection(account: SocialAccount) -> Connection:
    try:
        credential = account.credential  # loaded along by whoever opens many
    except Credential.DoesNotExist:
        raise AuthorisationLost("The account is disconnected. Reconnect it on its page.") from None
    try:
        secret, session = credential.secret, credential.session
        app = credential.app.credentials() if credential.app else None
    except SealBroken as broken:
        raise AuthorisationLost(f"{broken} Reconnect the account on its page.") from None

    return Connection(
        handle=account.handle,
        base_url=account.base_url,
        secret=secret,
        remote_id=account.remote_id,
        session=session,
        app=app,
        turns=turns_of(account, secret),
    )


@contextmanager
def kept_adapter(account: SocialAccount) -> Iterator[Adapter]:
    """`open_account` for whoever speaks often: an adapter is used by one at a time, and again.

    It is known by all it was opened with, the sealed secret and session among it, so that after a
    change of any a new one is opened; and one that raised anything is not used again.
    """
    if not hasattr(account, "credential"):
        adapter, known_by = open_account(account), None
    else:
        stored = vars(account.credential)
        known_by = (
            *(account.platform, account.base_url, account.handle, account.remote_id),
            *(stored["secret"], stored["session"]),
            *_app_known_by(account.credential.app),
        )
        with _keeping:
            kept = _kept.pop(known_by, None)
        adapter = kept or open_account(account)
    yield adapter
    if known_by is not None:
        with _keeping:
            _kept[known_by] = adapter
            while len(_kept) > KEPT:
                del _kept[next(iter(_kept))]  # the one unused for longest


def _app_known_by(app: PlatformApp | None) -> tuple[str, ...]:
    return (app.client_id, vars(app)["client_secret"]) if app else ()


KEPT = 500
"""Adapters of one process that wait for their account's next post."""
_kept: dict[tuple[str, ...], Adapter] = {}
_keeping = Lock()


def note_success(account: SocialAccount) -> None:
    """Remember that the platform answered; telemetry, not an act."""
    SocialAccount.objects.filter(pk=account.pk).update(last_success_at=timezone.now())


@dataclasses.dataclass(frozen=True, slots=True)
class Proven:
    """An account's answer to 'who are you', from before anything is written."""

    platform: str
    base_url: str
    secret: str = dataclasses.field(repr=False)
    session: str = dataclasses.field(repr=False)
    identity: Identity
    limits: Limits
    lapses_at: datetime | None = None
    app: PlatformApp | None = None  # that the platform gave the credentials to

    @property
    def declared_limits(self) -> dict[str, Any]:
        """What an account keeps of the limits."""
        return limits_kept(self.limits, platform_info(self.platform).limits)


def account_prove(
    *, platform: str, handle: str, base_url: str, secret: str, app: PlatformApp | None = None
) -> Proven:
    """Ask the platform who the credentials belong to. Writes nothing. Raises Invalid.

    `app`: which the platform gave them to; None for what was pasted. Kept apart from connecting,
    since nothing waits for a network inside a transaction.
    """
    try:
        info = platform_info(platform)
    except UnknownPlatform:
        raise Invalid("platform", f"There is no platform called {platform!r}.") from None
    address = checked_address(base_url.strip() or info.default_base_url)
    if not secret.strip():
        raise Invalid("secret", f"Enter the {info.secret_label.lower()}.")
    kept: list[str] = []
    connection = Connection(
        handle=handle.strip(),
        base_url=address,
        secret=secret.strip(),
        app=app.credentials() if app else None,
    )
    try:
        adapter = open_with(platform, connection, remember=kept.append)
        identity = adapter.verify()
        limits = adapter.limits()
    except AuthorisationLost as error:
        raise Invalid(
            "secret", f"{info.label} did not accept the credentials: {error.message}"
        ) from None
    except Refused as error:
        raise Invalid("base_url", f"{info.label} refused: {error.message}") from None
    except PlatformError as error:
        raise Invalid(
            "base_url", f"{info.label} could not be reached just now: {error.message}"
        ) from None
    session = kept[-1] if kept else ""
    lapses_at = lapse_of(adapter)
    return Proven(platform, address, secret.strip(), session, identity, limits, lapses_at, app)


def lapse_of(adapter: Adapter) -> datetime | None:
    """When the credentials end for good, where the platform said so."""
    return adapter.lapses_at() if isinstance(adapter, Lapsing) else None


def checked_address(address: str) -> str:
    """A server's address as accounts keep it. Raises Invalid."""
    if not address:
        raise Invalid(
            "base_url", "Enter the address of the server, for example https://example.org."
        )
    if "://" not in address:
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
    except ValueError:  # half a bracket
        raise Invalid("base_url", "Enter an address like https://example.org.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise Invalid("base_url", "Enter an address like https://example.org.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Invalid("base_url", "Leave out what follows the server's name.")
    return f"{parts.scheme}://{parts.netloc.lower()}"
