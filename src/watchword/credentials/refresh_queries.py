"""The SQL of refresh tokens, and the rows under their names; a token is found by its hash and finds its grant."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.queries import Reader
from watchword.db.database import Statement, Transaction

_INSERT: Final = Statement(
    "INSERT INTO oauth_refresh_tokens (token_hash, grant_id, client_id, dpop_jkt, created_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)
_FIND: Final = Statement(
    "SELECT token_hash, grant_id, client_id, dpop_jkt, created_at, expires_at, used_at FROM oauth_refresh_tokens"
    " WHERE token_hash = $1"
)
_MARK_USED: Final = Statement(
    "UPDATE oauth_refresh_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2"
)
_PROLONG: Final = Statement("UPDATE oauth_refresh_tokens SET expires_at = $2 WHERE token_hash = $1 AND used_at IS NULL")


class StoredRefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token as its hash; ``jkt`` is the thumbprint of the DPoP key that must be proved with it."""

    token_hash: bytes
    grant_id: str
    client_id: str
    jkt: str | None
    created_at_ms: int
    expires_at_ms: int
    used_at_ms: int | None = None


async def insert_refresh_token(tx: Transaction, token: StoredRefreshToken) -> None:
    """Store a new token."""
    await tx.execute(
        _INSERT,
        token.token_hash,
        token.grant_id,
        token.client_id,
        token.jkt,
        token.created_at_ms,
        token.expires_at_ms,
    )


async def find_refresh_token(reader: Reader, token_hash: bytes) -> StoredRefreshToken | None:
    """Return a token, used and expired ones too, or None."""
    row = await reader.fetch_row(_FIND, token_hash)
    if row is None:
        return None
    return StoredRefreshToken(
        token_hash=row[0],
        grant_id=row[1],
        client_id=row[2],
        jkt=row[3],
        created_at_ms=row[4],
        expires_at_ms=row[5],
        used_at_ms=row[6],
    )


async def mark_refresh_token_used(tx: Transaction, token_hash: bytes, now_ms: int) -> bool:
    """Use up a living token; False when another was first, or it has expired."""
    return await tx.execute(_MARK_USED, token_hash, now_ms) == 1


async def prolong_refresh_token(tx: Transaction, token_hash: bytes, expires_at_ms: int) -> None:
    """Give a token that is not used up another end."""
    await tx.execute(_PROLONG, token_hash, expires_at_ms)
