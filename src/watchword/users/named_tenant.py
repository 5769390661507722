"""Which tenant a request without a session names, by key or ``X-Tenant-ID``; and which names a user's password avoids."""

from __future__ import annotations

from typing import Final

from watchword.callers.call import Call
from watchword.callers.caller import CallerKind
from watchword.db.database import Database
from watchword.tenants.models import Tenant
from watchword.tenants.queries import find_tenant, find_tenant_by_slug, list_tenants_of_user

_TENANTS_MAX: Final = 100
"""Names looked at for one password: more would make the check slow for whoever is a member everywhere."""


async def find_named_tenant(database: Database, call: Call) -> Tenant | None:
    """Return the living tenant that a request names by key, id or slug, or None."""
    if call.caller is not None and call.caller.kind is not CallerKind.USER:
        return _living(await find_tenant(database, call.caller.tenant_id))
    named = call.request.header(b"x-tenant-id")
    if named is None:
        return None
    return _living(await find_tenant(database, named) or await find_tenant_by_slug(database, named))


async def list_context_words(database: Database, user_id: str) -> tuple[str, ...]:
    """Return the names of a user's tenants, which an attacker would try as the password."""
    tenants = await list_tenants_of_user(database, user_id, after="", limit=_TENANTS_MAX)
    return tuple(word for entry in tenants for word in entry.tenant.context_words)


def _living(tenant: Tenant | None) -> Tenant | None:
    return None if tenant is None or tenant.disabled_at_ms is not None else tenant
