"""A database of either kind, the ways into it, and tables with every kind of column."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from watchword.db.database import Database, Dialect, Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.migrate import split_statements, translate_words
from watchword.db.postgres import PostgresDatabase
from watchword.db.sqlite import SqliteDatabase

TABLES = """
CREATE TABLE things (
    id TEXT PRIMARY KEY,
    parent TEXT REFERENCES things (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    amount BIGINT,
    ratio DOUBLE PRECISION,
    data BYTEA,
    document JSON
);
CREATE UNIQUE INDEX things_name ON things (name);
CREATE UNIQUE INDEX things_email ON things (lower(email));
CREATE TABLE tags (
    thing_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    colour TEXT UNIQUE,
    PRIMARY KEY (thing_id, tag)
);
"""


class Backend:
    """One database, and the ways into it."""

    def __init__(self, dialect: Dialect, place: str, directory: Path, generations: Generations) -> None:
        self.dialect = dialect
        self.place = place
        self.generations = generations
        self.directory = directory
        self._stack = AsyncExitStack()

    async def open(self, *, generations: Generations | None = None, scan_deadline_ms: int = 2000) -> Database:
        """Open the database once more, as another process would; on a node of its own with its own generations."""
        database: Database
        shared = generations or self.generations
        if self.dialect == "sqlite":
            database = SqliteDatabase(
                Path(self.place), generations=shared, synchronous="OFF", scan_deadline_ms=scan_deadline_ms
            )
        else:
            database = await PostgresDatabase.connect(self.place, generations=shared, scan_deadline_ms=scan_deadline_ms)
        self._stack.push_async_callback(database.close)
        return database

    def other_node(self) -> Generations:
        """Make the generations of another machine."""
        generations = Generations(self.directory / "generations-of-another-node")
        self._stack.callback(generations.close)
        return generations

    async def close(self) -> None:
        """Close whatever was opened."""
        await self._stack.aclose()


ADD_THING = Statement("INSERT INTO things (id, name, email) VALUES ($1, $1, $1)")
COUNT_THINGS = Statement("SELECT count(*) FROM things")


async def add_things(database: Database, *ids: str) -> None:
    """Add things by these ids, in one transaction."""

    async def add(tx: Transaction) -> None:
        for thing_id in ids:
            await tx.execute(ADD_THING, thing_id)

    await database.transaction(add)


async def count_things(database: Database) -> int:
    """Count the things that are committed."""
    row = await database.fetch_row(COUNT_THINGS)
    assert row is not None
    return int(row[0])


async def make_tables(database: Database) -> None:
    """Make the tables in the words of the database."""

    async def make(tx: Transaction) -> None:
        for statement in split_statements(translate_words(TABLES, database.dialect)):
            await tx.execute(statement)

    await database.transaction(make)
