"""One request, however it arrived."""

from __future__ import annotations

import pytest

from watchword.errors import MalformedRequestError
from watchword.wire.request import SINGLE_HEADERS, Request


def make(target: bytes = b"/", headers: list[tuple[bytes, bytes]] | None = None) -> Request:
    return Request("GET", target, headers or [], client_address="127.0.0.1", scheme="https")


def test_splits_path_and_query() -> None:
    """The path is decoded and the query is left as it came."""
    request = make(b"/api/%C3%A9t%C3%A9?where%5Ba%5D=1?2")
    assert (request.path, request.query) == ("/api/été", b"where%5Ba%5D=1?2")


def test_an_encoded_slash_divides_nothing() -> None:
    """A slash that came encoded stays so, and is part of its segment."""
    assert make(b"/api%2Fusers%2fme/%61").path == "/api%2Fusers%2fme/a"


@pytest.mark.parametrize("target", [b"/%ff", b"/%c3%28", b"/%ed%a0%80", b"/\xff", b"/%00"])
def test_refuses_path_that_is_not_utf8(target: bytes) -> None:
    """A path that is not UTF-8 is refused and not guessed at."""
    with pytest.raises(MalformedRequestError):
        make(target).require_readable()


@pytest.mark.parametrize("name", sorted(SINGLE_HEADERS))
def test_refuses_repeated_deciding_header(name: bytes) -> None:
    """A header that decides something is refused when it comes twice, even with one value."""
    with pytest.raises(MalformedRequestError, match="more than once"):
        make(headers=[(name, b"a"), (name, b"a")]).require_readable()


def test_takes_repeated_other_headers() -> None:
    """Headers that decide nothing may come twice."""
    request = make(headers=[(b"accept", b"a"), (b"accept", b"b")])
    request.require_readable()
    assert request.header(b"accept") == "b"


def test_missing_header_is_none() -> None:
    """A header that did not come is None, an empty one is empty."""
    request = make(headers=[(b"origin", b"")])
    assert (request.header(b"origin"), request.header(b"cookie")) == ("", None)
