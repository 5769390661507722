"""The one thread of a process that writes to its SQLite file, committing whatever waits together.

A commit costs one flush to the disk, however many transactions it holds: from many clients at once this is the
difference between hundreds and tens of thousands of durable writes a second (``bench/sqlite.py``).
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final

import apsw

from watchword.db.database import Row, Statement, Transaction, Value, Work
from watchword.db.generations import Generations
from watchword.db.parameters import require_storable
from watchword.db.sqlite_errors import SqliteErrors, unavailable
from watchword.db.sqlite_file import SqliteFile
from watchword.db.sqlite_rows import ROWS_MAX, text_of_rows
from watchword.errors import InternalError, UnavailableError, WatchwordError

_WAITING_MAX: Final = 10_000
"""Transactions that may wait: several seconds of work; beyond it callers are better told to come again."""

_GROUP_MAX: Final = 256
"""Transactions in one commit: large enough that the flush no longer counts, small enough that none waits long."""

_TURN_SECONDS: Final = 0.005
"""How long a process may begin one group after the other before it lines up behind the other processes again."""

_LOOK_SECONDS: Final = 0.5
"""How often an idle writer looks whether its file is still in its place."""


class SqliteWriter:
    """Runs transactions on its own thread and connection; ``submit`` from any event loop."""

    def __init__(
        self,
        file: SqliteFile,
        *,
        generations: Generations,
        errors: SqliteErrors,
    ) -> None:
        self._file = file
        self._generations = generations
        self._errors = errors
        self._epoch = file.epoch
        self._connection = file.open_writer()
        self._turn = file.open_turn()
        self._turn_until = 0.0
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self.groups_committed = 0
        self._thread = threading.Thread(target=self._run, name=f"writer {file.path.name}", daemon=True)
        self._thread.start()

    async def submit(self, work: Work[Any]) -> Any:  # noqa: ANN401 - the caller's door knows the type
        """Run a transaction's body in the next group and give its answer once that is on the disk."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop)
        with self._door:  # nothing may enter the queue behind the sign that ends it
            if self._closed:
                raise UnavailableError(cause="the database is closed")
            if self._queue.qsize() >= _WAITING_MAX:
                raise UnavailableError(cause="too many transactions wait for the writer")
            self._queue.put(waiting)
        return await waiting.future

    def close(self) -> None:
        """Commit what waits, then close the connection; blocks until it is done."""
        with self._door:
            already_closed, self._closed = self._closed, True
        if not already_closed:
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                first = self._queue.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                with suppress(WatchwordError):
                    self._look_at_file()
                continue
            if first is None:
                break
            last = self._commit_group(self._gather(first))
            if last:
                break
        self._turn.close()
        with suppress(apsw.Error):
            self._connection.close()

    def _gather(self, first: _Waiting) -> list[_Waiting | None]:
        group: list[_Waiting | None] = [first]
        with suppress(queue.Empty):
            while group[-1] is not None and len(group) < _GROUP_MAX:
                group.append(self._queue.get_nowait())
        return group

    def _commit_group(self, gathered: list[_Waiting | None]) -> bool:
        """Commit a group and resolve it; answer True when the sign to end stood behind it."""
        group = [waiting for waiting in gathered if waiting is not None]
        try:
            self._look_at_file()
            self._begin()
            for waiting in group:
                # A caller who has gone before its turn wants nothing written.
                if not waiting.future.cancelled():
                    self._run_in_savepoint(waiting)
            self._connection.execute("COMMIT")
            self.groups_committed += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller must hear of it
            self._lose(group, error)
        # Also after a failed commit: forgetting costs a look-up, remembering could outlive a revocation.
        withdrawn = tuple(subject for waiting in group for subject in waiting.withdrawn)
        if withdrawn:
            self._generations.bump(withdrawn)
        _deliver(group)
        return gathered[-1] is None

    def _begin(self) -> None:
        if time.monotonic() < self._turn_until:
            self._connection.execute("BEGIN IMMEDIATE")
            return
        self._turn.take()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        finally:
            self._turn.give()
        self._turn_until = time.monotonic() + _TURN_SECONDS

    def _look_at_file(self) -> None:
        self._file.look()
        if self._epoch != self._file.epoch:
            epoch = self._file.epoch
            with suppress(apsw.Error):
                self._connection.close()
            self._connection = self._file.open_writer()
            self._epoch = epoch
            # Another file is another truth: nothing that was remembered of the old one holds.
            self._generations.bump_all()

    def _run_in_savepoint(self, waiting: _Waiting) -> None:
        self._connection.execute("SAVEPOINT one_of_group")
        transaction = SqliteTransaction(self._connection, self._errors)
        try:
            waiting.answer = _drive(waiting.work, transaction)
            if transaction.lost is not None:
                raise transaction.lost  # noqa: TRY301 - the work caught an error that had already lost it
            waiting.withdrawn = tuple(transaction.withdrawn)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, not to this thread
            waiting.error = error
            # SQLite itself may have rolled back everything (disk full, I/O error): then this raises, and the group
            # is lost as a whole instead of the rest of it being committed statement by statement.
            self._connection.execute("ROLLBACK TO one_of_group")
        finally:
            transaction.end()
        self._connection.execute("RELEASE one_of_group")

    def _lose(self, group: list[_Waiting], error: Exception) -> None:
        with suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        # All of them, also those refused by their own work: it saw changes of neighbours that are now undone. Each
        # its own exception: one shared would gather the tracebacks of all callers.
        for waiting in group:
            waiting.error = error if isinstance(error, WatchwordError) and len(group) == 1 else unavailable(error)


class SqliteTransaction:
    """One transaction's statements, on the writer's thread."""

    __slots__ = ("_connection", "_errors", "lost", "withdrawn")

    def __init__(self, connection: apsw.Connection, errors: SqliteErrors) -> None:
        self._connection = connection
        self._errors = errors
        self.lost: WatchwordError | None = None
        self.withdrawn: list[str] = []

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row, or None."""
        rows = self._run(statement.sqlite, parameters)
        return rows[0] if rows else None

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows."""
        return self._run(statement.sqlite, parameters)

    async def execute(self, statement: Statement, *parameters: Value) -> int:
        """Run a change and return how many rows it touched."""
        self._run(statement.sqlite, parameters)
        return self._connection.changes()

    async def execute_many(self, statement: Statement, rows: Sequence[tuple[Value, ...]]) -> None:
        """Run a change once for each row of parameters, or once for many where it inserts one."""
        for begin in range(0, len(rows), ROWS_MAX):
            some = rows[begin : begin + ROWS_MAX]
            text = text_of_rows(statement.sqlite, len(some))
            # Rows of several widths could add up: each is then refused or taken by itself.
            if text is None or len(set(map(len, some))) > 1:
                for row in some:
                    self._run(statement.sqlite, row)
            else:
                self._run(text, tuple(chain.from_iterable(some)))

    def withdraw(self, *subjects: str) -> None:
        """Name subjects whose remembered proofs end at commit."""
        self.withdrawn.extend(subjects)

    def end(self) -> None:
        """Refuse statements from here on: a transaction kept by its work must not write into a later one.

        What it was lost by is let go of: that error holds the work, and the work this transaction.
        """
        self.lost = InternalError(cause="the transaction has ended")

    def _run(self, text: str, parameters: tuple[Value, ...]) -> Sequence[Row]:
        if self.lost is not None:
            raise self.lost
        try:
            require_storable(parameters)
            return self._connection.execute(text, parameters).fetchall()
        except WatchwordError as error:
            self.lost = error
            raise
        except Exception as error:
            self.lost = self._errors.translate(error, self._connection)
            raise self.lost from error


class _Waiting:
    """A transaction on its way: what to run, whom to tell, and how it went."""

    __slots__ = ("answer", "error", "future", "loop", "withdrawn", "work")

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.answer: Any = None
        self.error: BaseException | None = None
        self.withdrawn: tuple[str, ...] = ()


def _drive(work: Work[Any], transaction: Transaction) -> Any:  # noqa: ANN401 - any work, any answer
    steps = work(transaction).__await__()
    try:
        next(steps)
    except StopIteration as finished:
        return finished.value
    with suppress(RuntimeError):
        steps.close()
    raise InternalError(cause="a transaction's work awaited something other than its transaction")


def _deliver(group: list[_Waiting]) -> None:
    """Resolve all futures with one wake-up of each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in group:
        by_loop.setdefault(waiting.loop, []).append(waiting)
    for loop, waiters in by_loop.items():
        with suppress(RuntimeError):  # a closed loop: nobody is left to hear it
            loop.call_soon_threadsafe(_resolve, waiters)


def _resolve(group: list[_Waiting]) -> None:
    for waiting in group:
        future, error = waiting.future, waiting.error
        # What an error passed holds this, with the whole request: a ring that would stay until it is looked for.
        del waiting.future, waiting.error
        if future.done():
            continue
        if error is None:
            future.set_result(waiting.answer)
        else:
            future.set_exception(error)
