"""allauth as Socialdesk uses it: no open registration, no entry for the frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import User


def tried_address(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """The address somebody tries to sign in with, as the lock-out counts it: in any spelling.

    allauth calls it `email`, the form `login`, and axes itself `username`.
    """
    given = credentials or {}
    found = given.get("email") or given.get("login") or given.get("username")
    return str(found or request.POST.get("login", "")).strip().casefold()[:254]


class DeskAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped base
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        if user.is_frozen:
            return redirect("account_inactive")
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        super().send_mail(
            template_prefix, email, {"organisation": settings.ORGANISATION, **context}
        )


class DeskMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # untyped base
    def get_totp_label(self, user: User) -> str:
        return user.email

    def encrypt(self, text: str) -> str:
        from accounts.sealing import seal

        return str(seal(text, binding="mfa"))

    def decrypt(self, encrypted_text: str) -> str:
        from accounts.sealing import unseal

        return unseal(encrypted_text, binding="mfa")
