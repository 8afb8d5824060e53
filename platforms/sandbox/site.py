"""The Sandbox as a WSGI application."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask, Response, g, jsonify, render_template, request, url_for
from werkzeug.exceptions import HTTPException, SecurityError

from platforms.sandbox import text as texts
from platforms.sandbox.api import api
from platforms.sandbox.desk import desk
from platforms.sandbox.network import EXTENSION, Network, network
from platforms.sandbox.pages import pages
from platforms.sandbox.practice import practice
from platforms.sandbox.records import LOCAL_HOSTS, TEXT_MAX, Post
from platforms.sandbox.safety import form_token, protect
from platforms.sandbox.store import Store

log = logging.getLogger("sandbox")

ZONE = ZoneInfo("Europe/London")
BODY_MAX = 64_000  # bytes; image uploads have a limit of their own
COLOURS = 6  # of the round initials; each is a class of the stylesheet


def create_app(
    directory: Path, *, public_url: str = "", hosts: Iterable[str] = LOCAL_HOSTS
) -> Flask:
    """The application over the data in `directory`; raises DataDirectoryError.

    `public_url` starts the permalinks where that is not simply the address that was asked.
    `hosts` are the names it answers to: with any other, a page elsewhere could point its own name
    at this server and read it.
    """
    app = Flask("platforms.sandbox")
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_MAX, MAX_FORM_MEMORY_SIZE=BODY_MAX, TRUSTED_HOSTS=list(hosts)
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.extensions[EXTENSION] = Network(Store(directory), public_url=public_url)
    for blueprint in (api, practice, desk, pages):
        app.register_blueprint(blueprint)
    protect(app)
    _add_template_helpers(app)
    _add_errors(app)
    _add_log(app)

    @app.get("/healthz")
    def healthz() -> Response:
        network().store.lists.starters_since(0)
        return jsonify(status="ok")

    return app


def _add_template_helpers(app: Flask) -> None:
    style = Path(app.root_path) / "static" / "sandbox.css"
    version = hashlib.sha256(style.read_bytes()).hexdigest()[:12]

    @app.context_processor
    def helpers() -> dict[str, object]:
        return {
            "stylesheet": url_for("static", filename="sandbox.css", v=version),
            "faults_on": len(network().store.faults.active()),
        }

    # Macros do not see the context of the page, only what is global.
    app.add_template_global(form_token)
    app.jinja_env.globals["TEXT_MAX"] = TEXT_MAX
    app.add_template_global(
        lambda: network().store.accounts.listed(official=False, limit=50), "people"
    )

    @app.template_filter("segments")
    def segments(post: Post) -> list[texts.Segment]:
        """The post's text in pieces; mentions of nobody are plain text."""
        known = network().store.accounts.known_handles(texts.mentioned_handles(post.text))
        return [
            texts.Segment("text", one.text)
            if one.kind == "mention" and one.value not in known
            else one
            for one in texts.segments(post.text)
        ]

    app.add_template_filter(_ago, "ago")
    app.add_template_filter(_in_full, "in_full")
    app.add_template_filter(_initials, "initials")
    app.add_template_filter(lambda handle: sum(handle.encode()) % COLOURS, "colour")


def _ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 24 * 3600:
        return f"{int(seconds // 3600)} h ago"
    local = moment.astimezone(ZONE)
    return f"{local.day} {local:%b %Y}"


def _in_full(moment: datetime) -> str:
    local = moment.astimezone(ZONE)
    return f"{local:%A} {local.day} {local:%B %Y}, {local:%H:%M} London"


def _initials(name: str) -> str:
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper()


def _add_errors(app: Flask) -> None:
    @app.errorhandler(SecurityError)
    def wrong_name(_: SecurityError) -> Response:
        # There is no address to build the links of a page from.
        return Response("This server does not go by that name.\n", 400, mimetype="text/plain")

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response | tuple[str | Response, int]:
        status = error.code or 500
        if error.response is not None or status < 400:  # a redirect to the right address
            return Response(error.get_response().data, status, error.get_headers())
        if request.path.startswith("/api/"):
            return jsonify(error=str(status), message=error.description or error.name), status
        return render_template("error.html", error=error, status=status), status

    @app.errorhandler(Exception)
    def broke(error: Exception) -> tuple[str | Response, int]:
        log.exception("failed: %s %s", request.method, request.path)
        if request.path.startswith("/api/"):
            return jsonify(error="internal_error", message="It failed here."), 500
        return render_template("error.html", error=None, status=500), 500


def _add_log(app: Flask) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.monotonic()

    @app.after_request
    def line(response: Response) -> Response:
        if request.path != "/healthz" and not request.path.startswith("/static/"):
            took = (time.monotonic() - g.get("started", time.monotonic())) * 1000
            # The path alone: a query may hold what a person searched for.
            log.info(
                "%s %s %s %.0f ms %s",
                request.method,
                ascii(request.path)[1:-1],
                response.status_code,
                took,
                g.get("outcome", ""),
            )
        return response
