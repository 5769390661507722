"""uvicorn's HTTP/1.1 protocol with a synchronous lane in front of ASGI.

A bodyless request whose answer is ready without waiting is written inside the parser's own callback; a coroutine that
does wait is carried over to an ASGI task at the point where it stopped. Both lanes run the same pipeline.
This file also bounds what a connection may cost: time for headers, a body that moves, connections per address.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Final, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from watchword.errors import MalformedRequestError
from watchword.wire.asgi import send_response
from watchword.wire.client_address import address_bucket
from watchword.wire.problems import raw_problem
from watchword.wire.request import Request
from watchword.wire.response import STATUS_LINES, Response

_BODYLESS: Final = frozenset({b"GET", b"HEAD"})
_NEEDS_SLOW_LANE: Final = frozenset({b"content-length", b"transfer-encoding", b"upgrade", b"expect"})
_WRITE_BUFFER_MAX: Final = 65_536
"""Bytes a client may leave unread before its further requests wait in the ASGI lane, where writing can pause."""

_CHECK_SECONDS: Final = 1.0
"""How often a connection looks whether its client stalls."""

_BODY_SECONDS_MAX: Final = 60.0
"""How long a whole body may take, so that a client cannot hold a request by a byte now and then."""

URL_BYTES_MAX: Final = 16_384
HEADER_BYTES_MAX: Final = 65_536
"""The longest target and the most header bytes of one request; nobody honest comes near."""

HEADERS_MAX: Final = 100


class Answering(Protocol):
    """The application as the fast lane needs it."""

    fast_lane: bool
    header_seconds: float
    body_seconds: float
    connections_per_address: int
    connections: Counter[str]

    def make_request(  # noqa: D102 - documented at the application
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], *, peer: str, scheme: str
    ) -> Request: ...

    def answer(self, request: Request) -> Coroutine[Any, Any, Response]: ...  # noqa: D102 - the same


class FastLaneProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and start to watch it."""
        super().connection_made(transport)
        self._application: Answering = self.config.loaded_app
        self._peer = self.client[0] if self.client else ""
        self._bucket = address_bucket(self._peer)
        self._in_fast_lane = False
        self._head_bytes = 0
        self._waiting_since: float | None = self.loop.time()
        self._began = self._idle_since = self._waiting_since
        self._application.connections[self._bucket] += 1
        self._watch = self.loop.call_later(_CHECK_SECONDS, self._look)
        if self._application.connections[self._bucket] > self._application.connections_per_address:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the connection off the count."""
        self._watch.cancel()
        counts = self._application.connections
        counts[self._bucket] -= 1
        if counts[self._bucket] <= 0:
            del counts[self._bucket]
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request; the ASGI scope is made later and only where it is needed."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_fast_lane = self._application.fast_lane
        self._head_bytes = 0
        self._waiting_since = self._began = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """Take the next part of the target."""
        self.url += url
        if len(self.url) > URL_BYTES_MAX:
            self._refuse(b"414 URI Too Long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        name = name.lower()
        if name in _NEEDS_SLOW_LANE:
            self._in_fast_lane = False
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEADER_BYTES_MAX or len(self.headers) >= HEADERS_MAX:
            self._refuse(b"431 Request Header Fields Too Large")
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide the lane."""
        method = self.parser.get_method()
        if (
            self._in_fast_lane
            and method in _BODYLESS
            and self.url.startswith(b"/")
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.transport.get_write_buffer_size() < _WRITE_BUFFER_MAX
            and self.parser.get_http_version() == "1.1"
        ):
            return
        self._in_fast_lane = False
        self._enter_asgi_lane()

    def on_message_complete(self) -> None:
        """Answer, if this request is in the fast lane; else tell ASGI that the body is complete."""
        self._waiting_since = None
        self._idle_since = self._began
        if self._in_fast_lane:
            self._answer_now()
        else:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body and note that it moves."""
        self._waiting_since = self.loop.time()
        super().on_body(body)

    def _answer_now(self) -> None:
        method = self.parser.get_method().decode("ascii")
        application = self._application
        coro = application.answer(
            application.make_request(method, self.url, self.headers, peer=self._peer, scheme=self.scheme or "http")
        )
        try:
            waiting_for = coro.send(None)
        except StopIteration as stop:
            self._write(stop.value, method)
        else:
            self._carry_over(coro, waiting_for, method)

    def _write(self, response: Response, method: str) -> None:
        keep_alive = self.parser.should_keep_alive() and not self.transport.is_closing()
        parts = [
            STATUS_LINES[response.status],
            response.lines,
            b"" if response.status in {204, 304} else b"content-length: %d\r\n" % len(response.body),
            *[b"%b: %b\r\n" % pair for pair in self.server_state.default_headers],
            b"\r\n" if keep_alive else b"connection: close\r\n\r\n",
        ]
        if method != "HEAD":
            parts.append(response.body)
        self.transport.write(b"".join(parts))
        self.server_state.total_requests += 1
        if not keep_alive:
            self.transport.close()

    def _carry_over(self, coro: Coroutine[Any, Any, Response], waiting_for: object, method: str) -> None:
        async def application(_scope: object, _receive: object, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
            await send_response(send, await _resumed(coro, waiting_for), method=method)

        loaded, self.app = self.app, application
        try:
            self._enter_asgi_lane()
        finally:
            self.app = loaded
        HttpToolsProtocol.on_message_complete(self)

    def _enter_asgi_lane(self) -> None:
        headers, expects = self.headers, self.expect_100_continue
        url = self.url
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        HttpToolsProtocol.on_headers_complete(self)

    def _refuse(self, status: bytes) -> None:
        self._in_fast_lane = False
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()
        raise _RequestRefusedError

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the shape of every other error, and hang up."""
        if not self.transport.is_closing():
            body = raw_problem(MalformedRequestError(msg.rstrip(".")))
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINES[400] + head + body)
            self.transport.close()

    def _look(self) -> None:
        self._watch = self.loop.call_later(_CHECK_SECONDS, self._look)
        if not self.transport.is_closing() and self._stands_still(self.loop.time()):
            self.transport.close()

    def _stands_still(self, now: float) -> bool:
        busy = self.cycle is not None and not self.cycle.response_complete
        if self._waiting_since is None:
            return not busy and now - self._idle_since > self.timeout_keep_alive
        if busy and self.cycle.more_body:
            slow = now - self._began > _BODY_SECONDS_MAX
            return slow or now - self._waiting_since > self._application.body_seconds
        return now - self._waiting_since > self._application.header_seconds


class _RequestRefusedError(Exception):
    """Stops the parser after an answer that ends the connection; the parser reports it as an invalid request."""


@coroutine
def _resumed(coro: Coroutine[Any, Any, Response], waiting_for: object) -> Generator[Any, Any, Response]:
    """Go on with a coroutine that was started by hand and has stopped at ``waiting_for``."""
    try:
        while True:
            try:
                sent = yield waiting_for
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the coroutine
                waiting_for = coro.throw(error)
            else:
                waiting_for = coro.send(sent)
    except StopIteration as stop:
        response: Response = stop.value
        return response
