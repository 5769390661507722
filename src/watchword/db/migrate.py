"""Brings a database to the shape that this program knows: numbered files, each applied once.

All that is missing is applied in one transaction, under a lock, so that two processes that start together do it once
and a failure leaves nothing half done. The files are in PostgreSQL's words; for SQLite a few words are replaced. Where
the two differ in more, a migration stands twice: ``NNNN_name.sqlite.sql`` and ``NNNN_name.postgres.sql``.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

from watchword.db.database import Database, Dialect, Statement, Transaction
from watchword.errors import DatabaseNewerError

MigrationSet = Literal["main", "bookkeeping"]

_log = logging.getLogger("watchword.db")

_LOCK: Final = Statement(
    # Any number, the same in all versions: it stands for the right to change this database's shape. Building an index
    # of a large table takes its time, and so does waiting for another process that does. On SQLite a transaction is
    # alone already.
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(4733096201)",
    sqlite="SELECT 1",
)
_MAKE_TABLE: Final = Statement(
    "CREATE TABLE IF NOT EXISTS schema_migrations (migration_set TEXT NOT NULL, number BIGINT NOT NULL,"
    " name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL, PRIMARY KEY (migration_set, number))",
    sqlite="CREATE TABLE IF NOT EXISTS schema_migrations (migration_set TEXT NOT NULL, number INTEGER NOT NULL,"
    " name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (migration_set, number))"
    " STRICT",
)
_LIST_APPLIED: Final = Statement(
    "SELECT number, name, checksum FROM schema_migrations WHERE migration_set = $1 ORDER BY number"
)
_RECORD: Final = Statement(
    "INSERT INTO schema_migrations (migration_set, number, name, checksum, applied_at)"
    " VALUES ($1, $2, $3, $4, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)",
    sqlite="INSERT INTO schema_migrations (migration_set, number, name, checksum, applied_at)"
    " VALUES ($1, $2, $3, $4, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
)

_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+?)(?:\.(sqlite|postgres))?\.sql")

_SQLITE_WORDS: Final = (
    (re.compile(r"\bBIGINT\b"), "INTEGER"),
    (re.compile(r"\bBYTEA\b"), "BLOB"),
    (re.compile(r"\bDOUBLE PRECISION\b"), "REAL"),
    (re.compile(r"\bJSON\b"), "TEXT"),
    (re.compile(r"\bUNLOGGED "), ""),
    # The line that closes a table: without this word SQLite takes any value in any column.
    (re.compile(r"^\);$", re.MULTILINE), ") STRICT;"),
)
_POSTGRES_WORDS: Final = (
    # Text sorts and compares by code point on both backends, whatever the language of the server.
    (re.compile(r"^(\s+[a-z0-9_]+ TEXT)\b", re.MULTILINE), r'\1 COLLATE "C"'),
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file, in the words of one backend.

    ``checksum`` is the SHA-256 of the text as it stands in the file.
    """

    number: int
    name: str
    checksum: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done: names of the migrations now applied, and of those whose file has changed since they were."""

    applied: tuple[str, ...]
    changed: tuple[str, ...]


async def migrate(database: Database, migration_set: MigrationSet) -> Migrated:
    """Apply what the database lacks of a set; nothing when it lacks nothing.

    A file that was changed after it was applied is not applied again; it is named in the answer and in the log.

    Raises:
        DatabaseNewerError: a newer program has changed this database; nothing was done.
    """
    return await apply_migrations(database, migration_set, load_migrations(migration_set, database.dialect))


async def apply_migrations(
    database: Database, migration_set: MigrationSet, migrations: tuple[Migration, ...]
) -> Migrated:
    """Apply those of the given migrations that the database lacks, as ``migrate`` does."""
    known = {migration.number: migration for migration in migrations}

    async def apply_missing(tx: Transaction) -> Migrated:
        await tx.execute(_LOCK)
        await tx.execute(_MAKE_TABLE)
        checksums = {int(row[0]): str(row[2]) for row in await tx.fetch_rows(_LIST_APPLIED, migration_set)}
        _require_known(set(checksums) - set(known), migration_set)
        missing = [migration for migration in migrations if migration.number not in checksums]
        for migration in missing:
            await _apply(tx, migration_set, migration)
        return Migrated(
            applied=tuple(migration.name for migration in missing),
            changed=tuple(known[number].name for number, text in checksums.items() if known[number].checksum != text),
        )

    migrated = await database.transaction(apply_missing)
    for name in migrated.changed:
        _log.warning("migration %s of set %s has changed since it was applied to this database", name, migration_set)
    return migrated


@cache
def load_migrations(migration_set: MigrationSet, dialect: Dialect) -> tuple[Migration, ...]:
    """Read the packaged files of a set in the words of a backend, in order."""
    migrations = []
    for file in resources.files("watchword.db").joinpath("migrations", migration_set).iterdir():
        parts = _FILE_NAME.fullmatch(file.name)
        if parts is not None and parts[3] in {None, dialect}:
            text = file.read_text(encoding="utf-8")
            migrations.append(
                Migration(
                    number=int(parts[1]),
                    name=f"{parts[1]}_{parts[2]}",
                    checksum=hashlib.sha256(text.encode()).hexdigest(),
                    statements=split_statements(text if parts[3] else translate_words(text, dialect)),
                )
            )
    return tuple(sorted(migrations, key=lambda migration: migration.number))


async def _apply(tx: Transaction, migration_set: MigrationSet, migration: Migration) -> None:
    for statement in migration.statements:
        await tx.execute(statement)
    await tx.execute(_RECORD, migration_set, migration.number, migration.name, migration.checksum)


def _require_known(unknown: set[int], migration_set: MigrationSet) -> None:
    if unknown:
        numbers = ", ".join(f"{number:04d}" for number in sorted(unknown))
        raise DatabaseNewerError(
            f"The database was changed by a newer program (migrations {numbers} of set {migration_set} are unknown"
            " here); start that program, or put back a backup made before it"
        )


def translate_words(text: str, dialect: Dialect) -> str:
    """Put a file's text, written in PostgreSQL's words, into those of a backend."""
    for pattern, word in _SQLITE_WORDS if dialect == "sqlite" else _POSTGRES_WORDS:
        text = pattern.sub(word, text)
    return text


def split_statements(text: str) -> tuple[Statement, ...]:
    """Cut a file's text into statements: each ends with a semicolon at the end of a line."""
    parts = (part.strip() for part in re.split(r";[ \t]*(?:\n|$)", text))
    return tuple(Statement(part, sqlite=part) for part in parts if part)
