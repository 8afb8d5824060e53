"""The pages for people: timeline, threads, profiles, and posting as a stranger."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from platforms.sandbox.network import network
from platforms.sandbox.people import speaker
from platforms.sandbox.records import Account, NotAllowed, Post
from platforms.sandbox.safety import check_form
from platforms.sandbox.text import mentioned_handles

pages = Blueprint("pages", __name__)

PERSONA_COOKIE = "sandbox_person"
SOMEBODY_NEW = ""
PAGE = 20
INDENT_MAX = 3  # deeper replies stay at this depth, or they would have no room on a phone


@dataclass
class Draft:
    """What is in the composer, so that nothing typed is lost when something is wrong."""

    text: str = ""
    person: str = SOMEBODY_NEW  # a known handle
    handle: str = ""
    display_name: str = ""
    in_reply_to: Post | None = None
    mention: str = ""  # the handle that the post begins with
    error: NotAllowed | None = None


@dataclass(frozen=True)
class Branch:
    post: Post
    depth: int


# --- reading -----------------------------------------------------------------------------------


@pages.get("/")
def timeline() -> str:
    lists = network().store.lists
    before = _number("before")
    found = lists.timeline(before=before, limit=PAGE + 1)
    newest = found[0].id if found else 0
    seen = _number("seen")
    return render_template(
        "timeline.html",
        posts=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        before=before,
        newest=newest,
        seen=seen,
        fresh=lists.starters_since(seen) if seen is not None else None,
        official=network().store.accounts.listed(official=True, limit=6),
        draft=_new_draft(),
    )


@pages.get("/@<handle>")
def profile(handle: str) -> str:
    account = _account_or_404(handle)
    found = network().store.lists.profile(account, before=_number("before"), limit=PAGE + 1)
    draft = _new_draft()
    draft.mention = account.handle
    return render_template(
        "profile.html",
        account=account,
        posts=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        draft=draft,
    )


@pages.get("/@<handle>/<int:post_id>")
def thread(handle: str, post_id: int) -> str:
    net = network()
    post = net.store.posts.get(post_id) if post_id < 2**62 else None
    if post is None or post.author.handle != handle:
        abort(404)
    everything = net.store.lists.thread(post.root_id)
    draft = _new_draft()
    draft.in_reply_to = post
    return render_template(
        "thread.html",
        post=post,
        above=_ancestors(post, everything),
        below=_branches(post, everything),
        draft=draft,
        just_posted=request.args.get("posted") == "1",
    )


@pages.get("/search")
def search() -> str:
    query = request.args.get("q", "").strip()
    found: list[Post] = []
    if query:
        found, _ = network().store.lists.search(query[:200], None, 50)
    return render_template("search.html", query=query, posts=found[::-1])


@pages.get("/media/<media_id>")
def media(media_id: str) -> Response:
    file = network().store.media.published(media_id)
    if file is None or not file.path.is_file():
        abort(404)
    response = send_file(file.path, mimetype=file.mime, max_age=31_536_000)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


# --- writing -----------------------------------------------------------------------------------


@pages.get("/compose")
def compose() -> str:
    draft = _new_draft()
    if mention := request.args.get("mention", ""):
        draft.mention = _account_or_404(mention).handle
    return render_template("compose.html", draft=draft)


@pages.post("/posts")
def post_as_stranger() -> AnyResponse | tuple[str, int]:
    check_form()
    store = network().store
    form = request.form
    draft = Draft(
        text=form.get("text", ""),
        person=form.get("person", SOMEBODY_NEW),
        handle=form.get("handle", ""),
        display_name=form.get("display_name", ""),
        mention=form.get("mention", ""),
    )
    target = form.get("in_reply_to", "")
    try:
        if target:
            draft.in_reply_to = _reply_target(target)
        author = speaker(store, draft.person or draft.handle, draft.display_name)
        post, _ = store.posts.create(
            author,
            _with_mention(draft),
            in_reply_to=draft.in_reply_to.id if draft.in_reply_to else None,
        )
    except NotAllowed as refusal:
        draft.error = refusal
        return render_template("compose.html", draft=draft), refusal.status
    where = url_for("pages.thread", handle=author.handle, post_id=post.id, posted=1)
    response = redirect(where, code=303)
    response.set_cookie(
        PERSONA_COOKIE,
        author.handle,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
        max_age=30 * 24 * 3600,
    )
    return response


# --- helpers -----------------------------------------------------------------------------------


def _number(name: str) -> int | None:
    value = request.args.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def _account_or_404(handle: str) -> Account:
    account = network().store.accounts.by_handle(handle)
    if account is None:
        abort(404)
    return account


def _new_draft() -> Draft:
    """An empty draft by whoever this browser last spoke as."""
    known = network().store.accounts.by_handle(request.cookies.get(PERSONA_COOKIE, ""))
    return Draft(person=known.handle if known and not known.official else SOMEBODY_NEW)


def _with_mention(draft: Draft) -> str:
    """The text as it goes out; an empty one stays empty, to be refused."""
    known = not draft.mention or draft.mention in mentioned_handles(draft.text)
    return draft.text if known or not draft.text.strip() else f"@{draft.mention} {draft.text}"


def _reply_target(value: str) -> Post:
    number = int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else 0
    post = network().store.posts.get(number)
    if post is None or post.deleted:
        raise NotAllowed("reply_target_missing", "The post you are replying to is gone.")
    return post


def _ancestors(post: Post, everything: list[Post]) -> list[Post]:
    by_id = {one.id: one for one in everything}
    above: list[Post] = []
    parent = by_id.get(post.in_reply_to or 0)
    while parent:
        above.append(parent)
        parent = by_id.get(parent.in_reply_to or 0)
    return above[::-1]


def _branches(post: Post, everything: list[Post]) -> list[Branch]:
    """All that was answered to `post`, each answer right after what it answers."""
    children: dict[int, list[Post]] = {}
    for one in everything:
        if one.in_reply_to:
            children.setdefault(one.in_reply_to, []).append(one)
    found: list[Branch] = []
    waiting = [(child, 0) for child in reversed(children.get(post.id, []))]
    while waiting:
        one, depth = waiting.pop()
        found.append(Branch(one, min(depth, INDENT_MAX)))
        waiting.extend((child, depth + 1) for child in reversed(children.get(one.id, [])))
    return found
