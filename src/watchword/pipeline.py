"""The ordered steps that every request goes through, in both lanes.

Route, address limit, who is calling, limits of the caller, permission, body: each is one named call, and the first
that refuses decides. Knows the floors below and the Route record, and no room of floor 4.
"""

from __future__ import annotations

import time
import traceback
from secrets import token_hex
from typing import Final

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.callers.caller import CallerKind
from watchword.callers.challenges import Challenges
from watchword.callers.csrf import own_origin, require_same_site
from watchword.callers.identify import Identifier, Identity
from watchword.callers.origins import OriginList
from watchword.callers.permissions import require_permission, require_tenant
from watchword.callers.presented import read_credentials
from watchword.callers.tenant_path import enter_tenant_path
from watchword.clock import Clock
from watchword.errors import (
    ExpiredSessionTokenError,
    ForbiddenError,
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
from watchword.wire.form_body import parse_form, require_form_type
from watchword.wire.json_body import decode_struct, require_json_type
from watchword.wire.pages import Pages
from watchword.wire.problems import problem_response
from watchword.wire.query import parse_query
from watchword.wire.request import Request
from watchword.wire.response import Response, header_line
from watchword.wire.routes import Match, Route, RouteTable

_SECURITY_LINES: Final = (
    b"x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\ncross-origin-resource-policy: same-origin\r\n"
)
_API_SECURITY_LINES: Final = (
    _SECURITY_LINES + b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
)
_HSTS: Final = b"strict-transport-security: max-age=63072000; includeSubDomains\r\n"
_CARRYING_CREDENTIALS: Final = ("/api/", "/oauth/", "/t/")
_UNMATCHED: Final = "(no route)"
_PROVED_BY_ENDPOINT: Final = frozenset({"client", "page"})
_OPEN: Final = _PROVED_BY_ENDPOINT | {"anyone"}
_KEYS: Final = frozenset({CallerKind.SECRET_KEY, CallerKind.PUBLISHABLE_KEY})


class _Progress:
    """What is known of a request so far: for its headers and its log line, whichever way it ends."""

    __slots__ = ("identity", "limit_lines", "reason", "route", "tenant_slug")

    def __init__(self) -> None:
        self.route: Route | None = None
        self.identity: Identity | None = None
        self.limit_lines = b""
        self.reason = ""
        self.tenant_slug: str | None = None


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
        self._id_prefix = f"req_{token_hex(8)}"
        self._count = 0

    async def answer(self, request: Request) -> Response:
        """Answer one request; never raises but for cancellation."""
        began_ns = time.perf_counter_ns()
        now_ms = self._clock.now_ms()
        request.id = self._next_id()
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
        request_id = self._next_id()
        self._log.event(
            "info", "request.unread", self._clock.now_ms(), requestId=request_id, status=error.status, reason=error.code
        )
        return request_id

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._id_prefix}{self._count:08x}"

    async def _serve(self, request: Request, now_ms: int, progress: _Progress) -> Response:
        bucket = address_bucket(request.client_address)
        self._limiter.require_address(bucket, now_ms)
        request.require_readable()
        progress.tenant_slug = enter_tenant_path(request)
        if request.method == "OPTIONS":
            return self._preflight(request)
        match = self._routes.match(request.method, request.path)
        route = progress.route = match.route
        if request.is_in_clear and request.path.startswith(_CARRYING_CREDENTIALS):
            raise InsecureTransportError
        if route.limit is not None:
            await self._limiter.require_attempt(route.limit, bucket, now_ms)
        identity = None if route.callers in _PROVED_BY_ENDPOINT else self._identifier.recall(request, now_ms)
        if identity is None:
            identity = await self._identify(request, route, now_ms)
        progress.identity = identity
        if identity is not None:
            self._audit.note_use(identity.caller.credential_id, now_ms)
            if self._limiter.is_limited(identity.limited):
                progress.limit_lines = await self._count_caller(identity, now_ms)
            if identity.caller.from_cookie:
                require_same_site(request, identity.allowed_origins + self._origins.of_installation)
        _require_caller(route, identity)
        call = _make_call(request, match, identity, now_ms)
        if route.query is not None:
            call.query = parse_query(request.query, route.query)
        if route.body is not None or route.form is not None:
            call.body = await _read_body(request, route)
        return await route.handler(call)

    async def _identify(self, request: Request, route: Route, now_ms: int) -> Identity | None:
        if route.callers in _PROVED_BY_ENDPOINT:
            return None
        try:
            return await self._identifier.identify(request, now_ms)
        except (NotAuthenticatedError, ExpiredSessionTokenError):
            # Browsers attach a cookie unasked: a dead one must not keep anybody from signing in again.
            if _is_open(route) and read_credentials(request).from_cookie:
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

    def _fail(self, request: Request, error: Exception, now_ms: int, progress: _Progress) -> Response:
        # The trace without its values: a message may quote what the caller sent.
        frames = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-6:]))
        self._log.event("error", "request.failed", now_ms, requestId=request.id, error=type(error).__name__, at=where)
        progress.reason = f"INTERNAL_SERVER_ERROR: {type(error).__name__}"
        return self._show(request, InternalError(), progress)

    def _show(self, request: Request, error: WatchwordError, progress: _Progress) -> Response:
        style = "document" if progress.route is None else progress.route.style
        return self._pages.problem(error, request) if style == "page" else problem_response(error, style)

    def _finish(self, request: Request, response: Response, progress: _Progress) -> None:
        own = response.lines
        lines = b"%b%bx-request-id: %b\r\n%b%b%b" % (
            own,
            progress.limit_lines,
            request.id.encode(),
            _SECURITY_LINES if b"content-security-policy" in own else _API_SECURITY_LINES,
            b"" if b"vary: " in own else VARY,
            _HSTS if request.scheme == "https" else b"",
        )
        origin = request.headers.get(b"origin")
        is_page = progress.route is not None and progress.route.callers == "page"
        if origin is not None and b"access-control-" not in own and not is_page:
            # A page is for whoever looks at it: another site's script must not read the tokens of its forms.
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
        caller = None if progress.identity is None else progress.identity.caller
        self._log.request(
            RequestLine(
                self._log.timestamp(now_ms),
                request.id,
                request.method,
                _UNMATCHED if progress.route is None else progress.route.path,
                response.status,
                (time.perf_counter_ns() - began_ns) // 1000,
                "" if caller is None else caller.tenant_id,
                "" if caller is None else caller.kind.value,
                "" if caller is None else caller.credential_id,
                progress.reason,
            )
        )


def _make_call(request: Request, match: Match, identity: Identity | None, now_ms: int) -> Call:
    if identity is None:
        return Call(request, caller=None, now_ms=now_ms, parameters=match.parameters)
    return Call(
        request,
        caller=identity.caller,
        session=identity.session,
        token=identity.token,
        access=identity.access,
        now_ms=now_ms,
        parameters=match.parameters,
    )


async def _read_body(request: Request, route: Route) -> object:
    if route.form is not None:
        require_form_type(request.header(b"content-type"))
        form: object = parse_form(await request.body(), route.form)
        return form
    body = await request.body()
    if not body and route.body_is_optional:
        return None
    require_json_type(request.header(b"content-type"))
    decoded: object = decode_struct(body, route.body)
    return decoded


def _require_caller(route: Route, identity: Identity | None) -> None:
    if identity is None:
        if not _is_open(route):
            raise NotAuthenticatedError
        return
    kind = identity.caller.kind
    if route.callers == "user" and identity.session is None and not _may_stand_for_user(route, identity):
        raise ForbiddenError(cause="only a signed-in user may call this")
    if route.callers == "key" and kind not in _KEYS:
        raise ForbiddenError(cause="only a key may call this")
    if route.permission is not None:
        require_permission(identity.caller, route.permission, public=route.publishable)
        require_tenant(identity.caller, route.permission)


def _may_stand_for_user(route: Route, identity: Identity) -> bool:
    """Say whether a user's access token gets in: where a scope can stand for the permission, never to the account."""
    return route.permission is not None and identity.access is not None and identity.caller.kind is CallerKind.USER


def _is_open(route: Route) -> bool:
    return route.callers in _OPEN and route.permission is None
