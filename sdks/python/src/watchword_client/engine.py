"""What happens around every request: who it comes from, when it is sent again, and when the token is renewed.

Flows only: nothing here waits, sends or knows an HTTP library.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Literal
from urllib.parse import urlencode

from watchword_client.clock import Clock
from watchword_client.errors import WatchwordError, refusal
from watchword_client.flow import Failure, Flow, Outgoing, Reply, alone, send, tell, wait
from watchword_client.retry import Retry
from watchword_client.session import Session, SessionHolder, session_from

Listener = Callable[[Any], object]
"""A function of the application that is told something; the asynchronous client awaits what it returns."""

_LOGGER: Final = logging.getLogger("watchword_client")
_SESSION_IS_OVER: Final = frozenset({400, 401, 403, 419})
"""Answers to a renewal by which the server refuses it for good."""

_TOKEN_EXPIRED: Final = 419
_UNAUTHORIZED: Final = 401
_SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What the client was set up with; a client without ``secret_key`` is a person's and holds a session."""

    client_key: str | None = field(repr=False, default=None)
    secret_key: str | None = field(repr=False, default=None)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a call asks for.

    Shapes: ``sender`` is who it comes from: ``caller`` by secret key or session, ``key`` by the client's keys alone,
    ``nobody`` by what its own headers say; a ``token`` stands in for the session. What is not ``repeatable`` is sent
    again only when the server cannot have done it. ``asks_password`` marks calls whose 401 is about a password.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    json: object = field(repr=False, default=None)
    form: Mapping[str, str] | None = field(repr=False, default=None)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    sender: Literal["caller", "key", "nobody"] = "caller"
    token: str | None = field(repr=False, default=None)
    repeatable: bool = True
    asks_password: bool = False


REFRESH_PATH: Final = "/api/users/refresh-token?cookie=false"
_RENEWAL: Final = Request(method="POST", path=REFRESH_PATH, sender="nobody")


@dataclass(frozen=True)
class _Renewal:
    """What came of asking for the next token; both are None where another call had been first."""

    fresh: Session | None = None
    ended_by: WatchwordError | None = None


class Engine:
    """Performs requests for one client; safe to be used by any number of threads or tasks."""

    def __init__(
        self,
        *,
        base_url: str,
        user_agent: str,
        credentials: Credentials,
        retry: Retry,
        clock: Clock,
        session: Session | None = None,
        on_token_refresh: Listener | None = None,
        on_session_end: Listener | None = None,
    ) -> None:
        self.base_url = base_url
        self.keeps_session = credentials.secret_key is None
        self.sessions = SessionHolder(session)
        self._user_agent = user_agent
        self._credentials = credentials
        self._retry = retry
        self.clock = clock
        self._on_token_refresh = on_token_refresh
        self._on_session_end = on_session_end
        self._failures = 0
        self._failure: WatchwordError | None = None

    def perform(self, request: Request) -> Flow[Reply]:
        """Get a successful answer; the token is renewed when it is due, and once more when the server says so.

        Raises:
            WatchwordError: the request was refused, or no answer came.
        """
        session = yield from self._living_session(request)
        try:
            return (yield from self._attempts(request, session))
        except WatchwordError as error:
            if session is None or not (yield from self._may_help_to_renew(error, request, session)):
                raise
        return (yield from self._attempts(request, self.sessions.current))

    def renew(self, seen: Session) -> Flow[None]:
        """Get the next token of the session, once for all calls in flight, and tell the application.

        Raises:
            WatchwordError: it was refused, and the session has ended with that; or no answer came.
        """
        renewal = yield from alone(self._renew_alone(seen, self._failures))
        if renewal.fresh is not None:
            yield from tell(self._on_token_refresh, renewal.fresh.token)
        if renewal.ended_by is not None:
            yield from tell(self._on_session_end, renewal.ended_by)
            raise renewal.ended_by

    def begin(self, token: str, exp: int) -> None:
        """Act by a session that was begun just now, where this client holds one."""
        if self.keeps_session:
            self.sessions.begin(session_from(token, now=self.clock.now(), exp=exp, is_new=True))

    def _living_session(self, request: Request) -> Flow[Session | None]:
        if request.sender != "caller" or request.token is not None:
            return None
        session = self.sessions.current
        if session is None or self.clock.now() < session.renew_at:
            return session
        try:
            yield from self.renew(session)
        except WatchwordError:
            # While the token is still good, a server that cannot renew it now is no reason not to use it.
            if not self.sessions.is_current(session) or self.clock.now() >= session.ends_at:
                raise
        return self.sessions.current

    def _may_help_to_renew(self, error: WatchwordError, request: Request, session: Session) -> Flow[bool]:
        if error.status not in {_UNAUTHORIZED, _TOKEN_EXPIRED} or request.asks_password:
            return False
        if not self.sessions.is_current(session):
            return self.sessions.current is not None
        if error.status == _TOKEN_EXPIRED:
            yield from self.renew(session)
            return True
        if self.sessions.end(session, error):
            yield from tell(self._on_session_end, error)
        return False

    def _renew_alone(self, seen: Session, failures: int) -> Flow[_Renewal]:
        """Renew, unless another call did it, or could not, while this one waited; ``failures`` is how many had been."""
        if self._failures != failures and self._failure is not None:
            raise copy(self._failure)
        if not self.sessions.is_current(seen):
            if self.sessions.current is None and self.sessions.ended_by is not None:
                raise copy(self.sessions.ended_by)
            return _Renewal()
        try:
            reply = yield from self._attempts(_RENEWAL, seen)
        except WatchwordError as error:
            if error.status in _SESSION_IS_OVER and self.sessions.end(seen, error):
                return _Renewal(ended_by=error)
            self._failures, self._failure = self._failures + 1, error
            self.sessions.postpone(seen, self.clock.now())
            raise
        content = read_json(reply)
        fresh = session_from(content["token"], now=self.clock.now(), exp=content["exp"], is_new=True)
        return _Renewal(fresh=fresh) if self.sessions.replace(seen, fresh) else _Renewal()

    def _attempts(self, request: Request, session: Session | None) -> Flow[Reply]:
        outgoing = self._write(request, session)
        for tries in count(1):
            answer = yield from send(outgoing)
            error = self._error_of(answer)
            _log(request, answer, tries)
            if error is None:
                break
            delay = self._retry.delay_after(answer, error, tries, repeatable=request.repeatable)
            if delay is None:
                raise error from (answer.cause if isinstance(answer, Failure) else None)
            yield from wait(delay)
        assert isinstance(answer, Reply)  # noqa: S101 - what is no reply is an error, told to the type checker
        return answer

    def _error_of(self, answer: Reply | Failure) -> WatchwordError | None:
        if isinstance(answer, Failure):
            return _network_error(answer, self.base_url)
        if answer.status in _SUCCESS:
            return None
        return refusal(answer.status, answer.headers, answer.body, now=self.clock.now())

    def _write(self, request: Request, session: Session | None) -> Outgoing:
        headers = {"accept": "application/json", "user-agent": self._user_agent}
        if request.sender != "nobody":
            headers |= self._key_headers(request)
        token = request.token or (session.token if session is not None else None)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        content = None
        if request.json is not None:
            content = json.dumps(request.json, ensure_ascii=False, separators=(",", ":")).encode()
            headers["content-type"] = "application/json"
        elif request.form is not None:
            content = urlencode(request.form).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        if request.method != "GET" and request.sender == "caller":
            # The same for every try, so that a write whose answer was lost is done once.
            headers["idempotency-key"] = uuid.uuid4().hex
        return Outgoing(request.method, f"{self.base_url}{request.path}", {**headers, **request.headers}, content)

    def _key_headers(self, request: Request) -> dict[str, str]:
        headers = {}
        if self._credentials.client_key is not None:
            headers["x-client-key"] = self._credentials.client_key
        if self._credentials.secret_key is not None and request.token is None:
            headers["x-api-key"] = self._credentials.secret_key
        return headers


def read_json(reply: Reply) -> dict[str, Any]:
    """Read the object that an answer holds.

    Raises:
        WatchwordError: it holds none, so that this is no Watchword server.
    """
    try:
        content = json.loads(reply.body)
    except ValueError:
        content = None
    if isinstance(content, dict):
        return content
    raise WatchwordError(
        "The answer is no JSON object: is base_url the address of a Watchword server?",
        code="WRONG_ANSWER",
        name="WrongAnswer",
        status=reply.status,
        request_id=reply.headers.get("x-request-id"),
    )


def _network_error(failure: Failure, base_url: str) -> WatchwordError:
    sentences = {
        "TIMEOUT": f"{base_url} did not answer in time.",
        "CERTIFICATE_NOT_TRUSTED": f"The certificate of {base_url} is not trusted; for a development server, name its "
        "authority with ca_file or the environment variable WATCHWORD_CA_FILE.",
        "NETWORK_ERROR": f"{base_url} could not be reached.",
    }
    return WatchwordError(sentences[failure.code], code=failure.code, name="NetworkError")


def _log(request: Request, answer: Reply | Failure, tries: int) -> None:
    """Note what was asked and what came, without query, header or body."""
    came = answer.code if isinstance(answer, Failure) else answer.status
    named = answer.headers.get("x-request-id", "") if isinstance(answer, Reply) else ""
    _LOGGER.debug("%s %s: %s, try %d %s", request.method, request.path.partition("?")[0], came, tries, named)
