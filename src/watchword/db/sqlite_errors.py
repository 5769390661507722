"""What an error of SQLite means to the product."""

from __future__ import annotations

from typing import Final

import apsw

from watchword.errors import (
    ConflictError,
    DuplicateError,
    InternalError,
    MalformedRequestError,
    UnavailableError,
    WatchwordError,
)

_UNAVAILABLE: Final = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
    apsw.CursorClosedError,
    apsw.FullError,
    apsw.IOError,
    apsw.InterruptError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)

_UNIQUE: Final = {
    apsw.SQLITE_CONSTRAINT_UNIQUE,
    apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
    apsw.SQLITE_CONSTRAINT_ROWID,
}


class SqliteErrors:
    """Translates errors of one database, whose unique indexes it looks up once by the columns that SQLite names."""

    def __init__(self) -> None:
        self._index_names: dict[str, str] = {}

    def translate(self, error: Exception, connection: apsw.Connection) -> WatchwordError:
        """Give the product's error for SQLite's; ``connection`` is the one that met it."""
        if isinstance(error, WatchwordError):
            return error
        if isinstance(error, _UNAVAILABLE):
            return unavailable(error)
        if isinstance(error, apsw.ConstraintError):
            return self._translate_constraint(error, connection)
        if isinstance(error, apsw.TooBigError):
            return MalformedRequestError("A value is too long to be stored", cause=describe(error))
        return InternalError(cause=describe(error))

    def _translate_constraint(self, error: apsw.ConstraintError, connection: apsw.Connection) -> WatchwordError:
        extended = getattr(error, "extendedresult", 0)
        if extended in _UNIQUE:
            return DuplicateError(self._index_name(str(error), connection))
        if extended == apsw.SQLITE_CONSTRAINT_FOREIGNKEY:
            return ConflictError(cause=describe(error))
        return InternalError(cause=describe(error))

    def _index_name(self, message: str, connection: apsw.Connection) -> str:
        what = message.partition("constraint failed: ")[2]
        if what.startswith("index '"):
            return what.removeprefix("index '").removesuffix("'")
        if what not in self._index_names:
            self._index_names = _list_index_names(connection)
        return self._index_names.get(what, what)


def unavailable(error: Exception) -> UnavailableError:
    """Say that the store cannot serve now, with the private cause."""
    return UnavailableError(cause=describe(error))


def describe(error: Exception) -> str:
    """Name an error for the log: its class, SQLite's sentence and extended code; never a parameter."""
    extended = getattr(error, "extendedresult", None)
    return f"{type(error).__name__}: {error}" + ("" if extended is None else f" ({extended})")


def _list_index_names(connection: apsw.Connection) -> dict[str, str]:
    """Map ``table.column, table.column`` to the name that the index has, or would have on PostgreSQL."""
    names: dict[str, str] = {}
    rows = connection.execute(
        "SELECT t.name, i.name, i.origin, group_concat(c.name, '/' ORDER BY c.seqno)"
        " FROM sqlite_schema AS t, pragma_index_list(t.name) AS i, pragma_index_info(i.name) AS c"
        " WHERE t.type = 'table' AND i.\"unique\" GROUP BY t.name, i.name"
    ).fetchall()
    for table, index, origin, joined in rows:
        columns = str(joined or "").split("/")
        if origin == "pk":
            name = f"{table}_pkey"
        elif origin == "u":
            name = f"{table}_{'_'.join(columns)}_key"
        else:
            name = str(index)
        names.setdefault(", ".join(f"{table}.{column}" for column in columns), name)
    return names
