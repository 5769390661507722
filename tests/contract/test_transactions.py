"""Transactions: together or not at all, alone against others, and durable when they return."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress

import pytest

from contract.backends import ADD_THING, Backend, add_things, count_things
from watchword.db.database import Database, Statement, Transaction, Work
from watchword.errors import (
    ConflictError,
    DuplicateError,
    InternalError,
    MalformedRequestError,
    NotFoundError,
    WatchwordError,
)

FIND = Statement("SELECT id FROM things WHERE id = $1")
SPEND = Statement("UPDATE things SET amount = amount - 1 WHERE id = $1 AND amount > 0")
SET_AMOUNT = Statement("UPDATE things SET amount = $2 WHERE id = $1")
READ_AMOUNT = Statement("SELECT amount FROM things WHERE id = $1")
LOCK_AMOUNT = Statement(
    "SELECT amount FROM things WHERE id = $1 FOR UPDATE", sqlite="SELECT amount FROM things WHERE id = $1"
)
ADD_TAG = Statement("INSERT INTO tags (thing_id, tag, colour) VALUES ($1, $2, $3)")
ADD_CHILD = Statement("INSERT INTO things (id, parent, name, email) VALUES ($1, $2, $1, $1)")
ADD_NAMED = Statement("INSERT INTO things (id, name, email) VALUES ($1, $2, $3)")
BROKEN = Statement("INSERT INTO things (id, name, email) VALUES ($1, NULL, $1)")


async def test_a_transaction_gives_its_answer(database: Database) -> None:
    """The work's answer is given, its changes are seen inside it and, once it returned, by everybody."""

    async def work(tx: Transaction) -> list[object]:
        added = await tx.execute(ADD_THING, "a")
        found = await tx.fetch_row(FIND, "a")
        missing = await tx.fetch_row(FIND, "b")
        return [added, found is not None, missing, len(await tx.fetch_rows(FIND, "a"))]

    assert await database.transaction(work) == [1, True, None, 1]
    assert await database.fetch_row(FIND, "a") is not None


async def test_a_change_says_how_many_rows_it_touched(database: Database) -> None:
    """A change gives the number of rows it touched: none, one or many."""
    await add_things(database, "a", "b", "c")

    async def work(tx: Transaction) -> list[int]:
        return [
            await tx.execute(SET_AMOUNT, "z", 1),
            await tx.execute(SET_AMOUNT, "a", 1),
            await tx.execute(Statement("UPDATE things SET amount = $1"), 2),
            await tx.execute(
                Statement("INSERT INTO things (id, name, email) VALUES ($1, $1, $1) ON CONFLICT DO NOTHING"), "a"
            ),
            await tx.execute(Statement("DELETE FROM things WHERE id <> $1"), "a"),
        ]

    assert await database.transaction(work) == [0, 1, 3, 0, 2]


async def test_many_rows_are_changed_in_one_go(database: Database) -> None:
    """A change is run for each row of parameters, none of them twice, and none where there are no rows."""
    rows = [(f"many {number}",) for number in range(300)]
    await database.transaction(lambda tx: tx.execute_many(ADD_THING, rows))
    await database.transaction(lambda tx: tx.execute_many(ADD_THING, []))
    assert await count_things(database) == 300


@pytest.mark.parametrize("bad", [("a",), ("with\x00nul",)])
async def test_one_bad_row_undoes_the_many(database: Database, bad: tuple[str]) -> None:
    """A row that is refused loses the transaction with all rows before it and behind it."""
    await add_things(database, "a")
    with pytest.raises((DuplicateError, MalformedRequestError)):
        await database.transaction(lambda tx: tx.execute_many(ADD_THING, [("b",), bad, ("c",)]))
    assert await count_things(database) == 1


async def test_whatever_the_work_raises_undoes_all_of_it(database: Database) -> None:
    """An exception of the work reaches the caller as it is, and nothing of the transaction stays."""

    async def work(tx: Transaction) -> None:
        await tx.execute(ADD_THING, "a")
        await tx.execute(ADD_THING, "b")
        raise NotFoundError

    with pytest.raises(NotFoundError):
        await database.transaction(work)
    assert await count_things(database) == 0


async def test_a_failing_statement_undoes_all_of_it(database: Database) -> None:
    """An error of a statement undoes what came before it."""

    async def work(tx: Transaction) -> None:
        await tx.execute(ADD_THING, "a")
        await tx.execute(BROKEN, "b")

    with pytest.raises(InternalError):
        await database.transaction(work)
    assert await count_things(database) == 0


async def test_a_caught_error_loses_the_transaction_all_the_same(database: Database) -> None:
    """Work that catches a statement's error and goes on commits nothing, and the caller learns of that error."""
    await add_things(database, "a")

    async def work(tx: Transaction) -> str:
        await tx.execute(ADD_THING, "b")
        try:
            await tx.execute(ADD_THING, "a")
        except DuplicateError:
            return "went on"
        return "never"

    async def work_on(tx: Transaction) -> None:
        try:
            await tx.execute(ADD_THING, "a")
        except DuplicateError:
            await tx.execute(ADD_THING, "c")

    for wrong in (work, work_on):
        with pytest.raises(DuplicateError):
            await database.transaction(wrong)
    assert await count_things(database) == 1


async def test_a_failing_transaction_takes_no_neighbour_down(database: Database) -> None:
    """Of many transactions at once each succeeds or fails by itself."""

    async def work(tx: Transaction, number: int) -> int:
        await tx.execute(ADD_THING, f"thing {number}")
        if number % 3 == 0:
            raise NotFoundError
        if number % 3 == 1:
            await tx.execute(BROKEN, "x")
        return number

    async def run(number: int) -> int:
        return await database.transaction(lambda tx: work(tx, number))

    results = await asyncio.gather(*(run(number) for number in range(60)), return_exceptions=True)
    for number, result in enumerate(results):
        assert [isinstance(result, NotFoundError), isinstance(result, InternalError), result == number][number % 3]
    assert await count_things(database) == 20


async def test_a_transaction_kept_after_its_end_refuses(database: Database) -> None:
    """A transaction that outlives its work runs no more statements."""
    kept: list[Transaction] = []

    async def work(tx: Transaction) -> None:
        kept.append(tx)

    await database.transaction(work)
    with pytest.raises(InternalError):
        await kept[0].execute(ADD_THING, "a")
    assert await count_things(database) == 0


@pytest.mark.parametrize(
    ("thing", "index"),
    [
        (("a", "other", "other"), "things_pkey"),
        (("other", "name", "other"), "things_name"),
        (("other", "other", "Box@Example.com"), "things_email"),
    ],
)
async def test_a_duplicate_names_its_index(database: Database, thing: tuple[str, ...], index: str) -> None:
    """A unique index that refuses a row is named, the same on both backends: primary key, columns or expression."""

    async def add(tx: Transaction, row: tuple[str, ...]) -> None:
        await tx.execute(ADD_NAMED, *row)

    await database.transaction(lambda tx: add(tx, ("a", "name", "box@example.com")))
    with pytest.raises(DuplicateError) as caught:
        await database.transaction(lambda tx: add(tx, thing))
    assert caught.value.index == index
    assert "box@" not in caught.value.cause.lower()


@pytest.mark.parametrize(("tag", "index"), [(("t", "x", "green"), "tags_pkey"), (("t", "y", "red"), "tags_colour_key")])
async def test_a_duplicate_of_several_columns_names_its_index(
    database: Database, tag: tuple[str, ...], index: str
) -> None:
    """The name is that of the index also for a key of two columns and a column declared unique."""

    async def add(tx: Transaction, row: tuple[str, ...]) -> None:
        await tx.execute(ADD_TAG, *row)

    await database.transaction(lambda tx: add(tx, ("t", "x", "red")))
    with pytest.raises(DuplicateError) as caught:
        await database.transaction(lambda tx: add(tx, tag))
    assert caught.value.index == index


async def test_a_reference_to_nothing_is_a_conflict(database: Database) -> None:
    """A row that refers to a missing one is refused, and dependents go with the row they refer to."""

    async def add_child(tx: Transaction) -> None:
        await tx.execute(ADD_CHILD, "child", "parent")

    with pytest.raises(ConflictError) as caught:
        await database.transaction(add_child)
    assert not isinstance(caught.value, DuplicateError)
    await add_things(database, "parent")
    await database.transaction(add_child)

    async def remove_parent(tx: Transaction) -> int:
        return await tx.execute(Statement("DELETE FROM things WHERE id = $1"), "parent")

    assert await database.transaction(remove_parent) == 1
    assert await count_things(database) == 0


async def test_fifty_spend_ten_and_ten_win(backend: Backend, database: Database) -> None:
    """Of 50 parallel spends in two processes of an amount of ten, exactly ten win."""
    await add_things(database, "a")
    other = await backend.open()

    async def fill(tx: Transaction) -> None:
        await tx.execute(SET_AMOUNT, "a", 10)

    async def spend(tx: Transaction) -> bool:
        return await tx.execute(SPEND, "a") == 1

    await database.transaction(fill)
    wins = await asyncio.gather(*((database, other)[number % 2].transaction(spend) for number in range(50)))
    assert sum(wins) == 10
    row = await database.fetch_row(READ_AMOUNT, "a")
    assert row is not None
    assert row[0] == 0


async def test_reading_for_a_change_loses_no_change(backend: Backend, database: Database) -> None:
    """Transactions that read a row for update, count in Python and write it back lose none of each other's."""
    await add_things(database, "a")
    other = await backend.open()

    async def begin(tx: Transaction) -> None:
        await tx.execute(SET_AMOUNT, "a", 0)

    async def count(tx: Transaction) -> None:
        row = await tx.fetch_row(LOCK_AMOUNT, "a")
        assert row is not None
        await tx.execute(SET_AMOUNT, "a", row[0] + 1)

    await database.transaction(begin)
    await asyncio.gather(*((database, other)[number % 2].transaction(count) for number in range(50)))
    row = await database.fetch_row(READ_AMOUNT, "a")
    assert row is not None
    assert row[0] == 50


async def test_one_of_fifty_makes_it(backend: Backend, database: Database) -> None:
    """Of 50 parallel creations of one unique thing in two processes one succeeds and the others are duplicates."""
    other = await backend.open()
    results = await asyncio.gather(
        *(add_things((database, other)[number % 2], "a") for number in range(50)), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(result, DuplicateError) for result in results) == 49


class Brought:
    """Something that a caller brought along, like the body of its request."""


async def _refuse_itself(tx: Transaction) -> None:
    await tx.execute(ADD_THING, "a")
    raise NotFoundError


async def _refused_by_the_database(tx: Transaction) -> None:
    await tx.execute(BROKEN, "a")


async def _change_in_vain(database: Database, work: Work[None]) -> weakref.ref[Brought]:
    brought = Brought()
    with suppress(WatchwordError):
        await database.transaction(work)
        pytest.fail("it was not refused")
    return weakref.ref(brought)


@pytest.mark.parametrize("work", [_refuse_itself, _refused_by_the_database])
async def test_a_refused_transaction_holds_nothing_of_its_caller(database: Database, work: Work[None]) -> None:
    """What a caller brought is let go of with its refusal: it is in no ring that stays until garbage is looked for."""
    gc.disable()
    try:
        brought = await _change_in_vain(database, work)
        # The loop itself holds what woke this task, until the task waits again.
        await asyncio.sleep(0)
        assert brought() is None
    finally:
        gc.enable()


async def test_a_caller_who_leaves_harms_nobody(database: Database) -> None:
    """Callers cancelled at any point leave whole transactions or none, and the database serves on."""
    for steps in range(6):
        tasks = [
            asyncio.create_task(add_things(database, f"{steps} {number}", f"{steps} {number} too"))
            for number in range(10)
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await add_things(database, "last", "last too")
    assert await count_things(database) % 2 == 0
    halves = Statement(
        "SELECT count(*) FROM things AS t WHERE NOT EXISTS (SELECT 1 FROM things AS o WHERE o.id = t.id || ' too') AND t.id NOT LIKE '% too'"
    )
    row = await database.fetch_row(halves)
    assert row is not None
    assert row[0] == 0


async def test_work_with_two_orders_of_locks_comes_through(backend: Backend, database: Database) -> None:
    """Transactions that take the same rows in opposite order all come through: a deadlock is retried."""
    await add_things(database, "a", "b")

    async def set_both(first: str, second: str) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute(SET_AMOUNT, first, 1)
            await tx.execute(SET_AMOUNT, second, 1)

        await database.transaction(work)

    await asyncio.gather(set_both("a", "b"), set_both("b", "a"))


async def test_every_error_has_our_base_class(database: Database) -> None:
    """A broken statement is an error of ours, whose cause names it and whose sentence says nothing."""
    with pytest.raises(WatchwordError) as caught:
        await database.fetch_row(Statement("SELECT missing FROM things"))
    assert isinstance(caught.value, InternalError)
    assert "missing" not in caught.value.message
