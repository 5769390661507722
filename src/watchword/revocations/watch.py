"""Looks for new lines of the feed while anybody listens, once for the whole process, and wakes those they concern."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from watchword.db.database import Database
from watchword.errors import WatchwordError
from watchword.revocations.queries import get_bounds, list_news

_LOOK_SECONDS: Final = 0.2
"""How often the feed is looked at: one read by key each time, for all who listen together."""

_FRESH_SECONDS: Final = 2.0
"""A look that is older than this says nothing of now."""

_AT_ONCE: Final = 1_000


class Listener:
    """Somebody who waits for what concerns one tenant."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to read."""
        self._news.set()

    def clear(self) -> None:
        """Begin to wait for what comes from now on."""
        self._news.clear()

    async def wait(self, seconds: float) -> None:
        """Return when there is something to read, or after so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)


class RevocationWatch:
    """The listeners of a process; ``seen`` is the last number that was found committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, set[Listener]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -math.inf
        self.seen = 0
        self.is_stopping = False

    def count(self, tenant_id: str) -> int:
        """Return how many listen for a tenant."""
        return len(self._listeners.get(tenant_id, ()))

    def is_fresh(self) -> bool:
        """Say whether the database was looked at a moment ago, so that silence means that nothing ended."""
        return asyncio.get_running_loop().time() - self._looked_at < _FRESH_SECONDS

    @contextmanager
    def listen(self, tenant_id: str) -> Iterator[Listener]:
        """Listen for a tenant; the first who listens begins the looking, the last ends it."""
        listener = Listener(tenant_id)
        self._listeners.setdefault(tenant_id, set()).add(listener)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look_on())
        try:
            yield listener
        finally:
            others = self._listeners[tenant_id]
            others.discard(listener)
            if not others:
                del self._listeners[tenant_id]
            if not self._listeners:
                self._end_looking()

    def stop(self) -> None:
        """Let everybody who listens end; the server stops."""
        self.is_stopping = True
        self._wake_all()

    async def close(self) -> None:
        """Stop and end the looking."""
        self.stop()
        self._end_looking()

    def _end_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
            self._looked_at = -math.inf

    async def _look_on(self) -> None:
        is_first = True
        while True:
            # A store that is down is said by silence: no listener hears that it has everything.
            with suppress(WatchwordError):
                if is_first:
                    # What was committed before this look, and behind what a listener has read, wakes nobody else.
                    self.seen = (await get_bounds(self._database)).last
                    self._wake_all()
                    is_first = False
                await self._look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self) -> None:
        news = [(0, "")] * _AT_ONCE
        while len(news) == _AT_ONCE:
            news = await list_news(self._database, after=self.seen, limit=_AT_ONCE)
            if news:
                self.seen = news[-1][0]
                self._wake({tenant_id for _, tenant_id in news})
        self._looked_at = asyncio.get_running_loop().time()

    def _wake(self, tenant_ids: set[str]) -> None:
        if "" in tenant_ids:
            self._wake_all()
            return
        for tenant_id in tenant_ids:
            for listener in self._listeners.get(tenant_id, ()):
                listener.wake()

    def _wake_all(self) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.wake()
