"""Redirect URIs: what may be registered, and which registered one a request names (RFC 9700 §4.1.3, RFC 8252 §7).

A presented URI is compared as text and never taken apart or normalised, so that no two parsers can read it in two
ways; of a loopback address alone the port is left out of the comparison.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from watchword.errors import InvalidFieldsError
from watchword.oauth.models import OAuthClient
from watchword.oauth_errors import UnknownRedirectUriError
from watchword.tenants.web_origins import is_host

URIS_MAX: Final = 50
"""What one client may register of a kind; the list is walked on each authorization."""

URI_CHARACTERS_MAX: Final = 2000
"""What browsers and proxies carry in one line; longer ones are no address of anybody's."""

_URI_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~:/?@!$&'()+,;=%\[\]-]+")
"""Those of RFC 3986 §2 without ``*``, which whoever writes it means as a wildcard, and ``#``, which begins a fragment."""

_ENCODED: Final = re.compile(r"%(?:[0-9A-Fa-f]{2})?")
_WEB: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\]/?]*\]|[^:/?]*)(?::(?P<port>[^/?]*))?(?P<rest>(?:[/?].*)?)"
)
_PRIVATE: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?P<rest>/.*)")
_LOOPBACK: Final = re.compile(
    r"(?P<origin>http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>(?:[/?].*)?)"
)
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_PORT_MAX: Final = 65535
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def require_redirect_uris(uris: Iterable[str], *, field: str = "redirect_uris") -> tuple[str, ...]:
    """Return the URIs, each once, in their order.

    Raises:
        InvalidFieldsError: one could be read in two ways, has a fragment or a wildcard, or sends codes in the clear.
    """
    kept: dict[str, None] = {}
    faults: dict[str, str] = {}
    for index, uri in enumerate(uris):
        if index >= URIS_MAX:
            faults[field] = f"must not list more than {URIS_MAX}"
            break
        fault = _fault(uri)
        if fault:
            faults[f"{field}[{index}]"] = fault
        kept[uri] = None
    if faults:
        raise InvalidFieldsError(faults)
    return tuple(kept)


def require_https_uri(uri: str, *, field: str) -> str:
    """Return a URI that people or this server will follow.

    Raises:
        InvalidFieldsError: it is none, or not https.
    """
    fault = _fault(uri)
    if not fault and not uri.startswith("https://"):
        fault = "must be https"
    if fault:
        raise InvalidFieldsError({field: fault})
    return uri


def find_redirect_uri(client: OAuthClient, presented: str | None) -> str:
    """Return where the answer of an authorization goes: what was presented, or the only one there is.

    Raises:
        UnknownRedirectUriError: it is none of the client's, or left out where the client has several; the answer must
            then be shown and never redirected (RFC 6749 §4.1.2.1).
    """
    registered = client.settings.redirect_uris
    if presented is None:
        if len(registered) != 1:
            raise UnknownRedirectUriError("Name the redirect_uri: this client has not exactly one")
        return registered[0]
    if not is_registered(presented, registered):
        raise UnknownRedirectUriError
    return presented


def is_registered(presented: str, registered: tuple[str, ...]) -> bool:
    """Say whether a URI is one of those registered: letter for letter, but for the port of a loopback address.

    A native application listens on whatever port is free (RFC 8252 §7.3).
    """
    if presented in registered:
        return True
    loopback = _without_port(presented)
    return loopback is not None and any(loopback == _without_port(one) for one in registered)


def may_be_registered(uri: str) -> bool:
    """Say whether a URI is one that a client can have; not whether one has it."""
    return not _fault(uri)


def is_on_own_machine(uri: str) -> bool:
    """Say whether a URI leads to the machine of whoever follows it (RFC 8252 §7.3)."""
    return _LOOPBACK.fullmatch(uri) is not None


def _without_port(uri: str) -> tuple[str, str] | None:
    parts = _LOOPBACK.fullmatch(uri)
    if parts is None or int(parts["port"] or 1) > _PORT_MAX:
        return None
    return parts["origin"], parts["rest"]


def _fault(uri: str) -> str:
    return _spelling_fault(uri) or _scheme_fault(uri)


def _spelling_fault(uri: str) -> str:
    if not uri or len(uri) > URI_CHARACTERS_MAX:
        return f"must have 1 to {URI_CHARACTERS_MAX} characters"
    if "#" in uri:
        return "must not have a fragment"
    if "*" in uri:
        return "must not have a wildcard: list each URI"
    if _URI_CHARACTERS.fullmatch(uri) is None or "%" in _ENCODED.findall(uri):
        return "must hold only the characters of a URI, others percent-encoded"
    return ""


def _scheme_fault(uri: str) -> str:
    web = _WEB.fullmatch(uri)
    if web is not None:
        return _web_fault(web)
    private = _PRIVATE.fullmatch(uri)
    if private is not None and "." in private["scheme"]:
        # RFC 8252 §7.1: a name under one's own domain, turned around. Without the dot it is anybody's: javascript.
        return _path_fault(private["rest"])
    return "must be https, http on a loopback address, or a private scheme like com.example.app"


def _web_fault(parts: re.Match[str]) -> str:
    host, port = parts["host"], parts["port"]
    if "@" in parts[0].partition("://")[2].partition("/")[0].partition("?")[0]:
        return "must not have a user name"
    if not is_host(host):
        return "must have a domain name in lower case, or an IP address in its usual spelling"
    if port is not None and (_PORT.fullmatch(port) is None or int(port) > _PORT_MAX):
        return f"must have a port of 1 to {_PORT_MAX}"
    if parts["scheme"] == "http" and host not in _LOOPBACK_HOSTS:
        return "must be https; http is for 127.0.0.1, [::1] and localhost only"
    return _path_fault(parts["rest"])


def _path_fault(rest: str) -> str:
    path = rest.partition("?")[0].lower()
    decoded = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/")
    if any(segment in {".", ".."} for segment in decoded.split("/")):
        return "must not have a path that leads back"
    return ""
