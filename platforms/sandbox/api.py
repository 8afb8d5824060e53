"""The API for programs with an access token. JSON in and out; an error has a code and a message."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, request
from werkzeug.exceptions import RequestEntityTooLarge

from platforms.sandbox.addresses import post_url, profile_url
from platforms.sandbox.api_faults import answer_after, answer_before
from platforms.sandbox.extras import extras_asked, told
from platforms.sandbox.faults import FaultKind
from platforms.sandbox.network import network
from platforms.sandbox.records import (
    ALT_TEXT_MAX,
    IMAGE_BYTES_MAX,
    IMAGE_PIXELS_MAX,
    IMAGE_TYPES,
    IMAGES_MAX,
    PAGE_MAX,
    PARTS_MAX,
    POLL_MINUTES,
    POLL_OPTION_MAX,
    POLL_OPTIONS,
    TEXT_MAX,
    VIDEO_BYTES_MAX,
    VIDEO_TYPE,
    Account,
    NotAllowed,
    Post,
)

api = Blueprint("api", __name__, url_prefix="/api")

_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_ID = re.compile(r"[0-9]{1,18}")  # fits SQLite's integers
View = Callable[..., Response]


def problem(code: str, message: str, status: int) -> Response:
    """An error answer of the API."""
    response = jsonify(error=code, message=message)
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Sandbox"'
    return response


def for_account(*, posting: bool = False, reading: bool = False) -> Callable[[View], View]:
    """A view for the account whose token came along, passed on as its first argument.

    Faults strike here, and whatever happens is noted in the ledger.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(**values: str) -> Response:
            net = network()
            account = net.store.accounts.by_token(_bearer())
            handle = account.handle if account else ""
            key = request.headers.get("Idempotency-Key", "")
            fault = net.store.faults.take(handle=handle, posting=posting, reading=reading)
            # A hanging request is never worked on later, so a look-up may say that at once.
            hanging = fault is not None and fault.kind is FaultKind.HANG
            tracked = account and key and not hanging
            with net.working_on(account.id, key) if account and tracked else nullcontext():
                response = answer_before(fault) if fault else None
                if response is None and account is None:
                    response = problem("unauthorised", "The access token is not good.", 401)
                    g.outcome = "refused: no good token"
                if response is None:
                    try:
                        response = view(account, **values)
                    except NotAllowed as refusal:
                        response = problem(refusal.code, refusal.message, refusal.status)
                        g.outcome = f"refused: {refusal.code}"
                    except RequestEntityTooLarge:
                        response = problem("too_large", "That is more than is taken.", 413)
                        g.outcome = "refused: too_large"
            if fault:
                g.outcome = f"fault: {fault.kind}; {g.get('outcome', 'nothing done')}"
                response = answer_after(fault, response)
            net.store.ledger.note(
                handle=handle,
                method=request.method,
                path=request.path,
                key=key,
                status=response.status_code,
                outcome=g.get("outcome", ""),
            )
            return response

        return answer

    return decorate


# --- the account -------------------------------------------------------------------------------


@api.get("/account")
@for_account(reading=True)
def verify(account: Account) -> Response:
    return jsonify(_person(account))


@api.get("/limits")
@for_account(reading=True)
def limits(account: Account) -> Response:
    return jsonify(
        text_max=TEXT_MAX,
        images_max=IMAGES_MAX,
        image_bytes_max=IMAGE_BYTES_MAX,
        image_pixels_max=IMAGE_PIXELS_MAX,
        image_types=sorted(IMAGE_TYPES),
        alt_text_max=ALT_TEXT_MAX,
        parts_max=PARTS_MAX,
        video={"bytes_max": VIDEO_BYTES_MAX, "types": [VIDEO_TYPE]},
        poll={
            "options_min": POLL_OPTIONS[0],
            "options_max": POLL_OPTIONS[1],
            "option_max": POLL_OPTION_MAX,
            "minutes_min": POLL_MINUTES[0],
            "minutes_max": POLL_MINUTES[1],
        },
    )


# --- posts -------------------------------------------------------------------------------------


@api.post("/media")
@for_account()
def upload(account: Account) -> Response:
    request.max_content_length = max(IMAGE_BYTES_MAX, VIDEO_BYTES_MAX)
    media_id = network().store.media.add(account, request.get_data())
    g.outcome = f"stored file {media_id}"
    return make_response(jsonify(id=media_id), 201)


@api.post("/posts")
@for_account(posting=True)
def publish(account: Account) -> Response:
    asked = _body()
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise NotAllowed("key_invalid", "The idempotency key has 1 to 100 letters or digits.")
    post, new = network().store.posts.create(
        account,
        _text(asked, "text"),
        in_reply_to=_reply_target(asked.get("in_reply_to")),
        images=_images(asked.get("images", [])),
        extras=extras_asked(asked),
        key=key,
    )
    g.outcome = f"published {post.id}" if new else f"known key, not published again: {post.id}"
    return make_response(jsonify(_post(post)), 201 if new else 200)


@api.get("/posts/by-key/<key>")
@for_account(reading=True)
def by_key(account: Account, key: str) -> Response:
    """200 with the post, 404 when it is certain that there is none, 202 while one is under way."""
    net = network()
    # Asked in this order, a post that is finished in between cannot be missed.
    busy = net.is_working_on(account.id, key)
    post = net.store.posts.by_key(account, key)
    if post:
        return jsonify(_post(post))
    if busy:
        return make_response(jsonify(state="in_progress"), 202)
    return problem("not_found", "No post of this account has that key.", 404)


@api.put("/posts/<post_id>")
@for_account(posting=True)
def edit(account: Account, post_id: str) -> Response:
    post = network().store.posts.edit(account, _id(post_id), _text(_body(), "text"))
    if post is None:
        return problem("not_found", "There is no such post.", 404)
    g.outcome = f"edited {post_id}"
    return jsonify(_post(post))


@api.delete("/posts/<post_id>")
@for_account()
def delete(account: Account, post_id: str) -> Response:
    if not network().store.posts.delete(account, _id(post_id)):
        return problem("not_found", "There is no such post.", 404)
    g.outcome = f"deleted {post_id}"
    return Response(status=204)


@api.post("/posts/<post_id>/hide")
@for_account()
def hide(account: Account, post_id: str) -> Response:
    if not network().store.posts.hide(account, _id(post_id)):
        return problem("not_found", "There is no such post.", 404)
    g.outcome = f"hid {post_id}"
    return Response(status=204)


@api.post("/posts/<post_id>/show")
@for_account()
def show(account: Account, post_id: str) -> Response:
    if not network().store.posts.show(account, _id(post_id)):
        return problem("not_found", "There is no such post.", 404)
    g.outcome = f"shows {post_id} again"
    return Response(status=204)


@api.post("/posts/<post_id>/remove")
@for_account()
def remove(account: Account, post_id: str) -> Response:
    if not network().store.posts.remove(account, _id(post_id)):
        return problem("not_found", "There is no such post.", 404)
    g.outcome = f"deleted {post_id}, by whom it answers"
    return Response(status=204)


@api.post("/blocks")
@for_account()
def block(account: Account) -> Response:
    person = _text(_body(), "account_id")
    if not network().store.accounts.block(account, _id(person)):
        return problem("not_found", "There is no such person.", 404)
    g.outcome = f"blocked {person}"
    return Response(status=204)


@api.delete("/blocks/<account_id>")
@for_account()
def unblock(account: Account, account_id: str) -> Response:
    if not network().store.accounts.unblock(account, _id(account_id)):
        return problem("not_found", "This person is not blocked.", 404)
    g.outcome = f"unblocked {account_id}"
    return Response(status=204)


# --- lists: oldest first, `after` a cursor, at most 50 -------------------------------------------


@api.get("/mentions")
@for_account(reading=True)
def mentions(account: Account) -> Response:
    after = _after()
    notices, more = network().store.lists.notices(account, after, PAGE_MAX)
    items = [{**_post(notice.post), "kind": notice.kind} for notice in notices]
    return _batch(items, after, more)


@api.get("/own-posts")
@for_account(reading=True)
def own_posts(account: Account) -> Response:
    after = _after()
    posts, more = network().store.lists.own_posts(account, after, PAGE_MAX)
    return _batch([_post(post) for post in posts], after, more)


@api.get("/search")
@for_account(reading=True)
def search(account: Account) -> Response:
    after = _after()
    query = request.args.get("q", "")
    posts, more = network().store.lists.search(query, after, PAGE_MAX, but_not_by=account)
    return _batch([_post(post) for post in posts], after, more)


# --- reading requests, writing answers -----------------------------------------------------------


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _body() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict):
        raise NotAllowed("body_invalid", "Send a JSON object.", status=400)
    return asked


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise NotAllowed("body_invalid", f"'{name}' has to be a text.", status=400)
    return value


def _id(value: object) -> int:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NotAllowed("id_invalid", "That is not an id of this network.", status=404)
    return int(value)


def _reply_target(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NotAllowed("reply_target_missing", "The post you are replying to is gone.")
    return int(value)


def _images(value: object) -> list[tuple[str, str]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise NotAllowed("body_invalid", "'images' has to be a list of objects.", status=400)
    return [(_text(one, "id"), _text(one, "alt_text")) for one in value]


def _after() -> int | None:
    cursor = request.args.get("after", "")
    if not cursor:
        return None
    if not _ID.fullmatch(cursor):
        raise NotAllowed("cursor_invalid", "That is not a cursor of this network.")
    return int(cursor)


def _batch(items: list[dict[str, Any]], after: int | None, more: bool) -> Response:
    cursor = items[-1]["id"] if items else str(after or 0)
    return jsonify(items=items, cursor=cursor, more=more)


def _person(account: Account) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "handle": account.handle,
        "display_name": account.display_name,
        "profile_url": profile_url(account.handle),
    }


def _post(post: Post) -> dict[str, Any]:
    return {
        "id": str(post.id),
        "author": _person(post.author),
        "text": post.text,
        "created_at": post.created_at.isoformat(),
        "url": post_url(post),
        "in_reply_to": str(post.in_reply_to) if post.in_reply_to else None,
        "thread_id": str(post.root_id),
        "hidden": post.hidden,
        "deleted": post.deleted,
        "edited_at": post.edited_at.isoformat() if post.edited_at else None,
        "images": [{"id": one.media_id, "alt_text": one.alt_text} for one in post.images],
        **told(post.extras),
    }
