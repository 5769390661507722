"""List, add, change and remove the members of a tenant."""

from __future__ import annotations

from watchword.audit.writer import AuditWriter
from watchword.credentials.ended_subject import EndedSubject
from watchword.credentials.standing_end import end_with_membership
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, InternalError, InvalidFieldsError, NotFoundError
from watchword.tenants.actor import Actor, require_may_give, require_mode
from watchword.tenants.models import Membership, TenantRole
from watchword.tenants.queries import (
    delete_membership,
    delete_open_invitations_to,
    find_membership,
    find_open_user_id,
    find_tenant,
    has_other_admin,
    insert_membership,
    list_memberships,
    lock_tenant,
    update_membership,
)


class Members:
    """The people of each tenant, with one role each."""

    def __init__(self, database: Database, *, audit: AuditWriter) -> None:
        self._database = database
        self._audit = audit

    async def list(self, tenant_id: str, *, after: str = "", limit: int = 10) -> list[Membership]:
        """Return members in the order of their user ids, from the one behind ``after``.

        Raises:
            NotFoundError: there is no such tenant.
        """
        if await find_tenant(self._database, tenant_id) is None:
            raise NotFoundError
        return await list_memberships(self._database, tenant_id, after=after, limit=limit)

    async def get(self, tenant_id: str, user_id: str) -> Membership:
        """Return one member.

        Raises:
            NotFoundError: the user is no member of this tenant.
        """
        membership = await find_membership(self._database, tenant_id, user_id)
        if membership is None:
            raise NotFoundError
        return membership

    async def add(self, tenant_id: str, email: str, *, role: TenantRole, actor: Actor, now_ms: int) -> Membership:
        """Make an existing user a member without asking them; for super-admins, who see all users anyway.

        Raises:
            InvalidFieldsError: no open account has this e-mail address.
            ConflictError: the user is a member already.
            NotFoundError: there is no such tenant.
            ForbiddenError: the role is more than the actor's own scopes allow, or the actor is held to test.
        """
        require_may_give(actor, role)

        async def store(transaction: Transaction) -> Membership:
            if not await lock_tenant(transaction, tenant_id):
                raise NotFoundError
            user_id = await find_open_user_id(transaction, email)
            if user_id is None:
                raise InvalidFieldsError({"email": "must be the e-mail address of an open account"})
            if not await insert_membership(transaction, tenant_id, user_id, role=role, now_ms=now_ms):
                raise ConflictError("This user is a member already")
            transaction.withdraw(f"user:{user_id}")
            return await _stored(transaction, tenant_id, user_id)

        membership = await self._database.transaction(store)
        self._record("member.joined", membership, actor, now_ms)
        return membership

    async def change_role(
        self, tenant_id: str, user_id: str, *, role: TenantRole, actor: Actor, now_ms: int
    ) -> Membership:
        """Give a member another role, in force on the member's next request.

        Raises:
            NotFoundError: the user is no member of this tenant.
            ConflictError: it would leave the tenant without an administrator, and the actor is no super-admin.
            ForbiddenError: the role is more than the actor's own scopes allow, or the actor is held to test.
        """
        require_may_give(actor, role)

        async def store(transaction: Transaction) -> Membership:
            membership = await _locked_membership(transaction, tenant_id, user_id)
            if role != "tenant-admin":
                await _require_admin_left(transaction, membership, actor)
            await update_membership(transaction, tenant_id, user_id, role=role)
            transaction.withdraw(f"user:{user_id}")
            return await _stored(transaction, tenant_id, user_id)

        membership = await self._database.transaction(store)
        self._record("member.changed", membership, actor, now_ms)
        return membership

    async def remove(self, tenant_id: str, user_id: str, *, actor: Actor, now_ms: int) -> Membership:
        """End a membership, what the member allowed clients, and whatever invitations are still on their way there.

        Raises:
            NotFoundError: the user is no member of this tenant.
            ConflictError: it would leave the tenant without an administrator, and the actor is no super-admin.
            ForbiddenError: the actor is held to test, and members stand in both modes.
        """
        require_mode(actor, "live")

        async def store(transaction: Transaction) -> Membership:
            membership = await _locked_membership(transaction, tenant_id, user_id)
            await _require_admin_left(transaction, membership, actor)
            await delete_membership(transaction, tenant_id, user_id)
            await end_with_membership(transaction, tenant_id, user_id, now_ms)
            await delete_open_invitations_to(transaction, tenant_id, membership.email)
            transaction.withdraw(f"user:{user_id}", EndedSubject(tenant_id, "", "member", user_id, user_id).text())
            return membership

        membership = await self._database.transaction(store)
        self._record("member.removed", membership, actor, now_ms)
        return membership

    def _record(self, event: str, membership: Membership, actor: Actor, now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=membership.tenant_id,
            subject=actor.subject,
            credential_id=actor.credential_id,
            address=actor.address,
            detail={"user": membership.user_id, "role": membership.role},
            now_ms=now_ms,
        )


async def _locked_membership(transaction: Transaction, tenant_id: str, user_id: str) -> Membership:
    # Without the lock, two administrators who remove each other at once would both find the other one left.
    await lock_tenant(transaction, tenant_id)
    membership = await find_membership(transaction, tenant_id, user_id)
    if membership is None:
        raise NotFoundError
    return membership


async def _require_admin_left(transaction: Transaction, membership: Membership, actor: Actor) -> None:
    if membership.role != "tenant-admin" or actor.is_super_admin:
        return
    if not await has_other_admin(transaction, membership.tenant_id, membership.user_id):
        raise ConflictError("A tenant keeps at least one tenant-admin")


async def _stored(transaction: Transaction, tenant_id: str, user_id: str) -> Membership:
    membership = await find_membership(transaction, tenant_id, user_id)
    if membership is None:
        raise InternalError(cause="a membership vanished inside its own transaction")
    return membership
