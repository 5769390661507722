"""The protocol under clients that stall, flood, leave and never read; on the loop that the server runs on."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from eventually import eventually
from fast_lane_rig import BIG, SHORT, Answers, Served, get, post, serve
from raw_http import Connection
from watchword.wire import connection_bounds


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The server's own loop."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_bounds, "_CHECK_SECONDS", 0.02)


@pytest.fixture(params=["fast", "slow"])
async def served(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Served]:
    """The application, with the fast lane and without; nothing may be left behind, nor any error be logged."""
    application = Answers()
    application.fast_lane = request.param == "fast"
    async with serve(application) as open_server:
        yield open_server
    assert application.connections == Counter()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def drip(connection: Connection, data: bytes) -> None:
    """Send byte by byte, quicker than any bound between two, until the connection is gone."""
    for byte in data:
        connection.send(bytes([byte]))
        await asyncio.sleep(SHORT / 20)


@pytest.mark.parametrize("start", [b"", b"\r\n\r\n", b"G", b"GET /now HTTP/1.1\r\nhost: a\r\nx-slow: "])
async def test_headers_that_do_not_come_end_the_connection(served: Served, start: bytes) -> None:
    """Whoever sends nothing, or not all of a head, is hung up on when the time for headers is over."""
    connection = await served.connect()
    connection.send(start)
    assert await connection.is_closed_by_server()


@pytest.mark.parametrize("byte", [b"a", b"\r\n"])
async def test_headers_byte_by_byte_end_the_connection(served: Served, byte: bytes) -> None:
    """A byte now and then buys no more time for a head, nor does an empty line before it."""
    connection = await served.connect()
    if byte == b"a":
        connection.send(b"GET /now HTTP/1.1\r\nhost: a\r\nx-slow: ")
    dripping = asyncio.create_task(drip(connection, byte * 10_000))
    assert await connection.is_closed_by_server()
    dripping.cancel()


async def test_the_second_head_is_bounded_as_the_first(served: Served) -> None:
    """A client that was served once gets no more time for its next head."""
    connection = await served.connect()
    connection.send(get("/now") + b"GET /now HT")
    assert (await connection.read_answer()).status == 200
    dripping = asyncio.create_task(drip(connection, b"T" * 10_000))
    assert await connection.is_closed_by_server() or served.application.unread
    dripping.cancel()


async def test_an_idle_connection_is_closed(served: Served) -> None:
    """A connection without requests ends after the keep-alive time, in whichever lane the last answer was given."""
    for path in ("/now", "/wait"):
        served.application.gate.set()
        connection = await served.connect()
        connection.send(get(path))
        assert (await connection.read_answer()).status == 200
        dripping = asyncio.create_task(drip(connection, b"\r\n" * 5_000))
        assert await connection.is_closed_by_server()
        dripping.cancel()


async def test_a_slow_answer_is_no_idle_connection(served: Served) -> None:
    """A request that takes longer than every bound is answered, and the connection takes a further one."""
    connection = await served.connect()
    connection.send(get("/wait"))
    await asyncio.sleep(SHORT * 2)
    served.application.gate.set()
    assert (await connection.read_answer()).body == b"/wait"
    connection.send(get("/now"))
    assert (await connection.read_answer()).body == b"/now"
    await connection.close()


@pytest.mark.parametrize("lines", ["content-length: 10\r\n", "transfer-encoding: chunked\r\n"])
async def test_a_body_that_stops_is_refused(served: Served, lines: str) -> None:
    """A body that stands still is refused or cut off, and its handler ends."""
    connection = await served.connect()
    connection.send(post("/body", lines, b"5\r\n1234"))
    with suppress(asyncio.IncompleteReadError):
        assert (await connection.read_answer()).status == 400
    await eventually(lambda: len(served.application.ended) == 1, seconds=5)
    await connection.is_closed_by_server()


async def test_a_body_byte_by_byte_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that moves by a byte now and then is cut off when the time for whole bodies is over."""
    monkeypatch.setattr(connection_bounds, "_BODY_SECONDS_MAX", SHORT * 2)
    connection = await served.connect()
    connection.send(post("/body", "content-length: 1000\r\n"))
    dripping = asyncio.create_task(drip(connection, b"x" * 1_000))
    assert await connection.is_closed_by_server()
    dripping.cancel()
    await eventually(lambda: len(served.application.ended) == 1, seconds=5)


async def test_a_body_behind_a_refusal_is_not_read_for_ever(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal the rest of an endless body is read for a bounded time only, then the line is cut."""
    monkeypatch.setattr(connection_bounds, "_BODY_SECONDS_MAX", SHORT * 2)
    connection = await served.connect()
    connection.send(post("/body", "transfer-encoding: chunked\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"))
    assert (await connection.read_answer()).status == 413

    async def go_on() -> None:
        while True:
            connection.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await asyncio.sleep(SHORT / 20)

    sending = asyncio.create_task(go_on())
    assert await connection.is_closed_by_server()
    sending.cancel()


async def test_connections_of_an_address_are_bounded(served: Served) -> None:
    """One connection more than an address may hold is cut at once; when one of them ends, the next is served."""
    held = [await served.connect() for _ in range(4)]
    await eventually(lambda: served.application.connections["127.0.0.1"] == 4, seconds=5)
    refused = await served.connect()
    assert await refused.is_closed_by_server()
    for connection in held:
        connection.send(get("/now"))
        assert (await connection.read_answer()).status == 200
    await held.pop().close()
    await eventually(lambda: served.application.connections["127.0.0.1"] == 3, seconds=5)
    again = await served.connect()
    again.send(get("/now"))
    assert (await again.read_answer()).status == 200
    for connection in (*held, again):
        await connection.close()


async def test_connections_of_a_trusted_proxy_are_not(served: Served) -> None:
    """A proxy that stands for many clients may open as many connections as it needs."""
    served.application.trusted = "127.0.0.1"
    # On a busy machine the last of them waits for its turn longer than a client may here.
    served.application.header_seconds = 30
    held = [await served.connect() for _ in range(12)]
    for connection in held:
        connection.send(get("/now"))
        assert (await connection.read_answer()).status == 200
        await connection.close()


async def test_abnormal_ends_are_counted_off(served: Served) -> None:
    """Connections that end by reset, in the middle of a head, a body or an answer, leave no count behind."""
    starts = [
        b"",
        b"GET /n",
        get("/now"),
        get("/wait"),
        post("/body", "content-length: 10\r\n", b"1"),
        b"nonsense\r\n\r\n",
    ]
    for _ in range(5):
        for start in starts:
            connection = await served.connect()
            connection.send(start)
            await asyncio.sleep(0.002)
            await connection.close()
        await eventually(lambda: not served.application.connections, seconds=5)


async def test_leaving_while_an_answer_is_made_harms_nobody(served: Served) -> None:
    """A request whose client left is brought to its end, and other connections are served meanwhile."""
    connection = await served.connect()
    connection.send(get("/wait"))
    await eventually(lambda: served.application.waiting == 1, seconds=5)
    await connection.close()
    await eventually(lambda: not served.application.connections, seconds=5)
    other = await served.connect()
    other.send(get("/now"))
    assert (await other.read_answer()).status == 200
    served.application.gate.set()
    await eventually(lambda: "/wait" in served.application.ended, seconds=5)
    await other.close()


async def test_order_is_kept_behind_a_waiting_request(served: Served) -> None:
    """Requests sent behind one that waits are answered after it, each with its own answer."""
    paths = ["/now/1", "/wait/2", "/now/3", "/body/4", "/now/5", "/wait/6", "/now/7"]
    connection = await served.connect()
    connection.send(b"".join(get(path) for path in paths))
    assert (await connection.read_answer()).body == b"/now/1"
    await eventually(lambda: served.application.waiting == 1, seconds=5)
    connection.send(get("/now/8"))
    await asyncio.sleep(0.05)
    assert served.application.ended == ["/now/1"]
    served.application.gate.set()
    bodies = [(await connection.read_answer()).body.decode() for _ in range(7)]
    assert bodies == ["/wait/2", "/now/3", "", "/now/5", "/wait/6", "/now/7", "/now/8"]
    await connection.close()


async def test_a_flood_behind_a_waiting_request_is_answered_in_order(served: Served) -> None:
    """Thousands of requests behind one that waits are all answered, in order."""
    connection = await served.connect()
    connection.send(get("/wait") + b"".join(get(f"/now/{number}") for number in range(3_000)))
    await eventually(lambda: served.application.waiting == 1, seconds=5)
    served.application.gate.set()
    assert (await connection.read_answer()).body == b"/wait"
    for number in range(3_000):
        assert (await connection.read_answer()).body == f"/now/{number}".encode()
    await connection.close()


async def test_who_never_reads_is_cut_off(served: Served) -> None:
    """A client that asks and asks and takes no answer fills no memory, and is cut off when it has taken nothing for long."""
    connection = await served.connect()
    connection.transport.pause_reading()  # type: ignore[attr-defined] # the transport of a socket reads as well
    for _ in range(400):
        connection.send(get("/big"))
    protocol = served.protocols()[0]
    most = 0
    for _ in range(1_000):
        if not served.application.connections:
            break
        most = max(most, protocol.transport.get_write_buffer_size())
        await asyncio.sleep(0.01)
    assert not served.application.connections
    assert most <= 65_536 + 2 * len(BIG)
    await connection.close()


async def test_a_faulty_body_ends_its_request(served: Served) -> None:
    """A request whose body turns out to be unreadable is refused, and its handler learns that no more will come."""
    connection = await served.connect()
    connection.send(post("/body", "transfer-encoding: chunked\r\n", b"4\r\n1234\r\n"))
    await asyncio.sleep(0.02)
    connection.send(b"zz\r\n")
    assert (await connection.read_answer()).status == 400
    assert await connection.is_closed_by_server()
    await eventually(lambda: len(served.application.ended) == 1, seconds=5)
    assert served.application.unread == ["BAD_REQUEST"]


async def test_a_stop_finishes_what_is_in_flight(served: Served) -> None:
    """Told to stop, the server closes idle connections at once and answers what it has begun, then hangs up."""
    idle, busy = await served.connect(), await served.connect()
    idle.send(get("/now"))
    await idle.read_answer()
    busy.send(get("/wait"))
    await eventually(lambda: served.application.waiting == 1, seconds=5)
    for protocol in served.protocols():
        protocol.shutdown()
    assert await idle.is_closed_by_server()
    served.application.gate.set()
    answer = await busy.read_answer()
    assert (answer.body, answer.headers["connection"]) == (b"/wait", "close")
    assert await busy.is_closed_by_server()


@pytest.mark.parametrize("lines", ["", "connection: keep-alive\r\n"])
async def test_old_clients_are_answered_once(served: Served, lines: str) -> None:
    """HTTP/1.0 gets one answer, which says that it is the last."""
    connection = await served.connect()
    connection.send(f"GET /now HTTP/1.0\r\n{lines}\r\n".encode())
    answer = await connection.read_answer()
    assert (answer.body, answer.headers["connection"]) == (b"/now", "close")
    assert await connection.is_closed_by_server()
