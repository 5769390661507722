"""One HTTP request as the product sees it, the same from the fast lane and from ASGI."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from watchword.errors import MalformedRequestError

SINGLE_HEADERS: Final = frozenset(
    {
        b"authorization",
        b"dpop",
        b"x-api-key",
        b"apikey",
        b"x-client-key",
        b"x-publishable-key",
        b"x-tenant-id",
        b"origin",
        b"cookie",
        b"content-type",
        b"content-length",
        b"idempotency-key",
        b"if-match",
        b"host",
        b"sec-fetch-site",
    }
)
"""Headers that decide something and so may come once only: which of two would win is a question attackers ask."""

BodyReader = Callable[[], Awaitable[bytes]]


_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def decode_percent(text: bytes) -> str:
    """Decode percent-encoded UTF-8, once and strictly (RFC 3986 §2.1).

    Raises:
        ValueError: a percent sign has not two hexadecimal digits behind it, or the text is not UTF-8; the message
            goes on behind what the text is ("The path …").
    """
    if b"%" in text and _BROKEN_ESCAPE.search(text):
        raise ValueError("holds a percent sign without two hexadecimal digits behind it")
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is not valid UTF-8") from None


def decode_path(path: bytes) -> str:
    """Decode a path; an encoded slash is no slash (RFC 3986 §2.2): a proxy that guards a path is not walked around.

    Raises:
        ValueError: as ``decode_percent``.
    """
    return decode_percent(path.replace(b"%2F", b"%252F").replace(b"%2f", b"%252f"))


class Head:
    """The headers of a request, read; requests whose headers came as the very same bytes share one.

    Shapes: ``pairs`` are the headers as they came, names in lower case; ``fields`` finds them by name; ``fault`` says
    what is wrong with them, if anything is; ``derived`` is where others keep, under a name of their own, what
    follows from these headers alone, or from them and something kept beside it that is compared at each use.
    """

    __slots__ = ("derived", "fault", "fields", "pairs")

    def __init__(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.pairs = list(headers)
        self.fields = dict(headers)
        self.fault = "" if len(self.fields) == len(headers) else _find_repeated(headers)
        self.derived: dict[str, object] = {}


class Request:
    """Method, path, query, headers and where it came from.

    Shapes: ``path`` is decoded text and begins with a slash, ``addressed_path`` the same as the client wrote it, before
    any step made it another, ``query`` is the raw text behind the question mark,
    header names are lower-case bytes, ``client_address`` is the address of the peer or, behind a trusted proxy, of
    the proxy's client; ``scheme`` is ``http`` or ``https`` as the client saw it; ``is_in_clear`` says that it came over
    plain HTTP from another machine; ``whole_body`` is None where the body is still to be read.
    """

    __slots__ = (
        "_fault",
        "_read_body",
        "addressed_path",
        "client_address",
        "head",
        "headers",
        "id",
        "is_in_clear",
        "method",
        "path",
        "query",
        "scheme",
        "whole_body",
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]] | Head,
        client_address: str,
        scheme: str,
        body: bytes | BodyReader = b"",
    ) -> None:
        self.id = ""
        self.is_in_clear = False
        self.method = method
        head = self.head = headers if isinstance(headers, Head) else Head(headers)
        self.headers = head.fields
        self._fault = head.fault
        path, _, self.query = target.partition(b"?")
        text = path.decode("latin-1")
        self.path = self.addressed_path = text if text.isascii() and "%" not in text else self._decode_path(path)
        self.client_address = client_address
        self.scheme = scheme
        if isinstance(body, bytes):
            self.whole_body: bytes | None = body
        else:
            self.whole_body = None
            self._read_body = body

    def require_readable(self) -> None:
        """Refuse a request that cannot be read in one way only; the first step of serving one.

        Raises:
            MalformedRequestError: the path is no text, or a header that decides something came twice.
        """
        if self._fault:
            raise MalformedRequestError(self._fault)

    def header(self, name: bytes) -> str | None:
        """Return a header's value as text, or None; ``name`` is lower-case."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def add_header(self, name: bytes, value: bytes) -> None:
        """Add a header that the client did not send, or put it in place of the one that it sent.

        The head is made anew: the one that came may be another request's too, and what was derived from it is not
        true any more.
        """
        kept = [pair for pair in self.head.pairs if pair[0] != name]
        self.head = Head([*kept, (name, value)])
        self.headers = self.head.fields

    async def body(self) -> bytes:
        """Read the whole body.

        Raises:
            BodyTooLargeError: it is longer than the server takes.
            MalformedRequestError: the client went away or stalled before it was complete.
        """
        return await self._read_body() if self.whole_body is None else self.whole_body

    def _decode_path(self, path: bytes) -> str:
        try:
            decoded = decode_path(path)
        except ValueError as error:
            self._fault = f"The path {error}"
            return ""
        if "\x00" in decoded:
            self._fault = "The path holds a NUL character"
        return decoded


def _find_repeated(headers: Sequence[tuple[bytes, bytes]]) -> str:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in SINGLE_HEADERS:
            return f"The header {name.decode('latin-1')} came more than once"
        seen.add(name)
    return ""
