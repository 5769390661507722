"""Deletes sessions, codes, grants and tokens that can prove nothing any more."""

from __future__ import annotations

from typing import Final

from watchword.db.database import Database, Statement, Transaction

KEPT_MS: Final = 7 * 24 * 3600 * 1000
"""How long an ended session or grant stays in its user's records, so that its end can still be looked up.

So long a spent authorization code is known too: a second use of it ends what the first gave (RFC 6749 §4.1.2).
"""

_PROOFS_KEPT_MS: Final = 2 * 3600 * 1000
"""How long a proof's first use is known beyond its end, for a node whose clock is behind; there is one a request."""

_AT_ONCE: Final = 1_000
"""Rows of one transaction: a writer that waits behind it waits for milliseconds."""

_GRANTS_AT_ONCE: Final = 50
"""Grants of one transaction: each takes its codes and tokens with it."""

_DELETE_SESSIONS: Final = (
    # The last token ends with its session at the latest.
    Statement("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE current_expires_at < $1 LIMIT $2)"),
    Statement("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at < $1 LIMIT $2)"),
)
_DELETE_CODES: Final = Statement(
    "DELETE FROM one_time_codes WHERE code_hash IN (SELECT code_hash FROM one_time_codes WHERE expires_at < $1 LIMIT $2)"
)
_DELETE_PROOFS: Final = Statement(
    "DELETE FROM seen_proofs WHERE proof_hash IN (SELECT proof_hash FROM seen_proofs WHERE expires_at < $1 LIMIT $2)"
)
_DELETE_GRANTS: Final = (
    Statement("DELETE FROM oauth_grants WHERE id IN (SELECT id FROM oauth_grants WHERE expires_at < $1 LIMIT $2)"),
    Statement("DELETE FROM oauth_grants WHERE id IN (SELECT id FROM oauth_grants WHERE ended_at < $1 LIMIT $2)"),
)


def _delete(table: str, key: str, end: str = "expires_at") -> Statement:
    return Statement(
        f"DELETE FROM {table} WHERE {key} IN (SELECT {key.strip('()')} FROM {table} WHERE {end} < $1 LIMIT $2)"  # noqa: S608 - names of this file
    )


_DELETE_AT_END: Final = (
    _delete("oauth_requests", "request_hash"),
    _delete("oauth_access_tokens", "token_hash"),
    # A used one stays as long: what comes twice was stolen, and ends its family (RFC 9700 §4.14.2).
    _delete("oauth_refresh_tokens", "token_hash"),
)
_DELETE_LATER: Final = (
    # Not at its end: a node whose clock is ahead must not bring a revoked token back on the others.
    _delete("oauth_revoked_tokens", "jti"),
    _delete("oauth_codes", "code_hash"),
    _delete("oauth_device_codes", "device_code_hash"),
    _delete("oauth_signing_keys", "id", "ends_at"),
    _delete("oauth_logout_notices", "(client_id, session_id)", "created_at"),
)


async def prune_sessions(database: Database, now_ms: int) -> int:
    """Delete sessions that ended, or whose last token expired, long enough ago; return how many."""
    total = 0
    for statement in _DELETE_SESSIONS:
        total += await _delete_in_steps(database, statement, now_ms - KEPT_MS)
    return total


async def prune_codes(database: Database, now_ms: int) -> int:
    """Delete codes past their end and return how many; a used code stays until then, as the record of its use."""
    return await _delete_in_steps(database, _DELETE_CODES, now_ms)


async def prune_grants(database: Database, now_ms: int) -> int:
    """Delete OAuth grants that ended long enough ago with all that hangs on them, and what is over of living ones.

    Returns how many rows, those that went with a grant not counted.
    """
    total = 0
    for statement in _DELETE_GRANTS:
        total += await _delete_in_steps(database, statement, now_ms - KEPT_MS, at_once=_GRANTS_AT_ONCE)
    for statement in _DELETE_AT_END:
        total += await _delete_in_steps(database, statement, now_ms)
    for statement in _DELETE_LATER:
        total += await _delete_in_steps(database, statement, now_ms - KEPT_MS)
    return total


async def prune_proofs(bookkeeping: Database, now_ms: int) -> int:
    """Forget client assertions and DPoP proofs that are too old to be taken again; return how many."""
    return await _delete_in_steps(bookkeeping, _DELETE_PROOFS, now_ms - _PROOFS_KEPT_MS)


async def _delete_in_steps(database: Database, statement: Statement, before_ms: int, *, at_once: int = _AT_ONCE) -> int:
    async def step(tx: Transaction) -> int:
        return await tx.execute(statement, before_ms, at_once)

    total = 0
    while deleted := await database.transaction(step):
        total += deleted
    return total
