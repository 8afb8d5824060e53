"""Messages of RFC 5424 over TCP or TLS, counted in octets (RFC 5425, RFC 6587).

Syslog has no word for 'received'. So each batch is a connection of its own, which we end first
and the receiver after it: one that dies with something unread ends it with a reset instead.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

AUDIT = 13  # the facility
NOTICE, WARNING = 5, 4
SEQUENCE_MAX = 2**31 - 1  # of RFC 5424, 7.3.1
PORTS = {"syslog+tls": 6514, "syslog+tcp": 601}
PATIENCE_S = 20.0


class NotTaken(Exception):
    """A receiver did not take a batch. The message is for people and holds no secret."""


_OURS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_EXPIRED",
         "CERTIFICATE_UNKNOWN", "CERTIFICATE_REVOKED", "HANDSHAKE_FAILURE")  # fmt: skip
"""By which alerts (RFC 8446, 6.2) a receiver says that it does not know who we are."""


@dataclass(frozen=True, slots=True)
class Papers:
    """Files (PEM) for TLS. `authorities`: whom to trust instead of the system's; `certificate`:
    what we show a receiver that asks, with those between it and its authority; `key`: its private
    key, without a password, where that is in a file of its own."""

    authorities: str = ""
    certificate: str = ""
    key: str = ""


def message(event: Mapping[str, Any], *, host: str, warning: bool = False) -> bytes:
    """One event as a syslog message, counted. Its text is JSON in ASCII, which needs no mark."""
    at = datetime.fromisoformat(event["time"]).astimezone(UTC)
    head = (
        f"<{AUDIT * 8 + (WARNING if warning else NOTICE)}>1 {at:%Y-%m-%dT%H:%M:%S.%fZ} {host}"
        f" socialdesk - {event['event'][:32]}"
        f' [meta sequenceId="{event["place"] % SEQUENCE_MAX + 1}"] '
    )
    text = (head + json.dumps(event, separators=(",", ":"))).encode("ascii", "replace")
    return b"%d %s" % (len(text), text)


def deliver(place: SplitResult, messages: Sequence[bytes], papers: Papers) -> None:
    """Hand a batch over. Raises NotTaken."""
    host, port = place.hostname or "", place.port or PORTS[place.scheme]
    try:
        with socket.create_connection((host, port), timeout=PATIENCE_S) as line:
            if place.scheme == "syslog+tls":
                with _context(papers).wrap_socket(line, server_hostname=host) as sealed:
                    sealed.sendall(b"".join(messages))
                    _end_tls(sealed)
                    _end(sealed)
            else:
                line.sendall(b"".join(messages))
                _end(line)
    except ssl.SSLCertVerificationError:
        raise NotTaken(f"The certificate of {host} is not valid.") from None
    except TimeoutError:
        raise NotTaken(f"{host} did not take it, or did not say so, in time.") from None
    except OSError as error:  # also what ssl raises
        raise NotTaken(_said(host, error)) from None


def _said(host: str, error: OSError) -> str:
    reason = getattr(error, "reason", None) or ""
    if any(word in reason for word in _OURS):
        return f"{host} wants a certificate from us that it trusts."
    return f"{host} did not take it: {type(error).__name__}."


def _context(papers: Papers) -> ssl.SSLContext:
    if papers.authorities and not Path(papers.authorities).is_file():
        raise NotTaken("The file of certificates to trust is not there.")
    context = ssl.create_default_context(cafile=papers.authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if papers.certificate:
        try:
            # A key with a password would otherwise ask for it on the sealer's terminal.
            context.load_cert_chain(papers.certificate, papers.key or None, password="")
        except OSError:  # also what ssl raises
            raise NotTaken("The file of our own certificate, or of its key, is no good.") from None
    return context


def _end_tls(sealed: ssl.SSLSocket) -> None:
    """Say that this was all, and hear the same."""
    with suppress(ssl.SSLEOFError):  # it hung up without a word: enough, since it was no reset
        sealed.unwrap()


def _end(line: socket.socket) -> None:
    """End our side and wait for the other's. Raises OSError when it is a reset."""
    # The base class's methods: those of ssl would speak TLS, which is over.
    socket.socket.shutdown(line, socket.SHUT_WR)
    while socket.socket.recv(line, 4096):
        pass
