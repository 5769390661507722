"""Deleting costs what is deleted: what goes with a client or a grant, and what is over, is found without a full scan."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from watchword.credentials.expired import prune_codes, prune_grants, prune_sessions
from watchword.db.database import Answer, Database, Row, Statement, Transaction, Value, Work

NO_SCANS = Statement("SET LOCAL enable_seqscan = off")
REFERRING = Statement(
    "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c"
    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
    " WHERE c.contype = 'f' AND c.confrelid::regclass::text = $1 ORDER BY 1, 2",
    sqlite='SELECT m.name, f."from" FROM sqlite_master m, pragma_foreign_key_list(m.name) f'
    " WHERE m.type = 'table' AND f.\"table\" = $1 ORDER BY 1, 2",
)


class Explaining:
    """A transaction that tells how each change of it is carried out, and changes nothing."""

    def __init__(self, tx: Transaction, database: Database) -> None:
        self._tx = tx
        self._database = database
        self.plans: list[str] = []

    async def execute(self, statement: Statement, *parameters: Value) -> int:
        self.plans.append(await plan_of(self._tx, self._database, statement, *parameters))
        return 0


class PruningDatabase:
    """A database whose transactions explain instead of changing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.plans: list[str] = []

    async def transaction(self, work: Work[Answer]) -> Answer:
        async def explain(tx: Transaction) -> Answer:
            explaining = Explaining(tx, self._database)
            answer = await work(explaining)  # type: ignore[arg-type] # the part of a transaction that pruning uses
            self.plans.extend(explaining.plans)
            return answer

        return await self._database.transaction(explain)


async def plan_of(tx: Transaction, database: Database, statement: Statement, *parameters: Value) -> str:
    """Return how a statement would be carried out, on PostgreSQL with a full scan only where there is no index."""
    if database.dialect == "postgres":
        await tx.execute(NO_SCANS)
        # Values of NULL would be seen through: nothing is compared with them.
        asked = Statement("EXPLAIN " + statement.postgres)
    else:
        asked = Statement("EXPLAIN QUERY PLAN " + statement.sqlite)
    rows: Sequence[Row] = await tx.fetch_rows(asked, *parameters)
    return "\n".join(str(row[-1]) for row in rows)


def is_full_scan(plan: str) -> bool:
    """Say whether a plan looks at all of a table."""
    lines = plan.splitlines()
    return any("Seq Scan" in line or (line.startswith("SCAN ") and "USING" not in line) for line in lines)


@pytest.mark.parametrize("parent", ["oauth_clients", "oauth_grants"])
async def test_what_goes_with_a_row_is_found_by_an_index(database: Database, parent: str) -> None:
    """A client with a million tokens is deleted without a look at the tokens of all others, and a grant alike."""

    async def explain(tx: Transaction) -> dict[str, str]:
        referring = await tx.fetch_rows(REFERRING, parent)
        return {
            f"{table}.{column}": await plan_of(
                tx, database, Statement(f"SELECT 1 FROM {table} WHERE {column} = $1"), "x"
            )
            for table, column in referring
        }

    plans = await database.transaction(explain)
    assert len(plans) >= 4
    assert {name: plan for name, plan in plans.items() if is_full_scan(plan)} == {}


@pytest.mark.parametrize("prune", [prune_grants, prune_sessions, prune_codes])
async def test_what_is_over_is_found_by_an_index(database: Database, prune: object) -> None:
    """Cleaning up looks at what is over and at nothing that lives."""
    pruning = PruningDatabase(database)
    await prune(pruning, 1)  # type: ignore[operator] # one of three functions of one shape
    assert pruning.plans
    assert [plan for plan in pruning.plans if is_full_scan(plan)] == []


def test_a_full_scan_is_told() -> None:
    """The words of both backends for a look at everything are known, and those for an index are not taken for it."""
    assert is_full_scan("Delete on a  (cost=1)\n  ->  Seq Scan on a  (cost=1)")
    assert is_full_scan("SCAN oauth_access_tokens")
    assert not is_full_scan("SEARCH a USING INDEX a_b (b=?)\nSCAN a USING COVERING INDEX a_c")
    assert not is_full_scan("  ->  Index Scan using a_b on a")
