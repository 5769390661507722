"""The SQL of token exchange."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.db.database import Statement, Transaction

_DERIVE_GRANT: Final = Statement(
    "UPDATE oauth_grants SET derived_from = $3, expires_at = $4 WHERE tenant_id = $1 AND id = $2"
)


async def derive_grant(
    tx: Transaction, tenant_id: str, grant_id: str, *, derived_from: tuple[str, ...], expires_at_ms: int
) -> None:
    """Make a new grant hang on what it was made from, and end with the one token that it is for."""
    await tx.execute(_DERIVE_GRANT, tenant_id, grant_id, msgspec.json.encode(derived_from).decode(), expires_at_ms)
