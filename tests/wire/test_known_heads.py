"""Headers known by their bytes: whether they are known or read anew, nobody can tell by the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from fast_lane_rig import Ground
from watchword.errors import WatchwordError
from watchword.wire.fast_lane import FastLaneProtocol
from watchword.wire.known_heads import HEADERS_BYTES_MAX, KnownHeads
from watchword.wire.listeners import protocol_config
from watchword.wire.request import Request
from watchword.wire.response import Response

PLAIN = b"\r\nHost: a\r\nX-One: 1\r\n\r\n"

HEADERS = (
    PLAIN,
    b"\r\nHost: a\r\nAuthorization: Bearer b\r\nConnection: keep-alive\r\n\r\n",
    b"\r\nhost:a\r\nX-Two:  \t2 \r\nx-two: 3\r\n\r\n",
    b"\r\nHost: a\r\nHost: b\r\n\r\n",
    b"\r\nHost: a\r\nX-Odd: \xff\r\n\r\n",
    b"\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n",
    b"\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    b"\r\nHost: a\r\nX-Folded: 1\r\n 2\r\n\r\n",
    b"\r\nHost: a\nX-One: 1\r\n\r\n",
    b"\r\nHost: a\rX-One: 1\r\n\r\n",
    b"\r\nHost: a\r\nX-One: 1\n\n",
    b"\r\nX-One: 1\r\n\r\n",
    b"\r\nHost: a\r\nX-Odd : 1\r\n\r\n",
    b"\r\n\r\n",
)
BODIES = (
    b"\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"\r\nHost: a\r\nContent-Length: 19\r\n\r\nGET /a HTTP/1.1\r\n\r\n",
    b"\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
    b"\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcd",
    b"\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
    b"\r\nHost: a\r\nContent-Length: 1200\r\n\r\n" + b"a" * 1200,
    b"\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    b"\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\nHost: a\r\n\r\n",
)
"""Headers with bodies behind them, the plain ones first."""

LINES = (
    b"GET /a HTTP/1.1",
    b"GET /b?c=%64 HTTP/1.1",
    b"GET /wait HTTP/1.1",
    b"HEAD /a HTTP/1.1",
    b"POST /a HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"GET /a HTTP/1.0",
    b"GET /a#b HTTP/1.1",
    b"GET http://a/b HTTP/1.1",
    b"GET /a  HTTP/1.1",
    b"get /a HTTP/1.1",
    b"GET /\xc3\xa9 HTTP/1.1",
    b"\r\nGET /a HTTP/1.1",
    b"GET /a",
    b"",
)


def likely(first: int, choices: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Choose one of the first few most of the time."""
    return st.one_of(st.sampled_from(choices[:first]), st.sampled_from(choices[:first]), st.sampled_from(choices))


POSTS = (
    b"POST /a HTTP/1.1",
    b"POST /b?c=%64 HTTP/1.1",
    b"POST /wait HTTP/1.1",
    b"POST /\xc3\xa9 HTTP/1.1",
    b"PUT /a HTTP/1.1",
)
PLAIN_REQUESTS = st.tuples(likely(3, LINES), likely(2, HEADERS)).map(b"".join)
REQUESTS = st.one_of(PLAIN_REQUESTS, st.tuples(likely(3, POSTS), likely(4, BODIES)).map(b"".join))
PIECES = st.lists(st.one_of(REQUESTS, REQUESTS, REQUESTS, st.binary(max_size=4)), min_size=1, max_size=8)


GOOD_BODIES = (*BODIES[:5], *BODIES[12:14])
GOOD_REQUESTS = st.one_of(
    st.tuples(st.sampled_from(LINES[:3]), st.sampled_from((PLAIN, *HEADERS[:2]))),
    st.tuples(st.sampled_from(POSTS[:3]), st.sampled_from(GOOD_BODIES)),
).map(b"".join)


@st.composite
def chunks(draw: st.DrawFn, of: st.SearchStrategy[list[bytes]] = PIECES) -> list[bytes]:
    """A stream of requests and what is none, in the pieces that it was written in or cut anywhere."""
    pieces = draw(of)
    cut: list[bytes] = []
    for piece in pieces:
        at = draw(st.one_of(st.none(), st.none(), st.integers(0, len(piece))))
        if at is None:
            cut.append(piece)
        elif at == 0 and cut:
            cut[-1] += piece
        else:
            cut += [piece[:at], piece[at:]]
    return [piece for piece in cut if piece]


class Transport(asyncio.Transport):
    """Keeps what is written, and says that it is open until it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        """Go on reading, so that what is behind is looked at too."""

    resume_reading = pause_reading


class Echo(Ground):
    """An application that answers with all it was told; ``/wait`` waits a turn first."""

    def __init__(self, known_heads: KnownHeads) -> None:
        super().__init__(seconds=60, known_heads=known_heads, trusted="trusted")

    async def answer(self, request: Request) -> Response:
        if request.path == "/wait":
            await asyncio.sleep(0)
        try:
            body = await request.body()
        except WatchwordError as error:
            return Response(error.status, error.message.encode(), b"")
        told = (request.method, request.path, request.query, request.head.pairs, request.headers, request.head.fault)
        return Response(200, repr((*told, request.client_address, request.scheme, body)).encode(), b"")


async def converse(
    received: list[bytes], known_heads: KnownHeads, *, connections: int = 1, fast_lane: bool = True
) -> list[tuple[bytes, bool]]:
    """Feed the chunks to one connection after another; return what each wrote, and whether it was closed."""
    application = Echo(known_heads)
    application.fast_lane = fast_lane
    config = protocol_config(application, FastLaneProtocol)
    config.load()
    told = []
    for _ in range(connections):
        protocol = FastLaneProtocol(config=config, server_state=ServerState(), app_state={})
        transport = Transport()
        protocol.connection_made(transport)
        for chunk in received:
            if not transport.closed:
                protocol.data_received(chunk)
            for _ in range(3):
                await asyncio.sleep(0)
        for _ in range(20 * len(received)):
            await asyncio.sleep(0)
        told.append((transport.written, transport.closed))
        protocol.connection_lost(None)
    return told


def read_answers(written: bytes) -> list[tuple[bytes, frozenset[bytes], bytes]]:
    """Split what a connection wrote into answers: the lanes write the same header lines in another order."""
    answers = []
    while written:
        head, _, rest = written.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        lengths = [int(line.split(b": ")[1]) for line in lines if line.startswith(b"content-length")]
        length = lengths[0] if lengths else 0
        answers.append((status, frozenset(lines), rest[:length]))
        written = rest[length:]
    return answers


@given(chunks())
def test_nobody_can_tell_whether_headers_were_known(received: list[bytes]) -> None:
    """Any stream, cut anywhere, gets the same answers byte for byte and the same end with headers known and without."""
    with asyncio.Runner() as runner:
        known = runner.run(converse(received, KnownHeads(), connections=2))
        assert known == runner.run(converse(received, KnownHeads(0), connections=2))


@settings(max_examples=50)
@given(chunks(st.lists(GOOD_REQUESTS, min_size=1, max_size=8)))
def test_nobody_can_tell_the_lane(received: list[bytes]) -> None:
    """Any stream of requests, with bodies and without, cut anywhere, gets the same answers in the same order in both lanes."""
    with asyncio.Runner() as runner:
        fast, slow = (
            runner.run(converse(received, KnownHeads(), fast_lane=fast_lane))[0] for fast_lane in (True, False)
        )
    assert read_answers(fast[0]) == read_answers(slow[0])
    assert fast[1] == slow[1]


@pytest.mark.parametrize("request_bytes", [b"POST /a HTTP/1.1" + headers for headers in BODIES[:5]])
def test_known_headers_with_a_body_are_not_read_again(request_bytes: bytes) -> None:
    """The second plain request with a body of the same length is found, with its own body."""
    known_heads = KnownHeads()
    asyncio.run(converse([request_bytes], known_heads))
    head, _, body = request_bytes.partition(b"\r\n\r\n")
    found = known_heads.find(head.replace(b"/a", b"/b?c") + b"\r\n\r\n" + body.upper())
    assert found is not None
    assert (found.method, found.target, found.body) == ("POST", b"/b?c", body.upper())


@pytest.mark.parametrize("request_bytes", [b"POST /a HTTP/1.1" + headers for headers in BODIES[5:]])
def test_other_bodies_are_the_parsers(request_bytes: bytes) -> None:
    """A body that is none, long, chunked, cut, or longer than told is left to the parser each time."""
    known_heads = KnownHeads()
    asyncio.run(converse([request_bytes, b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"], known_heads))
    assert known_heads.find(request_bytes) is None


@pytest.mark.parametrize("body", [b"", b"ab", b"abcd", b"abcGET / HTTP/1.1\r\n\r\n"])
def test_a_body_of_another_length_is_the_parsers(body: bytes) -> None:
    """Known headers are good for a body of their own length and nothing behind it."""
    known_heads = KnownHeads()
    asyncio.run(converse([b"POST /a HTTP/1.1" + BODIES[0]], known_heads))
    assert known_heads.find(b"POST /a HTTP/1.1" + BODIES[0]) is not None
    assert known_heads.find(b"POST /a HTTP/1.1" + BODIES[0].removesuffix(b"abc") + body) is None


def test_methods_do_not_lend_each_other_headers() -> None:
    """Headers of a request with a body are no headers of one without, and the other way round."""
    known_heads = KnownHeads()
    asyncio.run(converse([b"POST /a HTTP/1.1" + BODIES[3]], known_heads))
    asyncio.run(converse([b"GET /a HTTP/1.1" + PLAIN], known_heads))
    assert known_heads.find(b"GET /a HTTP/1.1" + BODIES[3]) is None
    assert known_heads.find(b"POST /a HTTP/1.1" + PLAIN) is None
    assert known_heads.find(b"PUT /a HTTP/1.1" + BODIES[3]) is None


@pytest.mark.parametrize("headers", HEADERS[:5])
def test_known_headers_are_not_read_again(headers: bytes) -> None:
    """The second plain request on a connection is found; so is one with another target."""
    known_heads = KnownHeads()
    asyncio.run(converse([b"GET /a HTTP/1.1" + headers], known_heads))
    found = known_heads.find(b"GET /b?c HTTP/1.1" + headers)
    assert found is not None
    assert found.target == b"/b?c"
    assert found.head.pairs[0] == (b"host", b"a")


@pytest.mark.parametrize("headers", HEADERS[5:])
def test_other_headers_are_never_known(headers: bytes) -> None:
    """Headers that decide how a message is read, or could be divided in two ways, are left to the parser each time."""
    known_heads = KnownHeads()
    asyncio.run(converse([b"GET /a HTTP/1.1" + headers, b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"], known_heads))
    assert known_heads.find(b"GET /a HTTP/1.1" + headers) is None


@pytest.mark.parametrize("line", [*LINES[3:], b"GET /" + b"a" * 3000 + b" HTTP/1.1"])
def test_another_request_line_is_never_known(line: bytes) -> None:
    """A request line that is not the plainest is left to the parser, whatever stands behind it."""
    known_heads = KnownHeads()
    assert known_heads.learn(b"GET /a HTTP/1.1" + PLAIN, [(b"host", b"a"), (b"x-one", b"1")])
    assert known_heads.find(b"GET /a HTTP/1.1" + PLAIN) is not None
    assert known_heads.find(line + PLAIN) is None


@pytest.mark.parametrize("behind", [b"\r\n", b"G", b"GET /a HTTP/1.1" + PLAIN])
def test_what_stands_behind_is_the_parsers(behind: bytes) -> None:
    """A request with anything behind it is not known."""
    known_heads = KnownHeads()
    assert known_heads.learn(b"GET /a HTTP/1.1" + PLAIN, [(b"host", b"a"), (b"x-one", b"1")])
    assert known_heads.find(b"GET /a HTTP/1.1" + PLAIN + behind) is None


def test_memory_is_bounded() -> None:
    """The oldest headers make room, and long ones are not kept at all."""
    known_heads = KnownHeads(2)
    lines = [b"\r\nhost: %d\r\n\r\n" % number for number in range(3)]
    for line in lines:
        known_heads.learn(b"GET / HTTP/1.1" + line, [(b"host", b"x")])
    assert [known_heads.find(b"GET / HTTP/1.1" + line) is not None for line in lines] == [False, True, True]
    long = b"\r\nhost: %b\r\n\r\n" % (b"a" * HEADERS_BYTES_MAX)
    known_heads.learn(b"GET / HTTP/1.1" + long, [(b"host", b"a" * HEADERS_BYTES_MAX)])
    assert known_heads.find(b"GET / HTTP/1.1" + long) is None
