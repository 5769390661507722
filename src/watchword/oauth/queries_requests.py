"""The SQL of authorization requests that wait for a person, or were pushed by a client."""

from __future__ import annotations

from typing import Final, Literal

from watchword.credentials.queries import Reader
from watchword.db.database import Row, Statement, Transaction

Purpose = Literal["page", "pushed"]

_INSERT: Final = Statement(
    "INSERT INTO oauth_requests (request_hash, purpose, tenant_id, client_id, parameters, created_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
_FIND: Final = Statement(
    "SELECT client_id, parameters, created_at FROM oauth_requests"
    " WHERE request_hash = $1 AND purpose = $2 AND expires_at > $3 AND used_at IS NULL"
)
_MARK_USED: Final = Statement(
    "UPDATE oauth_requests SET used_at = $3"
    " WHERE request_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3"
)


async def insert_request(
    tx: Transaction,
    request_hash: bytes,
    purpose: Purpose,
    *,
    tenant_id: str,
    client_id: str,
    parameters: str,
    now_ms: int,
    expires_at_ms: int,
) -> None:
    """Store a request."""
    await tx.execute(_INSERT, request_hash, purpose, tenant_id, client_id, parameters, now_ms, expires_at_ms)


async def find_request(reader: Reader, request_hash: bytes, purpose: Purpose, now_ms: int) -> Row | None:
    """Return the client's id, the parameters and when a living request was stored, or None."""
    return await reader.fetch_row(_FIND, request_hash, purpose, now_ms)


async def mark_request_used(tx: Transaction, request_hash: bytes, purpose: Purpose, now_ms: int) -> bool:
    """Use up a request; of any number of parallel callers one is told True."""
    return await tx.execute(_MARK_USED, request_hash, purpose, now_ms) == 1
