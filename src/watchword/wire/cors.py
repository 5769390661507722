"""Cross-origin lines (Fetch §3.2): which origin may read an answer, and what a preflight allows.

Never ``*``: an origin is echoed when it is on a list, and credentials are allowed to the same origins only.
"""

from __future__ import annotations

from typing import Final

from watchword.wire.response import Response, header_line

VARY: Final = b"vary: Origin\r\n"
"""On every answer, allowed or not: a cache must not give one origin's answer to another."""

_EXPOSED: Final = (
    b"access-control-expose-headers: DPoP-Nonce, ETag, Idempotent-Replayed, Retry-After, WWW-Authenticate, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining,"
    b" X-RateLimit-Reset, X-RateLimit-Window, RateLimit, RateLimit-Policy, X-Usage-Limit, X-Usage-Current,"
    b" X-Usage-Remaining\r\n"
)

_PREFLIGHT: Final = (
    b"access-control-allow-methods: GET, POST, PUT, PATCH, DELETE\r\n"
    b"access-control-allow-headers: Authorization, Content-Type, X-API-Key, apikey, X-Client-Key, X-Publishable-Key,"
    b" X-Tenant-ID, DPoP, Idempotency-Key, If-Match, If-None-Match\r\n"
    b"access-control-max-age: 600\r\n"
)

_PREFLIGHT_VARY: Final = b"vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"


def allowed_lines(origin: str) -> bytes:
    """Return the lines that let this origin read the answer; the caller has looked it up on a list."""
    return header_line("access-control-allow-origin", origin) + b"access-control-allow-credentials: true\r\n" + _EXPOSED


def preflight_response(origin: str, *, listed: bool) -> Response:
    """Answer a preflight; an origin on no list gets no permission and no reason."""
    if not listed:
        return Response(204, b"", _PREFLIGHT_VARY)
    lines = header_line("access-control-allow-origin", origin) + b"access-control-allow-credentials: true\r\n"
    return Response(204, b"", lines + _PREFLIGHT + _PREFLIGHT_VARY)
