"""The SQL of token exchange."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.db.database import Statement, Transaction

_DERIVE_GRANT: Final = Statement(
    "UPDATE oauth_grants SET derived_from = $3, expires_at = $4 WHERE tenant_id = $1 AND id = $2"
)
_INSERT_ORIGINS: Final = Statement(
    "INSERT INTO oauth_grant_origins (subject, grant_id) SELECT value, $2 FROM json_array_elements_text($1::json)"
    " ON CONFLICT (subject, grant_id) DO NOTHING",
    sqlite="INSERT OR IGNORE INTO oauth_grant_origins (subject, grant_id) SELECT value, $2 FROM json_each($1)",
)


async def derive_grant(
    tx: Transaction, tenant_id: str, grant_id: str, *, derived_from: tuple[str, ...], expires_at_ms: int
) -> None:
    """Make a new grant hang on what it was made from, and end with the one token that it is for."""
    subjects = msgspec.json.encode(derived_from).decode()
    await tx.execute(_DERIVE_GRANT, tenant_id, grant_id, subjects, expires_at_ms)
    await tx.execute(_INSERT_ORIGINS, subjects, grant_id)
