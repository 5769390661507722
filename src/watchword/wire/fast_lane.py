"""uvicorn's HTTP/1.1 protocol with a synchronous lane in front of ASGI.

A request that came whole in one piece, without a body or with a small one, is answered inside the parser's own callback
where its answer is ready without waiting; a coroutine that does wait is carried over to an ASGI task at the point where
it stopped. Both lanes run the same pipeline.
How long and how often it may be kept waiting stands in ``connection_bounds``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from watchword.errors import HeadersTooLargeError, MalformedRequestError, TargetTooLongError, WatchwordError
from watchword.wire.answering import WaitingAnswer, made, refusal_behind, resumed, send_in_parts
from watchword.wire.connection_bounds import BoundedProtocol
from watchword.wire.known_heads import KnownRequest
from watchword.wire.problems import unread_request_response
from watchword.wire.request import Head
from watchword.wire.response import BODILESS_STATUSES, STATUS_LINES, Response, StreamingResponse, length_line

_BODYLESS: Final = frozenset({b"GET", b"HEAD"})
_NEEDS_SLOW_LANE: Final = frozenset({b"transfer-encoding", b"upgrade", b"expect"})
_NOTED: Final = _NEEDS_SLOW_LANE | {b"content-length", b"host"}
_VERSIONS: Final = frozenset({"1.1", "1.0"})
_WRITE_BUFFER_MAX: Final = 65_536
"""Bytes a client may leave unread before its further requests wait in the ASGI lane, where writing can pause."""

_SMALL_BODY_BYTES: Final = 16_384
"""The longest body that is answered in the parser's callback: any form, and most JSON."""

_SMALL_BODY_DIGITS: Final = 5

_PLAIN_TARGET: Final = re.compile(rb"/[A-Za-z0-9/._~%?&=,:@+\[\]-]*")
"""A target that the other lane reads too, should the body not come whole."""

URL_BYTES_MAX: Final = 16_384
HEADER_BYTES_MAX: Final = 65_536
"""The longest target and the most header bytes of one request; nobody honest comes near."""

HEADERS_MAX: Final = 100


class FastLaneProtocol(BoundedProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin between two requests."""
        self._in_fast_lane = False
        self._declared: bytes | None = None
        self._body_parts: list[bytes] = []
        self._is_between_requests = True
        self._stands_behind_plain_request = False
        self._keeps_alive = True
        self._is_refused = False
        self._has_host = False
        super().connection_made(transport)

    def take(self, data: bytes) -> None:
        """Read what came; what is no HTTP, or never ends, is refused."""
        self._unset_keepalive_if_required()
        if self._stands_behind_plain_request and self._may_answer_now():
            known = self._application.known_heads.find(data)
            if known is not None:
                self._answer_known(known)
                return
        was_between_requests = self._is_between_requests
        self._stands_behind_plain_request = False
        self._read(data)
        if self._waiting_since is not None:
            if self._in_fast_lane and self._head_is_complete and not self._is_refused:
                self._leave_fast_lane()
            if self._goes_on_without_end(len(data)) and not self._is_refused:
                self._refuse(HeadersTooLargeError())
        elif was_between_requests and self._in_fast_lane and not self._is_refused:
            self._learn(data)

    def _read(self, data: bytes) -> None:
        rest = data
        while rest and not self._is_refused:
            try:
                self.parser.feed_data(rest)
            except HttpParserUpgrade as upgrade:
                # Another protocol was asked for, which may be ignored (RFC 9110 §7.8): what follows is still HTTP.
                rest = rest[upgrade.args[0] :]
            except HttpParserError as error:
                self._refuse(refusal_behind(error))
            else:
                break

    def on_message_begin(self) -> None:
        """Begin a request; the ASGI scope is made later and only where it is needed."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_fast_lane = self._application.fast_lane
        self._declared = None
        self._body_parts = []
        self._head_is_complete = self._has_host = self._is_between_requests = False
        self._head_bytes = self._body_bytes = 0
        self._waiting_since = self._began = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """Take the next part of the target."""
        self.url += url
        self._head_bytes += len(url)
        if len(self.url) > URL_BYTES_MAX:
            raise TargetTooLongError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEADER_BYTES_MAX:
            raise HeadersTooLargeError
        # A trailer is no header (RFC 9110 §6.5.1): it could bring a credential past whoever checked the head.
        if not self._head_is_complete:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decide the lane."""
        self._head_is_complete = True
        if len(self.headers) > HEADERS_MAX:
            raise HeadersTooLargeError
        for name, value in [header for header in self.headers if header[0] in _NOTED]:
            self._note(name, value)
        version = self.parser.get_http_version()
        self._require_plain_head(version)
        if (
            self._in_fast_lane
            and self._has_small_body_or_none(self.parser.get_method())
            and self.url.startswith(b"/")
            and self._may_answer_now()
            and version == "1.1"
        ):
            return
        self._in_fast_lane = False
        self._enter_asgi_lane()

    def on_message_complete(self) -> None:
        """Answer, if this request is in the fast lane; else tell ASGI that the body is complete."""
        self._waiting_since = None
        self._idle_since = self.loop.time()
        self._is_between_requests = True
        if self._in_fast_lane:
            # Asked here: behind the end of the message the parser has forgotten it.
            self._keeps_alive = self.parser.should_keep_alive()
            method = self.parser.get_method().decode("ascii")
            self._answer_now(method, self.url, self.headers, b"".join(self._body_parts))
        else:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body and note that it moves."""
        self._waiting_since = self.loop.time()
        self._body_bytes += len(body)
        if self._in_fast_lane:
            self._body_parts.append(body)
        else:
            super().on_body(body)

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._has_host = True
            return
        if name == b"content-length":
            self._declared = value
            return
        self._in_fast_lane = False
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name == b"transfer-encoding" and value.lower() != b"chunked":
            raise MalformedRequestError("Chunked is the only transfer coding that is read here")

    def _require_plain_head(self, version: str) -> None:
        """Refuse what a server before us may have understood in another way (RFC 9112 §3.2, §6.1)."""
        if version not in _VERSIONS:
            raise MalformedRequestError("HTTP/1.1 is spoken here")
        if version == "1.0":
            self.expect_100_continue = False
            if any(name == b"transfer-encoding" for name, _ in self.headers):
                raise MalformedRequestError("HTTP/1.0 has no transfer codings")
        elif not self._has_host:
            raise MalformedRequestError("The Host header is missing")
        if b"#" in self.url:
            raise MalformedRequestError("The request target holds a fragment")

    def _has_small_body_or_none(self, method: bytes) -> bool:
        """Say whether this request's body, if it has one, may be gathered to be answered at its end."""
        declared = self._declared
        if method in _BODYLESS:
            return declared is None
        return (
            method == b"POST"
            and declared is not None
            and declared.isdigit()
            and len(declared) <= _SMALL_BODY_DIGITS
            and int(declared) <= min(_SMALL_BODY_BYTES, self._application.body_bytes_max)
            and _PLAIN_TARGET.fullmatch(self.url) is not None
        )

    def _leave_fast_lane(self) -> None:
        """Go on in the other lane with a request whose body has not come whole."""
        self._in_fast_lane = False
        self._enter_asgi_lane()
        for part in self._body_parts:
            HttpToolsProtocol.on_body(self, part)
        self._body_parts = []

    def _may_answer_now(self) -> bool:
        """Say whether nothing is under way that an answer would overtake, and the client takes its answers."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.transport.get_write_buffer_size() < _WRITE_BUFFER_MAX
        )

    def _learn(self, data: bytes) -> None:
        """Remember the headers of the request just answered, if all of it and nothing else came in one piece."""
        if self._keeps_alive and data.startswith((b"GET ", b"POST ")):
            body_bytes = None if self._declared is None else int(self._declared)
            known_heads = self._application.known_heads
            self._stands_behind_plain_request = known_heads.learn(data, self.headers, body_bytes=body_bytes)

    def _answer_known(self, known: KnownRequest) -> None:
        """Answer a request whose headers the parser read before; its state is that behind such a request already."""
        self._idle_since = self.loop.time()
        self._answer_now(known.method, known.target, known.head, known.body)

    def _answer_now(self, method: str, target: bytes, headers: list[tuple[bytes, bytes]] | Head, body: bytes) -> None:
        application = self._application
        request = application.make_request(method, target, headers, self._peer, self.scheme or "http", body)
        coro = application.answer(request)
        try:
            waiting_for = coro.send(None)
        except StopIteration as stop:
            if isinstance(stop.value, StreamingResponse):
                self._carry_over(made(stop.value), method)
            else:
                self._write(stop.value, method)
                self.server_state.total_requests += 1
        else:
            self._carry_over(resumed(coro, waiting_for), method)

    def _write(self, response: Response, method: str) -> None:
        keep_alive = self._keeps_alive and not self.transport.is_closing()
        parts = (
            STATUS_LINES[response.status],
            response.lines,
            b"" if response.status in BODILESS_STATUSES else length_line(len(response.body)),
            self._application.default_lines.of(self.server_state.default_headers),
            b"\r\n" if keep_alive else b"connection: close\r\n\r\n",
            b"" if method == "HEAD" else response.body,
        )
        self.transport.write(b"".join(parts))
        if not keep_alive:
            self.transport.close()

    def _carry_over(self, answer: Awaitable[Response], method: str) -> None:
        """Go on in a task with an answer that waits; nothing else is under way, and the request has come whole."""
        waiting = WaitingAnswer(keep_alive=self._keeps_alive)
        self.cycle = waiting.as_cycle()
        task = self.loop.create_task(self._finish(answer, waiting, method))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _finish(self, answer: Awaitable[Response], waiting: WaitingAnswer, method: str) -> None:
        try:
            response = await answer
        except BaseException:
            self.transport.close()
            raise
        if isinstance(response, StreamingResponse):
            await send_in_parts(self, response, waiting, method)
            return
        await self.flow.drain()
        waiting.response_started = waiting.response_complete = True
        if not waiting.disconnected:
            self._keeps_alive = waiting.keep_alive
            self._write(response, method)
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on with what came meanwhile; how long nothing comes is looked at for all connections in one way."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()

    def _enter_asgi_lane(self) -> None:
        headers, url, expects = self.headers, self.url, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        HttpToolsProtocol.on_headers_complete(self)

    def _refuse(self, error: WatchwordError) -> None:
        """Answer what cannot be read, and hang up; earlier requests of the connection are answered first."""
        self._is_refused = True
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if cycle is not None and not cycle.response_complete:
            if not self._head_is_complete:
                # The fault lies behind requests that are still being answered, the last of which ends it all.
                cycle.keep_alive = False
                self._waiting_since = None
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.close()
                return
        response = unread_request_response(error, self._application.note_unread_request(error))
        head = STATUS_LINES[response.status] + response.lines
        self.transport.write(
            head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(response.body) + response.body
        )
        self.transport.close()
