"""What a caller may do: one table of which credential kind may hold which permission, with "no" as the default.

A permission is ``resource:action``. The resources named here manage a tenant or the installation; every other
resource is a collection. Scopes narrow what the table gives and never widen it.
"""

from __future__ import annotations

import re
from typing import Final

from watchword.callers.caller import Caller, CallerKind, Role
from watchword.errors import ForbiddenError, InsufficientScopeError, MalformedRequestError

TENANT_RESOURCES: Final = frozenset({"keys", "clients", "members", "tenants", "audit"})
"""What a tenant-admin manages in the own tenant."""

INSTALLATION_RESOURCES: Final = frozenset({"installation"})
"""What only a super-admin manages."""

SERVICE_RESOURCES: Final = frozenset({"revocations"})
"""What a tenant's own services read, to learn of it before anybody else."""

_TENANT_STANDS_IN_PATH: Final = frozenset({"tenants", "members"}) | INSTALLATION_RESOURCES
"""Resources whose paths name the tenant they are about, so that no header need name it."""

_READ: Final = frozenset({"read"})
_READ_AND_WRITE: Final = frozenset({"read", "write"})
_NOTHING: Final[frozenset[str]] = frozenset()

COLLECTION_ACTIONS: Final[dict[CallerKind | Role, frozenset[str]]] = {
    CallerKind.PUBLISHABLE_KEY: _READ,
    CallerKind.SECRET_KEY: _READ_AND_WRITE,
    CallerKind.CLIENT: _READ_AND_WRITE,
    Role.TENANT_VIEWER: _READ,
    Role.TENANT_EDITOR: _READ_AND_WRITE,
    Role.TENANT_ADMIN: _READ_AND_WRITE,
    Role.SUPER_ADMIN: _READ_AND_WRITE,
}
"""Actions on collections; a publishable key's reading is further held to collections marked public."""

TENANT_ACTIONS: Final[dict[CallerKind | Role, frozenset[str]]] = {
    Role.TENANT_ADMIN: _READ_AND_WRITE,
    Role.SUPER_ADMIN: _READ_AND_WRITE,
}
"""Actions on keys, clients, members, settings and the audit log."""

SERVICE_ACTIONS: Final[dict[CallerKind | Role, frozenset[str]]] = {
    CallerKind.SECRET_KEY: _READ,
    Role.TENANT_ADMIN: _READ,
    Role.SUPER_ADMIN: _READ,
}
"""Actions on what the tenant's own services read."""

INSTALLATION_ACTIONS: Final[dict[CallerKind | Role, frozenset[str]]] = {Role.SUPER_ADMIN: _READ_AND_WRITE}

SCOPE_PATTERN: Final = re.compile(r"(?:\*|[a-z][a-z0-9_-]{0,62}):(?:\*|read|write)")
"""The grammar of a scope: resource, colon, action, with ``*`` for either."""


def require_permission(caller: Caller, permission: str, *, public: bool) -> None:
    """Refuse a caller who may not do this.

    ``public`` says that a publishable key may read here; it opens nothing else.

    Raises:
        ForbiddenError: neither its kind nor its role may.
        InsufficientScopeError: they may, and its scopes leave it out.
    """
    resource, _, action = permission.partition(":")
    if caller.kind is CallerKind.PUBLISHABLE_KEY and not (public and action == "read"):
        raise ForbiddenError(cause=f"a publishable key never holds {permission} here")
    if action not in _actions(caller, resource):
        raise ForbiddenError(cause=f"{caller.role or caller.kind} does not hold {permission}")
    if not is_in_scope(caller.scopes, permission):
        raise InsufficientScopeError(permission)


def require_tenant(caller: Caller, permission: str) -> None:
    """Refuse a super-admin who acts in no tenant where only the header can say which one is meant.

    Raises:
        MalformedRequestError: no tenant was named.
    """
    if not caller.tenant_id and permission.partition(":")[0] not in _TENANT_STANDS_IN_PATH:
        raise MalformedRequestError("Name the tenant in the header X-Tenant-ID")


def is_in_scope(scopes: tuple[str, ...] | None, permission: str) -> bool:
    """Say whether scopes leave a permission standing; None narrows nothing, an empty tuple everything."""
    if scopes is None:
        return True
    resource, _, action = permission.partition(":")
    for scope in scopes:
        scope_resource, _, scope_action = scope.partition(":")
        if scope_resource in {"*", resource} and scope_action in {"*", action}:
            return True
    return False


def require_no_wider(caller_scopes: tuple[str, ...] | None, given: tuple[str, ...] | None) -> None:
    """Refuse to give others, or a credential, more than one's own scopes allow.

    ``given`` is None for what nothing narrows.

    Raises:
        InsufficientScopeError: one of them is more.
    """
    for scope in ("*:*",) if given is None else given:
        if not is_in_scope(caller_scopes, scope):
            raise InsufficientScopeError(scope)


def _actions(caller: Caller, resource: str) -> frozenset[str]:
    holder: CallerKind | Role | None = caller.role if caller.kind is CallerKind.USER else caller.kind
    if holder is None:
        return _NOTHING
    if resource in INSTALLATION_RESOURCES:
        return INSTALLATION_ACTIONS.get(holder, _NOTHING)
    if resource in SERVICE_RESOURCES:
        return SERVICE_ACTIONS.get(holder, _NOTHING)
    if resource in TENANT_RESOURCES:
        return TENANT_ACTIONS.get(holder, _NOTHING)
    return COLLECTION_ACTIONS.get(holder, _NOTHING)
