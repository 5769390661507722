"""The SQLite file: how it is made and opened, and whether it is still the file in its place."""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import apsw

from watchword.db.sqlite_errors import describe
from watchword.errors import UnavailableError

Synchronous = Literal["FULL", "OFF"]

_READER_WAIT_SECONDS: Final = 1.0
"""How long a reader waits while another process recovers the write-ahead log; a read may hold the event loop."""

_TRY_AGAIN_SECONDS: Final = 0.0005
"""Between two tries for a lock. SQLite's own steps grow to 100 ms, in which another busy process takes every turn."""

_STATEMENTS_MAX: Final = 512
"""Statements that a connection keeps prepared: all that the product has, and room for filters in use."""

_WRITE_AHEAD_BYTES_KEPT: Final = 64 * 1024 * 1024
"""What the write-ahead log is cut back to when a long read has let it grow."""


class SqliteFile:
    """One database file. It is made with the constructor when missing, readable by its owner only.

    ``epoch`` counts how often another file has taken its place (a backup was put back): a connection of an older epoch
    reads and writes a file that is no longer there, and must be opened anew.
    """

    def __init__(self, path: Path, *, synchronous: Synchronous, writer_wait_ms: int) -> None:
        self.path = path
        self._writer_wait_seconds = writer_wait_ms / 1000
        self._synchronous: Synchronous = synchronous
        self.epoch = 0
        self.gone = ""
        try:
            # Closing a descriptor of an open database drops the locks of its whole process, so this one is opened
            # only where there was no file before.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._identity = _identify(path)
        except OSError as error:
            raise UnavailableError(cause=f"the database file cannot be made or seen: {error}") from error

    def look(self) -> None:
        """See whether the file is in its place; SQLite would go on with one that was moved away or replaced.

        Raises:
            UnavailableError: it is not there; ``gone`` says so to the readers until it is back.
        """
        try:
            identity = _identify(self.path)
        except OSError as error:
            self.gone = f"the database file is gone: {error}"
            raise UnavailableError(cause=self.gone) from error
        if identity != self._identity:
            self._identity = identity
            self.epoch += 1
        self.gone = ""

    def open_turn(self) -> WritersTurn:
        """Open the order in which processes write to this file."""
        return WritersTurn(self.path.with_name(f"{self.path.name}-turn"), wait_seconds=self._writer_wait_seconds)

    def open_writer(self) -> apsw.Connection:
        """Open the connection that writes, durable as the file was asked to be."""
        connection = self._open(self._writer_wait_seconds)
        _prefer_write_ahead(connection, self._writer_wait_seconds)
        connection.pragma("synchronous", self._synchronous)
        connection.pragma("journal_size_limit", _WRITE_AHEAD_BYTES_KEPT)
        connection.pragma("cache_size", -8_000)
        return connection

    def open_reader(self, *, cache_kib: int) -> apsw.Connection:
        """Open a connection that reads only."""
        connection = self._open(_READER_WAIT_SECONDS)
        connection.pragma("query_only", 1)
        connection.pragma("cache_size", -cache_kib)
        return connection

    def _open(self, wait_seconds: float) -> apsw.Connection:
        try:
            connection = apsw.Connection(
                str(self.path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_STATEMENTS_MAX
            )
            connection.set_busy_handler(Patience(wait_seconds).wait)
            # A word in double quotes is a column or an error, as on PostgreSQL, and never quietly a text.
            connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
            connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
            # Without it SQLite compiles a statement anew whenever another value is bound that its plan had looked at:
            # a read by key took three to ten times as long.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            connection.pragma("trusted_schema", 0)
            connection.pragma("foreign_keys", 1)
            # A commit by another process made mapped reads three times slower.
            connection.pragma("mmap_size", 0)
            connection.pragma("temp_store", "MEMORY")
        except apsw.Error as error:
            raise UnavailableError(cause=describe(error)) from error
        return connection


class WritersTurn:
    """The order of processes that want to write: whoever has just written waits behind those who waited.

    SQLite's own lock goes to whoever asks first after its release, and that is the process which has just released it:
    another waited 700 ms under load. Who waits for SQLite's lock holds this turn; a second one waits for the turn.
    """

    def __init__(self, path: Path, *, wait_seconds: float) -> None:
        self._patience = Patience(wait_seconds)
        try:
            self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(cause=f"the file of the writers' turn cannot be made: {error}") from error

    def take(self) -> None:
        """Wait for the turn.

        Raises:
            UnavailableError: another process holds it too long.
        """
        for tries in itertools.count():
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not self._patience.wait(tries):
                    raise UnavailableError(cause="another process keeps waiting for the database's lock") from None
            else:
                return

    def give(self) -> None:
        """Pass the turn on."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; it stays where it is, since another process may hold it."""
        os.close(self._descriptor)


class Patience:
    """Waits for a lock in short steps until its time is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0

    def wait(self, tries: int) -> bool:
        """Wait a little after so many tries in a row; False when the time is over."""
        now = time.monotonic()
        if tries == 0:
            self._until = now + self._seconds
        if now >= self._until:
            return False
        # Uneven steps: two processes in step would miss each other's gap every time.
        time.sleep(_TRY_AGAIN_SECONDS * (0.5 + random.random()))  # noqa: S311 - no secret
        return True


def _identify(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - half the cost of Path.stat, in front of every commit
    return status.st_dev, status.st_ino


def _prefer_write_ahead(connection: apsw.Connection, wait_seconds: float) -> None:
    """Turn write-ahead logging on; SQLite does not wait for another process that does the same at this moment."""
    until = time.monotonic() + wait_seconds
    while True:
        try:
            mode = connection.pragma("journal_mode", "wal")
        except apsw.Error as error:
            if not isinstance(error, apsw.BusyError) or time.monotonic() >= until:
                raise UnavailableError(cause=describe(error)) from error
            time.sleep(_TRY_AGAIN_SECONDS)
            continue
        if mode != "wal":
            raise UnavailableError(cause=f"the database file cannot have a write-ahead log here (journal mode {mode})")
        return
