"""Every web origin that any tenant, key or OAuth client lists, in memory, so that a preflight needs no database.

A preflight carries no credential (Fetch §4.8), so it can only be told whether anyone lists the origin; the answer to
the real request then says whether this caller's tenant does.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from watchword.callers.queries import list_allowed_origins
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.errors import WatchwordError

_LOOK_SECONDS: Final = 0.25

ORIGINS_SUBJECT: Final = "origins"
"""The subject that a change of any list withdraws."""


class OriginList:
    """The list; ``start`` it in the running loop and it follows changes within a quarter of a second.

    ``of_installation`` are the operator's own origins, which every tenant's callers may use.
    """

    def __init__(self, database: Database, generations: Generations, *, of_installation: tuple[str, ...] = ()) -> None:
        self.of_installation = of_installation
        self._database = database
        self._generations = generations
        self._slot = generations.slot(ORIGINS_SUBJECT)
        self._seen = -1
        self._origins: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def is_listed(self, origin: str) -> bool:
        """Say whether any tenant, publishable key or OAuth client lists this origin."""
        return origin in self._origins or origin in self.of_installation

    async def load(self) -> None:
        """Read the list anew.

        Raises:
            UnavailableError: the database is down; the list stays what it was.
        """
        seen = self._generations.read(self._slot)
        self._origins = await list_allowed_origins(self._database)
        self._seen = seen

    def start(self) -> None:
        """Begin to follow changes."""
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._generations.read(self._slot) != self._seen:
                with contextlib.suppress(WatchwordError):
                    await self.load()
