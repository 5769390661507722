"""Migrations: each once, in order, together or not at all, by one process at a time."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from child_process import ChildProcess
from contract.backends import Backend
from watchword.db.database import Database, Statement, Transaction
from watchword.db.migrate import Migration, apply_migrations, load_migrations, migrate, split_statements
from watchword.errors import DatabaseNewerError, InternalError

LIST_APPLIED = Statement("SELECT migration_set, number FROM schema_migrations ORDER BY migration_set, number")


def make_migration(number: int, text: str) -> Migration:
    return Migration(number=number, name=f"{number:04d}_test", checksum="0", statements=split_statements(text))


@pytest.fixture
async def empty(backend: Backend) -> Database:
    """A database in which nothing was migrated by these tests."""
    database = await backend.open()

    async def empty_it(tx: Transaction) -> None:
        if backend.dialect == "postgres":
            await tx.execute(Statement("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))

    await database.transaction(empty_it)
    return database


async def test_both_sets_are_applied_once(empty: Database) -> None:
    """Both sets live in one database, every migration is applied in order, and a second run does nothing."""
    for migration_set in ("main", "bookkeeping"):
        known = [migration.name for migration in load_migrations(migration_set, empty.dialect)]
        assert known == sorted(known)
        assert list((await migrate(empty, migration_set)).applied) == known
        again = await migrate(empty, migration_set)
        assert again.applied == again.changed == ()
    assert await empty.fetch_rows(Statement("SELECT id FROM tenants")) is not None
    assert await empty.fetch_rows(Statement("SELECT credential_id FROM credential_usage")) is not None


async def test_a_newer_database_is_refused(empty: Database) -> None:
    """A database with a migration that this program does not know is refused by number, and nothing is applied."""
    known = load_migrations("main", empty.dialect)
    newer = make_migration(9999, "CREATE TABLE from_the_future (id BIGINT);\n")
    await apply_migrations(empty, "main", (*known[:-1], newer))
    before = list(await empty.fetch_rows(LIST_APPLIED))
    with pytest.raises(DatabaseNewerError, match="9999"):
        await migrate(empty, "main")
    assert list(await empty.fetch_rows(LIST_APPLIED)) == before


async def test_the_other_set_does_not_count_as_newer(empty: Database) -> None:
    """Numbers of one set say nothing about the other."""
    await apply_migrations(empty, "main", (make_migration(9999, "CREATE TABLE a (id BIGINT);\n"),))
    assert (await migrate(empty, "bookkeeping")).applied


async def test_a_failing_migration_leaves_nothing(empty: Database) -> None:
    """When one statement fails, none of the missing migrations is applied; mended, all are."""
    good = make_migration(1, "CREATE TABLE a (id BIGINT);\nCREATE TABLE b (id BIGINT);\n")
    bad = make_migration(2, "CREATE TABLE c (id BIGINT);\nCREATE TABLE a (id BIGINT);\n")
    with pytest.raises(InternalError):
        await apply_migrations(empty, "main", (good, bad))
    mended = make_migration(2, "CREATE TABLE c (id BIGINT);\n")
    assert (await apply_migrations(empty, "main", (good, mended))).applied == ("0001_test", "0002_test")


async def test_a_missing_migration_between_others_is_applied(empty: Database) -> None:
    """A migration whose number is below the last applied one is applied all the same."""
    first, second = (
        make_migration(1, "CREATE TABLE a (id BIGINT);\n"),
        make_migration(2, "CREATE TABLE b (id BIGINT);\n"),
    )
    await apply_migrations(empty, "main", (second,))  # as a branch that was merged later leaves it
    assert (await apply_migrations(empty, "main", (first, second))).applied == ("0001_test",)


async def test_a_changed_file_is_named(empty: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A file that has changed since it was applied is named in the answer and the log, and not applied again."""
    migration = make_migration(1, "CREATE TABLE a (id BIGINT);\n")
    await apply_migrations(empty, "main", (migration,))
    with caplog.at_level(logging.WARNING):
        migrated = await apply_migrations(empty, "main", (replace(migration, checksum="1"),))
    assert migrated.applied == ()
    assert migrated.changed == ("0001_test",)
    assert "0001_test" in caplog.text


PROCESS = """
import asyncio, sys
from pathlib import Path
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.postgres import PostgresDatabase
from watchword.db.sqlite import SqliteDatabase

async def main(dialect, place, directory):
    generations = Generations(Path(directory) / "generations")
    if dialect == "sqlite":
        database = SqliteDatabase(Path(place), generations=generations)
    else:
        database = await PostgresDatabase.connect(place, generations=generations)
    print("ready", flush=True)
    sys.stdin.readline()
    print(len((await migrate(database, "main")).applied), flush=True)
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_that_start_together_migrate_once(backend: Backend, empty: Database) -> None:
    """Of four processes that migrate at the same moment one applies everything, and all come through."""
    processes = [ChildProcess(PROCESS, backend.dialect, backend.place, str(backend.directory)) for _ in range(4)]
    assert [process.hear() for process in processes] == ["ready"] * 4
    for process in processes:
        process.tell("go")
    applied = sorted(line for process in processes for line in process.finish())
    assert applied == ["0", "0", "0", str(len(load_migrations("main", empty.dialect)))]
