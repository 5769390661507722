"""Who looks at a page: the browser's session, its language, and the proof that a form it sends was ours.

The session is an ordinary one in a cookie of its own, so that ending it, or closing the account, ends it here too.
"""

from __future__ import annotations

import msgspec

from watchword.callers.csrf import own_origin
from watchword.credentials.form_token import is_form_token, make_browser_secret, make_form_token
from watchword.credentials.session_token import IssuedToken, SessionProof, SessionTokens
from watchword.errors import CrossSiteRequestError, ExpiredSessionTokenError, NotAuthenticatedError
from watchword.wire.cookies import (
    BROWSER_COOKIE_NAME,
    PAGES_COOKIE_NAME,
    browser_cookie_line,
    pages_cookie_line,
    read_cookie,
)
from watchword.wire.pages import Language, choose_language
from watchword.wire.request import Request


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A browser at a page.

    Shapes: ``signed_in`` is None for a stranger; ``secret`` is what the browser holds, in a cookie that ``lines`` set
    where it had none.
    """

    signed_in: SessionProof | None
    language: Language
    secret: str
    lines: bytes = b""

    def __repr__(self) -> str:
        return f"Visit(language={self.language!r})"

    def form_token(self, purpose: str) -> str:
        """Return the token that a form of this browser carries; ``purpose`` says what sending it does, and to what."""
        return make_form_token(self.secret, purpose)


class PageSessions:
    """Knows browsers by their cookies."""

    def __init__(self, tokens: SessionTokens) -> None:
        self._tokens = tokens

    async def find_signed_in(self, request: Request, now_ms: int) -> SessionProof | None:
        """Return the living session of the browser, or None: then the user has to sign in.

        Raises:
            MalformedRequestError: the cookie came twice.
            UnavailableError: the database cannot be asked.
        """
        token = _read(request, PAGES_COOKIE_NAME)
        if token is None:
            return None
        try:
            return await self._tokens.prove(token, now_ms)
        except (NotAuthenticatedError, ExpiredSessionTokenError):
            return None

    async def visit(self, request: Request, now_ms: int, *, ui_locales: str | None = None) -> Visit:
        """Say who is at a page; a browser without any secret is given one.

        Raises:
            MalformedRequestError: a cookie came twice.
            UnavailableError: the database cannot be asked.
        """
        language = choose_language(request.header(b"accept-language"), ui_locales)
        signed_in = await self.find_signed_in(request, now_ms)
        if signed_in is not None:
            token = _read(request, PAGES_COOKIE_NAME) or ""
            return Visit(signed_in=signed_in, language=language, secret=token)
        secret = _read(request, BROWSER_COOKIE_NAME)
        if secret is not None:
            return Visit(signed_in=None, language=language, secret=secret)
        secret = make_browser_secret()
        return Visit(signed_in=None, language=language, secret=secret, lines=browser_cookie_line(secret))

    def require_form(self, request: Request, visit: Visit, token: str | None, purpose: str) -> None:
        """Refuse a form that was not this browser's own, for this purpose.

        Raises:
            CrossSiteRequestError: it came from another site, or was made for another session or for something else.
        """
        _require_form_of(visit, (visit.secret,), token, purpose)
        _require_own_page(request)

    def require_strangers_form(self, request: Request, visit: Visit, token: str | None, purpose: str) -> None:
        """Refuse a form as ``require_form``, but for one of this browser from before it signed in, in another tab.

        Raises:
            CrossSiteRequestError: as there.
        """
        before = _read(request, BROWSER_COOKIE_NAME)
        _require_form_of(visit, (visit.secret,) if before is None else (visit.secret, before), token, purpose)
        _require_own_page(request)


def cookie_line_of(issued: IssuedToken, now_ms: int) -> bytes:
    """Make the header line that keeps a browser signed in for as long as its token lives."""
    return pages_cookie_line(issued.token, max(0, issued.expires_at_s - now_ms // 1000))


def _require_form_of(visit: Visit, secrets: tuple[str, ...], token: str | None, purpose: str) -> None:
    if visit.lines:
        raise CrossSiteRequestError(cause="the browser holds no cookie of ours")
    if not any(is_form_token(token or "", secret, purpose) for secret in secrets):
        raise CrossSiteRequestError(cause="the form's token is not this browser's")


def _require_own_page(request: Request) -> None:
    # Besides the token: what the browser itself says of where the form was. Our pages send no referrer, for which
    # browsers write "null" as the Origin of a form (Fetch §3.1), so that Sec-Fetch-Site is asked first.
    site = request.header(b"sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise CrossSiteRequestError(cause=f"Sec-Fetch-Site: {site}")
        return
    origin = request.header(b"origin")
    if origin not in {None, "null", own_origin(request)}:
        raise CrossSiteRequestError(cause="the form came from another origin")


def _read(request: Request, name: str) -> str | None:
    header = request.header(b"cookie")
    return None if header is None else read_cookie(header, name)
