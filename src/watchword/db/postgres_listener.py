"""Hears from PostgreSQL what other nodes withdraw, and says when it cannot hear.

Fails closed: trust is given for a moment at a time, counted from before a question that the server answered on the
very connection that carries the news. When no answer comes, trust ends by itself and nothing remembered is used.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from watchword.db.generations import Generations
from watchword.db.postgres_errors import describe
from watchword.errors import UnavailableError

CHANNEL: Final = "watchword_withdrawn"
SEPARATOR: Final = "\n"

_BEAT_SECONDS: Final = 0.25
_TRUST_SECONDS: Final = 0.8
"""Three beats and a little: below the one second that a withdrawal may take to reach another node."""

_ANSWER_SECONDS: Final = 0.5
_HELLO_SECONDS: Final = 2.0
"""How long the server may take to answer a beat, and to send our own first notification back to us."""

_log = logging.getLogger("watchword.db")


class Listener:
    """One connection that listens, kept up by a task. ``start`` returns when news is arriving."""

    def __init__(
        self, open_connection: Callable[[], Awaitable[asyncpg.Connection]], *, generations: Generations
    ) -> None:
        self._open_connection = open_connection
        self._generations = generations
        self._hello = ""
        self._is_heard = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None

    async def start(self) -> None:
        """Connect and begin to listen.

        Raises:
            UnavailableError: the server cannot be reached, or what it is told to notify does not arrive (a proxy that
                shares connections between clients stands in between).
        """
        self._generations.set_trusted(False)
        await self._begin()
        self._task = asyncio.get_running_loop().create_task(self._keep_listening())

    async def close(self) -> None:
        """Stop listening; nothing remembered is used from here on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self._lose()

    async def _keep_listening(self) -> None:
        while True:
            try:
                if self._connection is None:
                    await self._begin()
                await self._beat()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may succeed
                if self._connection is not None:
                    _log.warning("the listener for withdrawals is lost: %s", describe(error))
                self._lose()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _begin(self) -> None:
        connection = await self._open_connection()
        try:
            connection.add_termination_listener(self._end_trust)
            async with asyncio.timeout(_HELLO_SECONDS):
                await connection.add_listener(CHANNEL, self._hear)
            await self._require_hearing(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        # First forget what was remembered while nobody listened, then trust again.
        self._generations.bump_all()
        await self._beat()

    async def _require_hearing(self, connection: asyncpg.Connection) -> None:
        self._is_heard.clear()
        self._hello = f"listener:{secrets.token_hex(8)}"
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._hello, timeout=_HELLO_SECONDS)
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                await self._is_heard.wait()
        except TimeoutError as error:
            raise UnavailableError(cause="notifications of PostgreSQL do not arrive on this connection") from error

    async def _beat(self) -> None:
        if self._connection is not None:
            asked_at = time.monotonic()
            await self._connection.fetchval("SELECT 1", timeout=_ANSWER_SECONDS)
            self._generations.trust_until(asked_at + _TRUST_SECONDS)

    def _hear(self, _connection: object, _process: int, _channel: str, payload: object) -> None:
        subjects = tuple(str(payload).split(SEPARATOR))
        self._generations.bump(subjects)
        if self._hello in subjects:
            self._is_heard.set()

    def _end_trust(self, _connection: object) -> None:
        self._generations.set_trusted(False)

    def _lose(self) -> None:
        self._generations.set_trusted(False)
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
