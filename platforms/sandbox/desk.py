"""The pages about the network itself: official accounts, faults, and what arrived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from platforms.sandbox.faults import FAULT_TEXTS, SCOPE_TEXTS, FaultKind, FaultScope
from platforms.sandbox.network import network
from platforms.sandbox.records import Account, NotAllowed
from platforms.sandbox.safety import check_form

desk = Blueprint("desk", __name__)

Number = TypeVar("Number", int, float)


# --- official accounts and their tokens ----------------------------------------------------------


@desk.get("/accounts")
def accounts() -> str:
    return _accounts_page()


@desk.post("/accounts")
def account_create() -> str | tuple[str, int]:
    check_form()
    store = network().store
    try:
        account = store.accounts.create(
            handle=request.form.get("handle", ""),
            display_name=request.form.get("display_name", ""),
            bio=request.form.get("bio", ""),
            official=True,
        )
    except NotAllowed as refusal:
        return _accounts_page(error=refusal, entered=request.form), refusal.status
    return _accounts_page(made_for=account, token=store.accounts.token_create(account))


@desk.post("/accounts/<handle>/token")
def token_create(handle: str) -> str:
    check_form()
    account = _official_or_404(handle)
    return _accounts_page(made_for=account, token=network().store.accounts.token_create(account))


@desk.post("/accounts/<handle>/revoke")
def tokens_revoke(handle: str) -> str:
    check_form()
    account = _official_or_404(handle)
    network().store.accounts.tokens_revoke(account)
    return _accounts_page(revoked_for=account)


# --- faults --------------------------------------------------------------------------------------


@desk.get("/faults")
def faults() -> str:
    return _faults_page()


@desk.post("/faults")
def fault_on() -> AnyResponse | tuple[str, int]:
    check_form()
    form = request.form
    try:
        network().store.faults.turn_on(
            FaultKind(form.get("kind", "")),
            scope=FaultScope(form.get("scope", "")),
            handle=form.get("handle", ""),
            seconds=_amount("seconds", float),
            times=_amount("times", int),
        )
    except NotAllowed as refusal:
        return _faults_page(error=refusal, entered=form), refusal.status
    except ValueError:
        abort(400, "That form was not complete.")
    return redirect(url_for("desk.faults"), code=303)


@desk.post("/faults/off")
def faults_off() -> AnyResponse:
    check_form()
    network().store.faults.turn_off()
    return redirect(url_for("desk.faults"), code=303)


@desk.post("/faults/<int:fault_id>/off")
def fault_off(fault_id: int) -> AnyResponse:
    check_form()
    network().store.faults.turn_off(fault_id)
    return redirect(url_for("desk.faults"), code=303)


# --- arrivals ------------------------------------------------------------------------------------


@desk.get("/arrivals")
def arrivals() -> str:
    value = request.args.get("before", "")
    before = int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None
    found = network().store.ledger.arrivals(before=before, limit=51)
    return render_template(
        "arrivals.html", arrivals=found[:50], older=found[49].id if len(found) > 50 else None
    )


# --- helpers -------------------------------------------------------------------------------------


def _accounts_page(**extra: Any) -> str:
    store = network().store
    return render_template(
        "accounts.html",
        accounts=store.accounts.listed(official=True),
        tokens=store.accounts.token_counts(),
        **extra,
    )


def _faults_page(**extra: Any) -> str:
    store = network().store
    return render_template(
        "faults.html",
        active=store.faults.active(),
        kinds=FAULT_TEXTS,
        scopes=SCOPE_TEXTS,
        accounts=store.accounts.listed(official=True),
        **extra,
    )


def _official_or_404(handle: str) -> Account:
    account = network().store.accounts.by_handle(handle)
    if account is None or not account.official:
        abort(404)
    return account


def _amount(name: str, kind: Callable[[str], Number]) -> Number | None:
    """A number that a person typed; None when left empty."""
    value = request.form.get(name, "").strip()
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        raise NotAllowed(f"{name}_invalid", "Give a number.", field=name) from None
