"""The SQL of telling clients that sessions have ended. Who notes that they must be told is ``credentials/session_end``."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.queries import Reader
from watchword.db.database import Statement, Transaction

_HAS_DUE: Final = Statement("SELECT 1 FROM oauth_logout_notices WHERE due_at <= $1 LIMIT 1")
_CLAIM: Final = Statement(
    "UPDATE oauth_logout_notices SET due_at = $2, attempts = attempts + 1 WHERE due_at <= $1"
    " AND (client_id, session_id) IN"
    " (SELECT n.client_id, n.session_id FROM oauth_logout_notices n JOIN oauth_clients c ON c.id = n.client_id"
    " WHERE n.due_at <= $1"
    # Those who let themselves in come last: a thousand slow addresses of a stranger's must not hold up the others.
    " ORDER BY CASE WHEN c.source = 'administrator' THEN 0 ELSE 1 END, n.due_at LIMIT $3)"
    " RETURNING client_id, session_id, user_id, attempts"
)
_DELETE: Final = Statement("DELETE FROM oauth_logout_notices WHERE client_id = $1 AND session_id = $2")
_POSTPONE: Final = Statement(
    "UPDATE oauth_logout_notices SET due_at = $3 WHERE client_id = $1 AND (session_id = $2 OR due_at < $3)"
)


class Notice(msgspec.Struct, frozen=True):
    """A client that has to be told of a session's end, and how often that was tried, this time included."""

    client_id: str
    session_id: str
    user_id: str
    attempts: int


async def has_due_notice(reader: Reader, now_ms: int) -> bool:
    """Say whether anybody is to be told now."""
    return await reader.fetch_row(_HAS_DUE, now_ms) is not None


async def claim_notices(tx: Transaction, now_ms: int, *, until_ms: int, limit: int) -> list[Notice]:
    """Take notices that are due, the oldest first, those of clients that let themselves in behind all others.

    No other process takes them before ``until_ms``.
    """
    return [Notice(*row) for row in await tx.fetch_rows(_CLAIM, now_ms, until_ms, limit)]


async def delete_notice(tx: Transaction, notice: Notice) -> None:
    """Forget a notice: the client was told, or will not be."""
    await tx.execute(_DELETE, notice.client_id, notice.session_id)


async def postpone_notices(tx: Transaction, notice: Notice, due_at_ms: int) -> None:
    """Let a notice wait, and with it what else waits for its client: others must not wait behind a dead address."""
    await tx.execute(_POSTPONE, notice.client_id, notice.session_id, due_at_ms)
