"""Which addresses may be connected to, and what is said when one may not.

A name is looked up once; every address it has is judged; what comes back is what to connect to.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from platforms.contract import NetworkPolicy

_PORTS = {"http": 80, "https": 443}


# --- what can go wrong on the way -----------------------------------------------------------


class GuardError(Exception):
    """Base. `reason` is for people: it names the host and never a path, a query or a secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AddressRefused(GuardError):
    """We do not talk to this address; nothing was sent."""


class RedirectRefused(GuardError):
    """The server sent us to somewhere else. `acted`: it may have done what was asked (303)."""

    def __init__(self, reason: str, *, acted: bool) -> None:
        super().__init__(reason)
        self.acted = acted


class NotSent(GuardError):
    """No connection came about; nothing was sent."""


class NoAnswer(GuardError):
    """The request was sent, at least in part, and no whole answer came back."""


# --- addresses ------------------------------------------------------------------------------

# Not public, whatever the version of Python's own table says: carrier-grade NAT, protocol
# assignments, and the relays of 6to4.
_NOT_PUBLIC = [
    ipaddress.ip_network(network) for network in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24")
]
# RFC 6052 and RFC 8215: IPv4 inside IPv6, reachable through a translator of the local network.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.ip_network("::/96")


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    found = []
    if address.ipv4_mapped is not None:
        found.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or address in _NAT64_LOCAL or address in _V4_COMPATIBLE:
        found.append(low)
    if (int(address) >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE):  # ISATAP, RFC 5214
        found.append(low)
    return found


def is_public(address: str) -> bool:
    """Is this IP address (text, without brackets) one on the public internet?"""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _embedded(ip)
        if inner:
            # A translator's own prefix counts as public as soon as what it leads to is.
            return ip not in _NAT64_LOCAL and all(is_public(str(v4)) for v4 in inner)
        if ip.is_site_local:
            return False
    elif any(ip in network for network in _NOT_PUBLIC):
        return False
    return ip.is_global and not (
        ip.is_private
        or ip.is_loopback
        or ip.is_link_local
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_unspecified
    )


def host_port(host: str, port: int) -> str:
    """As an address and the settings name it: 'example.org:443', '[2001:db8::1]:443'."""
    host = host.strip("[]").rstrip(".").lower()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_allowed_private(host: str, port: int, policy: NetworkPolicy) -> bool:
    """Does the policy name this very host and port?"""
    return host_port(host, port) in {name.strip().lower() for name in policy.private_hosts}


def check_url(url: str, policy: NetworkPolicy) -> tuple[str, str, int]:
    """Scheme, host and port of a URL that may be asked; raises AddressRefused. Looks nothing up."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise AddressRefused("This is not a web address.") from None
    scheme, host = parts.scheme or "", parts.host or ""
    if scheme not in _PORTS or not host:
        raise AddressRefused("The address has to begin with https:// and name a host.")
    port = parts.port or _PORTS[scheme]
    if parts.auth:
        raise AddressRefused("The address must not hold a user name or password.")
    if scheme == "http" and not is_allowed_private(host, port, policy):
        raise AddressRefused(
            f"{host} has to be reached by https. For a test server an administrator can name "
            f"{host_port(host, port)} in SOCIALDESK_ALLOW_PRIVATE_HOSTS."
        )
    return scheme, host, port


def look_up(host: str, port: int) -> list[tuple[int, Any]]:
    """Address family and socket address of each address of `host`; raises NotSent, AddressRefused
    for what is no name."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise AddressRefused("This is not the name of a host.") from None
    except OSError:
        raise NotSent(f"There is no server called {host}, or it could not be looked up.") from None
    return [(int(family), address) for family, _, _, _, address in found]


def resolve(host: str, port: int, policy: NetworkPolicy) -> list[tuple[int, Any]]:
    """The addresses of `host`, as `look_up`, that may be connected to. Raises as it, and
    AddressRefused."""
    usable = look_up(host, port)
    if not is_allowed_private(host, port, policy):
        usable = [entry for entry in usable if is_public(str(entry[1][0]))]
    if not usable:
        raise AddressRefused(
            f"{host} is not on the public internet. An administrator can allow it by naming "
            f"{host_port(host, port)} in SOCIALDESK_ALLOW_PRIVATE_HOSTS."
        )
    return usable


def check_beyond_proxy(host: str, port: int, policy: NetworkPolicy) -> None:
    """Raises AddressRefused for a host that a proxy must not be asked for: one which is known here
    and not public. Many networks behind a proxy know no names of the outside; those it looks up."""
    try:
        resolve(host, port, policy)
    except NotSent:
        return
