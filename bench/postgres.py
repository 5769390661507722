"""What PostgreSQL costs us: microseconds of a read by key, and transactions a second.

Run: ``python bench/postgres.py URL [rows]``, with the URL of an empty database. The same reads and writes as
``bench/sqlite.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from durable_writes import write_until
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.postgres import PostgresDatabase

MAKE = Statement(
    "CREATE TABLE keys (id text PRIMARY KEY, key_hash bytea NOT NULL, tenant_id text NOT NULL, scopes json,"
    " created_at bigint NOT NULL); CREATE TABLE notes (id text PRIMARY KEY, created_at bigint NOT NULL)"
)
FILL = Statement(
    "INSERT INTO keys SELECT 'key_' || lpad(n::text, 26, '0'), sha256(n::text::bytea), 'ten_demo',"
    " '[\"products:read\"]', 0 FROM generate_series(0, $1 - 1) AS n"
)
MAKE_INDEX = Statement("CREATE UNIQUE INDEX keys_hash ON keys (key_hash)")
DROP = Statement("DROP TABLE IF EXISTS keys; DROP TABLE IF EXISTS notes")
FIND = Statement("SELECT id, tenant_id, scopes, created_at FROM keys WHERE key_hash = $1")

ROUNDS = 5
SECONDS = 2.0


async def main(url: str, rows: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        generations = Generations(Path(directory) / "generations")
        database = await PostgresDatabase.connect(url, generations=generations)
        await fill(database, rows)
        for tasks in (1, 8):
            print(f"fetch_row by index from {tasks} tasks:  {await measure_reads(database, tasks, rows):8.1f} µs")
        for tasks in (1, 8, 64):
            print(f"transactions from {tasks:2} tasks: {await measure_writes(database, tasks):10,.0f}/s")
        await database.close()
        generations.close()


async def fill(database: PostgresDatabase, rows: int) -> None:
    """Make the tables and the rows to be read."""

    async def make(tx: Transaction) -> None:
        await tx.execute(DROP)
        await tx.execute(MAKE)
        await tx.execute(FILL, rows)
        await tx.execute(MAKE_INDEX)

    await database.transaction(make)


async def measure_reads(database: PostgresDatabase, tasks: int, rows: int) -> float:
    """Give the median over rounds of the time per read while so many tasks read."""
    times = 4_000 // tasks

    async def read(start: int) -> None:
        for number in range(start, start + times):
            await database.fetch_row(FIND, sha256(str(number * 7919 % rows).encode()).digest())

    results = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await asyncio.gather(*(read(task * times) for task in range(tasks)))
        results.append((time.perf_counter() - started) / (times * tasks) * 1e6)
    return statistics.median(results)


async def measure_writes(database: PostgresDatabase, tasks: int) -> float:
    """Write from so many tasks at once and give the transactions that were committed in a second."""
    numbers = itertools.count(time.time_ns())
    started = time.perf_counter()
    written = await asyncio.gather(*(write_until(database, started + SECONDS, numbers) for _ in range(tasks)))
    return sum(written) / (time.perf_counter() - started)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000))  # noqa: PLR2004 - argument
