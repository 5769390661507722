"""The ASGI side of the door: scope to Request, Response to messages, and a body that is bounded and must move."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any

from watchword.errors import BodyTooLargeError, MalformedRequestError
from watchword.wire.request import BodyReader
from watchword.wire.response import Response, StreamingResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def send_response(send: Send, response: Response, *, method: str, receive: Receive | None = None) -> None:
    """Send a response as ASGI messages; HEAD gets the header lines of GET and no body (RFC 9110 §9.3.2).

    ``receive`` tells of a reader who leaves, which only an answer that goes on has to know.
    """
    headers = response.header_pairs()
    if isinstance(response, StreamingResponse):
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if method != "HEAD":
            await _send_while_read(send, response, receive)
        await send({"type": "http.response.body", "body": b""})
        return
    if response.status not in {204, 304}:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})


async def _send_while_read(send: Send, response: StreamingResponse, receive: Receive | None) -> None:
    tasks = [asyncio.ensure_future(_send_parts(send, response))]
    if receive is not None:
        tasks.append(asyncio.ensure_future(_wait_until_left(receive)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _send_parts(send: Send, response: StreamingResponse) -> None:
    async with aclosing(response.parts()) as parts:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def make_body_reader(
    receive: Receive, *, declared_bytes: bytes | None, body_bytes_max: int, body_seconds: float
) -> BodyReader:
    """Make the reader of one request's body.

    ``declared_bytes`` is the Content-Length, which refuses a long body before it is read; ``body_seconds`` is how
    long the client may let the body stand still.
    """

    async def read() -> bytes:
        if declared_bytes is not None and (not declared_bytes.isdigit() or int(declared_bytes) > body_bytes_max):
            raise BodyTooLargeError
        parts: list[bytes] = []
        length = 0
        while True:
            try:
                message = await asyncio.wait_for(receive(), body_seconds)
            except TimeoutError:
                raise MalformedRequestError("The request body stopped arriving") from None
            if message["type"] == "http.disconnect":
                raise MalformedRequestError("The client left before the body was complete")
            part = message.get("body", b"")
            length += len(part)
            if length > body_bytes_max:
                raise BodyTooLargeError
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    return read


def target_of(scope: Message) -> bytes:
    """Return the request target, path and query, as the client sent it."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path
