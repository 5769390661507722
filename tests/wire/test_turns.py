"""Turns of the loop: what changes something leaves room for what reads, and nothing that came is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from fast_lane_rig import Answers, Served, get, post, serve
from watchword.wire.turns import Turns

MILLISECOND_NS = 1_000_000
POSTED = post("/now/posted", "content-length: 0\r\n")


class Nanoseconds:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The server's own loop."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server with one connection that is open."""
    async with serve(Answers()) as open_server:
        connection = await open_server.connect()
        connection.send(get("/now/first"))
        await connection.read_answer()
        yield open_server
        await connection.close()


def use_up(served: Served) -> None:
    """Let something wait for the next turn, so that whatever comes now waits behind it."""
    served.application.turns.put_off(lambda: None, asyncio.get_running_loop())


@pytest.mark.parametrize("sees_read", [True, False], ids=["reads come", "nobody reads"])
def test_changes_leave_room_for_reads_alone(*, sees_read: bool) -> None:
    """Once changes have had their time in a turn the next one waits; where nobody reads, none does."""
    clock = Nanoseconds()
    turns = Turns(clock_ns=clock)
    turns.sees_read = sees_read
    assert not turns.is_used_up(1.0)
    clock.now_ns += MILLISECOND_NS
    assert turns.is_used_up(1.0) is sees_read
    assert not turns.is_used_up(1.001), "another turn has time of its own"


def test_a_reader_who_left_is_forgotten() -> None:
    """Changes wait for reads a second or two after the last one, and no longer."""
    clock = Nanoseconds()
    turns = Turns(clock_ns=clock)
    turns.sees_read = True
    waited = []
    for turn in (10.0, 11.5, 13.0):
        turns.is_used_up(turn)
        clock.now_ns += MILLISECOND_NS
        waited.append(turns.is_used_up(turn))
    assert waited == [True, False, False]


async def test_what_waits_goes_on_in_its_order_and_some_of_it_in_each_turn() -> None:
    """What is put off is begun in the order of coming, one in each turn where one takes all its time."""
    clock, done = Nanoseconds(), list[int]()
    turns, loop = Turns(clock_ns=clock), asyncio.get_running_loop()
    turns.sees_read = True

    def work(number: int) -> None:
        done.append(number)
        clock.now_ns += MILLISECOND_NS

    for number in range(3):
        turns.put_off(partial(work, number), loop)
    seen = []
    for _ in range(3):
        assert turns.is_used_up(loop.time())
        await asyncio.sleep(0)
        seen.append(list(done))
    assert seen == [[0], [0, 1], [0, 1, 2]]
    assert not turns.is_used_up(loop.time() + 1), "nothing waits any more"


async def test_nothing_is_held_for_a_reader_who_left() -> None:
    """Where nobody reads any more all that waits goes on at once, so that nothing more has to wait behind it."""
    clock, done = Nanoseconds(), list[int]()
    turns, loop = Turns(clock_ns=clock), asyncio.get_running_loop()

    def work(number: int) -> None:
        done.append(number)
        clock.now_ns += MILLISECOND_NS

    for number in range(3):
        turns.put_off(partial(work, number), loop)
    assert turns.is_used_up(loop.time()), "something waits"
    await asyncio.sleep(0)
    assert done == [0, 1, 2]
    assert not turns.is_used_up(loop.time())


async def test_a_fault_in_one_holds_none_of_the_others() -> None:
    """What waits behind something that fails goes on nevertheless."""
    turns, loop, done = Turns(clock_ns=Nanoseconds()), asyncio.get_running_loop(), list[str]()
    loop.set_exception_handler(lambda _loop, context: done.append(str(context["exception"])))

    def fail() -> None:
        raise ValueError("fault")

    turns.put_off(fail, loop)
    turns.put_off(lambda: done.append("next"), loop)
    for _ in range(3):
        await asyncio.sleep(0)
    assert sorted(done) == ["fault", "next"]


async def test_a_change_that_waits_is_made_in_a_later_turn(served: Served) -> None:
    """A POST request for which the turn has no time left is answered in one of the next."""
    use_up(served)
    served.protocols()[0].data_received(POSTED)
    before = list(served.application.ended)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (before, served.application.ended) == (["/now/first"], ["/now/first", "/now/posted"])


async def test_a_read_does_not_wait(served: Served) -> None:
    """A GET request is answered in the turn that it came in."""
    use_up(served)
    served.protocols()[0].data_received(get("/now/read"))
    assert served.application.ended == ["/now/first", "/now/read"]


@pytest.mark.parametrize("end", ["next", "eof", "lost", "shutdown"])
async def test_what_follows_a_change_that_waits_finds_it_made(served: Served, end: str) -> None:
    """The next request of a connection, its end and the server's stop come behind what waits, which is not lost."""
    use_up(served)
    protocol = served.protocols()[0]
    protocol.data_received(POSTED)
    if end == "next":
        protocol.data_received(get("/now/next"))
    elif end == "eof":
        protocol.eof_received()
    elif end == "lost":
        protocol.transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    else:
        protocol.shutdown()
    assert served.application.ended[:2] == ["/now/first", "/now/posted"]
