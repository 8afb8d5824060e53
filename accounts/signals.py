"""Turns the sign-in signals of Django and allauth into events."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from django.contrib.auth import signals as auth_signals
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from accounts.services import sign_ins
from audit.actors import Actor


def _address(request: HttpRequest | None) -> str:
    actor = getattr(request, "actor", None)
    return actor.address if actor else ""


@receiver(auth_signals.user_logged_in)
def _started(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    sign_ins.session_start(actor=Actor.person(user, address=_address(request)))


@receiver(auth_signals.user_logged_out)
def _ended(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        sign_ins.session_end(actor=Actor.person(user, address=_address(request)))


@receiver(auth_signals.user_login_failed)
def _refused(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    tried = str(credentials.get("email") or credentials.get("username") or "")
    sign_ins.session_refuse(actor=Actor.anonymous(address=_address(request)), tried=tried)


@receiver(account_signals.password_changed)
@receiver(account_signals.password_reset)
def _password(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    sign_ins.password_changed(actor=Actor.person(user, address=_address(request)))


@receiver(mfa_signals.authenticator_added)
@receiver(mfa_signals.authenticator_removed)
@receiver(mfa_signals.authenticator_reset)
def _mfa(sender: Any, request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
    what = next((n for n, s in _MFA_WORDS.items() if s is kwargs.get("signal")), "changed")
    sign_ins.mfa_changed(
        actor=Actor.person(user, address=_address(request)), what=what, kind=str(authenticator.type)
    )


_MFA_WORDS = {
    "added": mfa_signals.authenticator_added,
    "removed": mfa_signals.authenticator_removed,
    "reset": mfa_signals.authenticator_reset,
}
