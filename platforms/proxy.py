"""Going out through an HTTP proxy: a tunnel to the server, which is then spoken to as without one.

RFC 9110, section 9.3.6. Only https goes through; so whatever the proxy takes a name for, the server
behind it has to prove by its certificate that it is that name's.
"""

from __future__ import annotations

import socket
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from platforms.addresses import NotSent, host_port
from platforms.contract import Proxy

_ANSWER_MAX = 16_384  # bytes of its answer's head


def proxy_from(url: str) -> Proxy:
    """The proxy that 'http://user:password@host:port' names. Raises ValueError, without secrets."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.path.strip("/"):
        raise ValueError("write it as http://host:port or http://user:password@host:port")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.hostname, port, f"{user}:{password}" if user else "")


def tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy at the other end of `sock` lead on to the server. Raises NotSent, OSError."""
    place = host_port(host, port)
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.credentials:
        lines.append(f"Proxy-Authorization: Basic {b64encode(proxy.credentials.encode()).decode()}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    status = _status(sock)
    if status == 407:
        raise NotSent("The proxy wants other credentials: see SOCIALDESK_OUTGOING_PROXY.")
    if status is None or not 200 <= status < 300:
        raise NotSent(f"The proxy did not lead to {host} ({status or 'no HTTP answer'}).")


def _status(sock: socket.socket) -> int | None:
    """Reads its answer to the empty line and no byte further: what follows is the server's."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte or len(head) >= _ANSWER_MAX:
            return None
        head += byte
    first = head.split(b"\r\n", 1)[0].split(b" ")
    known = len(first) > 1 and first[0].startswith(b"HTTP/1.") and first[1].isdigit()
    return int(first[1]) if known else None
