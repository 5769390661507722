"""What the product asks of a database: reads, transactions, and the news of what was withdrawn.

Two backends keep this contract (``sqlite.py``, ``postgres.py``) and one suite tests both. A row is a plain sequence;
each room's ``queries.py`` gives its values names. Times are Unix milliseconds, truth values 0 and 1, JSON is text.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol, TypeVar

Row = Sequence[Any]
Value = str | int | float | bytes | None
Dialect = Literal["sqlite", "postgres"]
Answer = TypeVar("Answer")


class Statement:
    """One SQL statement with numbered parameters (``$1``), in the words of both backends.

    Made once, at module level, so that each backend can prepare it once. ``sqlite`` replaces the whole text where
    the two differ in more than the spelling of parameters. ``may_be_kept`` lets a backend that can tell whether
    anything was committed answer a read by key again with the rows that it gave before; they hold no secret.
    """

    __slots__ = ("may_be_kept", "postgres", "sqlite")

    def __init__(self, text: str, *, sqlite: str | None = None, may_be_kept: bool = False) -> None:
        self.may_be_kept = may_be_kept
        self.postgres = text
        self.sqlite = re.sub(r"\$(\d+)", r"?\1", sqlite if sqlite is not None else text)

    def __repr__(self) -> str:
        return f"Statement({self.postgres!r})"


class Transaction(Protocol):
    """Statements that happen together or not at all, seeing each other's changes.

    The first error of a statement loses the transaction, even when the work catches it and goes on. ``withdrawn`` are
    the subjects named so far.
    """

    withdrawn: list[str]

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row, or None."""
        ...

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows."""
        ...

    async def execute(self, statement: Statement, *parameters: Value) -> int:
        """Run a change and return how many rows it touched.

        Raises:
            DuplicateError: a unique index refuses it; the transaction is lost.
        """
        ...

    async def execute_many(self, statement: Statement, rows: Sequence[tuple[Value, ...]]) -> None:
        """Run a change once for each row of parameters, in one go.

        Raises:
            DuplicateError: a unique index refuses a row; the transaction is lost.
        """
        ...

    def withdraw(self, *subjects: str) -> None:
        """Name subjects (``key:…``, ``session:…``, ``user:…``, ``tenant:…``) whose remembered proofs end at commit.

        ``generations.EVERYTHING`` stands for all of them.

        When the transaction's call returns, no process of this node takes a proof remembered before; other nodes
        follow within one second.
        """
        ...


Work = Callable[[Transaction], Awaitable[Answer]]
"""A transaction's body. It awaits nothing but its transaction: SQLite runs it on the writer's thread, and it may run
again from the start when the database asks for a retry (a serialization failure)."""


Tell = Callable[[Transaction, tuple[str, ...]], Awaitable[None]]
"""Writes down what a transaction withdraws, in that transaction: what is undone is not told, and nothing is forgotten."""


def telling(work: Work[Answer], tell: Tell | None) -> Work[Answer]:
    """Return the work with the telling of its withdrawals behind it, as the last thing before the commit."""
    if tell is None:
        return work

    async def work_and_tell(tx: Transaction) -> Answer:
        answer = await work(tx)
        if tx.withdrawn:
            await tell(tx, tuple(dict.fromkeys(tx.withdrawn)))
        return answer

    return work_and_tell


class Database(Protocol):
    """One database. Every method raises ``UnavailableError`` when the database cannot be reached or is full.

    Text holds no NUL and no lone surrogate, a number fits 64 bits: ``MalformedRequestError`` refuses others, on both
    backends alike. A reference to a row that does not exist is a ``ConflictError``.
    """

    @property
    def dialect(self) -> Dialect:
        """Name the words that this database understands, for migrations only."""
        ...

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row of a read by key, or None; on SQLite it runs at once, without leaving the thread."""
        ...

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows of a read that an index bounds."""
        ...

    async def scan_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows of a read that may look at many, off the event loop and under a deadline.

        Raises:
            ScanTooLongError: the deadline passed; narrow the query.
        """
        ...

    async def transaction(self, work: Work[Answer]) -> Answer:
        """Run the work in one transaction, durable when this returns; whatever it raises rolls all of it back."""
        ...

    def commits(self) -> bytes | None:
        """Return where the commits of the database stand, or None where that is not known.

        What reads gave behind one call of this they would give again, as long as it returns the same.
        """
        ...

    async def close(self) -> None:
        """Finish what waits and close; calls after it raise ``UnavailableError``."""
        ...
