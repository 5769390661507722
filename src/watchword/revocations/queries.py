"""The SQL of the feed of revocations."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.db.database import Database, Row, Statement, Transaction
from watchword.revocations.models import Bounds, Entry, StoredEntry

_AT_ONCE: Final = 1_000
"""Rows of one transaction of the clean-up: a writer that waits behind it waits for milliseconds."""


def _statement(text: str) -> Statement:
    """Make a statement whose ``{among}`` says that a column is one of the texts in a JSON array."""
    return Statement(
        text.format(among="= ANY (ARRAY(SELECT json_array_elements_text($1::json)))"),
        sqlite=text.format(among="IN (SELECT value FROM json_each($1))"),
    )


_FACTS: Final = {
    # Of whoever may act in any tenant every tenant is told.
    "session": _statement(
        "SELECT m.tenant_id, '', s.id, s.user_id, 1 FROM sessions s JOIN memberships m ON m.user_id = s.user_id"
        " WHERE s.id {among} AND s.ended_at IS NOT NULL UNION ALL"
        " SELECT '', '', s.id, s.user_id, 1 FROM sessions s JOIN users u ON u.id = s.user_id"
        " WHERE s.id {among} AND s.ended_at IS NOT NULL AND u.is_super_admin = 1"
    ),
    "user": _statement(
        "SELECT m.tenant_id, '', u.id, u.id, CASE WHEN u.disabled_at IS NULL THEN 0 ELSE 1 END"
        " FROM users u JOIN memberships m ON m.user_id = u.id WHERE u.id {among} UNION ALL"
        " SELECT '', '', u.id, u.id, CASE WHEN u.disabled_at IS NULL THEN 0 ELSE 1 END"
        " FROM users u WHERE u.id {among} AND u.is_super_admin = 1"
    ),
    "key": _statement(
        "SELECT k.tenant_id, k.mode, k.id, '',"
        " CASE WHEN k.revoked_at IS NULL AND k.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)"
        " THEN 0 ELSE 1 END FROM api_keys k WHERE k.id {among}"
    ),
    "client": _statement(
        "SELECT c.tenant_id, c.mode, c.id, '', CASE WHEN c.disabled_at IS NULL THEN 0 ELSE 1 END"
        " FROM oauth_clients c WHERE c.id {among}"
    ),
    "grant": _statement(
        "SELECT g.tenant_id, g.mode, g.id, COALESCE(g.user_id, ''), 1"
        " FROM oauth_grants g WHERE g.id {among} AND g.ended_at IS NOT NULL"
    ),
    "tenant": _statement(
        "SELECT t.id, '', t.id, '', CASE WHEN t.disabled_at IS NULL THEN 0 ELSE 1 END FROM tenants t WHERE t.id {among}"
    ),
}
_DERIVED: Final = _statement(
    "SELECT DISTINCT g.tenant_id, g.mode, g.id, COALESCE(g.user_id, '') FROM oauth_grant_origins o"
    " JOIN oauth_grants g ON g.id = o.grant_id WHERE o.subject {among}"
)
_ALONE: Final = Statement(
    # Held until the commit, so that numbers become visible in their own order: who has read one has read all before it.
    "SELECT pg_advisory_xact_lock(4733096202)",
    sqlite="SELECT 1",
)
_LAST: Final = Statement("SELECT max(number) FROM revocations")
_INSERT: Final = Statement(
    "INSERT INTO revocations (number, tenant_id, mode, kind, id, user_id, is_end, at)"
    " SELECT (value->>0)::bigint, value->>1, value->>2, value->>3, value->>4, value->>5, (value->>6)::bigint, $2"
    " FROM json_array_elements($1::json)",
    sqlite="INSERT INTO revocations (number, tenant_id, mode, kind, id, user_id, is_end, at)"
    " SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, $2 FROM json_each($1)",
)
_COLUMNS: Final = "number, mode, kind, id, user_id, is_end, at"
_OUTLIVED: Final = "is_end = 1 AND kind <> 'session' AND kind <> 'key'"


def _reading(condition: str) -> Statement:
    part = (
        f"SELECT * FROM (SELECT {_COLUMNS} FROM revocations WHERE tenant_id = {{tenant}} AND number > $3"  # noqa: S608 - columns of this file
        f" AND (mode = $2 OR mode = '') AND {condition} ORDER BY number LIMIT $4) AS {{name}}"
    )
    own, everyones = part.format(tenant="$1", name="own"), part.format(tenant="''", name="everyones")
    return Statement(f"{own} UNION ALL {everyones} ORDER BY 1 LIMIT $4")


_READ: Final = _reading("1 = 1")
_READ_OUTLIVED: Final = _reading(_OUTLIVED)
_BOUNDS: Final = Statement("SELECT (SELECT min(number) FROM revocations), (SELECT max(number) FROM revocations)")
_NEWS: Final = Statement("SELECT number, tenant_id FROM revocations WHERE number > $1 ORDER BY number LIMIT $2")
_PRUNE: Final = Statement(
    # The last one stays, or the next could get a number that somebody has read past already.
    "DELETE FROM revocations WHERE number IN (SELECT number FROM revocations"
    " WHERE number < $1 AND number < (SELECT max(number) FROM revocations) ORDER BY number LIMIT $2)"
)


async def list_facts(tx: Transaction, kind: str, ids: tuple[str, ...], now_ms: int) -> list[Entry]:
    """Return whose these things are and whether they have ended; nothing of a session or a grant that lives."""
    among = msgspec.json.encode(ids).decode()
    parameters = (among, now_ms) if kind == "key" else (among,)
    return [_entry(kind, row) for row in await tx.fetch_rows(_FACTS[kind], *parameters)]


async def list_derived(tx: Transaction, subjects: tuple[str, ...], *, is_end: bool) -> list[Entry]:
    """Return the grants that were made from one of these by token exchange, as ended or changed with it."""
    rows = await tx.fetch_rows(_DERIVED, msgspec.json.encode(subjects).decode())
    return [Entry(row[0], row[1], "grant", row[2], row[3], is_end) for row in rows]


async def insert_entries(tx: Transaction, entries: list[Entry], now_ms: int) -> None:
    """Add lines to the feed, the last thing that a transaction does."""
    await tx.fetch_row(_ALONE)
    row = await tx.fetch_row(_LAST)
    number = max((row[0] if row is not None and row[0] is not None else 0) + 1, now_ms * 1000)
    values = [
        (number + place, entry.tenant_id, entry.mode, entry.kind, entry.id, entry.user_id, int(entry.is_end))
        for place, entry in enumerate(entries)
    ]
    await tx.execute(_INSERT, msgspec.json.encode(values).decode(), now_ms)


async def list_entries(
    database: Database, tenant_id: str, mode: str, *, after: int, limit: int, outlived_only: bool
) -> list[StoredEntry]:
    """Return what concerns a tenant behind a number, in order.

    ``outlived_only`` leaves out what nobody can still hold who has remembered nothing: of sessions and keys, and of
    what goes on.
    """
    statement = _READ_OUTLIVED if outlived_only else _READ
    rows = await database.fetch_rows(statement, tenant_id, mode, after, limit)
    return [StoredEntry(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6]) for row in rows]


async def get_bounds(database: Database) -> Bounds:
    """Return the first and the last number that are kept."""
    row = await database.fetch_row(_BOUNDS)
    return Bounds(0, 0) if row is None or row[0] is None else Bounds(row[0], row[1])


async def list_news(database: Database, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Return the numbers behind one, in order, each with the tenant that it concerns."""
    return [(row[0], row[1]) for row in await database.fetch_rows(_NEWS, after, limit)]


async def prune_revocations(database: Database, before_ms: int) -> int:
    """Delete what is older and return how many lines that were; the last line always stays."""

    async def step(tx: Transaction) -> int:
        return await tx.execute(_PRUNE, before_ms * 1000, _AT_ONCE)

    total = 0
    while deleted := await database.transaction(step):
        total += deleted
    return total


def _entry(kind: str, row: Row) -> Entry:
    return Entry(row[0], row[1], kind, row[2], row[3], bool(row[4]))
