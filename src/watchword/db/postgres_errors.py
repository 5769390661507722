"""What an error of PostgreSQL, or of the way to it, means to the product."""

from __future__ import annotations

from typing import Final

import asyncpg

from watchword.errors import (
    ConflictError,
    DuplicateError,
    InternalError,
    MalformedRequestError,
    UnavailableError,
    WatchwordError,
)

_TRY_AGAIN: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # A migration changed the table between preparing a statement and running it.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)

_UNAVAILABLE: Final = (
    OSError,  # also TimeoutError and every ConnectionError
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.OperatorInterventionError,  # shut down, starting up, cancelled
    asyncpg.PostgresSystemError,  # input and output errors of the server
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,
)

_BAD_VALUE: Final = (
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    asyncpg.ProgramLimitExceededError,
)


class TryAgainError(UnavailableError):
    """The database asks to run the transaction again from its start; it reaches the caller when that failed too."""


_MEANINGS: Final[tuple[tuple[tuple[type[Exception], ...], type[WatchwordError]], ...]] = (
    (_TRY_AGAIN, TryAgainError),
    ((asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError), ConflictError),
    (_UNAVAILABLE, UnavailableError),
    (_BAD_VALUE, MalformedRequestError),
)


def translate(error: Exception, connection: asyncpg.Connection | None = None) -> WatchwordError:
    """Give the product's error for PostgreSQL's; ``connection`` is the one that met it, where there was one."""
    cause = describe(error)
    if isinstance(error, asyncpg.UniqueViolationError):
        return DuplicateError(error.constraint_name or "")
    if isinstance(error, asyncpg.InterfaceError) and connection is not None and connection.is_closed():
        return UnavailableError(cause=cause)
    for kinds, meaning in _MEANINGS:
        if isinstance(error, kinds):
            return meaning(cause=cause)
    return InternalError(cause=cause)


def describe(error: Exception) -> str:
    """Name an error for the log: its class, code and constraint; PostgreSQL's sentence only where it holds no value."""
    if isinstance(error, asyncpg.PostgresError):
        # The sentence of some errors quotes the value that was refused; the constraint's name says as much.
        where = error.constraint_name or error.table_name or ""
        return f"{type(error).__name__} ({error.sqlstate}) {where}".rstrip()
    return f"{type(error).__name__}: {error}"
