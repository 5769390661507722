"""Rows that are kept: as new as what would be read, whoever writes."""

from __future__ import annotations

import mmap
import sqlite3
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Thread

import pytest

from child_process import ChildProcess
from watchword.db import sqlite_kept
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import UnavailableError

MAKE = Statement("CREATE TABLE counts (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, body TEXT NOT NULL) STRICT")
ADD = Statement("INSERT INTO counts (id, number, body) VALUES ($1, 0, $2)")
SET = Statement("UPDATE counts SET number = $2 WHERE id = $1")
DELETE = Statement("DELETE FROM counts WHERE id = $1")
FIND = Statement("SELECT number, body FROM counts WHERE id = $1", may_be_kept=True)
FIND_ANEW = Statement("SELECT number, body FROM counts WHERE id = $1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.db"


@pytest.fixture
async def counts(path: Path, generations: Generations) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, generations=generations, synchronous="OFF")
    await run(database, MAKE)
    for number in range(4):
        await run(database, ADD, number, "a")
    yield database
    await database.close()


async def run(database: SqliteDatabase, statement: Statement, *parameters: str | int) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(statement, *parameters)

    await database.transaction(work)


async def find(database: SqliteDatabase, row_id: int = 0) -> int | None:
    row = await database.fetch_row(FIND, row_id)
    return None if row is None else int(row[0])


async def is_kept(database: SqliteDatabase, row_id: int = 0) -> bool:
    """Say whether the same read twice gives the very same rows, which only kept ones are."""
    return await database.fetch_rows(FIND, row_id) is await database.fetch_rows(FIND, row_id)


async def test_rows_are_kept_while_nothing_is_committed(counts: SqliteDatabase) -> None:
    """The same read gives the same rows without another look into the file; others are read."""
    await find(counts)
    assert await is_kept(counts)
    assert await counts.fetch_rows(FIND_ANEW, 0) is not await counts.fetch_rows(FIND_ANEW, 0)


async def test_a_change_is_seen_by_the_next_read(counts: SqliteDatabase) -> None:
    """What a transaction of this process changed or deleted is gone from memory when the transaction returns."""
    for number in range(1, 20):
        await run(counts, SET, 0, number)
        assert [await find(counts), await find(counts)] == [number, number]
    await run(counts, DELETE, 0)
    assert await find(counts) is None


async def test_a_change_by_another_program_is_seen(counts: SqliteDatabase, path: Path) -> None:
    """A commit that knows nothing of this product is seen as any other, also behind a checkpoint."""
    script = (
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nfor line in sys.stdin:\n"
        "    print(c.execute(line).fetchall(), flush=True)\n"
    )
    child = ChildProcess(script, str(path))
    for number in range(1, 20):
        assert await is_kept(counts) or number == 1
        child.tell(f"UPDATE counts SET number = {number} WHERE id = 0")
        child.hear()
        assert await find(counts) == number
        child.tell("PRAGMA wal_checkpoint(TRUNCATE)")
        child.hear()
        assert await find(counts) == number
    child.kill()


async def test_where_the_commits_stand(counts: SqliteDatabase) -> None:
    """It is told from the first kept read on, stays while nothing is committed, and is another behind each commit."""
    assert counts.commits() is None
    await find(counts)
    seen = [counts.commits()]
    for number in range(1, 5):
        await run(counts, SET, 0, number)
        seen.append(counts.commits())
        assert counts.commits() == seen[-1]
    assert None not in seen
    assert len(set(seen)) == 5
    await counts.close()
    assert counts.commits() is None


async def test_what_is_undone_is_not_kept(counts: SqliteDatabase) -> None:
    """A transaction that fails leaves what was there."""
    await run(counts, SET, 0, 7)

    async def fail(tx: Transaction) -> None:
        await tx.execute(SET, 0, 8)
        assert await find(counts) == 7
        raise LookupError

    with pytest.raises(LookupError):
        await counts.transaction(fail)
    assert [await find(counts), await find(counts)] == [7, 7]


WRITER = """
import asyncio, mmap, struct, sys
from pathlib import Path
from watchword.db.database import Statement
from watchword.db.generations import Generations
from watchword.db.sqlite import SqliteDatabase

SET = Statement("UPDATE counts SET number = $2 WHERE id = $1")

async def main(path, board, row_id, count):
    database = SqliteDatabase(Path(path), generations=Generations(Path(path + ".generations")), synchronous="OFF")
    with open(board, "r+b") as file:
        acknowledged = mmap.mmap(file.fileno(), 0)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(1, count + 1):
        async def work(tx):
            await tx.execute(SET, row_id, number)
        await database.transaction(work)
        struct.pack_into("q", acknowledged, row_id * 8, number)
    await database.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


async def test_no_acknowledged_change_is_missed_under_fire(counts: SqliteDatabase, path: Path, tmp_path: Path) -> None:
    """While two other processes write, a read never gives less than what was acknowledged before it began."""
    board = tmp_path / "board"
    board.write_bytes(bytes(16))
    with board.open("r+b") as file:
        acknowledged = mmap.mmap(file.fileno(), 0)
    last = 300
    children = [ChildProcess(WRITER, str(path), str(board), str(row_id), str(last)) for row_id in (0, 1)]
    for child in children:
        assert child.hear() == "ready"
    for child in children:
        child.tell("go")
    seen = [0, 0]
    kept = 0
    while min(seen) < last:
        for row_id in (0, 1):
            least = max(seen[row_id], struct.unpack_from("q", acknowledged, row_id * 8)[0])
            found = await find(counts, row_id)
            assert found is not None
            assert found >= least
            seen[row_id] = found
        kept += await is_kept(counts, 1)
    for child in children:
        child.finish()
    assert kept > 0


async def test_kept_rows_are_bounded(counts: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the kept rows would take more memory than they may, they make room; one that is too large is not kept."""
    monkeypatch.setattr(sqlite_kept, "_KEPT_BYTES_MAX", 2_000)
    await run(counts, ADD, 9, "x" * 2_000)
    await find(counts, 9)
    assert not await is_kept(counts, 9)
    for row_id in range(4):
        assert await is_kept(counts, row_id)
    assert await find(counts, 0) == 0
    assert await is_kept(counts, 0)


async def test_nothing_found_is_kept_until_it_is_there(counts: SqliteDatabase) -> None:
    """That there is no such row is kept as a row is, and forgotten with the commit that adds it."""
    await find(counts)
    assert await find(counts, 77) is None
    assert await is_kept(counts, 77)
    await run(counts, ADD, 77, "a")
    assert await find(counts, 77) == 0


async def test_what_strangers_ask_for_fills_no_more_than_the_bound(
    counts: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of names made up takes the memory of a few."""
    monkeypatch.setattr(sqlite_kept, "_KEPT_BYTES_MAX", 10_000)
    for number in range(100, 200):
        assert await find(counts, number) is None
    reader = counts._local.by_key
    assert reader is not None
    assert 0 < len(reader.kept._rows) <= 20


async def test_kept_rows_are_not_given_without_their_database(counts: SqliteDatabase, path: Path) -> None:
    """Kept or not, a read of a database that is closed, or whose file is gone, is unavailable."""
    assert not await is_kept(counts)
    assert await is_kept(counts)
    path.rename(path.with_name("moved"))  # noqa: ASYNC240 - a file of the test
    with pytest.raises(UnavailableError):
        await run(counts, SET, 0, 1)
    with pytest.raises(UnavailableError):
        await find(counts)
    path.with_name("moved").rename(path)
    await run(counts, SET, 0, 2)
    assert await find(counts) == 2
    await counts.close()
    with pytest.raises(UnavailableError):
        await find(counts)


async def test_another_thread_s_close_takes_the_shared_memory_first(counts: SqliteDatabase) -> None:
    """A reader whose connection another thread has closed is told so, and does not look into memory given back."""
    reader = counts._local.by_key
    assert reader is None or not reader.kept.is_attached
    await find(counts)
    await find(counts)
    reader = counts._local.by_key
    assert reader is not None
    closing = Thread(target=reader.close)
    closing.start()
    closing.join()
    with pytest.raises(UnavailableError):
        await find(counts)


async def test_a_file_put_back_is_read_anew(counts: SqliteDatabase, path: Path, tmp_path: Path) -> None:
    """When another file takes the place of the one that was read, what was kept of that one is not given."""
    other = tmp_path / "other.db"
    copy = sqlite3.connect(other)
    copy.execute(str(MAKE.sqlite))
    copy.execute("INSERT INTO counts VALUES (0, 41, 'b')")
    copy.commit()
    copy.close()
    await find(counts)
    assert await is_kept(counts)
    other.rename(path)
    await run(counts, SET, 0, 42)
    assert await find(counts) == 42
