"""One HTTP response: status, header lines and body, ready for the wire."""

from __future__ import annotations

import http
import re
from collections.abc import AsyncGenerator, Callable
from functools import lru_cache
from typing import Final

import msgspec

_encoder: Final = msgspec.json.Encoder()

JSON_TYPE: Final = b"content-type: application/json; charset=utf-8\r\n"
NO_STORE: Final = b"cache-control: no-store\r\n"
"""On every answer that carries a credential or private data (RFC 9111 §5.2.2.5)."""

_PRIVATE_JSON: Final = JSON_TYPE + NO_STORE

_UNSAFE_IN_HEADER: Final = re.compile(r"[\x00-\x1f\x7f]|[^\x00-\xff]")

STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else 'Token Expired'}\r\n".encode()
    for status in (*[int(known) for known in http.HTTPStatus if known >= 200], 419)  # noqa: PLR2004 - no 1xx here
}


BODILESS_STATUSES: Final = frozenset({204, 304})


class Response(msgspec.Struct):
    """What goes back. ``lines`` are raw header lines, each ended by CRLF and free of any other control character."""

    status: int
    body: bytes
    lines: bytes = JSON_TYPE

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.status})"

    def header_pairs(self) -> list[tuple[bytes, bytes]]:
        """Return the header lines as pairs, the form that ASGI wants; names are lower-case."""
        pairs = []
        for line in self.lines.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            pairs.append((name, value))
        return pairs


class StreamingResponse(Response, kw_only=True):
    """An answer that goes on until it ends by itself, its reader leaves or the server stops.

    ``parts`` is called once, when the headers are sent. The next part is asked for when the reader has taken enough of
    those before: what a slow one has not read is not kept here.
    """

    parts: Callable[[], AsyncGenerator[bytes, None]]


@lru_cache(maxsize=2048)
def length_line(length: int) -> bytes:
    """Write the line that tells how long a body is; those of small answers are kept."""
    return b"content-length: %d\r\n" % length


def header_line(name: str, value: str) -> bytes:
    """Make one header line; ``name`` is lower-case.

    Raises:
        ValueError: the value holds a control character or leaves Latin-1 (RFC 9110 §5.5): nothing can be split.
    """
    if _UNSAFE_IN_HEADER.search(value):
        msg = f"unsafe value for the header {name}"
        raise ValueError(msg)
    return f"{name}: {value}\r\n".encode("latin-1")


def json_response(status: int, value: object, *, private: bool = True, lines: bytes = b"") -> Response:
    """Answer with a value as JSON; ``private`` forbids every cache to keep it."""
    head = _PRIVATE_JSON if private else JSON_TYPE
    return Response(status, _encoder.encode(value), head + lines)


def written_json_response(status: int, text: bytes) -> Response:
    """Answer with JSON that is written already, and forbid every cache to keep it."""
    return Response(status, text, _PRIVATE_JSON)


def no_content() -> Response:
    """Answer 204 with nothing."""
    return Response(204, b"", b"")
