"""Notes in a database of PostgreSQL: a table of their own, written and counted, for what that backend promises alone."""

from __future__ import annotations

from watchword.db.database import Statement, Transaction
from watchword.db.postgres import PostgresDatabase

MAKE = Statement("CREATE TABLE notes (id text PRIMARY KEY, amount bigint NOT NULL DEFAULT 0)")
ADD = Statement("INSERT INTO notes (id) VALUES ($1)")
COUNT = Statement("SELECT count(*) FROM notes")
END_OTHERS = Statement(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def make_notes(database: PostgresDatabase) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(MAKE)

    await database.transaction(work)


async def add_note(database: PostgresDatabase, note_id: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(ADD, note_id)

    await database.transaction(work)


async def count_notes(database: PostgresDatabase) -> int:
    row = await database.fetch_row(COUNT)
    assert row is not None
    return int(row[0])
