"""``Idempotency-Key``: the same request sent twice is done once and answered alike.

The key is taken in the transaction that does the work, so that of any number of parallel requests one does it and the
others wait for its answer; what fails leaves no key behind.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from watchword.callers.caller import Mode
from watchword.db.database import Statement, Transaction
from watchword.errors import ConflictError, MalformedRequestError

VALID_MS: Final = 24 * 60 * 60 * 1000
"""How long a key is remembered: longer than any client retries."""

_PRUNED_AT_ONCE: Final = 20
"""Keys past their end that each new one clears away: more than one, so that the table shrinks."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

_TAKE: Final = Statement(
    "INSERT INTO idempotency_keys (tenant_id, mode, key_hash, request_hash, status, body, created_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, mode, key_hash) DO UPDATE SET "
    "request_hash = excluded.request_hash, status = excluded.status, body = excluded.body, "
    "created_at = excluded.created_at WHERE idempotency_keys.created_at <= $8"
)
_FIND: Final = Statement(
    "SELECT request_hash, body FROM idempotency_keys WHERE tenant_id = $1 AND mode = $2 AND key_hash = $3"
)
_KEEP: Final = Statement("UPDATE idempotency_keys SET body = $4 WHERE tenant_id = $1 AND mode = $2 AND key_hash = $3")
_PRUNE: Final = Statement(
    # Rows that another transaction is about to remove are passed over: nobody waits here.
    "DELETE FROM idempotency_keys WHERE (tenant_id, mode, key_hash) IN (SELECT tenant_id, mode, key_hash "
    "FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    sqlite="DELETE FROM idempotency_keys WHERE (tenant_id, mode, key_hash) IN (SELECT tenant_id, mode, key_hash "
    "FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
)


class KeyedRequest(msgspec.Struct, frozen=True):
    """A request that must be done once: hashes of its key and of what it asks."""

    key_hash: bytes
    request_hash: bytes


def read_key(header: str | None, *parts: bytes) -> KeyedRequest | None:
    """Read the header; ``parts`` are what the request asks for.

    Raises:
        MalformedRequestError: it is no key: 1 to 255 visible ASCII characters.
    """
    if header is None:
        return None
    if _KEY.fullmatch(header) is None:
        raise MalformedRequestError("An Idempotency-Key is 1 to 255 visible ASCII characters")
    asked = hashlib.sha256()
    for part in parts:
        asked.update(len(part).to_bytes(8, "big") + part)
    return KeyedRequest(hashlib.sha256(header.encode()).digest(), asked.digest())


async def take_key(
    tx: Transaction, tenant_id: str, mode: Mode, request: KeyedRequest, *, status: int, body: str, now_ms: int
) -> str | None:
    """Take the key for this transaction and return None, or return the body of the answer given before.

    Raises:
        ConflictError: the key came with another request.
    """
    expired_ms = now_ms - VALID_MS
    taken = await tx.execute(
        _TAKE, tenant_id, mode, request.key_hash, request.request_hash, status, body, now_ms, expired_ms
    )
    if taken:
        await tx.execute(_PRUNE, expired_ms, _PRUNED_AT_ONCE)
        return None
    row = await tx.fetch_row(_FIND, tenant_id, mode, request.key_hash)
    if row is None or bytes(row[0]) != request.request_hash:
        raise ConflictError("This Idempotency-Key came before with another request")
    return str(row[1])


async def keep_answer(tx: Transaction, tenant_id: str, mode: Mode, request: KeyedRequest, body: str) -> None:
    """Keep the answer beside the key that this transaction took before it knew what it would answer."""
    await tx.execute(_KEEP, tenant_id, mode, request.key_hash, body)
