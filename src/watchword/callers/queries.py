"""The SQL of choosing a tenant and of knowing which web origins any tenant listed."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.queries import ServedSettings
from watchword.db.database import Database, Statement

_FIND_LIVING_TENANT: Final = Statement(
    "SELECT id, plan, settings FROM tenants WHERE (id = $1 OR slug = $1) AND disabled_at IS NULL"
)
_LIST_TENANT_SETTINGS: Final = Statement("SELECT settings FROM tenants WHERE disabled_at IS NULL")
_LIST_KEY_ORIGINS: Final = Statement(
    "SELECT allowed_origins FROM api_keys"
    " WHERE kind = 'publishable_key' AND revoked_at IS NULL AND CAST(allowed_origins AS TEXT) <> '[]'"
)
_LIST_CLIENT_ORIGINS: Final = Statement(
    "SELECT settings FROM oauth_clients WHERE disabled_at IS NULL AND CAST(settings AS TEXT) LIKE '%\"web_origins\"%'"
)


class LivingTenant(msgspec.Struct, frozen=True):
    """A tenant that is not disabled."""

    id: str
    plan: str
    settings: ServedSettings


class _ClientOrigins(msgspec.Struct, frozen=True):
    web_origins: tuple[str, ...] = ()


async def find_living_tenant(database: Database, id_or_slug: str) -> LivingTenant | None:
    """Find a tenant by id or slug."""
    row = await database.fetch_row(_FIND_LIVING_TENANT, id_or_slug)
    if row is None:
        return None
    tenant_id, plan, settings = row
    return LivingTenant(tenant_id, plan, msgspec.json.decode(settings, type=ServedSettings))


async def list_allowed_origins(database: Database) -> frozenset[str]:
    """Return every web origin that any living tenant, publishable key or OAuth client lists."""
    origins: set[str] = set()
    for (settings,) in await database.scan_rows(_LIST_TENANT_SETTINGS):
        origins.update(msgspec.json.decode(settings, type=ServedSettings).allowed_origins)
    for (listed,) in await database.scan_rows(_LIST_KEY_ORIGINS):
        origins.update(msgspec.json.decode(listed, type=tuple[str, ...]))
    for (settings,) in await database.scan_rows(_LIST_CLIENT_ORIGINS):
        origins.update(msgspec.json.decode(settings, type=_ClientOrigins).web_origins)
    return frozenset(origins)
