"""The endpoints of tenants, members and invitations."""

from __future__ import annotations

from watchword.tenants.endpoints import InvitationEndpoints, MemberEndpoints, TenantEndpoints
from watchword.tenants.invitations import Invitations
from watchword.tenants.manage import Tenants
from watchword.tenants.members import Members
from watchword.tenants.models import (
    AcceptInvitation,
    AddMember,
    ChangeMember,
    ChangeTenant,
    CreateInvitation,
    CreateTenant,
    InvitationDone,
    InvitationPage,
    JoinedDone,
    MemberAnswer,
    MemberDone,
    MemberPage,
    PageQuery,
    Removed,
    TenantAnswer,
    TenantDone,
    TenantPage,
)
from watchword.wire.routes import Route


def make_routes(tenants: Tenants, members: Members, invitations: Invitations) -> tuple[Route, ...]:
    """Return the routes; a path's ``{id}`` is the caller's own tenant, or for a super-admin any."""
    return (
        *_tenant_routes(TenantEndpoints(tenants)),
        *_member_routes(MemberEndpoints(members)),
        *_invitation_routes(InvitationEndpoints(invitations)),
    )


def _tenant_routes(handlers: TenantEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/tenants",
            handler=handlers.create,
            callers="user",
            summary="Make a tenant",
            permission="installation:write",
            body=CreateTenant,
            answer=TenantDone,
            status=201,
            tag="Tenants",
        ),
        Route(
            method="GET",
            path="/api/tenants",
            handler=handlers.list,
            callers="user",
            summary="List the tenants you belong to",
            query=PageQuery,
            answer=TenantPage,
            tag="Tenants",
        ),
        Route(
            method="GET",
            path="/api/tenants/{id}",
            handler=handlers.get,
            callers="user",
            summary="Read a tenant with its settings",
            permission="tenants:read",
            answer=TenantAnswer,
            tag="Tenants",
        ),
        Route(
            method="PATCH",
            path="/api/tenants/{id}",
            handler=handlers.change,
            callers="user",
            summary="Change a tenant's name, web origins or settings",
            permission="tenants:write",
            body=ChangeTenant,
            answer=TenantDone,
            tag="Tenants",
        ),
    )


def _member_routes(handlers: MemberEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/tenants/{id}/members",
            handler=handlers.list,
            callers="user",
            summary="List members",
            permission="members:read",
            query=PageQuery,
            answer=MemberPage,
            tag="Members",
        ),
        Route(
            method="POST",
            path="/api/tenants/{id}/members",
            handler=handlers.add,
            callers="user",
            summary="Make an existing user a member without an invitation",
            permission="installation:write",
            body=AddMember,
            answer=MemberDone,
            status=201,
            tag="Members",
        ),
        Route(
            method="GET",
            path="/api/tenants/{id}/members/{user_id}",
            handler=handlers.get,
            callers="user",
            summary="Read a member",
            permission="members:read",
            answer=MemberAnswer,
            tag="Members",
        ),
        Route(
            method="PATCH",
            path="/api/tenants/{id}/members/{user_id}",
            handler=handlers.change,
            callers="user",
            summary="Change a member's role",
            permission="members:write",
            body=ChangeMember,
            answer=MemberDone,
            tag="Members",
        ),
        Route(
            method="DELETE",
            path="/api/tenants/{id}/members/{user_id}",
            handler=handlers.remove,
            callers="user",
            summary="Remove a member",
            permission="members:write",
            answer=Removed,
            tag="Members",
        ),
    )


def _invitation_routes(handlers: InvitationEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/tenants/{id}/invitations",
            handler=handlers.create,
            callers="user",
            summary="Invite someone by e-mail",
            permission="members:write",
            limit="mail",
            body=CreateInvitation,
            answer=InvitationDone,
            status=201,
            tag="Members",
        ),
        Route(
            method="GET",
            path="/api/tenants/{id}/invitations",
            handler=handlers.list,
            callers="user",
            summary="List invitations that can still be accepted",
            permission="members:read",
            query=PageQuery,
            answer=InvitationPage,
            tag="Members",
        ),
        Route(
            method="DELETE",
            path="/api/tenants/{id}/invitations/{invitation_id}",
            handler=handlers.withdraw,
            callers="user",
            summary="Take an invitation back",
            permission="members:write",
            answer=Removed,
            tag="Members",
        ),
        Route(
            method="POST",
            path="/api/invitations/accept",
            handler=handlers.accept,
            callers="anyone",
            summary="Join a tenant with the code of an invitation",
            limit="code",
            body=AcceptInvitation,
            answer=JoinedDone,
            tag="Members",
        ),
    )
