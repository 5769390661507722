"""The proof that a change was meant, asked only of callers who came with a cookie.

A browser attaches a cookie unasked; a header credential it does not, so those callers need no such proof.
"""

from __future__ import annotations

from typing import Final

from watchword.errors import CrossSiteRequestError
from watchword.wire.request import Request

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def require_same_site(request: Request, allowed_origins: tuple[str, ...]) -> None:
    """Refuse a change by cookie without the browser's word that it came from the tenant's own pages.

    ``Origin`` decides where it is sent; without it ``Sec-Fetch-Site`` must say ``same-origin``.

    Raises:
        CrossSiteRequestError: neither header gives that proof.
    """
    if request.method in _SAFE_METHODS:
        return
    origin = request.header(b"origin")
    if origin is not None:
        if origin in allowed_origins or origin == own_origin(request):
            return
        raise CrossSiteRequestError(cause="the Origin is not on the tenant's list")
    if request.header(b"sec-fetch-site") != "same-origin":
        raise CrossSiteRequestError(cause="neither Origin nor Sec-Fetch-Site: same-origin")


def own_origin(request: Request) -> str:
    """Return the origin that the client addressed, from the scheme and the Host header."""
    return f"{request.scheme}://{request.header(b'host') or ''}"
