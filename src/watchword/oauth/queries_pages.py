"""The SQL of what pages show, and of a session that takes another's place."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.queries import Reader
from watchword.db.database import Database, Statement, Transaction

_FIND_SESSION_START: Final = Statement("SELECT created_at FROM sessions WHERE id = $1 AND ended_at IS NULL")
_MOVE_GRANTS: Final = Statement("UPDATE oauth_grants SET session_id = $2 WHERE session_id = $1 AND ended_at IS NULL")
_LIST_APPLICATIONS: Final = Statement(
    "SELECT c.id, c.name, o.scopes, o.created_at FROM oauth_consents o JOIN oauth_clients c ON c.id = o.client_id"
    " WHERE o.tenant_id = $1 AND o.user_id = $2 ORDER BY o.created_at DESC, c.id LIMIT 200"
)


class Application(msgspec.Struct, frozen=True):
    """A client that a user has allowed something; ``allowed_at_ms`` is when it was first."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    allowed_at_ms: int


async def find_session_start(reader: Reader, session_id: str) -> int | None:
    """Return when the user of a living session gave the password, in Unix milliseconds, or None."""
    row = await reader.fetch_row(_FIND_SESSION_START, session_id)
    return None if row is None else row[0]


async def move_grants(tx: Transaction, session_id: str, to_session_id: str) -> None:
    """Hang what a user allowed in one session on the one that takes its place."""
    await tx.execute(_MOVE_GRANTS, session_id, to_session_id)


async def list_applications(database: Database, tenant_id: str, user_id: str) -> list[Application]:
    """Return whom a user has allowed something in a tenant, the latest first."""
    rows = await database.fetch_rows(_LIST_APPLICATIONS, tenant_id, user_id)
    return [Application(row[0], row[1], msgspec.json.decode(row[2], type=tuple[str, ...]), row[3]) for row in rows]
