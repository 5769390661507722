"""The protocol of a connection, serving an application that answers at once, waits, reads or writes much."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from uvicorn.server import ServerState

from eventually import eventually
from raw_http import Connection
from watchword.app import Application
from watchword.errors import WatchwordError
from watchword.wire.answering import DefaultLines
from watchword.wire.asgi import Message, Receive, Send, make_body_reader, send_response, target_of
from watchword.wire.known_heads import KnownHeads
from watchword.wire.request import BodyReader, Head, Request
from watchword.wire.response import Response
from watchword.wire.turns import Turns
from watchword_client.testing import serve_application

SHORT = 0.6
"""Seconds of every bound here; what keeps to a bound is far quicker, what breaks it far slower."""

BIG = b"x" * 200_000


class Ground:
    """What the protocol asks of an application, in both lanes; ``answer`` is for those below."""

    def __init__(self, *, seconds: float, known_heads: KnownHeads | None = None, trusted: str = "") -> None:
        self.fast_lane = True
        self.header_seconds = self.body_seconds = seconds
        self.body_bytes_max = 1_000
        self.connections_per_address = 4
        self.connections: Counter[str] = Counter()
        self.default_lines = DefaultLines()
        self.known_heads = KnownHeads() if known_heads is None else known_heads
        self.turns = Turns()
        self.trusted = trusted

    def is_trusted_proxy(self, peer: str) -> bool:
        return peer == self.trusted

    def note_unread_request(self, error: WatchwordError) -> str:
        return error.code

    def make_request(
        self,
        method: str,
        target: bytes,
        headers: list[tuple[bytes, bytes]] | Head,
        peer: str,
        scheme: str,
        body: bytes | BodyReader = b"",
    ) -> Request:
        return Request(method, target, headers, client_address=peer, scheme=scheme, body=body)

    async def answer(self, request: Request) -> Response:
        raise NotImplementedError

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = list(scope["headers"])
        read = make_body_reader(receive, declared_bytes=None, body_bytes_max=1_000, body_seconds=self.body_seconds)
        request = self.make_request(
            scope["method"], target_of(scope), headers, peer="127.0.0.1", scheme="http", body=read
        )
        await send_response(send, await self.answer(request), method=scope["method"])


class Answers(Ground):
    """An application: ``/now`` needs no waiting, ``/wait`` waits for the gate, ``/body`` reads, ``/big`` is long."""

    def __init__(self) -> None:
        super().__init__(seconds=SHORT)
        self.gate = asyncio.Event()
        self.waiting = 0
        self.ended: list[str] = []
        self.unread: list[str] = []

    def note_unread_request(self, error: WatchwordError) -> str:
        self.unread.append(error.code)
        return f"req_{len(self.unread)}"

    def end_streams(self) -> None:
        """Let whoever waits go on to the end."""
        self.gate.set()

    async def answer(self, request: Request) -> Response:
        body = request.path.encode()
        if request.path.startswith("/wait"):
            self.waiting += 1
            await self.gate.wait()
        elif request.path.startswith("/body"):
            try:
                body = await request.body()
            except WatchwordError as error:
                self.ended.append(error.message)
                return Response(error.status, b"refused", b"")
        elif request.path.startswith("/big"):
            body = BIG
        self.ended.append(request.path)
        return Response(200, body, b"")


class Served:
    """An application on a port."""

    def __init__(self, application: Answers, state: ServerState, port: int) -> None:
        self.application = application
        self.state = state
        self.port = port

    async def connect(self) -> Connection:
        return Connection(*await asyncio.open_connection("127.0.0.1", self.port))

    def protocols(self) -> list[Any]:
        return list(self.state.connections)


@asynccontextmanager
async def serve(application: Answers) -> AsyncIterator[Served]:
    """Serve it on a free port; what is left open at the end is cut, and nothing stays behind."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    served = cast("Application", application)  # as much of one as the protocol uses
    async with serve_application(served, listening, keep_alive_seconds=SHORT) as state:
        yield Served(application, state, port)
    await eventually(lambda: not state.connections, seconds=5)


def get(path: str, lines: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: a\r\n{lines}\r\n".encode()


def post(path: str, lines: str, body: bytes = b"") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: a\r\n{lines}\r\n".encode() + body
