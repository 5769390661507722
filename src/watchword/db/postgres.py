"""The database on a PostgreSQL server, shared by any number of nodes.

A few connections for reads by key and transactions, two for scans under the server's own deadline, and one that
listens for withdrawals. Statements are prepared once per connection, by asyncpg's own cache.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import chain
from typing import Final, TypeVar, cast

import asyncpg

from watchword.db.database import Answer, Dialect, Row, Statement, Tell, Value, Work, telling
from watchword.db.generations import Generations
from watchword.db.parameters import require_storable
from watchword.db.postgres_connections import Connections
from watchword.db.postgres_errors import TryAgainError, describe, translate
from watchword.db.postgres_listener import CHANNEL, SEPARATOR, Listener
from watchword.errors import InternalError, ScanTooLongError, UnavailableError, WatchwordError

_STATEMENTS_MAX: Final = 512
"""Statements that a connection keeps prepared: all that the product has, and room for filters in use."""

_CONNECT_SECONDS: Final = 2.0
_STATEMENT_MS: Final = 5_000
_LOCK_MS: Final = 4_000
"""A statement that waits longer for a row is given up before it would be for its own length."""

_ANSWER_SECONDS: Final = 6.0
"""After this the way to the server is taken for dead: the server itself would have given up before."""

_SCAN_CONNECTIONS: Final = 2
_SCAN_ANSWER_SECONDS_MORE: Final = 1.0

_RETRY_SECONDS: Final = (0.002, 0.01, 0.05, 0.2)
"""Pauses before a transaction runs again; two that locked each other out rarely meet a second time."""

_PAYLOAD_BYTES_MAX: Final = 7_000
"""PostgreSQL takes less than 8,000 bytes in one notification."""

_DRIVER_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Whatever asyncpg and the network raise."""

_SETTINGS: Final = (
    "SELECT set_config('search_path', $1, false), set_config('statement_timeout', $2, false),"
    " set_config('lock_timeout', $3, false), set_config('idle_in_transaction_session_timeout', '15000', false),"
    # Compiling a plan takes longer than any of our statements runs.
    " set_config('jit', 'off', false),"
    # What is acknowledged is on the server's disk, also where its default says otherwise; a stricter default stays.
    " CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END"
)


_NOTIFY: Final = Statement("SELECT pg_notify($1, $2)")

_Result = TypeVar("_Result")


class PostgresDatabase:
    """A PostgreSQL database, connected; made by ``connect``, ended by ``close``, used from one event loop."""

    dialect: Dialect = "postgres"

    def __init__(
        self,
        *,
        main: Connections,
        scans: Connections,
        listener: Listener,
        generations: Generations,
        scan_ms: int,
        tell: Tell | None = None,
    ) -> None:
        self._tell = tell
        self._main = main
        self._scans = scans
        self._listener = listener
        self._generations = generations
        self._scan_ms = scan_ms

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        generations: Generations,
        connections: int = 4,
        schema: str = "public",
        scan_deadline_ms: int = 2000,
        tell: Tell | None = None,
    ) -> PostgresDatabase:
        """Connect to a server and begin to listen; TLS as the URL's ``sslmode`` says.

        ``tell`` writes down what a transaction withdraws.

        Raises:
            UnavailableError: the server cannot be reached, or refuses us.
        """
        path = '"' + schema.replace('"', '""') + '"'
        opener = partial(_open_connection, url, path, _STATEMENT_MS)
        database = cls(
            main=Connections(opener, count=connections),
            scans=Connections(partial(_open_connection, url, path, scan_deadline_ms), count=_SCAN_CONNECTIONS),
            listener=Listener(opener, generations=generations),
            generations=generations,
            scan_ms=scan_deadline_ms,
            tell=tell,
        )
        try:
            await database._start()
        except BaseException:
            await database.close()
            raise
        return database

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row of a read by key, or None."""
        require_storable(parameters)
        connection = self._main.take_now() or await self._main.take()
        with _Loan(self._main, connection):
            row = await connection.fetchrow(statement.postgres, *parameters, timeout=_ANSWER_SECONDS)
        return cast("Row | None", row)

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows of a read that an index bounds."""
        require_storable(parameters)
        connection = self._main.take_now() or await self._main.take()
        with _Loan(self._main, connection):
            rows = await connection.fetch(statement.postgres, *parameters, timeout=_ANSWER_SECONDS)
        return cast("Sequence[Row]", rows)

    async def scan_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows of a read that may look at many, on connections of its own and under the deadline."""
        require_storable(parameters)
        connection = await self._scans.take()
        timeout = self._scan_ms / 1000 + _SCAN_ANSWER_SECONDS_MORE
        with _Loan(self._scans, connection):
            try:
                rows = await connection.fetch(statement.postgres, *parameters, timeout=timeout)
            except asyncpg.QueryCanceledError as error:
                raise ScanTooLongError(cause=f"over {self._scan_ms} ms: {statement}") from error
        return cast("Sequence[Row]", rows)

    async def transaction(self, work: Work[Answer]) -> Answer:
        """Run the work in one transaction (READ COMMITTED), again when the server asks for it, durable on return."""
        work = telling(work, self._tell)
        for pause in _RETRY_SECONDS:
            try:
                return await self._run_once(work)
            except TryAgainError:
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - no secret
        return await self._run_once(work)

    def commits(self) -> bytes | None:
        """Return None: where the commits of a server stand only the server knows."""
        return None

    async def close(self) -> None:
        """Finish what is in flight and close."""
        await self._listener.close()
        await self._main.close()
        await self._scans.close()

    async def _start(self) -> None:
        await self._main.start()
        await self._scans.start()
        await self._listener.start()

    async def _run_once(self, work: Work[Answer]) -> Answer:
        connection = self._main.take_now() or await self._main.take()
        transaction = PostgresTransaction(connection)
        try:
            with _Loan(self._main, connection):
                await transaction.begin()
                try:
                    answer = await work(transaction)
                    await transaction.commit()
                except Exception:
                    await _roll_back(connection)
                    raise
        finally:
            transaction.end()
            # Also after a failure: when the connection is lost during a commit, it may have happened.
            if transaction.withdrawn:
                self._generations.bump(tuple(transaction.withdrawn))
        return answer


class PostgresTransaction:
    """One transaction's statements, on the connection that it borrowed."""

    __slots__ = ("_connection", "lost", "withdrawn")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.lost: WatchwordError | None = None
        self.withdrawn: list[str] = []

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row, or None."""
        row = await self._run(
            lambda: self._connection.fetchrow(statement.postgres, *parameters, timeout=_ANSWER_SECONDS), parameters
        )
        return cast("Row | None", row)

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows."""
        rows = await self._run(
            lambda: self._connection.fetch(statement.postgres, *parameters, timeout=_ANSWER_SECONDS), parameters
        )
        return cast("Sequence[Row]", rows)

    async def execute(self, statement: Statement, *parameters: Value) -> int:
        """Run a change and return how many rows it touched.

        A text without parameters may hold several statements, and takes as long as the server lets it.
        """
        timeout = _ANSWER_SECONDS if parameters else None
        status = await self._run(
            lambda: self._connection.execute(statement.postgres, *parameters, timeout=timeout), parameters
        )
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def execute_many(self, statement: Statement, rows: Sequence[tuple[Value, ...]]) -> None:
        """Run a change once for each row of parameters; the server is sent all of them before it answers."""
        await self._run(
            lambda: self._connection.executemany(statement.postgres, rows, timeout=_ANSWER_SECONDS),
            tuple(chain.from_iterable(rows)),
        )

    def withdraw(self, *subjects: str) -> None:
        """Name subjects whose remembered proofs end at commit."""
        self.withdrawn.extend(subjects)

    async def begin(self) -> None:
        """Begin; the statements' own row locks do the rest."""
        await self._control("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")

    async def commit(self) -> None:
        """Tell the other nodes and commit.

        Raises:
            WatchwordError: an earlier statement failed and the work caught it: there is nothing to commit.
        """
        for payload in _join_subjects(self.withdrawn):
            await self.execute(_NOTIFY, CHANNEL, payload)
        status = await self._control("COMMIT")
        if status != "COMMIT":
            raise InternalError(cause=f"the server answered a commit with {status}")

    def end(self) -> None:
        """Refuse statements from here on: the connection belongs to others again.

        What it was lost by is let go of: that error holds the work, and the work this transaction.
        """
        self.lost = InternalError(cause="the transaction has ended")

    async def _control(self, text: str) -> str:
        return await self._run(lambda: self._connection.execute(text, timeout=_ANSWER_SECONDS), ())

    async def _run(self, call: Callable[[], Awaitable[_Result]], parameters: tuple[Value, ...]) -> _Result:
        if self.lost is not None:
            raise self.lost
        try:
            require_storable(parameters)
            return await call()
        except WatchwordError as error:
            self.lost = error
            raise
        except Exception as error:
            if isinstance(error, TimeoutError):
                self._connection.terminate()
            self.lost = translate(error, self._connection)
            raise self.lost from error


async def _open_connection(url: str, search_path: str, statement_ms: int) -> asyncpg.Connection:
    try:
        connection = await asyncpg.connect(
            url,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=_STATEMENTS_MAX,
            max_cached_statement_lifetime=0,
            server_settings={"application_name": "watchword"},
        )
        try:
            settings = (search_path, str(statement_ms), str(_LOCK_MS))
            await connection.fetchrow(_SETTINGS, *settings, timeout=_CONNECT_SECONDS)
        except BaseException:
            connection.terminate()
            raise
    except ValueError as error:
        # Its sentence may quote the URL, password included.
        raise UnavailableError(cause="the database URL cannot be understood") from error
    except _DRIVER_ERRORS as error:
        raise UnavailableError(cause=describe(error)) from error
    return connection


class _Loan:
    """A borrowed connection's way back: translates what went wrong, and ends a connection with an answer under way."""

    __slots__ = ("_connection", "_owner")

    def __init__(self, owner: Connections, connection: asyncpg.Connection) -> None:
        self._owner = owner
        self._connection = connection

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if error is not None and (isinstance(error, TimeoutError) or not isinstance(error, Exception)):
                self._connection.terminate()
        finally:
            self._owner.give(self._connection)
        if isinstance(error, _DRIVER_ERRORS):
            raise translate(error, self._connection) from error


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Undo a transaction; where that fails, end its connection, which undoes it as well."""
    if connection.is_closed():
        return
    try:
        await connection.execute("ROLLBACK", timeout=_CONNECT_SECONDS)
    except _DRIVER_ERRORS:
        connection.terminate()


def _join_subjects(subjects: list[str]) -> list[str]:
    payloads: list[str] = []
    for subject in dict.fromkeys(subjects):
        if payloads and len(payloads[-1]) + len(subject) < _PAYLOAD_BYTES_MAX:
            payloads[-1] += SEPARATOR + subject
        else:
            payloads.append(subject)
    return payloads
