"""Stores opaque access tokens: all that wait at one time in one transaction.

A row costs a commit the same whether it comes alone or with others, and a transaction of its own for each cost more than
all the rest of a token (``bench/answer.py``). Nobody is given a token before its row is durable.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from watchword.credentials.oauth_queries import StoredOpaqueToken, insert_opaque_tokens
from watchword.db.database import Database
from watchword.errors import UnavailableError

_TOGETHER_MAX: Final = 256
"""Tokens in one transaction: far more than wait at once, and few enough that nobody else waits long behind them."""

_WAITING_MAX: Final = 10_000
"""Tokens that may wait: several seconds of work; beyond it callers are better told to come again."""


class _Waiting(NamedTuple):
    token: StoredOpaqueToken
    stored: asyncio.Future[None]


class OpaqueTokens:
    """The tokens that wait to be stored; used from one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def store(self, token: StoredOpaqueToken) -> None:
        """Store a token; it is durable when this returns.

        Raises:
            ConflictError: its client or grant is gone.
            UnavailableError: the database cannot be asked, or too many wait for it.
        """
        if len(self._waiting) >= _WAITING_MAX:
            raise UnavailableError(cause="too many tokens wait to be stored")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(token, loop.create_future())
        self._waiting.append(waiting)
        if self._task is None:
            self._task = loop.create_task(self._store_waiting())
        await waiting.stored

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:_TOGETHER_MAX], self._waiting[_TOGETHER_MAX:]
                try:
                    await self._store_together(together)
                finally:
                    _refuse_rest(together)
        finally:
            self._task = None
            left, self._waiting = self._waiting, []
            _refuse_rest(left)

    async def _store_together(self, together: list[_Waiting]) -> None:
        # Who has gone before its turn wants nothing written.
        living = [waiting for waiting in together if not waiting.stored.done()]
        tokens = [waiting.token for waiting in living]
        try:
            await self._database.transaction(lambda tx: insert_opaque_tokens(tx, tokens))
        except UnavailableError as error:
            for waiting in living:
                _refuse(waiting, UnavailableError(cause=error.cause))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whose token it was
            if len(living) == 1:
                _refuse(living[0], error)
                return
            # One of them is at fault, and none may suffer by another's.
            for waiting in living:
                await self._store_together([waiting])
        else:
            for waiting in living:
                if not waiting.stored.done():
                    waiting.stored.set_result(None)


def _refuse(waiting: _Waiting, error: Exception) -> None:
    if not waiting.stored.done():
        waiting.stored.set_exception(error)


def _refuse_rest(left: list[_Waiting]) -> None:
    for waiting in left:
        # Of nearly all it is known already: no error is made for those.
        if not waiting.stored.done():
            waiting.stored.set_exception(UnavailableError(cause="the storing of tokens was stopped"))
