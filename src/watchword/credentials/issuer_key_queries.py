"""The SQL of the keys that sign tenants' OAuth tokens. A key's number tells its place among its tenant's and algorithm's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from watchword.credentials.queries import Reader
from watchword.credentials.signing import SigningAlgorithm
from watchword.db.database import Database, Statement, Transaction

_LIST: Final = Statement(
    "SELECT id, algorithm, number, sealed, created_at, active_at, ends_at FROM oauth_signing_keys"
    " WHERE tenant_id = $1 ORDER BY algorithm, number"
)
_FIND_TENANT: Final = Statement("SELECT tenant_id FROM oauth_signing_keys WHERE id = $1")
_INSERT: Final = Statement(
    "INSERT INTO oauth_signing_keys (id, tenant_id, algorithm, number, sealed, public_jwk, created_at, active_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, algorithm, number) DO NOTHING"
)
_END: Final = Statement(
    "UPDATE oauth_signing_keys SET ends_at = $4"
    " WHERE tenant_id = $1 AND algorithm = $2 AND number < $3 AND (ends_at IS NULL OR ends_at > $4)"
)
_DELETE: Final = Statement("DELETE FROM oauth_signing_keys WHERE tenant_id = $1 AND algorithm = $2 AND number < $3")
_LIST_AGED: Final = Statement("""
    SELECT k.tenant_id, k.algorithm FROM oauth_signing_keys k JOIN tenants t ON t.id = k.tenant_id
    WHERE t.disabled_at IS NULL
    GROUP BY k.tenant_id, k.algorithm HAVING MAX(k.active_at) <= $1
    ORDER BY MAX(k.active_at) LIMIT $2
""")


class StoredIssuerKey(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's signing key as stored, sealed."""

    key_id: str
    algorithm: SigningAlgorithm
    number: int
    sealed: bytes
    created_at_ms: int
    active_at_ms: int
    ends_at_ms: int | None = None


class AgedKeys(NamedTuple):
    """A tenant whose youngest key of an algorithm is old."""

    tenant_id: str
    algorithm: SigningAlgorithm


async def list_issuer_keys(reader: Reader, tenant_id: str) -> list[StoredIssuerKey]:
    """Return a tenant's signing keys, oldest first within an algorithm."""
    return [
        StoredIssuerKey(
            key_id=row[0],
            algorithm=cast("SigningAlgorithm", row[1]),
            number=row[2],
            sealed=row[3],
            created_at_ms=row[4],
            active_at_ms=row[5],
            ends_at_ms=row[6],
        )
        for row in await reader.fetch_rows(_LIST, tenant_id)
    ]


async def find_tenant_of_issuer_key(reader: Reader, key_id: str) -> str | None:
    """Return whose key this is, or None."""
    row = await reader.fetch_row(_FIND_TENANT, key_id)
    return None if row is None else str(row[0])


async def insert_issuer_key(
    tx: Transaction, tenant_id: str, key: StoredIssuerKey, *, public_jwk: dict[str, Any]
) -> bool:
    """Store a key; False when another process was first with its number."""
    inserted = await tx.execute(
        _INSERT,
        key.key_id,
        tenant_id,
        key.algorithm,
        key.number,
        key.sealed,
        msgspec.json.encode(public_jwk).decode(),
        key.created_at_ms,
        key.active_at_ms,
    )
    return inserted == 1


async def end_issuer_keys(
    tx: Transaction, tenant_id: str, algorithm: SigningAlgorithm, *, below_number: int, ends_at_ms: int
) -> None:
    """Give older keys of an algorithm their end; one that ends sooner keeps its own."""
    await tx.execute(_END, tenant_id, algorithm, below_number, ends_at_ms)


async def delete_issuer_keys(
    tx: Transaction, tenant_id: str, algorithm: SigningAlgorithm, *, below_number: int
) -> None:
    """Delete older keys of an algorithm: whatever they signed is nobody's any more."""
    await tx.execute(_DELETE, tenant_id, algorithm, below_number)


async def list_aged_issuer_keys(database: Database, *, active_until_ms: int, limit: int) -> Sequence[AgedKeys]:
    """Return tenants whose youngest key of an algorithm signs since then or longer, the oldest first."""
    rows = await database.scan_rows(_LIST_AGED, active_until_ms, limit)
    return [AgedKeys(row[0], cast("SigningAlgorithm", row[1])) for row in rows]
