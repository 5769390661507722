"""Letters on their way out."""

from __future__ import annotations

import asyncio

import pytest

from watchword.errors import UnavailableError
from watchword.mail.outbound import Outbound
from watchword.mail.sender import Letter

pytestmark = pytest.mark.anyio


class Postman:
    """Fails as often as told, waits while told, and keeps what it took."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.taken: list[str] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.at_once = 0
        self.at_once_max = 0

    async def send(self, letter: Letter) -> None:
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            await self.may_go.wait()
        finally:
            self.at_once -= 1
        if self.failures:
            self.failures -= 1
            raise UnavailableError(cause="not now")
        self.taken.append(letter.subject)


def letter(number: int = 1) -> Letter:
    return Letter("ann@example.com", str(number), "secret text")


async def test_letters_are_delivered_and_few_at_once() -> None:
    """All posted letters arrive, and a slow server holds only a few deliveries."""
    postman = Postman()
    postman.may_go.clear()
    outbound = Outbound(postman, log=print)
    for number in range(20):
        outbound.post(letter(number))
    await asyncio.sleep(0)
    postman.may_go.set()
    await outbound.drain()
    assert sorted(postman.taken, key=int) == [str(number) for number in range(20)]
    assert postman.at_once_max == 4
    outbound.post(letter(20))
    await outbound.drain()
    assert "20" in postman.taken


async def test_a_refused_letter_is_tried_again() -> None:
    """A server that refuses twice gets the letter the third time."""
    postman, lines = Postman(failures=2), list[str]()
    outbound = Outbound(postman, log=lines.append, retry_seconds=(0, 0))
    outbound.post(letter())
    await outbound.drain()
    assert (postman.taken, lines) == (["1"], [])


async def test_a_lost_letter_is_logged_without_text_and_address() -> None:
    """A letter that no attempt delivers leaves a line that holds nothing of it, and the next one arrives."""
    postman, lines = Postman(failures=2), list[str]()
    outbound = Outbound(postman, log=lines.append, retry_seconds=(0,))
    outbound.post(letter())
    await outbound.drain()
    outbound.post(letter(2))
    await outbound.drain()
    assert postman.taken == ["2"]
    assert len(lines) == 1
    assert "ann" not in lines[0]
    assert "secret" not in lines[0]


async def test_a_letter_that_cannot_be_prepared_harms_no_other() -> None:
    """A fault while one letter is written is logged by its kind, and the others go out."""
    postman, lines = Postman(), list[str]()
    outbound = Outbound(postman, log=lines.append)

    async def fault() -> Letter:
        raise KeyError("secret")

    async def none_due() -> None:
        return None

    outbound.post_later(fault)
    outbound.post_later(none_due)
    outbound.post(letter())
    await outbound.drain()
    assert postman.taken == ["1"]
    assert lines == ["lost a letter: KeyError "]


async def test_a_full_queue_refuses_what_can_be_asked_for_again() -> None:
    """When too many wait, a prepared letter is lost with a line and a request for one is refused."""
    postman, lines = Postman(), list[str]()
    postman.may_go.clear()
    outbound = Outbound(postman, log=lines.append, letters_max=2)
    for number in range(2):
        outbound.post(letter(number))
    with pytest.raises(UnavailableError):
        outbound.post_later(Postman)  # type: ignore[arg-type]
    outbound.post(letter(9))
    assert len(lines) == 1
    postman.may_go.set()
    await outbound.drain()
    assert postman.taken == ["0", "1"]


async def test_closing_delivers_what_is_on_its_way_and_takes_no_more() -> None:
    """A stop hands over what waits, and then refuses."""
    postman, lines = Postman(), list[str]()
    outbound = Outbound(postman, log=lines.append)
    outbound.post(letter())
    await outbound.close()
    assert postman.taken == ["1"]
    outbound.post(letter(2))
    assert len(lines) == 1
    await outbound.close()


async def test_closing_does_not_wait_for_retries() -> None:
    """A stop ends the attempts at a server that is down."""
    postman, lines = Postman(failures=99), list[str]()
    outbound = Outbound(postman, log=lines.append, retry_seconds=(0,) * 3)
    outbound.post(letter())
    await outbound.close()
    assert postman.failures == 98
    assert len(lines) == 1


async def test_closing_leaves_a_stuck_server_behind() -> None:
    """A stop gives a server that never answers a short time, and ends."""
    postman = Postman()
    postman.may_go.clear()
    outbound = Outbound(postman, log=print, close_seconds=0.01)
    outbound.post(letter())
    await outbound.close()
    assert postman.at_once == 0
