"""Whether the page answers: asked the way a browser would, over HTTP.

`python -m socialdesk.launcher.ready PORT` ends with 0 if so, and else says why not; a container's
health check.
"""

from __future__ import annotations

import http.client
import os
import sys
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


def why_not_alive(port: int) -> str:
    """What is amiss with a program that has a /healthz but no pages of ours; empty when well."""
    try:
        status, _, _, _ = _get(port, "/healthz", f"{LOOPBACK}:{port}")
    except (OSError, http.client.HTTPException) as error:
        return f"nothing answers at port {port} yet ({error})"
    return "" if status == http.client.OK else f"/healthz at port {port} answers {status}"


def main() -> int:
    """Ask once, in the name of SOCIALDESK_BASE_URL."""
    reason = why_not_ready(int(sys.argv[1]), os.environ.get("SOCIALDESK_BASE_URL", ""))
    sys.stderr.write(f"{reason}\n" if reason else "")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
