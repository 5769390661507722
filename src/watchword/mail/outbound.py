"""Letters on their way out, apart from the requests that caused them.

Whether an address is known decides whether a letter is written; so looking it up, storing the code and sending all
happen here, after the answer has gone, and the answer's time says nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from watchword.errors import UnavailableError
from watchword.mail.sender import Letter, Sender

Prepare = Callable[[], Awaitable[Letter | None]]
"""Writes a letter, or finds that none is due."""

_WORKERS_MAX: Final = 4
"""Letters in delivery at once: a slow mail server holds up few, and is not flooded either."""


class Outbound:
    """A bounded queue of letters and the few tasks that deliver them.

    Kept in memory: what a stopped process had not delivered is lost, and its recipient asks again. ``log`` is told of
    each lost letter, without address or text. ``close_seconds`` is how long a stop waits for letters on their way.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        log: Callable[[str], None],
        letters_max: int = 1000,
        retry_seconds: tuple[float, ...] = (1, 5, 30),
        close_seconds: float = 5,
    ) -> None:
        self._sender = sender
        self._log = log
        self._letters_max = letters_max
        self._retry_seconds = retry_seconds
        self._close_seconds = close_seconds
        self._waiting: deque[Prepare] = deque()
        self._workers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def post(self, letter: Letter) -> None:
        """Send a letter soon; a full queue loses it with a line in the log, since what it tells of has happened."""
        try:
            self.post_later(_ready(letter))
        except UnavailableError as error:
            self._log(f"lost a letter ({letter.subject}): {error.cause}")

    def post_later(self, prepare: Prepare) -> None:
        """Prepare and send a letter soon.

        Raises:
            UnavailableError: too many wait already, or the server is stopping.
        """
        if self._closed or len(self._waiting) >= self._letters_max:
            raise UnavailableError(cause="the queue of outgoing letters is full or closed")
        self._waiting.append(prepare)
        if self._workers < _WORKERS_MAX:
            self._workers += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until every letter posted so far is delivered or lost."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Take no more letters, and give those on their way a short time."""
        self._closed = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._close_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._deliver(self._waiting.popleft())
        finally:
            self._workers -= 1

    async def _deliver(self, prepare: Prepare) -> None:
        try:
            letter = await prepare()
            if letter is not None:
                await self._send(letter)
        except Exception as error:  # noqa: BLE001 - one letter's fault must not end the delivery of the others
            self._log(f"lost a letter: {type(error).__name__} {getattr(error, 'cause', '')}")

    async def _send(self, letter: Letter) -> None:
        for pause_seconds in self._retry_seconds:
            try:
                return await self._sender.send(letter)
            except UnavailableError:
                if self._closed:
                    raise
                await asyncio.sleep(pause_seconds)
        return await self._sender.send(letter)


def _ready(letter: Letter) -> Prepare:
    async def prepare() -> Letter:
        return letter

    return prepare
