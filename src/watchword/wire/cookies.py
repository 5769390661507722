"""Our cookies: the lines that set them, the lines that clear them, and reading them back.

The prefix of their names makes browsers refuse them from a subdomain, another path or plain HTTP (RFC 6265bis
§4.1.3.2).
"""

from __future__ import annotations

from typing import Final

from watchword.errors import MalformedRequestError
from watchword.wire.response import header_line

SESSION_COOKIE_NAME: Final = "__Host-watchword"
PAGES_COOKIE_NAME: Final = "__Host-watchword-pages"
"""The session of whoever signed in on a page. Clients' sites send people here, so it has to come along with links."""

BROWSER_COOKIE_NAME: Final = "__Host-watchword-browser"
"""What a browser that is not signed in yet is known by, between a form and its answer."""

_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Strict"
_ATTRIBUTES_FOR_LINKS: Final = "Path=/; Secure; HttpOnly; SameSite=Lax"


def session_cookie_line(token: str, max_age_seconds: int) -> bytes:
    """Make the header line that gives a browser the session token, out of reach of its scripts."""
    return header_line("set-cookie", f"{SESSION_COOKIE_NAME}={token}; Max-Age={max_age_seconds}; {_ATTRIBUTES}")


def cleared_session_cookie_line() -> bytes:
    """Make the header line that takes the session token away from a browser."""
    return header_line("set-cookie", f"{SESSION_COOKIE_NAME}=; Max-Age=0; {_ATTRIBUTES}")


def pages_cookie_line(token: str, max_age_seconds: int) -> bytes:
    """Make the header line that gives a browser the session token of its pages."""
    return header_line("set-cookie", f"{PAGES_COOKIE_NAME}={token}; Max-Age={max_age_seconds}; {_ATTRIBUTES_FOR_LINKS}")


def cleared_pages_cookie_line() -> bytes:
    """Make the header line that takes the session token of its pages away from a browser."""
    return header_line("set-cookie", f"{PAGES_COOKIE_NAME}=; Max-Age=0; {_ATTRIBUTES_FOR_LINKS}")


def browser_cookie_line(secret: str) -> bytes:
    """Make the header line that gives a browser its secret, until it is closed."""
    return header_line("set-cookie", f"{BROWSER_COOKIE_NAME}={secret}; {_ATTRIBUTES_FOR_LINKS}")


def read_session_cookie(header: str) -> str | None:
    """Return the session token of a ``Cookie`` header, None where there is none.

    Raises:
        MalformedRequestError: the cookie's name came twice, so that which one counts would be the sender's choice.
    """
    return read_cookie(header, SESSION_COOKIE_NAME)


def read_cookie(header: str, wanted: str) -> str | None:
    """Return one cookie of a ``Cookie`` header, None where there is none.

    Raises:
        MalformedRequestError: the cookie's name came twice, so that which one counts would be the sender's choice.
    """
    found = None
    for pair in header.split(";"):
        name, separator, value = pair.strip(" \t").partition("=")
        if name != wanted or not separator:
            continue
        if found is not None:
            raise MalformedRequestError("The session cookie came more than once")
        found = value
    return found or None
