"""Many rows in one INSERT: only where that is the same as each by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from watchword.db.database import Statement
from watchword.db.generations import Generations
from watchword.db.sqlite import SqliteDatabase
from watchword.db.sqlite_rows import ROWS_MAX, text_of_rows
from watchword.errors import InternalError

ONE = "INSERT INTO pairs (left_half, right_half) VALUES (?1, ?2)"
MAKE = Statement("CREATE TABLE pairs (left_half TEXT, right_half TEXT)")
LIST = Statement("SELECT left_half, right_half FROM pairs ORDER BY rowid")
ADD = Statement("INSERT INTO pairs (left_half, right_half) VALUES ($1, $2)")


def test_values_stand_one_row_after_another() -> None:
    """The values of a row follow those of the row before it, in the order of the columns."""
    assert text_of_rows(ONE, 3) == ("INSERT INTO pairs (left_half, right_half) VALUES (?1, ?2), (?3, ?4), (?5, ?6)")


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO pairs (left_half, right_half) VALUES (?2, ?1)",
        "INSERT INTO pairs (left_half, right_half) VALUES (?1, ?1)",
        "INSERT INTO pairs (left_half, right_half) VALUES (?1, 'fixed')",
        "INSERT INTO pairs (left_half, right_half) VALUES (?1, lower(?2))",
        f"{ONE} ON CONFLICT (left_half) DO NOTHING",
        f"{ONE} RETURNING left_half",
        "INSERT INTO pairs (left_half, right_half) SELECT ?1, ?2",
        "UPDATE pairs SET left_half = ?1 WHERE right_half = ?2",
        "DELETE FROM pairs WHERE left_half = ?1",
    ],
)
def test_anything_less_plain_is_run_row_by_row(text: str) -> None:
    """A statement that does more than insert its values in order is left as it is."""
    assert text_of_rows(text, 2) is None


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A database with a table of pairs."""
    database = SqliteDatabase(tmp_path / "some.db", generations=Generations(tmp_path / "generations"))
    await database.transaction(lambda tx: tx.execute(MAKE))
    yield database
    await database.close()


async def test_rows_of_unequal_width_are_refused(database: SqliteDatabase) -> None:
    """Values never slip into a neighbour's columns, even where their number would fit."""
    with pytest.raises(InternalError):
        await database.transaction(lambda tx: tx.execute_many(ADD, [("a",), ("b", "c", "d")]))
    assert not await database.fetch_rows(LIST)


@pytest.mark.parametrize("count", [ROWS_MAX - 1, ROWS_MAX, ROWS_MAX + 1])
async def test_each_row_is_there_once_at_the_edge_of_a_statement(database: SqliteDatabase, count: int) -> None:
    """One row less, as many and one more than a statement takes all arrive, in their order."""
    rows = [(f"left {number}", str(number)) for number in range(count)]
    await database.transaction(lambda tx: tx.execute_many(ADD, rows))
    assert [tuple(row) for row in await database.fetch_rows(LIST)] == rows
