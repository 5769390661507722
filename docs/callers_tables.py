"""The tables of what callers may: attempts, the requests of a plan, and what each role and kind of key is let do."""

from __future__ import annotations

from typing import Final

from markdown_table import table

from watchword.callers.caller import Caller, CallerKind, Role
from watchword.callers.permissions import require_permission
from watchword.errors import ForbiddenError
from watchword.limits.policies import ATTEMPTS, HOUR, MINUTE
from watchword.setting_kinds import PLANS

_WINDOWS: Final = {MINUTE: "a minute", HOUR: "an hour"}


def attempts_part() -> str:
    """Return the limits of a client address."""
    rows = [
        (f"`{policy.name}`", f"{policy.count} {_WINDOWS[policy.window_seconds]}", policy.when_store_is_down)
        for policy in ATTEMPTS.values()
    ]
    return table(("Limit", "For each client address", "When the store is down"), rows)


def plans_part() -> str:
    """Return the requests that each plan allows."""
    rows = [
        (f"`{name}`", _number(plan.requests_per_minute), _number(plan.requests_per_hour))
        for name, plan in PLANS.items()
    ]
    return table(("Plan", "Requests a minute", "Requests an hour"), rows)


def _number(value: int | None) -> str:
    return "no limit" if value is None else f"{value:,}"


_PERMISSIONS: Final = (
    ("read public collections (`products:read`)", "products:read", True),
    ("read other collections (`orders:read`)", "orders:read", False),
    ("write collections, place and change orders (`products:write`, `orders:write`)", "products:write", False),
    ("read keys (`keys:read`)", "keys:read", False),
    ("make, change and revoke keys (`keys:write`)", "keys:write", False),
    ("read OAuth clients and grants (`clients:read`)", "clients:read", False),
    ("make, change and delete OAuth clients, end grants (`clients:write`)", "clients:write", False),
    ("read members and invitations (`members:read`)", "members:read", False),
    ("invite, change and remove members (`members:write`)", "members:write", False),
    ("read the tenant (`tenants:read`)", "tenants:read", False),
    ("change the tenant (`tenants:write`)", "tenants:write", False),
    ("follow what ends (`revocations:read`)", "revocations:read", False),
    ("make tenants, add members unasked (`installation:write`)", "installation:write", False),
)


def permissions_part() -> str:
    """Return who may do what, as the permission check itself answers."""
    kinds = (CallerKind.PUBLISHABLE_KEY, CallerKind.SECRET_KEY)
    callers = [(kind.value.replace("_", " "), Caller(kind, "t", "live", "s", None, None, "c")) for kind in kinds]
    callers += [(role.value, Caller(CallerKind.USER, "t", "live", "s", role, None, "c")) for role in Role]
    rows = [
        (what, *("yes" if _holds(caller, permission, public=public) else "no" for _, caller in callers))
        for what, permission, public in _PERMISSIONS
    ]
    return table(("", *(name for name, _ in callers)), rows)


def _holds(caller: Caller, permission: str, *, public: bool) -> bool:
    try:
        require_permission(caller, permission, public=public)
    except ForbiddenError:
        return False
    return True
