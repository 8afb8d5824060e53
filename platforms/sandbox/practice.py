"""What only a practice network offers to programs: strangers, accounts and faults on request.

Nobody has to sign in for it. A page of another site cannot reach it, because only JSON is taken
and a browser asks first before it sends JSON across sites.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from platforms.sandbox.addresses import post_url
from platforms.sandbox.faults import Fault, FaultKind, FaultScope
from platforms.sandbox.network import network
from platforms.sandbox.people import speaker
from platforms.sandbox.records import NotAllowed

practice = Blueprint("practice", __name__, url_prefix="/api/practice")


@practice.before_request
def only_json() -> None:
    if request.method not in {"GET", "HEAD", "DELETE"} and not request.is_json:
        raise NotAllowed("json_only", "Send JSON.", status=415)


@practice.errorhandler(NotAllowed)
def refused(refusal: NotAllowed) -> tuple[Response, int]:
    return jsonify(error=refusal.code, message=refusal.message), refusal.status


@practice.post("/people/posts")
def post_as_stranger() -> Response:
    """{handle, display_name?, text, in_reply_to?} → {id, url, thread_id}; a new person is made."""
    asked = _asked()
    author = speaker(
        network().store, str(asked.get("handle", "")), str(asked.get("display_name", ""))
    )
    target = asked.get("in_reply_to")
    post, _ = network().store.posts.create(
        author,
        str(asked.get("text", "")),
        in_reply_to=None if target is None else _number(target),
    )
    return make_response(
        jsonify(id=str(post.id), url=post_url(post), thread_id=str(post.root_id)), 201
    )


@practice.post("/accounts")
def account_create() -> Response:
    """{handle, display_name?, bio?} → {id, handle, token}: an official account and its token."""
    asked = _asked()
    store = network().store
    handle = str(asked.get("handle", ""))
    account = store.accounts.create(
        handle=handle,
        display_name=str(asked.get("display_name", "")) or handle,
        bio=str(asked.get("bio", "")),
        official=True,
    )
    return make_response(
        jsonify(
            id=str(account.id), handle=account.handle, token=store.accounts.token_create(account)
        ),
        201,
    )


@practice.get("/faults")
def faults() -> Response:
    return jsonify(items=[_fault(fault) for fault in network().store.faults.active()])


@practice.post("/faults")
def fault_on() -> Response:
    """{kind, scope?, handle?, seconds?, times?} → the fault, which has an id to turn it off by."""
    asked = _asked()
    try:
        kind = FaultKind(str(asked.get("kind")))
        scope = FaultScope(str(asked.get("scope", FaultScope.POSTING)))
        seconds = None if asked.get("seconds") is None else float(asked["seconds"])
        times = None if asked.get("times") is None else int(asked["times"])
    except (TypeError, ValueError, OverflowError):
        raise NotAllowed("fault_invalid", "There is no such fault.") from None
    fault = network().store.faults.turn_on(
        kind, scope=scope, handle=str(asked.get("handle", "")), seconds=seconds, times=times
    )
    return make_response(jsonify(_fault(fault)), 201)


@practice.delete("/faults")
def faults_off() -> Response:
    return jsonify(turned_off=network().store.faults.turn_off())


@practice.delete("/faults/<int:fault_id>")
def fault_off(fault_id: int) -> Response:
    return jsonify(turned_off=network().store.faults.turn_off(fault_id))


@practice.get("/ledger")
def ledger() -> Response:
    """The newest 1,000 arrivals, newest first; `key` and `path` narrow it down."""
    arrivals = network().store.ledger.arrivals(
        key=request.args.get("key", ""), path=request.args.get("path", ""), limit=1_000
    )
    return jsonify(items=[{**asdict(one), "at": one.at.isoformat()} for one in arrivals])


def _asked() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict):
        raise NotAllowed("body_invalid", "Send a JSON object.", status=400)
    return asked


def _number(value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotAllowed("reply_target_missing", "The post you are replying to is gone.")
    return int(text)


def _fault(fault: Fault) -> dict[str, Any]:
    return asdict(fault)
