"""What the protocol of a connection needs of the application that answers, and how it goes on with a started answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, ClassVar, Protocol, cast

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from watchword.errors import MalformedRequestError, WatchwordError
from watchword.wire.asgi import Receive, Send, send_response
from watchword.wire.known_heads import KnownHeads
from watchword.wire.request import BodyReader, Head, Request
from watchword.wire.response import Response, StreamingResponse
from watchword.wire.turns import Turns


class Answering(Protocol):
    """The application as a connection needs it."""

    fast_lane: bool
    header_seconds: float
    body_seconds: float
    body_bytes_max: int
    connections_per_address: int
    connections: Counter[str]
    default_lines: DefaultLines
    known_heads: KnownHeads
    turns: Turns

    def is_trusted_proxy(self, peer: str) -> bool: ...  # noqa: D102 - documented at the application

    def note_unread_request(self, error: WatchwordError) -> str: ...  # noqa: D102 - the same

    def make_request(  # noqa: D102 - the same
        self,
        method: str,
        target: bytes,
        headers: list[tuple[bytes, bytes]] | Head,
        peer: str,
        scheme: str,
        body: bytes | BodyReader = b"",
    ) -> Request: ...

    def answer(self, request: Request) -> Coroutine[Any, Any, Response]: ...  # noqa: D102 - the same


class DefaultLines:
    """The server's own headers (``Date``) as lines, written once for each list that uvicorn makes of them."""

    __slots__ = ("_lines", "_pairs")

    def __init__(self) -> None:
        self._pairs: list[tuple[bytes, bytes]] | None = None
        self._lines = b""

    def of(self, pairs: list[tuple[bytes, bytes]]) -> bytes:
        """Return the lines of this list; uvicorn replaces the list when a header changes."""
        if pairs is not self._pairs:
            self._pairs = pairs
            self._lines = b"".join(b"%b: %b\r\n" % pair for pair in pairs)
        return self._lines


class _Unheard:
    """An event that nobody waits for."""

    __slots__ = ()

    def set(self) -> None:
        """Tell nobody."""


class WaitingAnswer:
    """What a connection keeps of an answer that waits: as much of uvicorn's cycle as is asked of one without parts."""

    __slots__ = ("disconnected", "keep_alive", "response_complete", "response_started")

    message_event: ClassVar = _Unheard()

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = self.response_started = self.response_complete = False

    def as_cycle(self) -> RequestResponseCycle:
        """Return this under the name that uvicorn knows."""
        return cast("RequestResponseCycle", self)


async def send_in_parts(
    protocol: HttpToolsProtocol, response: StreamingResponse, waiting: WaitingAnswer, method: str
) -> None:
    """Send an answer that goes on, with all that uvicorn keeps of a request under way."""
    cycle = RequestResponseCycle(
        # All of the scope that an answer in parts asks for.
        scope=cast("Any", {"type": "http", "method": method}),
        transport=protocol.transport,
        flow=protocol.flow,
        logger=protocol.logger,
        access_logger=protocol.access_logger,
        access_log=False,
        default_headers=protocol.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=waiting.keep_alive,
        on_response=protocol.on_response_complete,
    )
    cycle.more_body = False
    cycle.disconnected = waiting.disconnected
    if protocol.cycle is waiting.as_cycle():
        protocol.cycle = cycle

    async def application(_scope: object, receive: Receive, send: Send) -> None:
        await send_response(send, response, method=method, receive=receive)

    await cycle.run_asgi(cast("Any", application))


async def made(response: Response) -> Response:
    """Give a response that is there already."""
    return response


@coroutine
def resumed(coro: Coroutine[Any, Any, Response], waiting_for: object) -> Generator[Any, Any, Response]:
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


def refusal_behind(error: HttpParserError) -> WatchwordError:
    """Return the error that a callback raised, or one for what the parser itself could not read."""
    cause = error.__context__
    return cause if isinstance(cause, WatchwordError) else MalformedRequestError("This is no valid HTTP request")
