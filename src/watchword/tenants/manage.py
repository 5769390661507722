"""Create, read and change tenants."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from watchword.audit.writer import AuditWriter
from watchword.callers.origins import ORIGINS_SUBJECT
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, DuplicateError, ForbiddenError, NotFoundError
from watchword.ids import make_id
from watchword.tenants.actor import Actor, require_mode
from watchword.tenants.models import ChangeTenant, CreateTenant, SettingsChange, Tenant, TenantSettings
from watchword.tenants.names import require_name, require_slug
from watchword.tenants.queries import (
    TenantOfUser,
    find_tenant,
    find_tenant_by_slug,
    insert_tenant,
    list_tenants,
    list_tenants_of_user,
    lock_tenant,
    update_tenant,
)
from watchword.tenants.web_origins import require_logo_url, require_web_origins

Field = TypeVar("Field")


class Tenants:
    """The tenants of an installation."""

    def __init__(self, database: Database, *, audit: AuditWriter) -> None:
        self._database = database
        self._audit = audit

    async def create(self, wanted: CreateTenant, *, actor: Actor, now_ms: int) -> Tenant:
        """Make a tenant without members.

        Raises:
            InvalidFieldsError: a field is wrong.
            ConflictError: another tenant has the slug.
        """
        tenant = Tenant(
            id=make_id("tenant", now_ms),
            slug=require_slug(wanted.slug),
            name=require_name(wanted.name),
            plan=wanted.plan,
            settings=_changed_settings(TenantSettings(), wanted.settings, wanted.allowed_origins),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            disabled_at_ms=None,
        )

        async def store(transaction: Transaction) -> None:
            await insert_tenant(transaction, tenant)
            transaction.withdraw(ORIGINS_SUBJECT)

        try:
            await self._database.transaction(store)
        except DuplicateError:
            raise _slug_taken(tenant.slug) from None
        self._record("tenant.created", tenant.id, actor, {"slug": tenant.slug, "plan": tenant.plan}, now_ms)
        return tenant

    async def get(self, tenant_id: str) -> Tenant:
        """Return a tenant, disabled or not.

        Raises:
            NotFoundError: there is none.
        """
        tenant = await find_tenant(self._database, tenant_id)
        if tenant is None:
            raise NotFoundError
        return tenant

    async def find_by_slug(self, slug: str) -> Tenant | None:
        """Return a tenant, disabled or not, or None."""
        return await find_tenant_by_slug(self._database, slug)

    async def list_all(self, *, after: str = "", limit: int = 10) -> list[Tenant]:
        """Return tenants of the whole installation in the order of their ids, from the one behind ``after``."""
        return await list_tenants(self._database, after=after, limit=limit)

    async def list_of_user(self, user_id: str, *, after: str = "", limit: int = 10) -> list[TenantOfUser]:
        """Return a user's tenants that are not disabled, in the order of their ids, from the one behind ``after``."""
        return await list_tenants_of_user(self._database, user_id, after=after, limit=limit)

    async def change(self, tenant_id: str, wanted: ChangeTenant, *, actor: Actor, now_ms: int) -> Tenant:
        """Change what ``wanted`` names; every credential of the tenant sees it on its next request.

        Raises:
            ForbiddenError: slug, plan, limits and disabling are the super-admin's; or the actor is held to test, and
                settings are of both modes.
            InvalidFieldsError: a field is wrong.
            ConflictError: another tenant has the slug.
            NotFoundError: there is no such tenant.
        """
        require_mode(actor, "live")
        _require_right_to_change(wanted, actor)
        checked = _checked(wanted)

        async def store(transaction: Transaction) -> Tenant:
            await lock_tenant(transaction, tenant_id)
            tenant = await find_tenant(transaction, tenant_id)
            if tenant is None:
                raise NotFoundError
            changed = _changed(tenant, checked, now_ms)
            await update_tenant(transaction, changed)
            transaction.withdraw(f"tenant:{tenant_id}", ORIGINS_SUBJECT)
            return changed

        try:
            tenant = await self._database.transaction(store)
        except DuplicateError:
            raise _slug_taken(str(wanted.slug)) from None
        fields = [name for name in wanted.__struct_fields__ if getattr(wanted, name) is not UNSET]
        self._record("tenant.changed", tenant_id, actor, {"fields": " ".join(fields)}, now_ms)
        return tenant

    def _record(self, event: str, tenant_id: str, actor: Actor, detail: dict[str, str], now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=tenant_id,
            subject=actor.subject,
            credential_id=actor.credential_id,
            address=actor.address,
            detail=detail,
            now_ms=now_ms,
        )


def _require_right_to_change(wanted: ChangeTenant, actor: Actor) -> None:
    if actor.is_super_admin:
        return
    reserved: dict[str, object] = {"slug": wanted.slug, "plan": wanted.plan, "disabled": wanted.disabled}
    if isinstance(wanted.settings, SettingsChange):
        reserved["requests_per_minute"] = wanted.settings.requests_per_minute
        reserved["requests_per_hour"] = wanted.settings.requests_per_hour
    asked = [name for name, value in reserved.items() if value is not UNSET]
    if asked:
        raise ForbiddenError(f"Only a super-admin changes {', '.join(asked)}")


def _checked(wanted: ChangeTenant) -> ChangeTenant:
    return msgspec.structs.replace(
        wanted,
        name=wanted.name if isinstance(wanted.name, UnsetType) else require_name(wanted.name),
        slug=wanted.slug if isinstance(wanted.slug, UnsetType) else require_slug(wanted.slug),
        allowed_origins=(
            wanted.allowed_origins
            if isinstance(wanted.allowed_origins, UnsetType)
            else list(require_web_origins(wanted.allowed_origins))
        ),
    )


def _changed(tenant: Tenant, wanted: ChangeTenant, now_ms: int) -> Tenant:
    disabled_at_ms = tenant.disabled_at_ms
    if not isinstance(wanted.disabled, UnsetType):
        disabled_at_ms = (disabled_at_ms or now_ms) if wanted.disabled else None
    return msgspec.structs.replace(
        tenant,
        name=_or(wanted.name, tenant.name),
        slug=_or(wanted.slug, tenant.slug),
        plan=_or(wanted.plan, tenant.plan),
        settings=_changed_settings(tenant.settings, wanted.settings, wanted.allowed_origins),
        updated_at_ms=now_ms,
        disabled_at_ms=disabled_at_ms,
    )


def _changed_settings(
    settings: TenantSettings, wanted: SettingsChange | UnsetType, origins: list[str] | UnsetType
) -> TenantSettings:
    changes: dict[str, object] = {}
    if isinstance(wanted, SettingsChange):
        asked = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
        changes.update({name: value for name, value in asked.items() if value is not UNSET})
    if isinstance(changes.get("logo_url"), str):
        changes["logo_url"] = require_logo_url(str(changes["logo_url"]))
    if not isinstance(origins, UnsetType):
        changes["allowed_origins"] = require_web_origins(origins)
    return msgspec.structs.replace(settings, **changes)


def _or(value: Field | UnsetType, default: Field) -> Field:
    return default if isinstance(value, UnsetType) else value


def _slug_taken(slug: str) -> ConflictError:
    return ConflictError(f"The slug {slug} is taken")
