"""A database that tells how its reads are answered."""

from __future__ import annotations

from collections.abc import Sequence

from watchword.db.database import Answer, Database, Dialect, Row, Statement, Value, Work


class ExplainedDatabase:
    """A database that also asks for the plan of every read it is given."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect: Dialect = database.dialect
        self.plans: list[str] = []

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        await self._explain(statement, parameters)
        return await self._database.fetch_row(statement, *parameters)

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        await self._explain(statement, parameters)
        return await self._database.fetch_rows(statement, *parameters)

    async def scan_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        await self._explain(statement, parameters)
        return await self._database.scan_rows(statement, *parameters)

    async def transaction(self, work: Work[Answer]) -> Answer:
        return await self._database.transaction(work)

    def commits(self) -> bytes | None:
        return self._database.commits()

    async def close(self) -> None:
        await self._database.close()

    async def _explain(self, statement: Statement, parameters: tuple[Value, ...]) -> None:
        asked = Statement("EXPLAIN " + statement.postgres)
        asked.sqlite = "EXPLAIN QUERY PLAN " + statement.sqlite
        rows = await self._database.fetch_rows(asked, *parameters)
        self.plans.append("\n".join(str(row[-1]) for row in rows))
