"""Which tenant a request without a session names: by the key it carries, or by ``X-Tenant-ID``."""

from __future__ import annotations

from watchword.callers.call import Call
from watchword.callers.caller import CallerKind
from watchword.db.database import Database
from watchword.tenants.models import Tenant
from watchword.tenants.queries import find_tenant, find_tenant_by_slug


async def find_named_tenant(database: Database, call: Call) -> Tenant | None:
    """Return the living tenant that a request names by key, id or slug, or None."""
    if call.caller is not None and call.caller.kind is not CallerKind.USER:
        return _living(await find_tenant(database, call.caller.tenant_id))
    named = call.request.header(b"x-tenant-id")
    if named is None:
        return None
    return _living(await find_tenant(database, named) or await find_tenant_by_slug(database, named))


def _living(tenant: Tenant | None) -> Tenant | None:
    return None if tenant is None or tenant.disabled_at_ms is not None else tenant
