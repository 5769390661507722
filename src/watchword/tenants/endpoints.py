"""The handlers of tenants, members and invitations: from a call to the answer's bytes."""

from __future__ import annotations

from watchword.callers.call import Call
from watchword.callers.caller import CallerKind, Role
from watchword.clock import iso_timestamp
from watchword.tenants.actor import actor_of, named_tenant_id
from watchword.tenants.invitations import Invitations
from watchword.tenants.manage import Tenants
from watchword.tenants.members import Members
from watchword.tenants.models import (
    Invitation,
    InvitationAnswer,
    InvitationDone,
    InvitationPage,
    JoinedAnswer,
    JoinedDone,
    MemberAnswer,
    MemberDone,
    MemberPage,
    Membership,
    PageQuery,
    Removed,
    SettingsAnswer,
    Tenant,
    TenantAnswer,
    TenantDone,
    TenantPage,
    TenantRole,
    TenantSummary,
)
from watchword.wire.response import Response, json_response


class TenantEndpoints:
    """Handlers under ``/api/tenants``."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def create(self, call: Call) -> Response:
        """Make a tenant."""
        tenant = await self._tenants.create(call.body, actor=actor_of(call), now_ms=call.now_ms)
        return json_response(201, TenantDone("Tenant successfully created.", _tenant_answer(tenant)))

    async def list(self, call: Call) -> Response:
        """List the caller's tenants; for a super-admin, all."""
        page: PageQuery = call.query
        if call.known.role is Role.SUPER_ADMIN:
            tenants = await self._tenants.list_all(after=page.after, limit=page.limit + 1)
            docs = [_summary(tenant, None) for tenant in tenants]
        else:
            own = await self._tenants.list_of_user(call.known.subject, after=page.after, limit=page.limit + 1)
            docs = [_summary(entry.tenant, entry.role) for entry in own]
        more = len(docs) > page.limit
        docs = docs[: page.limit]
        return json_response(
            200,
            TenantPage(docs=docs, limit=page.limit, has_next_page=more, next_after=docs[-1].id if more else None),
        )

    async def get(self, call: Call) -> Response:
        """Read one tenant."""
        tenant = await self._tenants.get(named_tenant_id(call))
        return json_response(200, _tenant_answer(tenant))

    async def change(self, call: Call) -> Response:
        """Change one tenant."""
        tenant_id = named_tenant_id(call)
        tenant = await self._tenants.change(tenant_id, call.body, actor=actor_of(call), now_ms=call.now_ms)
        return json_response(200, TenantDone("Updated successfully.", _tenant_answer(tenant)))


class MemberEndpoints:
    """Handlers under ``/api/tenants/{id}/members``."""

    def __init__(self, members: Members) -> None:
        self._members = members

    async def list(self, call: Call) -> Response:
        """List the members of a tenant."""
        page: PageQuery = call.query
        members = await self._members.list(named_tenant_id(call), after=page.after, limit=page.limit + 1)
        more = len(members) > page.limit
        docs = [_member_answer(member) for member in members[: page.limit]]
        return json_response(
            200,
            MemberPage(docs=docs, limit=page.limit, has_next_page=more, next_after=docs[-1].user_id if more else None),
        )

    async def get(self, call: Call) -> Response:
        """Read one member."""
        member = await self._members.get(named_tenant_id(call), call.parameters["user_id"])
        return json_response(200, _member_answer(member))

    async def add(self, call: Call) -> Response:
        """Make an existing user a member."""
        member = await self._members.add(
            named_tenant_id(call),
            call.body.email,
            role=call.body.role,
            actor=actor_of(call),
            now_ms=call.now_ms,
        )
        return json_response(201, MemberDone("Member successfully added.", _member_answer(member)))

    async def change(self, call: Call) -> Response:
        """Change a member's role."""
        member = await self._members.change_role(
            named_tenant_id(call),
            call.parameters["user_id"],
            role=call.body.role,
            actor=actor_of(call),
            now_ms=call.now_ms,
        )
        return json_response(200, MemberDone("Updated successfully.", _member_answer(member)))

    async def remove(self, call: Call) -> Response:
        """Remove a member."""
        member = await self._members.remove(
            named_tenant_id(call), call.parameters["user_id"], actor=actor_of(call), now_ms=call.now_ms
        )
        return json_response(200, Removed("Deleted successfully.", member.user_id))


class InvitationEndpoints:
    """Handlers under ``/api/tenants/{id}/invitations`` and of accepting one."""

    def __init__(self, invitations: Invitations) -> None:
        self._invitations = invitations

    async def create(self, call: Call) -> Response:
        """Invite someone."""
        tenant_id = named_tenant_id(call)
        invitation = await self._invitations.create(tenant_id, call.body, actor=actor_of(call), now_ms=call.now_ms)
        return json_response(201, InvitationDone("Invitation sent.", _invitation_answer(invitation)))

    async def list(self, call: Call) -> Response:
        """List the open invitations of a tenant."""
        page: PageQuery = call.query
        invitations = await self._invitations.list(
            named_tenant_id(call), after=page.after, limit=page.limit + 1, now_ms=call.now_ms
        )
        more = len(invitations) > page.limit
        docs = [_invitation_answer(invitation) for invitation in invitations[: page.limit]]
        return json_response(
            200,
            InvitationPage(docs=docs, limit=page.limit, has_next_page=more, next_after=docs[-1].id if more else None),
        )

    async def withdraw(self, call: Call) -> Response:
        """Take an invitation back."""
        invitation = await self._invitations.withdraw(
            named_tenant_id(call), call.parameters["invitation_id"], actor=actor_of(call), now_ms=call.now_ms
        )
        return json_response(200, Removed("Deleted successfully.", invitation.id))

    async def accept(self, call: Call) -> Response:
        """Join the tenant of an invitation."""
        membership = await self._invitations.accept(
            call.body,
            signed_in_user_id=_signed_in_user_id(call),
            address=call.request.client_address,
            now_ms=call.now_ms,
        )
        return json_response(200, JoinedDone("Invitation accepted.", _joined_answer(membership)))


def _signed_in_user_id(call: Call) -> str | None:
    caller = call.caller
    if caller is None or caller.kind is not CallerKind.USER or caller.client_id is not None:
        # An application that acts for a user joins nothing in the user's name.
        return None
    return caller.subject


def _tenant_answer(tenant: Tenant) -> TenantAnswer:
    settings = tenant.settings
    return TenantAnswer(
        id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        plan=tenant.plan,
        disabled=tenant.disabled_at_ms is not None,
        allowed_origins=settings.allowed_origins,
        settings=SettingsAnswer(
            registration=settings.registration,
            session_cookie=settings.session_cookie,
            require_verified_email=settings.require_verified_email,
            client_registration=settings.client_registration,
            client_metadata_documents=settings.client_metadata_documents,
            dpop_nonces=settings.dpop_nonces,
            requests_per_minute=settings.requests_per_minute,
            requests_per_hour=settings.requests_per_hour,
            logo_url=settings.logo_url,
        ),
        created_at=iso_timestamp(tenant.created_at_ms),
        updated_at=iso_timestamp(tenant.updated_at_ms),
    )


def _summary(tenant: Tenant, role: TenantRole | None) -> TenantSummary:
    return TenantSummary(
        id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        plan=tenant.plan,
        disabled=tenant.disabled_at_ms is not None,
        role=role,
        created_at=iso_timestamp(tenant.created_at_ms),
    )


def _member_answer(membership: Membership) -> MemberAnswer:
    return MemberAnswer(
        user_id=membership.user_id,
        email=membership.email,
        name=membership.name,
        role=membership.role,
        disabled=membership.user_disabled_at_ms is not None,
        created_at=iso_timestamp(membership.created_at_ms),
    )


def _invitation_answer(invitation: Invitation) -> InvitationAnswer:
    return InvitationAnswer(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        invited_by=invitation.invited_by,
        created_at=iso_timestamp(invitation.created_at_ms),
        expires_at=iso_timestamp(invitation.expires_at_ms),
    )


def _joined_answer(membership: Membership) -> JoinedAnswer:
    return JoinedAnswer(
        tenant_id=membership.tenant_id, user_id=membership.user_id, email=membership.email, role=membership.role
    )
