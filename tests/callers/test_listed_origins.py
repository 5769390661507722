"""The statements that list web origins: what lists none costs nothing."""

from __future__ import annotations

from explained import ExplainedDatabase
from watchword.callers.queries import list_allowed_origins
from watchword.db.migrate import migrate
from watchword.db.sqlite import SqliteDatabase


async def test_a_start_looks_only_at_keys_and_clients_that_list_origins(sqlite_database: SqliteDatabase) -> None:
    """A million keys without an origin of their own do not hold up a start: an index has those that list one."""
    await migrate(sqlite_database, "main")
    explained = ExplainedDatabase(sqlite_database)
    assert await list_allowed_origins(explained) == frozenset()
    assert any("api_keys_listing_origins" in plan for plan in explained.plans), explained.plans
    assert any("oauth_clients_listing_origins" in plan for plan in explained.plans), explained.plans
