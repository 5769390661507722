"""Values that cannot be stored are refused by both backends alike, as the caller's fault."""

from __future__ import annotations

import pytest

from contract.backends import ADD_THING, add_things, count_things
from watchword.db.database import Database, Statement, Transaction, Value
from watchword.errors import MalformedRequestError

FIND = Statement("SELECT id FROM things WHERE id = $1")
FIND_AMOUNT = Statement("SELECT id FROM things WHERE amount = $1")
FIND_RATIO = Statement("SELECT id FROM things WHERE ratio = $1")

REFUSED: list[tuple[Statement, Value]] = [
    (FIND, "a\x00b"),
    (FIND, "\x00"),
    (FIND, "\ud800"),
    (FIND, "a\udfffb"),
    (FIND, "\ude00\ud83d"),
    (FIND_AMOUNT, 2**63),
    (FIND_AMOUNT, -(2**63) - 1),
    (FIND_AMOUNT, 10**400),
    (FIND_RATIO, float("nan")),
]


@pytest.mark.parametrize(("statement", "value"), REFUSED)
async def test_what_cannot_be_stored_is_refused(database: Database, statement: Statement, value: Value) -> None:
    """A NUL, half a surrogate pair, more than 64 bits and NaN are refused in reads, scans and transactions."""

    async def find(tx: Transaction) -> None:
        await tx.fetch_row(statement, value)

    async def find_all(tx: Transaction) -> None:
        await tx.fetch_rows(statement, value)

    for call in (
        database.fetch_row(statement, value),
        database.fetch_rows(statement, value),
        database.scan_rows(statement, value),
        database.transaction(find),
        database.transaction(find_all),
    ):
        with pytest.raises(MalformedRequestError):
            await call
    assert await count_things(database) == 0


async def test_a_refused_value_undoes_its_transaction(database: Database) -> None:
    """What came before a refused value in its transaction is undone, and the next transaction is fine."""
    with pytest.raises(MalformedRequestError):
        await add_things(database, "a", "b\x00")
    assert await count_things(database) == 0
    await add_things(database, "a")
    assert await count_things(database) == 1


async def test_no_refusal_tells_the_value(database: Database) -> None:
    """Neither the sentence nor the cause of a refusal holds the value, which may be a credential."""

    async def add(tx: Transaction) -> None:
        await tx.execute(ADD_THING, "sk_live_secret\ud800")

    with pytest.raises(MalformedRequestError) as caught:
        await database.transaction(add)
    assert "sk_live" not in f"{caught.value} {caught.value.cause} {caught.value.__cause__!r}"
