"""The SQL of showing grants to those who gave them and to those who manage the tenant."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.callers.caller import Mode
from watchword.credentials.queries import Reader
from watchword.db.database import Database, Row, Statement
from watchword.oauth.client_models import ListedGrant

_LISTED: Final = (
    "g.id, g.client_id, c.name, g.tenant_id, t.name, g.mode, g.user_id, u.email, g.scopes, g.resources, "
    "g.created_at, g.expires_at"
)
_LIVING: Final = (
    "FROM oauth_grants g JOIN oauth_clients c ON c.id = g.client_id JOIN tenants t ON t.id = g.tenant_id "
    "LEFT JOIN users u ON u.id = g.user_id WHERE g.ended_at IS NULL AND g.expires_at > $2 AND g.id < $3 "
    "AND (g.session_id IS NULL OR CAST(g.scopes AS TEXT) LIKE '%\"offline_access\"%' OR EXISTS "
    "(SELECT 1 FROM sessions s WHERE s.id = g.session_id AND s.ended_at IS NULL AND s.current_expires_at > $2))"
)

_LIST_OF_TENANT: Final = Statement(
    f"SELECT {_LISTED} {_LIVING} AND g.tenant_id = $1 "
    "AND (CAST($5 AS TEXT) = '' OR g.client_id = $5) AND (CAST($6 AS TEXT) = '' OR g.user_id = $6) "
    "AND (CAST($7 AS TEXT) = '' OR g.mode = $7) "
    "ORDER BY g.id DESC LIMIT $4"
)
_LIST_OF_USER: Final = Statement(f"SELECT {_LISTED} {_LIVING} AND g.user_id = $1 ORDER BY g.id DESC LIMIT $4")
_FIND_TENANT_OF_GRANT: Final = Statement("SELECT tenant_id FROM oauth_grants WHERE user_id = $1 AND id = $2")

_BEHIND_ALL_IDS: Final = "~"


async def list_grants_of_tenant(
    database: Database,
    tenant_id: str,
    *,
    mode: Mode | None,
    client_id: str,
    user_id: str,
    after: str,
    limit: int,
    now_ms: int,
) -> list[ListedGrant]:
    """Return a tenant's living grants, the youngest first; an empty ``client_id`` or ``user_id`` means any."""
    rows = await database.scan_rows(
        _LIST_OF_TENANT, tenant_id, now_ms, after or _BEHIND_ALL_IDS, limit, client_id, user_id, mode or ""
    )
    return [_listed(row) for row in rows]


async def list_grants_of_user(
    database: Database, user_id: str, *, after: str, limit: int, now_ms: int
) -> list[ListedGrant]:
    """Return the living grants that a user gave, in every tenant, the youngest first."""
    rows = await database.scan_rows(_LIST_OF_USER, user_id, now_ms, after or _BEHIND_ALL_IDS, limit)
    return [_listed(row) for row in rows]


async def find_tenant_of_grant(reader: Reader, user_id: str, grant_id: str) -> str | None:
    """Return the tenant of a grant that this user gave, or None."""
    row = await reader.fetch_row(_FIND_TENANT_OF_GRANT, user_id, grant_id)
    return None if row is None else str(row[0])


def _listed(row: Row) -> ListedGrant:
    return ListedGrant(
        id=row[0],
        client_id=row[1],
        client_name=row[2],
        tenant_id=row[3],
        tenant_name=row[4],
        mode=row[5],
        user_id=row[6],
        email=row[7],
        scopes=msgspec.json.decode(row[8], type=tuple[str, ...]),
        resources=msgspec.json.decode(row[9], type=tuple[str, ...]),
        created_at_ms=row[10],
        expires_at_ms=row[11],
    )
