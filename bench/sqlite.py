"""What SQLite costs us: microseconds of a read by key, and durable writes a second.

Run: ``python bench/sqlite.py [rows]``. Reads go over ``rows`` rows (100,000 unless told) by a unique index of a hash,
as the look-up of an API key does; a write is a transaction of one row whose id sorts by time, as ours do, with
``synchronous=FULL``.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

from durable_writes import write_until
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.sqlite import SqliteDatabase

MAKE = Statement(
    "CREATE TABLE keys (id TEXT PRIMARY KEY, key_hash BLOB NOT NULL, tenant_id TEXT NOT NULL, scopes TEXT,"
    " created_at INTEGER NOT NULL) STRICT"
)
MAKE_INDEX = Statement("CREATE UNIQUE INDEX keys_hash ON keys (key_hash)")
FILL = Statement(
    "INSERT INTO keys (id, key_hash, tenant_id, scopes, created_at) VALUES ($1, $2, 'ten_demo', '[\"products:read\"]', 0)"
)
FIND = Statement("SELECT id, tenant_id, scopes, created_at FROM keys WHERE key_hash = $1")
SCAN = Statement("SELECT count(*) FROM keys WHERE created_at > $1")
MAKE_NOTES = Statement("CREATE TABLE notes (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT")

ROUNDS = 5
SECONDS = 2.0


async def main(rows: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        generations = Generations(Path(directory) / "generations")
        database = SqliteDatabase(Path(directory) / "bench.db", generations=generations)
        await fill(database, rows)

        async def find(number: int) -> None:
            await database.fetch_row(FIND, make_hash(number * 7919 % rows))

        print(f"fetch_row by index of {rows:,} rows: {await microseconds(find, 20_000):8.1f} µs")

        async def scan(number: int) -> None:
            await database.scan_rows(SCAN, number)

        print(f"scan_rows over {rows:,} rows:        {await microseconds(scan, 20):8.1f} µs")
        for tasks in (1, 8, 64):
            await measure_writes(database, tasks)
        await database.close()
        generations.close()


async def fill(database: SqliteDatabase, rows: int) -> None:
    """Make the tables and the rows to be read."""

    async def make(tx: Transaction) -> None:
        await tx.execute(MAKE)
        await tx.execute(MAKE_INDEX)
        await tx.execute(MAKE_NOTES)
        for number in range(rows):
            await tx.execute(FILL, f"key_{number:026d}", make_hash(number))

    await database.transaction(make)


def make_hash(number: int) -> bytes:
    """Give the hash that stands in a row."""
    return sha256(str(number).encode()).digest()


async def microseconds(call: Callable[[int], Awaitable[None]], times: int) -> float:
    """Give the median over rounds of what one call takes."""
    results = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for number in range(times):
            await call(number)
        results.append((time.perf_counter() - started) / times * 1e6)
    return statistics.median(results)


async def measure_writes(database: SqliteDatabase, tasks: int) -> None:
    """Write from so many tasks at once and print what became durable."""
    numbers = itertools.count(time.time_ns())
    before = database.groups_committed
    started = time.perf_counter()
    written = sum(await asyncio.gather(*(write_until(database, started + SECONDS, numbers) for _ in range(tasks))))
    elapsed = time.perf_counter() - started
    groups = database.groups_committed - before
    print(
        f"durable writes from {tasks:2} tasks: {written / elapsed:10,.0f}/s"
        f" in {groups / elapsed:7,.0f} commits/s of {written / groups:.1f}"
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
