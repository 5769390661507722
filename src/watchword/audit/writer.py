"""Records events and last-used times without making a request wait.

Events go to the log, one line each. When a credential was last used is kept in memory and written in a batch, so a
crash loses at most the last seconds of it; nothing that decides anything depends on it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from watchword.audit.events import Event
from watchword.db.database import Database, Statement, Transaction
from watchword.errors import WatchwordError
from watchword.observe import Log, LogLevel

_BATCH_SECONDS: Final = 1.0
_CREDENTIALS_MAX: Final = 50_000
"""Credentials whose use may wait for the next batch; the use of further ones is told by their next request."""

_NOTE_USE: Final = Statement(
    "INSERT INTO credential_usage (credential_id, last_used_at) VALUES ($1, $2)"
    " ON CONFLICT (credential_id) DO UPDATE SET last_used_at = excluded.last_used_at"
    " WHERE excluded.last_used_at > credential_usage.last_used_at"
)


class AuditWriter:
    """The writer; ``start`` it in the running loop, ``close`` writes what waits."""

    def __init__(self, *, log: Log, bookkeeping: Database) -> None:
        self._log = log
        self._bookkeeping = bookkeeping
        self._used: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_quiet = False

    def start(self) -> None:
        """Begin to write batches."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def record(
        self,
        event: str,
        *,
        now_ms: int,
        tenant_id: str = "",
        subject: str = "",
        credential_id: str = "",
        address: str = "",
        detail: dict[str, str] | None = None,
        level: LogLevel = "info",
    ) -> None:
        """Record an event of ``events.Event``; never waits. ``detail`` holds no credential."""
        self._log.event(
            "debug" if self._is_quiet else level,
            Event(event).value,
            now_ms,
            tenant=tenant_id,
            subject=subject,
            credential=credential_id,
            address=address,
            **(detail or {}),
        )

    @contextlib.contextmanager
    def quietly(self) -> Iterator[None]:
        """Log at ``debug`` what is recorded meanwhile: for what the program makes by itself before it serves."""
        self._is_quiet = True
        try:
            yield
        finally:
            self._is_quiet = False

    def note_use(self, credential_id: str, now_ms: int) -> None:
        """Note that a credential was used just now."""
        if credential_id in self._used or len(self._used) < _CREDENTIALS_MAX:
            self._used[credential_id] = now_ms

    async def flush(self) -> None:
        """Write the last-used times that wait.

        Raises:
            UnavailableError: the store is down; they wait on.
        """
        used, self._used = self._used, {}
        if not used:
            return

        async def write(tx: Transaction) -> None:
            for credential_id in sorted(used):
                await tx.execute(_NOTE_USE, credential_id, used[credential_id])

        try:
            await self._bookkeeping.transaction(write)
        except WatchwordError:
            self._used = {**used, **self._used}
            raise

    async def close(self) -> None:
        """Write what waits, as far as the store takes it, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        with contextlib.suppress(WatchwordError):
            await self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_BATCH_SECONDS)
            with contextlib.suppress(WatchwordError):
                await self.flush()
