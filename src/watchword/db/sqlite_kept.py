"""Rows that were read a moment ago, kept for as long as nobody has committed anything to their file.

One of the places that may be less plain for speed (``bench/answer.py``, ``decisions/0010``): a read by key costs two
locks on the file, which took as long as all the rest of an answer. Whether a commit came, SQLite itself tells its
readers by the header of the write-ahead log's index, in memory that all processes on the file share; here the same
bytes are compared. So what is kept is as new as what would be read, whoever wrote: this process, another, or another
program.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Final

import apsw

from watchword.db.database import Row, Statement, Value
from watchword.errors import UnavailableError

_KEPT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes of memory that a connection's kept rows may take: some 4,000 products."""

_ENTRY_BYTES: Final = 600
"""What an entry takes beside its texts: its key, the row and their places in the dictionary."""

_HEADER_BYTES: Final = 48
"""One of the two copies of the header (https://sqlite.org/walformat.html, 2.1): a count of transactions, the number of
frames, their checksum and salt. A commit that any reader has seen has changed this copy, the one written last."""

_REGION_BYTES: Final = 32 * 1024
"""The unit in which SQLite maps the index; the header stands at its beginning."""


class _Methods(ctypes.Structure):
    """The functions of an open file (``sqlite3_io_methods``), up to the one that is called."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        *((f"before_shm_map_{number}", ctypes.c_void_p) for number in range(12)),
        (
            "xShmMap",
            ctypes.CFUNCTYPE(
                ctypes.c_int,
                ctypes.c_void_p,
                ctypes.c_int,
                ctypes.c_int,
                ctypes.c_int,
                ctypes.POINTER(ctypes.c_void_p),
            ),
        ),
    )


_SHARED_MEMORY_VERSION: Final = 2
"""The ``iVersion`` from which on files have ``xShmMap``."""


class KeptRows:
    """The kept rows of one connection, used by the one thread that reads with it. Nothing is kept before ``attach``."""

    __slots__ = ("_bytes", "_header", "_rows", "_seen", "is_attached")

    def __init__(self) -> None:
        self.is_attached = False
        self._header = memoryview(b"")
        self._seen = b""
        self._rows: dict[tuple[Statement, tuple[Value, ...]], Sequence[Row]] = {}
        self._bytes = 0

    def attach(self, connection: apsw.Connection) -> None:
        """Begin to follow the commits of the file that this connection has read; where it cannot, nothing is kept."""
        self._header = _map_header(connection)
        self.is_attached = True

    def commits(self) -> bytes | None:
        """Return where the commits of the file stand, None before ``attach``.

        Raises:
            UnavailableError: the connection was closed by another thread.
        """
        return self._read_header() or None

    def find(self, statement: Statement, parameters: tuple[Value, ...]) -> Sequence[Row] | None:
        """Return the rows of this read if they are kept and nothing was committed since; begin a read if not.

        Raises:
            UnavailableError: the connection was closed by another thread.
        """
        seen = self._read_header()
        if seen != self._seen:
            self._rows.clear()
            self._bytes = 0
            self._seen = seen
            return None
        return self._rows.get((statement, parameters))

    def keep(self, statement: Statement, parameters: tuple[Value, ...], rows: Sequence[Row]) -> None:
        """Keep what was read behind ``find``.

        It is given as long as the header stands as it did before that read, and so as it did at the read.
        """
        if not self._seen:
            return
        taken = _ENTRY_BYTES + sum(len(value) for row in rows for value in row if isinstance(value, str))
        if self._bytes + taken > _KEPT_BYTES_MAX:
            self._rows.clear()
            self._bytes = 0
        if taken <= _KEPT_BYTES_MAX:
            self._rows[statement, parameters] = rows
            self._bytes += taken

    def close(self) -> None:
        """Let go of the shared memory; call it before the connection is closed, which gives the memory back."""
        self._header.release()
        self._rows.clear()

    def _read_header(self) -> bytes:
        try:
            return self._header.tobytes()
        except ValueError:
            raise UnavailableError(cause="the database is closed") from None


def _map_header(connection: apsw.Connection) -> memoryview:
    """Return the header of the write-ahead log's index as this connection's SQLite has it mapped; empty without one.

    SQLite's own mapping, because a second one would need a descriptor, whose closing drops the locks of this process.
    """
    file = ctypes.c_void_p()
    if not connection.file_control("main", apsw.SQLITE_FCNTL_FILE_POINTER, ctypes.addressof(file)) or not file.value:
        return memoryview(b"")
    methods = ctypes.POINTER(_Methods).from_address(file.value).contents
    region = ctypes.c_void_p()
    if methods.iVersion < _SHARED_MEMORY_VERSION or not methods.xShmMap:
        return memoryview(b"")
    if methods.xShmMap(file.value, 0, _REGION_BYTES, 0, ctypes.byref(region)) != apsw.SQLITE_OK or not region.value:
        return memoryview(b"")
    return memoryview((ctypes.c_char * _HEADER_BYTES).from_address(region.value)).toreadonly()
