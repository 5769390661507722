"""Who asks for a change: for the rules that differ by person, and for the audit log."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.callers.call import Call
from watchword.callers.caller import CallerKind, Mode, Role
from watchword.callers.permissions import require_no_wider
from watchword.errors import ForbiddenError, NotFoundError
from watchword.tenants.models import TenantRole


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever makes a change.

    Shapes: ``subject`` is a user's or key's id, ``credential_id`` the session's or key's, ``address`` the client's;
    ``is_super_admin`` lifts the rules that protect a tenant from its own administrators; ``scopes`` narrow what it may
    give to others, None narrows nothing; ``mode`` is the one that the caller is held to, None for somebody who stands
    in both.
    """

    subject: str
    credential_id: str = ""
    address: str = ""
    is_super_admin: bool = False
    scopes: tuple[str, ...] | None = None
    mode: Mode | None = None


_HELD_BY_ROLE: Final[dict[TenantRole, tuple[str, ...]]] = {
    "tenant-viewer": ("*:read",),
    "tenant-editor": ("*:read", "*:write"),
    "tenant-admin": ("*:*",),
}
"""What scopes must hold of whoever gives a role, where any narrow them."""

OPERATOR: Final = Actor(subject="operator", is_super_admin=True)
"""The person at the command line, who holds the database anyway."""


def actor_of(call: Call) -> Actor:
    """Return who sent a request."""
    caller = call.known
    return Actor(
        subject=caller.subject,
        credential_id=caller.credential_id,
        address=call.request.client_address,
        is_super_admin=caller.role is Role.SUPER_ADMIN,
        scopes=caller.scopes,
        mode=held_mode(call),
    )


def held_mode(call: Call) -> Mode | None:
    """Return the mode that a caller is held to, None for a user at work in the own session, who stands in both.

    Keys and OAuth clients are of one mode; a user who sends a publishable key of test with the session wants test alone.
    """
    caller = call.known
    if caller.kind is CallerKind.USER and caller.client_id is None and caller.mode == "live":
        return None
    return caller.mode


def require_mode(actor: Actor, mode: Mode) -> None:
    """Refuse to let whoever is held to test near a live credential, and the other way.

    Raises:
        ForbiddenError: the credential is of the other mode.
    """
    if actor.mode not in {None, mode}:
        raise ForbiddenError(cause="the caller is held to the other mode")


def require_may_give(actor: Actor, role: TenantRole) -> None:
    """Refuse to make somebody a member who may do more than the actor's own scopes allow, or in a mode that it lacks.

    Raises:
        ForbiddenError: the role is more; or the actor is held to test, and members stand in both modes.
    """
    require_mode(actor, "live")
    require_no_wider(actor.scopes, _HELD_BY_ROLE[role])


def named_tenant_id(call: Call) -> str:
    """Return the tenant that the path names, if the caller may know of it.

    A super-admin may name any; whether it exists is not asked here.

    Raises:
        NotFoundError: it is not the tenant that the caller acts in.
    """
    tenant_id = call.parameters["id"]
    if call.known.role is not Role.SUPER_ADMIN and tenant_id != call.tenant_id:
        raise NotFoundError
    return tenant_id
