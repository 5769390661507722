"""What a client asks for and gets: scopes as in RFC 6749 §3.3, never more than it may have."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from watchword.callers.permissions import SCOPE_PATTERN
from watchword.credentials.scope_sets import is_covered
from watchword.oauth.models import OAuthClient
from watchword.oauth_errors import InvalidScopeError

IDENTITY_SCOPES: Final = ("openid", "profile", "email", "offline_access")
"""Scopes about the user and not the API (OpenID Connect Core §5.4, §11)."""

ALL_OF_API: Final = ("*:*",)
_SCOPES_MAX: Final = 50
_KEPT_CHARACTERS_MAX: Final = 200
"""Bounds the memory that kept choices take."""

_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""The characters of a scope (RFC 6749 §3.3)."""


def parse_scope(text: str | None) -> tuple[str, ...]:
    """Split a ``scope`` parameter; what came twice counts once.

    Raises:
        InvalidScopeError: a scope is malformed or none of ours.
    """
    scopes = _split(text)
    if not all(is_known_scope(scope) for scope in scopes):
        raise InvalidScopeError
    return scopes


def is_known_scope(scope: str) -> bool:
    """Say whether a scope is one of ours, whoever may have it."""
    return scope in IDENTITY_SCOPES or SCOPE_PATTERN.fullmatch(scope) is not None


def require_scopes(client: OAuthClient, asked: str | None) -> tuple[str, ...]:
    """Return the scopes that a client gets for what it asks; all that it may have when it asks for none.

    Raises:
        InvalidScopeError: one of them is malformed, unknown, or more than the client may have.
    """
    if asked is not None and len(asked) <= _KEPT_CHARACTERS_MAX:
        return _chosen_kept(client.scopes, asked)
    return _chosen(client.scopes, asked)


def _chosen(allowed: tuple[str, ...] | None, asked: str | None) -> tuple[str, ...]:
    scopes = parse_scope(asked)
    if not scopes:
        return ALL_OF_API if allowed is None else allowed
    require_within(scopes, (*ALL_OF_API, *IDENTITY_SCOPES) if allowed is None else allowed)
    return scopes


_chosen_kept = lru_cache(maxsize=1_000)(_chosen)
"""What short texts choose, which a client asks for again and again; what is refused is not kept."""


def narrow_scopes(client: OAuthClient, granted: tuple[str, ...], asked: str | None) -> tuple[str, ...]:
    """Return the scopes of a token of a grant: what was allowed, or the part of it that is asked for (RFC 6749 §6).

    What the client may not have any more is left out.

    Raises:
        InvalidScopeError: one that is asked for is malformed, or more than was allowed.
    """
    living = tuple(scope for scope in granted if client.scopes is None or is_covered(scope, client.scopes))
    scopes = parse_scope(asked)
    if not scopes:
        return living
    require_within(scopes, living)
    return scopes


def require_user_scopes(client: OAuthClient, asked: str | None) -> tuple[str, ...]:
    """Return the scopes that a client may ask a user for; those about the user count as its own where nothing narrows it.

    Scopes of other servers are left out (OpenID Connect Core §3.1.2.1), as the token's answer then says.

    Raises:
        InvalidScopeError: one of them is malformed or more than the client may have, or none is known.
    """
    allowed = (*ALL_OF_API, *IDENTITY_SCOPES) if client.scopes is None else client.scopes
    named = _split(asked)
    scopes = tuple(scope for scope in named if is_known_scope(scope))
    if named and not scopes:
        raise InvalidScopeError
    if not scopes:
        own = tuple(scope for scope in client.settings.default_scopes if is_covered(scope, allowed))
        return own or (ALL_OF_API if client.scopes is None else client.scopes)
    require_within(scopes, allowed)
    return scopes


def require_within(scopes: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    """Refuse scopes of which one is not covered; ``products:*`` covers ``products:read`` and not the other way.

    Raises:
        InvalidScopeError: one is not.
    """
    if not all(is_covered(scope, allowed) for scope in scopes):
        raise InvalidScopeError


def _split(text: str | None) -> tuple[str, ...]:
    scopes = tuple(scope for scope in dict.fromkeys((text or "").split(" ")) if scope)
    if len(scopes) > _SCOPES_MAX:
        raise InvalidScopeError("Too many scopes")
    if any(_TOKEN.fullmatch(scope) is None for scope in scopes):
        raise InvalidScopeError
    return scopes
