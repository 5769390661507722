"""A few long-lived connections to PostgreSQL, lent one at a time and opened anew when lost.

Own, since a general pool resets a connection at every return and waits with timers that need an asyncio task: three
times the price of the read itself, and no read could begin outside a task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import asyncpg

from watchword.db.postgres_errors import describe
from watchword.errors import UnavailableError

_WAIT_SECONDS: Final = 5.0
"""How long a caller waits for a connection while all work: longer than any one statement may take."""

_WAITING_MAX: Final = 2_000
"""Callers that may wait; beyond it they are better told to come again."""

_REOPEN_FIRST_SECONDS: Final = 0.05
_REOPEN_LAST_SECONDS: Final = 1.0
"""Pauses between tries to reach a lost server: it is found again within about one second of its return."""

_CLOSE_SECONDS: Final = 10.0
"""How long closing waits for what is in flight: as long as a stop of the server may take."""


class Connections:
    """A fixed number of connections, kept open. ``start`` opens them, ``close`` ends them."""

    def __init__(self, open_connection: Callable[[], Awaitable[asyncpg.Connection]], *, count: int) -> None:
        self._open_connection = open_connection
        self._count = count
        self._idle: list[asyncpg.Connection] = []
        self._open: set[asyncpg.Connection] = set()
        self._waiting: deque[asyncio.Future[asyncpg.Connection]] = deque()
        self._reopening: set[asyncio.Task[None]] = set()
        self._unreachable = ""
        self._closed = False
        self._all_home: asyncio.Event = asyncio.Event()

    async def start(self) -> None:
        """Open all of them; whatever stands in the way of the first is raised."""
        try:
            for _ in range(self._count):
                self._welcome(await self._open_connection())
        except BaseException:
            self._end()
            raise

    def take_now(self) -> asyncpg.Connection | None:
        """Lend a connection that is free at once, or None: then ``take`` waits for one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._replace_lost()
        return None

    async def take(self) -> asyncpg.Connection:
        """Lend a connection, waiting a while until one is free.

        Raises:
            UnavailableError: none became free in time, or the server cannot be reached.
        """
        connection = self.take_now()
        if connection is not None:
            return connection
        if self._closed or (self._unreachable and not self._open):
            raise UnavailableError(cause=self._unreachable or "the database is closed")
        if len(self._waiting) >= _WAITING_MAX:
            raise UnavailableError(cause="too many callers wait for a connection")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[asyncpg.Connection] = loop.create_future()
        timer = loop.call_later(_WAIT_SECONDS, _refuse, turn, "no connection became free in time")
        self._waiting.append(turn)
        try:
            return await turn
        except BaseException:
            # The caller has gone: a connection that was lent to it meanwhile comes back.
            if not turn.cancel() and not turn.cancelled() and turn.exception() is None:
                self.give(turn.result())
            raise
        finally:
            timer.cancel()

    def give(self, connection: asyncpg.Connection) -> None:
        """Take a lent connection back; another is opened in place of a lost one."""
        if connection.is_closed():
            self._replace_lost()
        else:
            self._lend_or_keep(connection)
        self._see_who_is_home()

    async def close(self) -> None:
        """Wait for what is in flight, then end all connections; who comes later is refused."""
        self._closed = True
        reopening = tuple(self._reopening)
        for task in reopening:
            task.cancel()
        await asyncio.gather(*reopening, return_exceptions=True)
        self._replace_lost()
        if len(self._idle) < len(self._open):
            self._all_home.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._all_home.wait()
        idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=1)
        self._end()

    def _end(self) -> None:
        self._closed = True
        self._idle.clear()
        for connection in tuple(self._open):
            connection.terminate()
        for turn in self._waiting:
            _refuse(turn, "the database is closed")

    def _welcome(self, connection: asyncpg.Connection) -> None:
        self._unreachable = ""
        self._open.add(connection)
        connection.add_termination_listener(self._miss)
        self._lend_or_keep(connection)

    def _see_who_is_home(self) -> None:
        if len(self._idle) == len(self._open):
            self._all_home.set()

    def _lend_or_keep(self, connection: asyncpg.Connection) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        # The last in is the first out: its statements are prepared and its memory is warm.
        self._idle.append(connection)

    def _miss(self, _connection: object) -> None:
        self._replace_lost()

    def _replace_lost(self) -> None:
        """Open another in place of each connection that has ended, whoever ended it.

        The driver does not tell of every end: one that the server cuts short amid an answer and that is then ended here
        is closed without a word. So each connection is looked at as well whenever it is lent or comes back.
        """
        for lost in tuple(self._open):
            if lost.is_closed():
                self._open.discard(lost)
                with suppress(ValueError):
                    self._idle.remove(lost)
                if not self._closed:
                    task = asyncio.get_running_loop().create_task(self._reopen())
                    self._reopening.add(task)
                    task.add_done_callback(self._reopening.discard)
        self._see_who_is_home()

    async def _reopen(self) -> None:
        pause = _REOPEN_FIRST_SECONDS
        while True:
            try:
                connection = await self._open_connection()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may succeed
                self._unreachable = describe(error.__cause__ if isinstance(error.__cause__, Exception) else error)
                if not self._open:
                    while self._waiting:
                        _refuse(self._waiting.popleft(), self._unreachable)
            else:
                self._welcome(connection)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _REOPEN_LAST_SECONDS)


def _refuse(turn: asyncio.Future[asyncpg.Connection], cause: str) -> None:
    if not turn.done():
        turn.set_exception(UnavailableError(cause=cause))
