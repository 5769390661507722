"""The SQL of OAuth clients and their secrets, and the rows under their names."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this file, never a value

from __future__ import annotations

from typing import Final, cast

import msgspec

from watchword.credentials.queries import Reader, ServedSettings
from watchword.db.database import Row, Statement
from watchword.limits.limiter import Limited
from watchword.oauth.models import ClientSecret, ClientSettings, OAuthClient

CLIENT_COLUMNS: Final = (
    "c.id, c.tenant_id, t.slug, c.mode, c.name, c.kind, c.source, c.grants, c.scopes, c.settings, c.created_at, "
    "c.updated_at, c.disabled_at, t.disabled_at, t.settings, t.plan"
)
CLIENT_TABLES: Final = "oauth_clients c JOIN tenants t ON t.id = c.tenant_id"
"""What ``client_of`` reads, and where it stands."""

_FIND_CLIENT_BY_ID: Final = Statement(f"SELECT {CLIENT_COLUMNS} FROM {CLIENT_TABLES} WHERE c.id = $1")
_LIST_SECRETS: Final = Statement(
    "SELECT id, secret_hash, last_characters, created_at, expires_at FROM oauth_client_secrets"
    " WHERE client_id = $1 ORDER BY id"
)


async def find_client_by_id(reader: Reader, client_id: str) -> OAuthClient | None:
    """Return the client of an id, whatever its tenant and state, or None: what a client presents finds its tenant."""
    row = await reader.fetch_row(_FIND_CLIENT_BY_ID, client_id)
    return None if row is None else client_of(row)


async def list_secrets(reader: Reader, client_id: str) -> list[ClientSecret]:
    """Return a client's secrets, oldest first, ended ones too."""
    return [ClientSecret(*row) for row in await reader.fetch_rows(_LIST_SECRETS, client_id)]


def client_of(row: Row) -> OAuthClient:
    """Name a row of this file's column list."""
    tenant = msgspec.json.decode(cast("str", row[14]), type=ServedSettings)
    return OAuthClient(
        id=row[0],
        tenant_id=row[1],
        tenant_slug=row[2],
        mode=row[3],
        name=row[4],
        kind=row[5],
        source=row[6],
        grants=_texts(row[7]),
        scopes=None if row[8] is None else _texts(row[8]),
        settings=msgspec.json.decode(cast("str", row[9]), type=ClientSettings),
        created_at_ms=row[10],
        updated_at_ms=row[11],
        disabled_at_ms=row[12],
        tenant_disabled_at_ms=row[13],
        tenant_wants_nonces=tenant.dpop_nonces,
        # Anybody can be a client that let itself in: it has as much as a tenant, and nothing of the tenant's.
        limited=Limited(
            row[1] if row[6] == "administrator" else row[0],
            row[15],
            row[0],
            None,
            tenant.requests_per_minute,
            tenant.requests_per_hour,
            "client",
        ),
    )


def _texts(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])
