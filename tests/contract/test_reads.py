"""Reads: by key, by index, and those that may look at many."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

import pytest

from contract.backends import Backend, add_things, count_things
from watchword.db.database import Database, Row, Statement, Transaction
from watchword.errors import ScanTooLongError, UnavailableError

FIND = Statement("SELECT id, name FROM things WHERE id = $1")
LIST = Statement("SELECT id FROM things ORDER BY id")
ENDLESS = Statement(
    "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    sqlite="WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
)


async def test_a_row_by_key_is_found(database: Database) -> None:
    """A read by key gives the row, and None where there is none."""
    await add_things(database, "a", "b")
    found = await database.fetch_row(FIND, "b")
    assert found is not None
    assert tuple(found) == ("b", "b")
    assert await database.fetch_row(FIND, "c") is None


async def test_the_first_of_many_rows_is_given(database: Database) -> None:
    """A read of one row gives the first, however many there are."""
    await add_things(database, "b", "a", "c")
    found = await database.fetch_row(LIST)
    assert found is not None
    assert tuple(found) == ("a",)


async def test_all_rows_are_given_in_order(database: Database) -> None:
    """A read of rows gives all in the order asked for, and an empty sequence where there are none."""
    assert list(await database.fetch_rows(LIST)) == []
    await add_things(database, "b", "a", "c")
    assert [row[0] for row in await database.fetch_rows(LIST)] == ["a", "b", "c"]
    assert [row[0] for row in await database.scan_rows(LIST)] == ["a", "b", "c"]


async def test_parameters_go_by_their_number(database: Database) -> None:
    """A parameter may stand in any order and more than once."""
    await add_things(database, "a", "b")
    statement = Statement("SELECT id FROM things WHERE name = $2 AND id = $2 AND email <> $1")
    assert await database.fetch_row(statement, "b", "a") is not None
    assert await database.fetch_row(statement, "a", "a") is None


async def test_text_sorts_by_code_point(database: Database) -> None:
    """Text sorts and compares by code point on both backends, so that a cursor means the same everywhere."""
    ids = ["a", "B", "_", "~", "é", "가", "\U0001f511", "Z", "y", "a b", "a-b", "ab", "10", "9"]
    await add_things(database, *ids)
    assert [row[0] for row in await database.fetch_rows(LIST)] == sorted(ids)
    after = Statement("SELECT count(*) FROM things WHERE id > $1")
    row = await database.fetch_row(after, "Z")
    assert row is not None
    assert row[0] == sum(1 for text in ids if text > "Z")


async def test_every_kind_of_value_comes_back_as_it_went_in(database: Database) -> None:
    """Text, 64-bit numbers, floats, bytes, JSON text and nothing are given back unchanged."""
    statement = Statement("INSERT INTO things VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    rows: list[tuple[str | int | float | bytes | None, ...]] = [
        (
            "1",
            None,
            "가나다 \U0001f511 e\u0301",
            "a@example.com",
            2**63 - 1,
            1.5,
            b"\x00\xff",
            '{"b": [1, "가"],  "a": 1}',
        ),
        ("2", "1", "line\nbreak\ttab'quote\"", "b@example.com", -(2**63), -0.1, b"", "null"),
        ("3", None, "", "", None, None, None, None),
    ]

    async def add(tx: Transaction) -> None:
        for row in rows:
            await tx.execute(statement, *row)

    await database.transaction(add)
    everything = Statement("SELECT * FROM things ORDER BY id")
    assert [tuple(row) for row in await database.fetch_rows(everything)] == rows


async def test_an_endless_scan_is_ended(backend: Backend, database: Database) -> None:
    """A scan over its deadline is ended with its own error, and the database serves on."""
    hurried = await backend.open(scan_deadline_ms=50)
    for _ in range(3):
        with pytest.raises(ScanTooLongError):
            await hurried.scan_rows(ENDLESS)
    assert list(await hurried.scan_rows(LIST)) == []


async def test_a_scan_does_not_hold_up_reads_by_key(backend: Backend, database: Database) -> None:
    """Reads by key and writes go on while scans run."""
    hurried = await backend.open(scan_deadline_ms=300)
    await add_things(hurried, "a")
    scans = [asyncio.create_task(hurried.scan_rows(ENDLESS)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await hurried.fetch_row(FIND, "a") is not None
    await add_things(hurried, "b")
    assert not any(scan.done() for scan in scans)
    for result in await asyncio.gather(*scans, return_exceptions=True):
        assert isinstance(result, ScanTooLongError)


async def test_a_read_may_begin_outside_a_task(database: Database) -> None:
    """A read's first steps may be driven by hand inside a callback and the rest by a task: the fast lane does so."""
    await add_things(database, "a")
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Row | None] = loop.create_future()
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        assert asyncio.current_task() is None
        read = database.fetch_row(FIND, "a")
        try:
            waits_for = read.send(None)
        except StopIteration as finished:
            result.set_result(finished.value)
            return
        tasks.append(loop.create_task(finish(read, waits_for)))

    async def finish(read: Coroutine[Any, Any, Row | None], waits_for: object) -> None:
        result.set_result(await resume(read, waits_for))

    loop.call_soon(begin)
    row = await result
    assert row is not None
    assert row[0] == "a"


async def test_many_readers_at_once_are_all_served(database: Database) -> None:
    """Many more readers than connections are all served."""
    await add_things(database, "a")
    rows = await asyncio.gather(*(database.fetch_row(FIND, "a") for _ in range(300)))
    assert all(row is not None and row[0] == "a" for row in rows)


async def test_a_reader_that_goes_away_leaves_the_database_whole(database: Database) -> None:
    """Reads and writes cancelled at any point cost the others nothing."""
    await add_things(database, "a")
    for steps in range(4):
        tasks = [asyncio.create_task(count_things(database)) for _ in range(10)]
        tasks += [asyncio.create_task(count_scanned(database)) for _ in range(10)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert await asyncio.gather(*(count_things(database) for _ in range(20))) == [1] * 20


async def test_a_closed_database_refuses(backend: Backend, database: Database) -> None:
    """After close, every call is refused as unavailable."""
    closed = await backend.open()
    await closed.close()
    for call in (
        closed.fetch_row(FIND, "a"),
        closed.fetch_rows(LIST),
        closed.scan_rows(LIST),
        add_things(closed, "a"),
    ):
        with pytest.raises(UnavailableError):
            await call
    assert await count_things(database) == 0


async def count_scanned(database: Database) -> int:
    return len(await database.scan_rows(LIST))


@coroutine
def resume(read: Coroutine[Any, Any, Row | None], waits_for: object) -> Generator[Any, Any, Row | None]:
    yield waits_for
    while True:
        try:
            waits_for = read.send(None)
        except StopIteration as finished:
            row: Row | None = finished.value
            return row
        yield waits_for
