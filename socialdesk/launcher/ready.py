"""Whether the page answers: asked the way a browser would, over HTTP."""

from __future__ import annotations

import http.client
from urllib.parse import urljoin, urlsplit

from socialdesk.launcher.ports import LOOPBACK

TIMEOUT_S = 5.0
REDIRECTS = 5


def _get(port: int, path: str, host: str) -> tuple[int, str, str, bytes]:
    """Status, Location, Content-Type and body of one GET. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
    try:
        headers = {"Accept": "text/html", "Host": host, "X-Forwarded-Proto": "https"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        location, kind = answer.getheader("Location", ""), answer.getheader("Content-Type", "")
        return answer.status, location, kind, answer.read()
    finally:
        connection.close()


def why_not_ready(port: int, base_url: str = "") -> str:
    """What is still missing; empty once /readyz is content and the sign-in page is served.

    Asked in the name of `base_url`, as the proxy would that stands there.
    """
    host = urlsplit(base_url).netloc or f"{LOOPBACK}:{port}"
    try:
        status, _, _, body = _get(port, "/readyz", host)
        if status != http.client.OK:
            return f"/readyz answers {status}: {body[:500].decode(errors='replace')}"
        path = "/"
        for _ in range(REDIRECTS):
            status, location, kind, body = _get(port, path, host)
            if status not in {301, 302, 303, 307, 308}:
                break
            target = urlsplit(urljoin(path, location))
            path = target.path + (f"?{target.query}" if target.query else "")
    except (OSError, http.client.HTTPException) as error:
        return f"nothing answers yet ({error})"
    if status != http.client.OK:
        return f"the sign-in page {path} answers {status}"
    if not kind.startswith("text/html") or b"<form" not in body:
        return f"{path} is not the sign-in page"
    return ""
