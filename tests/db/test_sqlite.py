"""What SQLite promises beyond the contract: groups, other processes, kills, full disks and files that move."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import apsw
import pytest

from child_process import ChildProcess
from eventually import eventually
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import InternalError, UnavailableError

MAKE = Statement("CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT")
ADD = Statement("INSERT INTO notes (id, body) VALUES ($1, $2)")
COUNT = Statement("SELECT count(*) FROM notes")
LIST = Statement("SELECT id FROM notes ORDER BY id")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


@pytest.fixture
async def notes(path: Path, generations: Generations) -> AsyncIterator[SqliteDatabase]:
    """A durable database with one table."""
    database = SqliteDatabase(path, generations=generations, writer_wait_ms=3000)
    await make_notes(database)
    yield database
    await database.close()


async def make_notes(database: SqliteDatabase) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(MAKE)

    await database.transaction(work)


async def add_note(database: SqliteDatabase, note_id: str, body: str = "") -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(ADD, note_id, body)

    await database.transaction(work)


async def count_notes(database: SqliteDatabase) -> int:
    row = await database.fetch_row(COUNT)
    assert row is not None
    return int(row[0])


@contextmanager
def foreign_writer(path: Path) -> Iterator[apsw.Connection]:
    """Another process's transaction, holding the lock to write."""
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    with suppress(apsw.Error):
        connection.execute("ROLLBACK")
    connection.close()


class TestGroups:
    """Waiting transactions are committed together."""

    async def test_what_waits_is_committed_together(self, notes: SqliteDatabase, path: Path) -> None:
        """Fifty transactions that wait for a lock need two commits at most, not fifty."""
        before = notes.groups_committed
        with foreign_writer(path):
            tasks = [asyncio.create_task(add_note(notes, str(number))) for number in range(50)]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert await count_notes(notes) == 50
        assert notes.groups_committed - before <= 2

    async def test_work_that_waits_for_something_else_is_refused(self, notes: SqliteDatabase) -> None:
        """Work that awaits anything but its transaction fails by itself and is undone."""

        async def dream(tx: Transaction) -> None:
            await tx.execute(ADD, "dream", "")
            await asyncio.sleep(0)

        results = await asyncio.gather(
            add_note(notes, "before"), notes.transaction(dream), add_note(notes, "after"), return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None), InternalError, type(None)]
        assert [row[0] for row in await notes.fetch_rows(LIST)] == ["after", "before"]

    async def test_who_left_before_its_turn_is_not_served(self, notes: SqliteDatabase, path: Path) -> None:
        """A transaction whose caller has gone before it began is not run."""
        with foreign_writer(path):
            first = asyncio.create_task(add_note(notes, "first"))
            await asyncio.sleep(0)
            await eventually(lambda: notes._writer._queue.qsize() == 0, seconds=2)
            gone = asyncio.create_task(add_note(notes, "gone"))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        await first
        assert [row[0] for row in await notes.fetch_rows(LIST)] == ["first"]

    async def test_closing_finishes_what_waits(self, path: Path, generations: Generations) -> None:
        """Transactions that wait when the database is closed are committed, and later ones refused."""
        database = SqliteDatabase(path, generations=generations)
        await make_notes(database)
        with foreign_writer(path):
            tasks = [asyncio.create_task(add_note(database, str(number))) for number in range(20)]
            await asyncio.sleep(0)
            closing = asyncio.create_task(database.close())
            await asyncio.sleep(0)
        await asyncio.gather(*tasks, closing)
        with pytest.raises(UnavailableError):
            await add_note(database, "late")
        assert apsw.Connection(str(path)).execute("SELECT count(*) FROM notes").get == 20

    def test_callers_in_several_event_loops_are_served(self, path: Path, generations: Generations) -> None:
        """Threads with event loops of their own read and write one database at once."""
        database = SqliteDatabase(path, generations=generations)
        asyncio.run(make_notes(database))

        async def work(name: str) -> None:
            for number in range(20):
                await add_note(database, f"{name} {number}")
                assert await count_notes(database) > number

        threads = [Thread(target=lambda name=name: asyncio.run(work(name))) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asyncio.run(count_notes(database)) == 80
        asyncio.run(database.close())


class TestClosing:
    """Closing while others are at work."""

    async def test_scans_end_in_an_answer_or_a_refusal(self, path: Path, generations: Generations) -> None:
        """Scans under way or waiting when the database is closed are answered or refused, never cancelled."""
        database = SqliteDatabase(path, generations=generations, readers=1)
        await make_notes(database)
        scans = [asyncio.create_task(database.scan_rows(LIST)) for _ in range(20)]
        await asyncio.sleep(0)
        await database.close()
        for result in await asyncio.gather(*scans, return_exceptions=True):
            assert isinstance(result, UnavailableError) or result == []


class TestOtherProcesses:
    """The file is shared with others."""

    async def test_a_writer_elsewhere_does_not_hold_up_readers(self, notes: SqliteDatabase, path: Path) -> None:
        """While another process writes, reads answer at once with what is committed."""
        await add_note(notes, "a")
        with foreign_writer(path) as foreign:
            foreign.execute("DELETE FROM notes")
            assert await count_notes(notes) == 1
            assert [row[0] for row in await notes.scan_rows(LIST)] == ["a"]

    async def test_a_read_does_not_hold_its_state(self, notes: SqliteDatabase, path: Path) -> None:
        """After a read of one row of many nothing is held: the write-ahead log can be emptied, later reads see more."""
        await add_note(notes, "a")
        await add_note(notes, "b")
        assert await notes.fetch_row(LIST) is not None
        foreign = apsw.Connection(str(path))
        foreign.execute("INSERT INTO notes VALUES ('c', '')")
        assert foreign.execute("PRAGMA wal_checkpoint(TRUNCATE)").get == (0, 0, 0)
        foreign.close()
        assert await count_notes(notes) == 3

    async def test_a_lock_held_too_long_is_unavailable(self, path: Path, generations: Generations) -> None:
        """A writer that waits too long for another process answers unavailable, wrote nothing, and serves on."""
        database = SqliteDatabase(path, generations=generations, writer_wait_ms=50)
        await make_notes(database)
        with foreign_writer(path):
            results = await asyncio.gather(
                *(add_note(database, str(number)) for number in range(3)), return_exceptions=True
            )
        assert all(isinstance(result, UnavailableError) for result in results)
        assert await count_notes(database) == 0
        await add_note(database, "a")
        await database.close()

    async def test_two_processes_write_at_once(self, notes: SqliteDatabase, path: Path) -> None:
        """Two processes that write without pause both come through, and each sees what the other committed."""
        child = ChildProcess(WRITER, str(path), "theirs", "100")
        assert child.hear() == "ready"
        await asyncio.gather(*(add_note(notes, f"ours {number}") for number in range(100)))
        child.finish()
        assert await count_notes(notes) == 200

    async def test_a_kill_loses_nothing_acknowledged(self, notes: SqliteDatabase, path: Path) -> None:
        """A process killed while it writes has lost nothing that it said was written, and the file is whole."""
        for name in "abc":
            child = ChildProcess(WRITER, str(path), name, "1000000")
            assert child.hear() == "ready"
            acknowledged = [child.hear() for _ in range(100)]
            acknowledged += child.kill()[:-1]  # the last line may be cut
            kept = {row[0] for row in await notes.fetch_rows(LIST)}
            assert kept.issuperset(acknowledged)
            assert [tuple(row) for row in await notes.fetch_rows(Statement("PRAGMA integrity_check"))] == [("ok",)]
            await add_note(notes, f"after {name}")


WRITER = """
import asyncio, sys
from pathlib import Path
from watchword.db.database import Statement
from watchword.db.generations import Generations
from watchword.db.sqlite import SqliteDatabase

ADD = Statement("INSERT INTO notes (id, body) VALUES ($1, $2)")

async def main(path, name, count):
    database = SqliteDatabase(Path(path), generations=Generations(Path(path + ".generations")))
    print("ready", flush=True)

    async def add(number):
        async def work(tx):
            await tx.execute(ADD, f"{name} {number}", "x" * 100)
        await database.transaction(work)
        print(f"{name} {number}", flush=True)

    for start in range(0, int(count), 20):
        await asyncio.gather(*(add(number) for number in range(start, start + 20)))
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


class TestTrouble:
    """Full disks, broken files and files that are not where they were."""

    async def test_a_full_disk_is_unavailable_and_passes(self, notes: SqliteDatabase) -> None:
        """When no page can be added, writes are unavailable, leave nothing and lose nothing; reads go on."""
        await add_note(notes, "before")
        writer = notes._writer._connection
        limit = writer.pragma("max_page_count", writer.pragma("page_count") + 2)
        results = await asyncio.gather(
            *(add_note(notes, f"note {number}", "x" * 30_000) for number in range(5)), return_exceptions=True
        )
        assert all(isinstance(result, UnavailableError) for result in results)
        assert [row[0] for row in await notes.fetch_rows(LIST)] == ["before"]
        writer.pragma("max_page_count", 1_000_000)
        await add_note(notes, "after", "x" * 30_000)
        assert await count_notes(notes) == 2
        assert limit is not None

    async def test_one_note_too_many_tells_the_truth_to_its_neighbours(self, notes: SqliteDatabase) -> None:
        """Of a group in which one work fills the disk, exactly those notes are there that were acknowledged."""
        writer = notes._writer._connection
        writer.pragma("max_page_count", writer.pragma("page_count") + 2)
        bodies = ["x", "x" * 100_000, "x"]
        results = await asyncio.gather(
            *(add_note(notes, str(number), body) for number, body in enumerate(bodies)), return_exceptions=True
        )
        acknowledged = [str(number) for number, result in enumerate(results) if result is None]
        assert isinstance(results[1], UnavailableError)
        assert [row[0] for row in await notes.fetch_rows(LIST)] == acknowledged

    async def test_work_that_ignores_a_full_disk_commits_nothing(self, notes: SqliteDatabase) -> None:
        """Work that catches the error of a full disk and goes on leaves nothing behind."""
        writer = notes._writer._connection
        writer.pragma("max_page_count", writer.pragma("page_count") + 2)

        async def stubborn(tx: Transaction) -> None:
            with suppress(UnavailableError):
                await tx.execute(ADD, "large", "x" * 100_000)
            with suppress(UnavailableError):
                await tx.execute(ADD, "small", "")

        with pytest.raises(UnavailableError):
            await notes.transaction(stubborn)
        assert await count_notes(notes) == 0

    async def test_a_write_error_of_the_system_is_unavailable_and_passes(
        self, notes: SqliteDatabase, path: Path
    ) -> None:
        """When the system refuses to write, callers hear unavailable; when it takes writes again, so do we."""
        await add_note(notes, "before")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        log_bytes = path.with_name("notes.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes, hard))
        try:
            with pytest.raises(UnavailableError):
                await add_note(notes, "refused", "x" * 20_000)
            assert await count_notes(notes) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await add_note(notes, "after")
        assert [row[0] for row in await notes.fetch_rows(LIST)] == ["after", "before"]

    async def test_a_file_that_is_gone_is_unavailable_until_it_is_back(self, notes: SqliteDatabase, path: Path) -> None:
        """While the file is not in its place, writes and reads are refused; once it is back, all is as before."""
        await add_note(notes, "before")
        names = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
        for name in names:
            name.rename(name.with_name("moved-" + name.name))
        with pytest.raises(UnavailableError):
            await add_note(notes, "refused")
        with pytest.raises(UnavailableError):
            await count_notes(notes)
        with pytest.raises(UnavailableError):
            await notes.scan_rows(LIST)
        for name in names:
            name.with_name("moved-" + name.name).rename(name)
        await add_note(notes, "after")
        assert await count_notes(notes) == 2

    async def test_an_idle_database_notices_that_its_file_is_gone(self, notes: SqliteDatabase, path: Path) -> None:
        """Reads are refused soon after the file has gone and served soon after it is back, without any write."""
        moved = path.with_name("moved")
        os.rename(path, moved)  # noqa: PTH104 - one step, and a path's own method counts as blocking here
        await eventually(lambda: notes._file.gone != "", seconds=3)
        with pytest.raises(UnavailableError):
            await count_notes(notes)
        moved.rename(path)
        await eventually(lambda: notes._file.gone == "", seconds=3)
        assert await count_notes(notes) == 0

    async def test_another_file_in_its_place_is_taken_up(
        self, notes: SqliteDatabase, path: Path, generations: Generations
    ) -> None:
        """When a backup is put in the file's place, reads and writes go there, and nothing remembered is used."""
        await add_note(notes, "a")
        backup = path.with_name("backup.db")
        connection = apsw.Connection(str(backup))
        connection.execute("CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT")
        connection.execute("INSERT INTO notes VALUES ('of the backup', '')")
        connection.close()
        before = generations.read(generations.slot("session:a"))
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink()
        backup.replace(path)
        await add_note(notes, "new")
        assert [row[0] for row in await notes.fetch_rows(LIST)] == ["new", "of the backup"]
        assert [row[0] for row in await notes.scan_rows(LIST)] == ["new", "of the backup"]
        assert generations.read(generations.slot("session:a")) != before

    @pytest.mark.parametrize("kind", ["no directory", "a directory", "no database"])
    def test_what_cannot_be_opened_is_unavailable(self, path: Path, generations: Generations, kind: str) -> None:
        """A file that cannot be made or is no database is refused at the start, with a cause."""
        if kind == "no directory":
            path = path / "missing" / "notes.db"
        elif kind == "a directory":
            path.mkdir()
        else:
            path.write_bytes(b"this is no database, and long enough to be taken for one" * 100)
        with pytest.raises(UnavailableError) as caught:
            SqliteDatabase(path, generations=generations)
        assert caught.value.cause


class TestFile:
    """How the file is kept."""

    async def test_only_its_owner_can_read_it(self, notes: SqliteDatabase, path: Path) -> None:
        """The file, its write-ahead log and its index are the owner's alone, whatever the umask."""
        await add_note(notes, "a")
        for end in ("", "-wal", "-shm", "-turn"):
            assert stat.S_IMODE(path.with_name(path.name + end).stat().st_mode) == 0o600

    async def test_it_is_kept_durable(self, notes: SqliteDatabase) -> None:
        """Commits are flushed, references are checked, and the file is not mapped into memory."""
        writer = notes._writer._connection
        names = ("journal_mode", "synchronous", "foreign_keys", "mmap_size", "trusted_schema")
        assert [writer.pragma(name) for name in names] == ["wal", 2, 1, 0, 0]

    async def test_reads_cannot_write(self, notes: SqliteDatabase) -> None:
        """A change sent as a read is refused."""
        with pytest.raises(UnavailableError):
            await notes.fetch_row(ADD, "a", "")
        with pytest.raises(UnavailableError):
            await notes.scan_rows(ADD, "a", "")
        assert await count_notes(notes) == 0

    async def test_closing_leaves_one_file(self, path: Path, generations: Generations) -> None:
        """After the last process has closed, everything stands in the one file; that of the turn is empty."""
        database = SqliteDatabase(path, generations=generations)
        await make_notes(database)
        assert await count_notes(database) == 0
        await database.scan_rows(LIST)
        await database.close()
        await database.close()
        names = {entry.name for entry in os.scandir(path.parent) if entry.name.startswith(path.name)}
        assert names == {path.name, f"{path.name}-turn"}
        assert path.with_name(f"{path.name}-turn").stat().st_size == 0
