"""What a refused caller is told to bring: ``WWW-Authenticate`` (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1).

From the challenge alone a client finds the authorization server of the API that it called, and the scope to ask for.
"""

from __future__ import annotations

from typing import Final

from watchword.callers.identify import Identity
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.dpop import PROOF_ALGORITHMS
from watchword.errors import (
    InsufficientScopeError,
    KeyNonceMissingError,
    KeyNotProvedError,
    NotAuthenticatedError,
    WatchwordError,
)
from watchword.wire.request import Request

Headers = tuple[tuple[str, str], ...]

_OF_PROOFS: Final = frozenset({KeyNotProvedError.oauth_code, KeyNonceMissingError.oauth_code})
_REALM: Final = 'realm="watchword"'

_WRITTEN_MAX: Final = 1024
"""Challenges that are kept written, so that a refusal costs no more than an answer; strangers name tenants in paths."""


class Challenges:
    """Writes the challenge of a refusal; ``names`` says where each tenant's API is described."""

    def __init__(self, names: IssuerNames) -> None:
        self._names = names
        self._written: dict[tuple[str, str | None, str | None, str | None], Headers] = {}

    def headers(
        self,
        error: WatchwordError,
        request: Request,
        *,
        identity: Identity | None,
        permission: str | None,
        tenant_slug: str | None,
    ) -> Headers:
        """Return the headers of a refusal, with its challenge where there is one to make.

        ``permission`` is the route's and ``tenant_slug`` the tenant that the path names.
        """
        if isinstance(error, NotAuthenticatedError):
            if isinstance(error, KeyNonceMissingError):
                return error.headers + self._challenge("DPoP", error.oauth_code, permission, tenant_slug)
            if isinstance(error, KeyNotProvedError):
                return self._challenge("DPoP", error.oauth_code, permission, tenant_slug)
            # A request without a token is told no error code (RFC 6750 §3.1): it has made none.
            code = "invalid_token" if b"authorization" in request.headers else None
            return self._challenge("Bearer", code, permission, tenant_slug)
        if isinstance(error, InsufficientScopeError) and identity is not None and identity.access is not None:
            scheme = "Bearer" if identity.access.jkt is None else "DPoP"
            return error.headers + self._challenge(scheme, "insufficient_scope", error.scope, tenant_slug)
        return error.headers

    def _challenge(self, scheme: str, code: str | None, scope: str | None, tenant_slug: str | None) -> Headers:
        key = (scheme, code, scope, tenant_slug)
        written = self._written.get(key)
        if written is None:
            if len(self._written) >= _WRITTEN_MAX:
                self._written.clear()
            written = self._written[key] = (("www-authenticate", self._write(*key)),)
        return written

    def _write(self, scheme: str, code: str | None, scope: str | None, tenant_slug: str | None) -> str:
        parts = [_REALM]
        if code is not None:
            parts.append(f'error="{code}"')
        if scope is not None:
            parts.append(f'scope="{scope}"')
        slug = tenant_slug or self._names.default_slug
        if slug is not None:
            parts.append(f'resource_metadata="{self._names.resource_metadata(slug)}"')
        if code in _OF_PROOFS:
            parts.append(f'algs="{" ".join(PROOF_ALGORITHMS)}"')
        return f"{scheme} {', '.join(parts)}"
