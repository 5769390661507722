"""Headers that came before as the very same bytes, so that they need not be read again.

One of the places that may be less plain for speed (``bench/answer.py``): on a kept connection little but the request
line changes from one request to the next, and the parser with its callbacks took a third of an answer. What is
remembered is how bytes read, never whether a caller may do anything: that is asked for each request.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final

import msgspec

from watchword.wire.request import Head

_REQUEST_LINE: Final = re.compile(rb"(GET|POST) (/[A-Za-z0-9/._~%?&=,:@+\[\]-]{0,2000}) HTTP/1\.1")
"""A request line that can be read in one way only; any other is left to the parser."""

_END: Final = b"\r\n\r\n"

HEADERS_BYTES_MAX: Final = 4096
"""The longest headers that are remembered: far inside the bounds that a request has, and a bound on the memory."""

_HEADS_MAX: Final = 512
"""Distinct headers that are remembered, of the callers who called last: at most some 4 MiB."""


class KnownRequest(msgspec.Struct, frozen=True):
    """A request whose headers were known."""

    method: str
    target: bytes
    head: Head
    body: bytes = b""

    def __repr__(self) -> str:
        return f"KnownRequest({self.method!r})"


class _Known(msgspec.Struct, frozen=True):
    """Headers as they read, and the length of the body behind them: None for those of a GET request, which has none."""

    head: Head
    body_bytes: int | None


class KnownHeads:
    """The headers of plain GET and POST requests by their bytes; the oldest make room. Used from the event loop only."""

    def __init__(self, heads_max: int = _HEADS_MAX) -> None:
        self._heads_max = heads_max
        self._heads: OrderedDict[bytes, _Known] = OrderedDict()

    def find(self, data: bytes) -> KnownRequest | None:
        """Read what came, if it is exactly one request with known headers.

        The first line end is that of the request line, which the pattern makes sure of; all behind it stood so, byte
        for byte, when the parser read it as the headers of one request and its end.
        """
        line, _, rest = data.partition(b"\r\n")
        if line[:5] == b"POST ":
            return self._find_with_body(line, rest)
        known = self._heads.get(rest)
        if known is None or known.body_bytes is not None:
            return None
        read = _REQUEST_LINE.fullmatch(line)
        return None if read is None else KnownRequest("GET", read[2], known.head)

    def _find_with_body(self, line: bytes, rest: bytes) -> KnownRequest | None:
        """Read a request whose headers say how long its body is, and whose body is all that stands behind them."""
        head_bytes = rest.find(_END) + len(_END)
        known = self._heads.get(rest[:head_bytes])
        if known is None or known.body_bytes != len(rest) - head_bytes:
            return None
        read = _REQUEST_LINE.fullmatch(line)
        return None if read is None else KnownRequest("POST", read[2], known.head, rest[head_bytes:])

    def learn(self, data: bytes, headers: list[tuple[bytes, bytes]], *, body_bytes: int | None = None) -> bool:
        """Remember how headers read, if ``data`` is one request and no more; say whether it is.

        The parser has taken the data and found one GET request without a body, or one POST request with a body of so
        many bytes, or the end of one, with these headers; of several it found it was the last.
        """
        head_bytes = len(data) - (body_bytes or 0)
        # All in front of the body of the last request found: of the only one, if it has the right number of line ends.
        block = data[:head_bytes].partition(b"\r\n")[2]
        # A line end for each header and the empty line, and no other of any kind: nothing that could be divided in
        # another way.
        ends = len(headers) + 1
        is_plain = block.endswith(_END) and block.count(b"\r\n") == block.count(b"\n") == block.count(b"\r") == ends
        if is_plain and len(block) <= HEADERS_BYTES_MAX and self._heads_max and block not in self._heads:
            if len(self._heads) >= self._heads_max:
                self._heads.popitem(last=False)
            self._heads[block] = _Known(Head(headers), body_bytes)
        return is_plain
