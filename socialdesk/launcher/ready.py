"""Whether the page answers: asked the way a browser would, over HTTP.

`python -m socialdesk.launcher.ready PORT` ends with 0 if so, and else says why not; a container's
health check.
"""

from __future__ import annotations

import http.client
import os
import sys
import threading
from urllib.parse import urljoin, urlsplit

from socialdesk.launcher.ports import LOOPBACK

TIMEOUT_S = 10.0
SILENCE = "nothing answers"
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
        return f"{SILENCE} yet ({error})"
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
        return f"{SILENCE} at port {port} yet ({error})"
    return "" if status == http.client.OK else f"/healthz at port {port} answers {status}"


class Probe(threading.Thread):
    """Asks again and again in the background until all is well; use as a context manager."""

    def __init__(self, port: int, base_url: str, sandbox_port: int) -> None:
        super().__init__(daemon=True)
        self._port, self._base_url, self._sandbox_port = port, base_url, sandbox_port
        self._content, self._stop_asking = threading.Event(), threading.Event()
        self.reason = "nothing has been asked yet"
        self.wrong_answers = 0  # the page answered, but not as it should

    def __enter__(self) -> Probe:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asking.set()

    def content(self) -> bool:
        """Whether everything has answered well."""
        return self._content.is_set()

    def start_over(self) -> None:
        """Forget the wrong answers: their cause has been dealt with."""
        self.wrong_answers = 0

    def run(self) -> None:
        while not self._stop_asking.is_set():
            page = why_not_ready(self._port, self._base_url)
            self.reason = page or why_not_alive(self._sandbox_port)
            if not self.reason:
                self._content.set()
                return
            answered = bool(page) and not page.startswith(SILENCE)
            self.wrong_answers += answered
            # A wrong answer is logged with all its reasons: not ten times a second.
            self._stop_asking.wait(1.0 if answered else 0.1)


def main() -> int:
    """Ask once, in the name of SOCIALDESK_BASE_URL."""
    reason = why_not_ready(int(sys.argv[1]), os.environ.get("SOCIALDESK_BASE_URL", ""))
    sys.stderr.write(f"{reason}\n" if reason else "")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
