"""Connections that send bytes of any shape to a served application, and read what comes back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec

from watchword.app import Application
from world import World

PATIENCE_SECONDS = 10.0
"""A test that waits longer has found a hang."""


class Answer(msgspec.Struct, frozen=True):
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever came
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json()["errors"][0]["extensions"]["code"])


class Connection:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The transport, for tests that leave without a word."""
        return self._writer.transport

    def send(self, data: bytes) -> None:
        """Write bytes."""
        self._writer.write(data)

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self._writer.write_eof()

    async def drain(self) -> None:
        """Wait until the server has taken what was sent."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._writer.drain()

    async def read_answer(self, *, bodyless: bool = False) -> Answer:
        """Read one answer; ``bodyless`` for an answer to HEAD."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = head[:-4].decode("latin-1").split("\r\n")
            headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
            assert len(headers) == len(lines), head
            length = 0 if bodyless else int(headers.get("content-length", "0"))
            return Answer(int(first.split(" ")[1]), headers, await self._reader.readexactly(length))

    async def is_closed_by_server(self) -> bool:
        """Wait for the end of the connection and say whether nothing came before it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self._reader.read() == b""
            except ConnectionResetError:
                return True
            finally:
                await self.close()

    async def close(self) -> None:
        """Close the connection."""
        self._writer.transport.abort()


class Wire:
    """The port of a served application."""

    def __init__(self, port: int, application: Application, world: World) -> None:
        self.port = port
        self.application = application
        self.world = world

    async def connect(self) -> Connection:
        """Open a connection."""
        return Connection(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, data: bytes) -> Answer:
        """Send bytes on a connection of their own and read the first answer."""
        connection = await self.connect()
        connection.send(data)
        try:
            return await connection.read_answer()
        finally:
            await connection.close()

    def credential(self, who: str) -> str:
        """Return the header line of a caller of the world."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.world.credential(who).items())

    def request(self, method: str, target: str, *, who: str = "nobody", lines: str = "", body: bytes = b"") -> bytes:
        """Write one request as a caller of the world; a body comes with its length and type."""
        if body:
            lines += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return f"{method} {target} HTTP/1.1\r\nhost: a\r\n{self.credential(who)}{lines}\r\n".encode("latin-1") + body
