"""What keeps the pages safe in a browser: headers, and forms that only our own pages can send."""

from __future__ import annotations

import secrets
from hmac import compare_digest

from flask import Flask, Response, abort, g, request

COOKIE = "sandbox_form"  # cookies do not know ports: the name must not meet another application's

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)


def form_token() -> str:
    """The secret that this browser's forms carry; set as a cookie with the answer if new."""
    if "form_token" not in g:
        sent = request.cookies.get(COOKIE, "")
        g.form_token = sent if len(sent) == 43 else secrets.token_urlsafe(32)
    token: str = g.form_token
    return token


def check_form() -> None:
    """Refuse (403) a form that was not sent from a page of ours.

    The origin says which site the form was on (and, unlike SameSite, on which port), the token
    that it was made for this browser. Either alone would do in a browser of today.
    """
    origin = request.headers.get("Origin")
    own = request.host_url.rstrip("/")
    if origin is None:
        same = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        same = origin == own
    cookie = request.cookies.get(COOKIE, "")
    sent = request.form.get("form_token", "")
    if not same or not cookie or not compare_digest(cookie.encode(), sent.encode()):
        abort(403, "This form was not sent from this site, or it is too old.")


def protect(app: Flask) -> None:
    """Put the headers on every answer of `app`."""

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        # 'same-origin', not 'no-referrer': the latter makes browsers send 'Origin: null'.
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        response.headers.setdefault("Cache-Control", "no-store")
        if "form_token" in g and request.cookies.get(COOKIE) != g.form_token:
            response.set_cookie(
                COOKIE, g.form_token, httponly=True, samesite="Strict", secure=request.is_secure
            )
        return response
