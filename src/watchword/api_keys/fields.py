"""What the fields of a key may hold: scopes, ends, networks, and which kind may carry which list."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from watchword.callers.permissions import SCOPE_PATTERN
from watchword.credentials.api_key import KeyKind
from watchword.credentials.jwk import WrongJwkError, thumbprint_of
from watchword.errors import InvalidFieldsError

SCOPES_MAX: Final = 100
NETWORKS_MAX: Final = 100
"""Both lists are walked on each request of the key."""

_SECONDS_MAX: Final = 253_402_300_799
"""The end of the year 9999, the last that ISO 8601 writes with four digits; milliseconds by mistake lie beyond it."""

_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
"""The base64url of a SHA-256, in its one spelling (RFC 7638 §3.1): of the last character only four bits count."""


def require_scopes(scopes: Iterable[str], *, field: str = "scopes") -> tuple[str, ...]:
    """Return scopes, each once, in their order.

    Raises:
        InvalidFieldsError: one is not ``resource:action``.
    """
    kept = tuple(dict.fromkeys(scopes))
    if len(kept) > SCOPES_MAX:
        raise InvalidFieldsError({field: f"must not list more than {SCOPES_MAX} scopes"})
    faults = {
        f"{field}[{index}]": "must be resource:action, with read or write as the action, or * for either part"
        for index, scope in enumerate(kept)
        if SCOPE_PATTERN.fullmatch(scope) is None
    }
    if faults:
        raise InvalidFieldsError(faults)
    return kept


def require_networks(networks: Iterable[str], *, field: str = "allowed_networks") -> tuple[str, ...]:
    """Return IP networks in CIDR notation, each once; a single address becomes a network of one.

    Raises:
        InvalidFieldsError: one is no network, or has bits set behind its prefix.
    """
    kept: dict[str, None] = {}
    faults: dict[str, str] = {}
    for index, text in enumerate(networks):
        if index >= NETWORKS_MAX:
            raise InvalidFieldsError({field: f"must not list more than {NETWORKS_MAX} networks"})
        try:
            kept[_network(text)] = None
        except ValueError:
            faults[f"{field}[{index}]"] = "must be address/prefix, with no bits set behind the prefix"
    if faults:
        raise InvalidFieldsError(faults)
    return tuple(kept)


def require_future_ms(end: int | str, now_ms: int, *, field: str = "expires_at") -> int:
    """Return the Unix milliseconds of an end given in ISO 8601 or in Unix seconds.

    Raises:
        InvalidFieldsError: it cannot be read, names no time zone, or is not in the future.
    """
    end_ms = end * 1000 if isinstance(end, int) else _iso_ms(end, field)
    if end_ms <= now_ms:
        raise InvalidFieldsError({field: "must be in the future"})
    if end_ms > _SECONDS_MAX * 1000:
        raise InvalidFieldsError({field: "must be before the year 10000; a number is taken as Unix seconds"})
    return end_ms


def require_lists_of_kind(kind: KeyKind, *, origins: Iterable[str], networks: Iterable[str]) -> None:
    """Refuse a list that would guard nothing on this kind of key.

    Raises:
        InvalidFieldsError: origins on a secret key, or networks on a publishable one.
    """
    if kind == "secret_key" and tuple(origins):
        raise InvalidFieldsError({"allowed_origins": "must be left out: web origins are for publishable keys"})
    if kind == "publishable_key" and tuple(networks):
        raise InvalidFieldsError({"allowed_networks": "must be left out: networks are for secret keys"})


def require_binding(kind: KeyKind, *, jkt: str | None, jwk: Mapping[str, Any] | None) -> str | None:
    """Return the thumbprint of the public key that a key is to be bound to, named or shown; None for no such key.

    Raises:
        InvalidFieldsError: it is no thumbprint, no public key that signs proofs, both at once, or the key publishable.
    """
    if jkt is None and jwk is None:
        return None
    field = "dpop_jkt" if jwk is None else "dpop_jwk"
    if kind == "publishable_key":
        raise InvalidFieldsError({field: "must be left out: only secret keys can be bound to a key pair"})
    if jwk is None:
        if _THUMBPRINT.fullmatch(jkt or "") is None:
            raise InvalidFieldsError({field: "must be a JWK thumbprint: 43 characters of base64url (RFC 7638)"})
        return jkt
    if jkt is not None:
        raise InvalidFieldsError({field: "must be left out where dpop_jkt names the key"})
    try:
        return thumbprint_of(jwk)
    except WrongJwkError as error:
        raise InvalidFieldsError({field: f"must be a public JWK that signs: {error}"}) from None


def _network(text: str) -> str:
    network = ipaddress.ip_network(text)
    if network.version == 6 and (network.network_address.ipv4_mapped or "%" in text):  # noqa: PLR2004 - IP versions
        # A client address is compared as IPv4, and without a zone: such a network would never match.
        raise ValueError(text)
    return str(network)


def _iso_ms(text: str, field: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise InvalidFieldsError({field: "must name a time zone, such as a Z at its end"})
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidFieldsError({field: "must be a time in ISO 8601 or in Unix seconds"}) from None
