"""The database in one SQLite file, shared by the processes of one machine.

Reads by key run at once in the thread that asks: an indexed read costs less than handing it to another thread
(``bench/sqlite.py``). Reads that may look at many rows run in threads of their own, under a deadline. Writes go to the
one writer's thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import apsw

from watchword.db.database import Answer, Dialect, Row, Statement, Tell, Value, Work, telling
from watchword.db.generations import Generations
from watchword.db.parameters import require_storable
from watchword.db.sqlite_errors import SqliteErrors
from watchword.db.sqlite_file import SqliteFile, Synchronous
from watchword.db.sqlite_kept import KeptRows
from watchword.db.sqlite_writer import SqliteWriter
from watchword.errors import ScanTooLongError, UnavailableError, WatchwordError

_KEY_READER_CACHE_KIB: Final = 12_000
_SCAN_READER_CACHE_KIB: Final = 4_000
"""Pages that a connection keeps; the rest is the system's, and a commit by another connection empties them anyway.
What 2,000 products among 100,000 lie on fits in; among a million a third more would save 0.3 µs of a read."""

_STEPS_BETWEEN_LOOKS: Final = 5_000
"""Steps of SQLite's machine between two looks at the clock: some 0.1 ms, so that looking costs nothing."""

_SCANS_WAITING_MAX: Final = 200
"""Scans that may wait for a reader; beyond it callers are better told to come again."""

_WARM_BYTES_AT_ONCE: Final = 64 * 1024
_WARM_PAUSE_SECONDS: Final = 0.00005
"""Reading ahead keeps the interpreter's lock: small pieces with pauses, so that the event loop goes on meanwhile."""

_WARM_BYTES_MAX: Final = 4 * 1024 * 1024 * 1024
"""How much of the file is read ahead at the start; beyond it the system's page cache would hardly keep it."""


class SqliteDatabase:
    """One SQLite file, open. The constructor opens it and makes it when it is missing; ``close`` closes it.

    A thread that reads by key gets a connection of its own, since SQLite's allow one thread at a time.
    ``writer_wait_ms`` is how long a group of writes waits for the group of another process, which takes a few
    milliseconds; ``tell`` writes down what a transaction withdraws.

    Raises:
        UnavailableError: the file cannot be made, opened or given a write-ahead log.
    """

    dialect: Dialect = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        generations: Generations,
        synchronous: Synchronous = "FULL",
        readers: int = 2,
        scan_deadline_ms: int = 2000,
        writer_wait_ms: int = 5000,
        tell: Tell | None = None,
    ) -> None:
        self._tell = tell
        self._file = SqliteFile(path, synchronous=synchronous, writer_wait_ms=writer_wait_ms)
        self._errors = SqliteErrors()
        self._writer = SqliteWriter(self._file, generations=generations, errors=self._errors)
        self._scan_deadline_ms = scan_deadline_ms
        self._scanners = ThreadPoolExecutor(readers, thread_name_prefix=f"scan {path.name}")
        self._scans_waiting = 0
        self._closed = False
        self._local = _ReadersOfThread()
        self._readers: list[_Reader] = []
        self._readers_door = threading.Lock()
        self._warming = threading.Thread(target=self._warm, name=f"warm {path.name}", daemon=True)
        self._warming.start()

    @property
    def groups_committed(self) -> int:
        """How many commits this process has made, each of one transaction or many."""
        return self._writer.groups_committed

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row of a read by key, or None."""
        # To the end of the rows, always: a statement left open would hold its state of the file, for ever.
        rows = self._read(statement, parameters)
        return rows[0] if rows else None

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows of a read that an index bounds."""
        return self._read(statement, parameters)

    async def scan_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows of a read that may look at many, in a reader's thread and under the deadline."""
        require_storable(parameters)
        if self._closed:
            raise UnavailableError(cause="the database is closed")
        if self._scans_waiting >= _SCANS_WAITING_MAX:
            raise UnavailableError(cause="too many scans wait for a reader")
        self._scans_waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._scanners, self._scan, statement, parameters)
        finally:
            self._scans_waiting -= 1

    async def transaction(self, work: Work[Answer]) -> Answer:
        """Run the work in one transaction, on the writer's thread, durable when this returns."""
        return cast("Answer", await self._writer.submit(telling(work, self._tell)))

    def commits(self) -> bytes | None:
        """Return where the commits of the file stand, or None before this thread has read from it."""
        file, reader = self._file, self._local.by_key
        if reader is None or reader.epoch != file.epoch or file.gone or self._closed:
            return None
        return reader.kept.commits()

    async def close(self) -> None:
        """Finish what waits and close; blocks no other work of the event loop."""
        self._closed = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._warming.join()
        # Scans that wait are refused when their turn comes; one that runs has its deadline.
        self._scanners.shutdown()
        with self._readers_door:
            for reader in self._readers:
                # One that reads at this very moment is left to the end of its thread.
                with suppress(apsw.Error):
                    reader.close()
            self._readers.clear()
        self._writer.close()

    def _read(self, statement: Statement, parameters: tuple[Value, ...]) -> Sequence[Row]:
        file = self._file
        reader = self._local.by_key
        if reader is None or reader.epoch != file.epoch or file.gone or self._closed:
            reader = self._local.by_key = self._open_reader(_KEY_READER_CACHE_KIB, instead_of=reader)
        if not statement.may_be_kept:
            return self._fetch(reader, statement, parameters)
        kept = reader.kept.find(statement, parameters)
        if kept is not None:
            return kept
        rows = self._fetch(reader, statement, parameters)
        if reader.kept.is_attached:
            reader.kept.keep(statement, parameters, rows)
        else:
            self._attach(reader)
        return rows

    def _attach(self, reader: _Reader) -> None:
        with self._readers_door:
            # Behind the door nothing is closed meanwhile.
            if not self._closed:
                reader.kept.attach(reader.connection)

    def _fetch(self, reader: _Reader, statement: Statement, parameters: tuple[Value, ...]) -> Sequence[Row]:
        require_storable(parameters)
        try:
            return reader.cursor.execute(statement.sqlite, parameters).fetchall()
        except Exception as error:
            raise self._errors.translate(error, reader.connection) from error

    def _scan(self, statement: Statement, parameters: tuple[Value, ...]) -> Sequence[Row]:
        reader = self._local.scanning
        if reader is None or reader.epoch != self._file.epoch or self._file.gone or self._closed:
            reader = self._local.scanning = self._open_reader(_SCAN_READER_CACHE_KIB, instead_of=reader)
            reader.connection.set_progress_handler(reader.is_late, _STEPS_BETWEEN_LOOKS)
        reader.until = time.monotonic() + self._scan_deadline_ms / 1000
        try:
            return reader.cursor.execute(statement.sqlite, parameters).fetchall()
        except apsw.InterruptError as error:
            raise ScanTooLongError(cause=f"over {self._scan_deadline_ms} ms: {statement}") from error
        except Exception as error:
            raise self._errors.translate(error, reader.connection) from error

    def _open_reader(self, cache_kib: int, *, instead_of: _Reader | None) -> _Reader:
        if self._closed:
            raise UnavailableError(cause="the database is closed")
        if self._file.gone:
            raise UnavailableError(cause=self._file.gone)
        if instead_of is not None and instead_of.epoch == self._file.epoch:
            return instead_of
        epoch = self._file.epoch
        reader = _Reader(self._file.open_reader(cache_kib=cache_kib), epoch)
        with self._readers_door:
            if instead_of in self._readers:
                self._readers.remove(instead_of)
                instead_of.close()
            self._readers.append(reader)
        return reader

    def _warm(self) -> None:
        """Bring the file into the system's page cache: a read in the event loop that waits for a disk holds all others.

        Through SQLite's own descriptor: closing another one would drop the locks of this process.
        """
        with suppress(apsw.Error, WatchwordError):
            connection = self._file.open_reader(cache_kib=0)
            try:
                for offset in range(0, _WARM_BYTES_MAX, _WARM_BYTES_AT_ONCE):
                    is_whole, _ = connection.read("main", 0, offset, _WARM_BYTES_AT_ONCE)
                    if not is_whole or self._closed:
                        return
                    time.sleep(_WARM_PAUSE_SECONDS)
            finally:
                connection.close()


class _Reader:
    """A connection of one thread and one epoch of the file."""

    __slots__ = ("connection", "cursor", "epoch", "kept", "until")

    def __init__(self, connection: apsw.Connection, epoch: int) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.kept = KeptRows()
        self.epoch = epoch
        self.until = 0.0

    def close(self) -> None:
        """Close the connection, and first what looks into its memory."""
        self.kept.close()
        self.connection.close()

    def is_late(self) -> bool:
        """Tell SQLite to stop once the deadline has passed."""
        return time.monotonic() >= self.until


class _ReadersOfThread(threading.local):
    """The connections that the current thread reads with."""

    by_key: _Reader | None = None
    scanning: _Reader | None = None
