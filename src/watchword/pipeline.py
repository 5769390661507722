"""The ordered steps that every request goes through, in both lanes.

Route, address limit, who is calling, limits of the caller, permission, body: each is one named call, and the first
that refuses decides. Knows the floors below and the Route record, and no room of floor 4.
"""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Iterator
from secrets import token_hex
from typing import Final

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.admission import PROVED_BY_ENDPOINT, is_open, require_admission
from watchword.callers.call import Call
from watchword.callers.challenges import Challenges
from watchword.callers.csrf import own_origin, require_same_site
from watchword.callers.identify import Identifier, Identity, Refusal
from watchword.callers.origins import OriginList
from watchword.callers.presented import read_credentials
from watchword.callers.tenant_path import enter_tenant_path, require_slug
from watchword.clock import Clock
from watchword.errors import (
    ExpiredSessionTokenError,
    InsecureTransportError,
    InternalError,
    NotAuthenticatedError,
    NotFoundError,
    SecretKeyInBrowserError,
    WatchwordError,
)
from watchword.limits.limiter import Limiter, verdict_lines
from watchword.observe import Log, RequestLine
from watchword.wire.client_address import address_bucket
from watchword.wire.cors import VARY, allowed_lines, preflight_response
from watchword.wire.form_body import read_form
from watchword.wire.json_body import decode_struct, require_json_type
from watchword.wire.pages import Pages
from watchword.wire.problems import problem_response
from watchword.wire.query import parse_query
from watchword.wire.request import Request
from watchword.wire.response import Response, header_line
from watchword.wire.routes import ErrorStyle, Match, Route, RouteTable

_SECURITY_LINES: Final = (
    b"x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\ncross-origin-resource-policy: same-origin\r\n"
)
_API_SECURITY_LINES: Final = (
    _SECURITY_LINES + b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
)
_HSTS: Final = b"strict-transport-security: max-age=63072000; includeSubDomains\r\n"
_CARRYING_CREDENTIALS: Final = ("/api/", "/oauth/", "/t/")
_TOLD: Final = "the refusal as it was answered"
_UNMATCHED: Final = "(no route)"
_BEHIND_ID: Final = b"\r\n" + _API_SECURITY_LINES + VARY
"""What nearly every answer goes on with behind its request's id."""

_BEHIND_ID_OVER_TLS: Final = _BEHIND_ID + _HSTS

_LOW_DIGITS: Final = tuple(f"{number:02x}" for number in range(256))


class _Progress(msgspec.Struct):
    """What is known of a request so far: for its headers and its log line, whichever way it ends."""

    route: Route | None = None
    identity: Identity | None = None
    limit_lines: bytes = b""
    reason: str = ""
    tenant_slug: str | None = None


class _Told(msgspec.Struct, frozen=True):
    """A refusal of some headers as it was answered at a route, before the lines that are each request's own."""

    error: Refusal
    route: Route | None
    tenant_slug: str | None
    reason: str
    response: Response


class Pipeline:
    """Answers requests; holds what the steps need."""

    def __init__(
        self,
        *,
        routes: RouteTable,
        identifier: Identifier,
        limiter: Limiter,
        origins: OriginList,
        challenges: Challenges,
        pages: Pages,
        audit: AuditWriter,
        log: Log,
        clock: Clock,
    ) -> None:
        self._routes = routes
        self._identifier = identifier
        self._limiter = limiter
        self._origins = origins
        self._challenges = challenges
        self._pages = pages
        self._audit = audit
        self._log = log
        self._clock = clock
        self._ids = _make_ids()

    async def answer(self, request: Request) -> Response:
        """Answer one request; never raises but for cancellation."""
        began_ns = time.perf_counter_ns()
        now_ms = self._clock.now_ms()
        request.id = next(self._ids)
        progress = _Progress()
        try:
            response = await self._serve(request, now_ms, progress)
        except WatchwordError as error:
            response = self._refuse(request, error, now_ms, progress)
        except Exception as error:  # noqa: BLE001 - the last resort: the caller gets a 500 and the log the trace
            response = self._fail(request, error, now_ms, progress)
        self._finish(request, response, progress)
        self._write_log_line(request, response, progress, now_ms, began_ns)
        return response

    def note_unread_request(self, error: WatchwordError) -> str:
        """Log that bytes came which are no request, and return the id that its answer carries."""
        request_id = next(self._ids)
        self._log.event(
            "info", "request.unread", self._clock.now_ms(), requestId=request_id, status=error.status, reason=error.code
        )
        return request_id

    async def _serve(self, request: Request, now_ms: int, progress: _Progress) -> Response:
        bucket = address_bucket(request.client_address)
        self._limiter.require_address(bucket, now_ms)
        request.require_readable()
        progress.tenant_slug = enter_tenant_path(request)
        if request.method == "OPTIONS":
            return self._preflight(request)
        match = self._routes.match(request.method, request.path)
        route = progress.route = match.route
        require_slug(match.parameters)
        _require_private_way(request)
        if route.limit is not None:
            await self._limiter.require_attempt(route.limit, bucket, now_ms)
        is_named = route.callers not in PROVED_BY_ENDPOINT
        recalled = self._identifier.recall(request, now_ms) if is_named else None
        if isinstance(recalled, WatchwordError):
            return self._refuse_again(request, recalled, now_ms, progress)
        identity = progress.identity = recalled or (await self._identify(request, route, now_ms) if is_named else None)
        if identity is not None:
            self._audit.note_use(identity.caller.credential_id, now_ms)
            if self._limiter.is_limited(identity.limited):
                progress.limit_lines = await self._count_caller(identity, now_ms)
            if identity.caller.from_cookie:
                require_same_site(request, identity.allowed_origins + self._origins.of_installation)
        require_admission(request, route, identity)
        call = _make_call(request, match, identity, now_ms)
        if route.query is not None:
            call.query = parse_query(request.query, route.query)
        if route.form is not None:
            call.body = await read_form(request, route.form)
        elif route.body is not None:
            call.body = await _read_json(request, route)
        return await route.handler(call)

    async def _identify(self, request: Request, route: Route, now_ms: int) -> Identity | None:
        try:
            return await self._identifier.identify(request, now_ms)
        except (NotAuthenticatedError, ExpiredSessionTokenError):
            # Browsers attach a cookie unasked: a dead one must not keep anybody from signing in again.
            if is_open(route) and read_credentials(request).from_cookie:
                return None
            raise

    async def _count_caller(self, identity: Identity, now_ms: int) -> bytes:
        verdict = await self._limiter.require_caller(identity.limited, now_ms)
        return b"" if verdict is None else verdict_lines(verdict)

    def _preflight(self, request: Request) -> Response:
        origin = request.header(b"origin")
        if origin is not None and request.header(b"access-control-request-method") is not None:
            # Of a path that is none too: the page is then let to read the 404.
            return preflight_response(origin, listed=self._origins.is_listed(origin))
        methods = self._routes.methods(request.path)
        if not methods:
            raise NotFoundError
        return Response(204, b"", header_line("allow", ", ".join(methods)))

    def _refuse(self, request: Request, error: WatchwordError, now_ms: int, progress: _Progress) -> Response:
        progress.reason = f"{error.code}: {error.cause}" if error.cause else error.code
        if isinstance(error, SecretKeyInBrowserError):
            self._audit.record(
                Event.SECRET_KEY_IN_BROWSER,
                now_ms=now_ms,
                tenant_id=error.tenant_id,
                subject=error.key_id,
                credential_id=error.key_id,
                address=request.client_address,
            )
        route = progress.route
        error.headers = self._challenges.headers(
            error,
            request,
            identity=progress.identity,
            permission=None if route is None else route.permission,
            tenant_slug=progress.tenant_slug,
        )
        return self._show(request, error, progress)

    def _refuse_again(self, request: Request, error: Refusal, now_ms: int, progress: _Progress) -> Response:
        """Refuse headers with the very error of a moment ago: of one route it is answered as it was then."""
        derived, route = request.head.derived, progress.route
        told = derived.get(_TOLD)
        if (
            not isinstance(told, _Told)
            or told.error is not error
            or told.route is not route
            or told.tenant_slug != progress.tenant_slug
        ):
            response = self._refuse(request, error, now_ms, progress)
            told = derived[_TOLD] = _Told(error, route, progress.tenant_slug, progress.reason, response)
        progress.reason = told.reason
        return Response(told.response.status, told.response.body, told.response.lines)

    def _fail(self, request: Request, error: Exception, now_ms: int, progress: _Progress) -> Response:
        # The trace without its values: a message may quote what the caller sent.
        frames = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-6:]))
        self._log.event("error", "request.failed", now_ms, requestId=request.id, error=type(error).__name__, at=where)
        progress.reason = f"INTERNAL_SERVER_ERROR: {type(error).__name__}"
        return self._show(request, InternalError(), progress)

    def _show(self, request: Request, error: WatchwordError, progress: _Progress) -> Response:
        route = progress.route
        style = self._style_without_route(request) if route is None else route.style
        return self._pages.problem(error, request) if style == "page" else problem_response(error, style)

    def _style_without_route(self, request: Request) -> ErrorStyle:
        style = self._routes.style(request.path)
        is_of_browser = b"text/html" in request.headers.get(b"accept", b"")
        # Where clients are answered, a person is only who mistyped an address or came back to that of a form.
        return "page" if style == "oauth" and is_of_browser else style

    def _finish(self, request: Request, response: Response, progress: _Progress) -> None:
        own = response.lines
        # By find: to see whether bytes are in bytes, Python first tries to take them for a number.
        if own.find(b"content-security-policy") < 0 and own.find(b"vary: ") < 0:
            rest = _BEHIND_ID_OVER_TLS if request.scheme == "https" else _BEHIND_ID
        else:
            rest = _behind_id(own, request.scheme)
        lines = b"".join((own, progress.limit_lines, b"x-request-id: ", request.id.encode(), rest))
        origin = request.headers.get(b"origin")
        if origin is not None and own.find(b"access-control-") < 0:
            is_page = progress.route is not None and progress.route.callers == "page"
            # A page is for whoever looks at it: another site's script must not read the tokens of its forms.
            if not is_page:
                lines += self._cors_lines(request, origin.decode("latin-1"), progress.identity)
        response.lines = lines

    def _cors_lines(self, request: Request, origin: str, identity: Identity | None) -> bytes:
        if identity is None:
            # Nobody is proved, so nothing of a tenant is in the answer: whoever lists the origin, its pages may
            # read why (a 401, a 419, the answer to a login).
            return allowed_lines(origin) if self._origins.is_listed(origin) else b""
        own = (own_origin(request), *self._origins.of_installation)
        if origin in identity.allowed_origins or origin in own:
            return allowed_lines(origin)
        return b""

    def _write_log_line(
        self, request: Request, response: Response, progress: _Progress, now_ms: int, began_ns: int
    ) -> None:
        tenant_id = kind = credential_id = ""
        if progress.identity is not None:
            caller = progress.identity.caller
            tenant_id, kind, credential_id = caller.tenant_id, caller.kind, caller.credential_id
        self._log.request(
            RequestLine(
                now_ms,
                request.id,
                request.method,
                _UNMATCHED if progress.route is None else progress.route.path,
                response.status,
                (time.perf_counter_ns() - began_ns) // 1000,
                tenant_id,
                kind,
                credential_id,
                progress.reason,
            )
        )


def _require_private_way(request: Request) -> None:
    if request.is_in_clear and request.path.startswith(_CARRYING_CREDENTIALS):
        raise InsecureTransportError


def _make_call(request: Request, match: Match, identity: Identity | None, now_ms: int) -> Call:
    if identity is None:
        return Call(request, None, now_ms, match.parameters)
    return Call(request, identity.caller, now_ms, match.parameters, identity.session, identity.token, identity.access)


def _behind_id(own: bytes, scheme: str) -> bytes:
    """Return what goes behind the request's id, but for the lines that the answer brings itself."""
    lines = b"\r\n" + (_SECURITY_LINES if b"content-security-policy" in own else _API_SECURITY_LINES)
    if b"vary: " not in own:
        lines += VARY
    return lines + _HSTS if scheme == "https" else lines


def _make_ids() -> Iterator[str]:
    """Give the ids of a process's requests, one after another."""
    prefix = f"req_{token_hex(8)}"
    for high in itertools.count():
        begin = f"{prefix}{high:06x}"
        for low in _LOW_DIGITS:
            yield begin + low


async def _read_json(request: Request, route: Route) -> object:
    body = await request.body()
    if not body and route.body_is_optional:
        return None
    require_json_type(request.header(b"content-type"), request.header(b"content-encoding"))
    decoded: object = decode_struct(body, route.body)
    return decoded
