"""Durable writes in a row, the same for both databases."""

from __future__ import annotations

import time
from collections.abc import Iterator

from watchword.db.database import Database, Statement, Transaction

ADD = Statement("INSERT INTO notes (id, created_at) VALUES ($1, $2)")


async def write_until(database: Database, until: float, numbers: Iterator[int]) -> int:
    """Write one row after the other and give their number."""
    count = 0

    async def add(tx: Transaction) -> None:
        await tx.execute(ADD, f"nte_{next(numbers):026d}", 1)

    while time.perf_counter() < until:
        await database.transaction(add)
        count += 1
    return count
