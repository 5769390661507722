"""Deletes what nobody may use any more, and renews what is of age, once an hour.

Kept data is data that can leak (ASVS 14.2.7), and so is a key that signs for ever. Each room says itself what is over;
this file only calls them. Several processes may do it at once: a row that another deleted is not there to delete.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from watchword.clock import Clock
from watchword.errors import WatchwordError
from watchword.observe import Log

_EVERY_SECONDS: Final = 3600.0

Prune = Callable[[int], Awaitable[int]]
"""Takes Unix milliseconds, deletes or renews what is over by then and returns how many rows that were."""


class Upkeep:
    """The hourly clean-up; ``start`` it in the running loop."""

    def __init__(self, tasks: Mapping[str, Prune], *, clock: Clock, log: Log) -> None:
        self._tasks = tasks
        self._clock = clock
        self._log = log
        self._running: asyncio.Task[None] | None = None

    async def run_once(self) -> dict[str, int]:
        """Delete and renew what is over now and return how many rows of each kind; a store that is down is left for next time."""
        deleted = {}
        for name, prune in self._tasks.items():
            try:
                deleted[name] = await prune(self._clock.now_ms())
            except WatchwordError as error:
                self._log.event("warning", "upkeep.failed", self._clock.now_ms(), kind=name, reason=error.code)
        self._log.event("info", "upkeep.done", self._clock.now_ms(), **deleted)
        return deleted

    def start(self) -> None:
        """Begin to clean up every hour, the processes of one start spread over it."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, guards nothing
            await self.run_once()
