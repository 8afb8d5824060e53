"""Full addresses of the Sandbox's pages, as others may store them."""

from __future__ import annotations

from flask import request, url_for

from platforms.sandbox.network import network
from platforms.sandbox.records import Post


def _absolute(path: str) -> str:
    return (network().public_url or request.url_root.rstrip("/")) + path


def profile_url(handle: str) -> str:
    return _absolute(url_for("pages.profile", handle=handle))


def post_url(post: Post) -> str:
    return _absolute(url_for("pages.thread", handle=post.author.handle, post_id=post.id))
