"""Web origins as browsers send them in ``Origin`` (RFC 6454 §6.2): compared as text, so stored in one spelling only."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from watchword.errors import InvalidFieldsError

ORIGINS_MAX: Final = 100
"""What one tenant or key may list; the list is walked on each request from a browser."""

_HOST_CHARACTERS_MAX: Final = 253
"""The longest name that DNS carries (RFC 1035 §2.3.4)."""

_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_LOGO_URL: Final = re.compile(r"(?P<origin>https://[^/?#]+)/[A-Za-z0-9._~/%?=&-]*")
_LOGO_CHARACTERS_MAX: Final = 500
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT_MAX: Final = 65535


def require_web_origins(origins: Iterable[str], *, field: str = "allowed_origins") -> tuple[str, ...]:
    """Return the origins, each once, in their order.

    Raises:
        InvalidFieldsError: one of them is not exactly what a browser would send, or is plain HTTP beyond this machine.
    """
    kept: dict[str, None] = {}
    faults: dict[str, str] = {}
    for index, origin in enumerate(origins):
        fault = _fault(origin) if index < ORIGINS_MAX else f"must not be listed: {ORIGINS_MAX} origins are the most"
        if fault:
            faults[f"{field}[{index}]"] = fault
        if index >= ORIGINS_MAX:
            break
        kept[origin] = None
    if faults:
        raise InvalidFieldsError(faults)
    return tuple(kept)


def require_logo_url(url: str) -> str:
    """Return the address of a picture that pages may show: https, with a path and without anything that needs escaping.

    Raises:
        InvalidFieldsError: it is none.
    """
    parts = _LOGO_URL.fullmatch(url)
    if parts is None or len(url) > _LOGO_CHARACTERS_MAX or _fault(parts["origin"]):
        raise InvalidFieldsError({"logo_url": "must be https://host/path of at most 500 characters"})
    return url


def _fault(origin: str) -> str:
    parts = _ORIGIN.fullmatch(origin)
    if parts is None:
        return "must be scheme://host or scheme://host:port in lower case, without path, wildcard or user"
    host, port = parts["host"], parts["port"]
    if not is_host(host):
        return "must have a domain name or an IP address in its usual spelling as the host"
    if port is not None and int(port) > _PORT_MAX:
        return f"must have a port of at most {_PORT_MAX}"
    if port == _DEFAULT_PORTS[parts["scheme"]]:
        return "must leave out the scheme's own port, as browsers do"
    if parts["scheme"] == "http" and host not in _LOOPBACK:
        return "must be https; http is for localhost, 127.0.0.1 and [::1] only"
    return ""


def is_host(host: str) -> bool:
    """Say whether a host is a name in lower case, or an IP address in the one spelling that browsers write."""
    if host.startswith("["):
        # Without a zone, and without an IPv4 address inside, which browsers rewrite.
        return re.fullmatch(r"\[[0-9a-f:]+\]", host) is not None and _is_spelled_as(host[1:-1], 6)
    labels = host.split(".")
    # A browser reads a host whose last label is a number as an IPv4 address (WHATWG URL, "ends in a number").
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return _is_spelled_as(host, 4)
    return len(host) <= _HOST_CHARACTERS_MAX and all(_LABEL.fullmatch(label) for label in labels)


def _is_spelled_as(text: str, version: int) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == version and str(address) == text
