"""Deletes sessions and one-time codes that can prove nothing any more."""

from __future__ import annotations

from typing import Final

from watchword.db.database import Database, Statement, Transaction

KEPT_MS: Final = 7 * 24 * 3600 * 1000
"""How long an ended session stays in its user's records, so that its end can still be looked up."""

_AT_ONCE: Final = 1_000
"""Rows of one transaction: a writer that waits behind it waits for milliseconds."""

_DELETE_SESSIONS: Final = Statement(
    "DELETE FROM sessions WHERE id IN"
    " (SELECT id FROM sessions WHERE expires_at < $1 OR ended_at < $1 OR current_expires_at < $1 LIMIT $2)"
)
_DELETE_CODES: Final = Statement(
    "DELETE FROM one_time_codes WHERE code_hash IN (SELECT code_hash FROM one_time_codes WHERE expires_at < $1 LIMIT $2)"
)


async def prune_sessions(database: Database, now_ms: int) -> int:
    """Delete sessions that ended, or whose last token expired, long enough ago; return how many."""
    return await _delete_in_steps(database, _DELETE_SESSIONS, now_ms - KEPT_MS)


async def prune_codes(database: Database, now_ms: int) -> int:
    """Delete codes past their end and return how many; a used code stays until then, as the record of its use."""
    return await _delete_in_steps(database, _DELETE_CODES, now_ms)


async def _delete_in_steps(database: Database, statement: Statement, before_ms: int) -> int:
    async def step(tx: Transaction) -> int:
        return await tx.execute(statement, before_ms, _AT_ONCE)

    total = 0
    while deleted := await database.transaction(step):
        total += deleted
    return total
