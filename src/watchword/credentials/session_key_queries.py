"""The SQL of the keys that sign session tokens."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.queries import Reader
from watchword.db.database import Database, Statement, Transaction

_PURPOSE: Final = "session"

_LIST: Final = Statement("""
    SELECT id, algorithm, sealed, created_at, active_at, retired_at FROM signing_keys WHERE purpose = $1
    ORDER BY created_at, id
""")
_INSERT: Final = Statement("""
    INSERT INTO signing_keys (id, purpose, algorithm, sealed, created_at, active_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO NOTHING
""")
_RETIRE: Final = Statement("""
    UPDATE signing_keys SET retired_at = $3 WHERE purpose = $1 AND id <> $2 AND (retired_at IS NULL OR retired_at > $3)
""")
_PRUNE: Final = Statement("DELETE FROM signing_keys WHERE purpose = $1 AND retired_at <= $2")


class StoredSigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as stored, sealed.

    Shapes: times are Unix milliseconds; ``retired_at_ms`` is when the last token that it signed ends, None for one that
    has no successor.
    """

    key_id: str
    algorithm: str
    sealed: bytes
    created_at_ms: int
    active_at_ms: int
    retired_at_ms: int | None = None


async def list_signing_keys(reader: Reader) -> list[StoredSigningKey]:
    """Return all keys, oldest first."""
    return [
        StoredSigningKey(
            key_id=row[0],
            algorithm=row[1],
            sealed=row[2],
            created_at_ms=row[3],
            active_at_ms=row[4],
            retired_at_ms=row[5],
        )
        for row in await reader.fetch_rows(_LIST, _PURPOSE)
    ]


async def insert_signing_key(tx: Transaction, key: StoredSigningKey) -> bool:
    """Store a key; False where one of this id stands already."""
    row = (key.key_id, _PURPOSE, key.algorithm, key.sealed, key.created_at_ms, key.active_at_ms)
    return await tx.execute(_INSERT, *row) == 1


async def retire_other_keys(tx: Transaction, key_id: str, *, retired_at_ms: int) -> None:
    """Give all keys but one an end, those excepted that end earlier."""
    await tx.execute(_RETIRE, _PURPOSE, key_id, retired_at_ms)


async def prune_signing_keys(database: Database, now_ms: int) -> int:
    """Delete the keys whose last token has ended; return how many those were."""

    async def work(tx: Transaction) -> int:
        return await tx.execute(_PRUNE, _PURPOSE, now_ms)

    return await database.transaction(work)
