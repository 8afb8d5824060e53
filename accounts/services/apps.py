"""The apps that the platforms know this installation by: set, replaced and removed."""

from __future__ import annotations

import re

from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.errors import Invalid
from accounts.levels import OrgCapability
from accounts.models import Credential, PlatformApp, SocialAccount
from accounts.policy import by_condition, decide_connect, organisation
from audit.actions import action, record
from audit.actors import Actor
from platforms.contract import AppCredentials, PlatformInfo
from platforms.oauth import app_platform
from platforms.registry import UnknownPlatform, platform_info

_SETTINGS = organisation(OrgCapability.SETTINGS)
_connecting = by_condition(lambda actor, given: decide_connect(actor, given["account"]))
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@action("app.added", "app.replaced", needs=_SETTINGS)
def app_set(
    *, actor: Actor, platform: str, client_id: str, client_secret: str, base_url: str = ""
) -> PlatformApp:
    """Keep the app credentials of a platform, in place of those there were. Raises Invalid.

    `base_url`: which server knows the app, where a platform has many.
    """
    info = _info(platform)
    client_id, client_secret = client_id.strip(), client_secret.strip()
    _check(info, client_id, client_secret)
    app, is_new = PlatformApp.objects.select_for_update().get_or_create(
        platform=platform, base_url=base_url or info.default_base_url
    )
    data = {"client_id": client_id} | ({} if is_new else {"before": app.client_id})
    app.client_id, app.client_secret, app.redirect_uri = client_id, client_secret, ""
    app.added_by, app.added_at = actor.user, timezone.now()
    app.save()
    record("app.added" if is_new else "app.replaced", subject=app, data=data)
    return app


@action("app.registered", needs=_connecting)
def app_keep_registered(
    *,
    actor: Actor,
    platform: str,
    base_url: str,
    credentials: AppCredentials,
    redirect_uri: str,
    account: SocialAccount | None = None,
) -> PlatformApp:
    """Keep what a server gave when Socialdesk registered itself, to connect or reconnect."""
    app, _ = PlatformApp.objects.select_for_update().get_or_create(
        platform=platform, base_url=base_url
    )
    app.client_id, app.client_secret = credentials.client_id, credentials.client_secret
    app.redirect_uri, app.added_by, app.added_at = redirect_uri, actor.user, timezone.now()
    app.save()
    record("app.registered", subject=app, account=account, data={"client_id": app.client_id})
    return app


@action("app.removed", needs=_SETTINGS)
def app_remove(*, actor: Actor, app: PlatformApp) -> None:
    """Forget an app. Accounts that were connected by it work until their tokens end."""
    data = {"client_id": app.client_id, "accounts": Credential.objects.filter(app=app).count()}
    record("app.removed", subject=app, data=data)
    app.delete()


def _info(platform: str) -> PlatformInfo:
    try:
        info = platform_info(platform)
    except UnknownPlatform:
        raise Invalid("platform", f"There is no platform called {platform!r}.") from None
    if info.oauth is None or app_platform(platform) != platform:
        raise Invalid("platform", f"{info.label} has no app of its own to be connected by.")
    if info.oauth.by_document:
        raise Invalid("platform", f"{info.label} wants no app to be entered: it is made by itself.")
    return info


def _check(info: PlatformInfo, client_id: str, client_secret: str) -> None:
    if not _PRINTABLE.fullmatch(client_id) or len(client_id) > 500:
        raise Invalid("client_id", "Enter the app's id as the platform shows it.")
    if client_secret and not _PRINTABLE.fullmatch(client_secret):
        raise Invalid("client_secret", "Enter the app's secret as the platform shows it.")
    needs_one = info.oauth is not None and not info.oauth.public
    if not client_secret and needs_one:
        raise Invalid("client_secret", f"{info.label} lets no app in without its secret.")
