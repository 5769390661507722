"""What ends with a session: the OAuth grants that hang on it, and who has to be told (OIDC Back-Channel Logout 1.0 §2).

In the same transaction as the session's own end, whoever ends it and why: so nothing is forgotten, whatever dies next.
"""

from __future__ import annotations

from typing import Final

from watchword.credentials.oauth_queries import end_grants_of_session
from watchword.credentials.queries import lock_user
from watchword.db.database import Statement, Transaction

_FIND_END: Final = Statement(
    "SELECT current_expires_at FROM sessions"
    " WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND current_expires_at > $3"
)
_TOLD: Final = (
    "INSERT INTO oauth_logout_notices (client_id, session_id, user_id, created_at, due_at)"
    " SELECT DISTINCT g.client_id, g.session_id, g.user_id, CAST($1 AS BIGINT), CAST($1 AS BIGINT)"
    " FROM oauth_grants g JOIN oauth_clients c ON c.id = g.client_id JOIN sessions s ON s.id = g.session_id"
    ' WHERE CAST(c.settings AS TEXT) LIKE \'%"backchannel_logout_uri":"%\''
    " AND CAST(g.scopes AS TEXT) LIKE '%\"openid\"%'"
)
_ONCE: Final = " ON CONFLICT (client_id, session_id) DO NOTHING"
_TELL_OF_SESSION: Final = Statement(f"{_TOLD} AND s.id = $2{_ONCE}")
_TELL_OF_USER: Final = Statement(f"{_TOLD} AND s.user_id = $2 AND s.ended_at IS NULL AND s.id <> $3{_ONCE}")
_TELL_OF_ALL: Final = Statement(f"{_TOLD} AND s.ended_at IS NULL{_ONCE}")
_END_OF_USER: Final = Statement(
    "UPDATE oauth_grants SET ended_at = $1"
    " WHERE user_id = $2 AND ended_at IS NULL AND (session_id IS NULL OR session_id <> $3) RETURNING id"
)
_END_OF_ALL: Final = Statement("UPDATE oauth_grants SET ended_at = $1 WHERE user_id IS NOT NULL AND ended_at IS NULL")


async def find_end_of_session(tx: Transaction, user_id: str, session_id: str, now_ms: int) -> int | None:
    """Return when a living session of a user ends unless it is refreshed, or None; something may be hung on it then.

    The end of all of the user's sessions waits until it has been.

    Without the lock, what was begun a moment before a new password could stand beside the ending of all that hangs on
    the old one, unseen by it.
    """
    await lock_user(tx, user_id)
    row = await tx.fetch_row(_FIND_END, session_id, user_id, now_ms)
    return None if row is None else int(row[0])


async def end_with_session(tx: Transaction, session_id: str, now_ms: int) -> None:
    """End what hangs on a session that has just ended; grants of ``offline_access`` go on (§2.7)."""
    await tx.execute(_TELL_OF_SESSION, now_ms, session_id)
    ended = await end_grants_of_session(tx, session_id, now_ms)
    tx.withdraw(*(f"grant:{grant_id}" for grant_id in ended))


async def end_with_sessions(tx: Transaction, user_id: str, now_ms: int, *, except_session_id: str | None) -> None:
    """End all that hangs on a user's sessions, which are about to end; ``offline_access`` too.

    All sessions of somebody end where a password or a device is in doubt: what was got with it must not stay
    (RFC 9700 §4.14.2). The user's remembered proofs are left to the caller to withdraw.
    """
    kept = except_session_id or ""
    await tx.execute(_TELL_OF_USER, now_ms, user_id, kept)
    tx.withdraw(*(f"grant:{row[0]}" for row in await tx.fetch_rows(_END_OF_USER, now_ms, user_id, kept)))


async def end_with_all_sessions(tx: Transaction, now_ms: int) -> None:
    """End all that any user allowed, as their sessions are about to end."""
    await tx.execute(_TELL_OF_ALL, now_ms)
    await tx.execute(_END_OF_ALL, now_ms)
