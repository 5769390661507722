"""The session cookie: the line that sets it, the line that clears it, and reading it back."""

from __future__ import annotations

from typing import Final

from watchword.errors import MalformedRequestError
from watchword.wire.response import header_line

SESSION_COOKIE_NAME: Final = "__Host-watchword"
"""The prefix makes browsers refuse it from a subdomain, another path or plain HTTP (RFC 6265bis §4.1.3.2)."""

_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Strict"


def session_cookie_line(token: str, max_age_seconds: int) -> bytes:
    """Make the header line that gives a browser the session token, out of reach of its scripts."""
    return header_line("set-cookie", f"{SESSION_COOKIE_NAME}={token}; Max-Age={max_age_seconds}; {_ATTRIBUTES}")


def cleared_session_cookie_line() -> bytes:
    """Make the header line that takes the session token away from a browser."""
    return header_line("set-cookie", f"{SESSION_COOKIE_NAME}=; Max-Age=0; {_ATTRIBUTES}")


def read_session_cookie(header: str) -> str | None:
    """Return the session token of a ``Cookie`` header, None where there is none.

    Raises:
        MalformedRequestError: the cookie's name came twice, so that which one counts would be the sender's choice.
    """
    found = None
    for pair in header.split(";"):
        name, separator, value = pair.strip(" \t").partition("=")
        if name != SESSION_COOKIE_NAME or not separator:
            continue
        if found is not None:
            raise MalformedRequestError("The session cookie came more than once")
        found = value
    return found or None
