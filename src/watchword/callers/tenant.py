"""Which tenant and which mode a request is about.

The key's; for a user session the publishable key's if one is sent, else ``X-Tenant-ID``, else the first membership.
Not a member: 403. A user session is live unless a test publishable key is sent with it.
"""

from __future__ import annotations

import msgspec

from watchword.callers.caller import Mode, Role
from watchword.callers.queries import find_living_tenant
from watchword.credentials.api_key import KeyProof
from watchword.credentials.session_token import Membership, SessionProof
from watchword.db.database import Database
from watchword.errors import NotAMemberError, TenantMismatchError
from watchword.wire.request import Request


class ChosenTenant(msgspec.Struct, frozen=True):
    """Where a user acts; ``tenant_id`` is empty and ``role`` None for a user of no tenant.

    Shapes: ``requests_per_minute`` and ``requests_per_hour`` are the tenant's own numbers, None for its plan's.
    """

    tenant_id: str
    mode: Mode
    role: Role | None
    plan: str
    allowed_origins: tuple[str, ...]
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None


class TenantChooser:
    """Chooses the tenant of a request; reads the database only for a super-admin who names one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def choose(self, request: Request, session: SessionProof, key: KeyProof | None) -> ChosenTenant:
        """Choose the tenant and mode that a user acts in.

        Raises:
            NotAMemberError: the user is no member of the tenant that the key or header names.
            TenantMismatchError: the key and ``X-Tenant-ID`` name two tenants.
        """
        wanted = request.header(b"x-tenant-id")
        if key is not None:
            self.require_same_tenant(request, key)
            wanted = key.tenant_id
        mode: Mode = "live" if key is None else key.mode
        if wanted is not None:
            return await self._named(session, wanted, mode)
        if session.memberships:
            return _as_member(session, session.memberships[0], mode)
        return ChosenTenant("", mode, Role.SUPER_ADMIN if session.is_super_admin else None, "free", ())

    def require_same_tenant(self, request: Request, key: KeyProof) -> None:
        """Refuse a key beside an ``X-Tenant-ID`` of another tenant.

        Raises:
            TenantMismatchError: they differ.
        """
        named = request.headers.get(b"x-tenant-id")
        if named is not None and named.decode("latin-1") not in {key.tenant_id, key.tenant_slug}:
            raise TenantMismatchError

    def require_agreement(self, secret: KeyProof, publishable: KeyProof) -> None:
        """Refuse two keys that name two tenants or two modes.

        Raises:
            TenantMismatchError: they differ.
        """
        if secret.tenant_id != publishable.tenant_id or secret.mode != publishable.mode:
            raise TenantMismatchError

    async def _named(self, session: SessionProof, wanted: str, mode: Mode) -> ChosenTenant:
        for membership in session.memberships:
            if wanted in {membership.tenant_id, membership.slug}:
                return _as_member(session, membership, mode)
        if session.is_super_admin:
            tenant = await find_living_tenant(self._database, wanted)
            if tenant is not None:
                return ChosenTenant(
                    tenant.id,
                    mode,
                    Role.SUPER_ADMIN,
                    tenant.plan,
                    tenant.settings.allowed_origins,
                    tenant.settings.requests_per_minute,
                    tenant.settings.requests_per_hour,
                )
        raise NotAMemberError


def _as_member(session: SessionProof, membership: Membership, mode: Mode) -> ChosenTenant:
    role = Role.SUPER_ADMIN if session.is_super_admin else Role(membership.role)
    return ChosenTenant(
        membership.tenant_id,
        mode,
        role,
        membership.plan,
        membership.allowed_origins,
        membership.requests_per_minute,
        membership.requests_per_hour,
    )
