"""The SQL of tenants, memberships and invitations, and the rows under their names."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this file, never a value

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from watchword.db.database import Row, Statement, Transaction, Value
from watchword.tenants.email_address import fold_email
from watchword.tenants.models import Invitation, Membership, Tenant, TenantRole, TenantSettings


class Reader(Protocol):
    """What reads by key: a database, or a transaction that sees its own changes."""

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row, or None."""
        ...

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows."""
        ...


class TenantOfUser(msgspec.Struct, frozen=True):
    """A tenant and what one user is to it."""

    tenant: Tenant
    role: TenantRole


_TENANT: Final = "t.id, t.slug, t.name, t.plan, t.settings, t.created_at, t.updated_at, t.disabled_at"
_MEMBER: Final = "m.tenant_id, m.user_id, u.email, u.name, m.role, m.created_at, u.disabled_at"
_INVITATION: Final = "id, tenant_id, email, role, invited_by, created_at, expires_at, accepted_at"

_FIND_TENANT: Final = Statement(f"SELECT {_TENANT} FROM tenants t WHERE t.id = $1")
_FIND_TENANT_BY_SLUG: Final = Statement(f"SELECT {_TENANT} FROM tenants t WHERE t.slug = $1")
_LIST_TENANTS: Final = Statement(f"SELECT {_TENANT} FROM tenants t WHERE t.id > $1 ORDER BY t.id LIMIT $2")
_LIST_TENANTS_OF_USER: Final = Statement(
    f"SELECT {_TENANT}, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id "
    "WHERE m.user_id = $1 AND t.id > $2 AND t.disabled_at IS NULL ORDER BY t.id LIMIT $3"
)
_INSERT_TENANT: Final = Statement(
    "INSERT INTO tenants (id, slug, name, plan, settings, created_at, updated_at, disabled_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
_UPDATE_TENANT: Final = Statement(
    "UPDATE tenants SET slug = $2, name = $3, plan = $4, settings = $5, updated_at = $6, disabled_at = $7 WHERE id = $1"
)
_LOCK_TENANT: Final = Statement("UPDATE tenants SET updated_at = updated_at WHERE id = $1")

_FIND_MEMBERSHIP: Final = Statement(
    f"SELECT {_MEMBER} FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.tenant_id = $1 AND m.user_id = $2"
)
_FIND_MEMBERSHIP_BY_EMAIL: Final = Statement(
    f"SELECT {_MEMBER} FROM users u JOIN memberships m ON m.user_id = u.id WHERE m.tenant_id = $1 AND u.email_folded = $2"
)
_LIST_MEMBERSHIPS: Final = Statement(
    f"SELECT {_MEMBER} FROM memberships m JOIN users u ON u.id = m.user_id "
    "WHERE m.tenant_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3"
)
_INSERT_MEMBERSHIP: Final = Statement(
    "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (user_id, tenant_id) DO NOTHING"
)
_UPDATE_MEMBERSHIP: Final = Statement("UPDATE memberships SET role = $3 WHERE tenant_id = $1 AND user_id = $2")
_DELETE_MEMBERSHIP: Final = Statement("DELETE FROM memberships WHERE tenant_id = $1 AND user_id = $2")
_FIND_OTHER_ADMIN: Final = Statement(
    "SELECT m.user_id FROM memberships m JOIN users u ON u.id = m.user_id "
    "WHERE m.tenant_id = $1 AND m.user_id <> $2 AND m.role = 'tenant-admin' AND u.disabled_at IS NULL LIMIT 1"
)
_FIND_USER_ID: Final = Statement("SELECT id FROM users WHERE email_folded = $1")
_FIND_OPEN_USER_ID: Final = Statement("SELECT id FROM users WHERE email_folded = $1 AND disabled_at IS NULL")
_CONFIRM_EMAIL: Final = Statement(
    "UPDATE users SET email_verified_at = $2, updated_at = $2 WHERE id = $1 AND email_verified_at IS NULL"
)

_FIND_OPEN_INVITATION: Final = Statement(
    f"SELECT {_INVITATION} FROM invitations WHERE code_hash = $1 AND accepted_at IS NULL AND expires_at > $2"
)
_LIST_OPEN_INVITATIONS: Final = Statement(
    f"SELECT {_INVITATION} FROM invitations "
    "WHERE tenant_id = $1 AND id > $2 AND accepted_at IS NULL AND expires_at > $3 ORDER BY id LIMIT $4"
)
_INSERT_INVITATION: Final = Statement(
    "INSERT INTO invitations (id, tenant_id, email, email_folded, role, code_hash, invited_by, created_at, expires_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
_DELETE_OPEN_INVITATION: Final = Statement(
    f"DELETE FROM invitations WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL RETURNING {_INVITATION}"
)
_DELETE_OPEN_INVITATIONS_TO: Final = Statement(
    "DELETE FROM invitations WHERE tenant_id = $1 AND email_folded = $2 AND accepted_at IS NULL"
)
_SPEND_INVITATION: Final = Statement(
    "UPDATE invitations SET accepted_at = $2 WHERE id = $1 AND accepted_at IS NULL AND expires_at > $2"
)


# Tenants


async def find_tenant(reader: Reader, tenant_id: str) -> Tenant | None:
    """Return a tenant, disabled or not, or None."""
    row = await reader.fetch_row(_FIND_TENANT, tenant_id)
    return None if row is None else _tenant(row)


async def find_tenant_by_slug(reader: Reader, slug: str) -> Tenant | None:
    """Return a tenant, disabled or not, or None."""
    row = await reader.fetch_row(_FIND_TENANT_BY_SLUG, slug)
    return None if row is None else _tenant(row)


async def list_tenants(reader: Reader, *, after: str, limit: int) -> list[Tenant]:
    """Return all tenants of the installation in the order of their ids, disabled ones too."""
    return [_tenant(row) for row in await reader.fetch_rows(_LIST_TENANTS, after, limit)]


async def list_tenants_of_user(reader: Reader, user_id: str, *, after: str, limit: int) -> list[TenantOfUser]:
    """Return the tenants that a user is a member of, without disabled ones, in the order of their ids."""
    rows = await reader.fetch_rows(_LIST_TENANTS_OF_USER, user_id, after, limit)
    return [TenantOfUser(_tenant(row), row[8]) for row in rows]


async def insert_tenant(transaction: Transaction, tenant: Tenant) -> None:
    """Store a new tenant.

    Raises:
        DuplicateError: another tenant has the slug (``tenants_slug``).
    """
    await transaction.execute(
        _INSERT_TENANT,
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.plan,
        _settings_text(tenant.settings),
        tenant.created_at_ms,
        tenant.updated_at_ms,
        tenant.disabled_at_ms,
    )


async def update_tenant(transaction: Transaction, tenant: Tenant) -> None:
    """Store a tenant as it is now.

    Raises:
        DuplicateError: another tenant has the slug (``tenants_slug``).
    """
    await transaction.execute(
        _UPDATE_TENANT,
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.plan,
        _settings_text(tenant.settings),
        tenant.updated_at_ms,
        tenant.disabled_at_ms,
    )


async def lock_tenant(transaction: Transaction, tenant_id: str) -> bool:
    """Make other changes of this tenant and its members wait until this one is done; False without such a tenant.

    A change of the row, though of nothing in it, and not only a lock: so it holds at every isolation level of
    PostgreSQL.
    """
    return await transaction.execute(_LOCK_TENANT, tenant_id) > 0


# Memberships


async def find_membership(reader: Reader, tenant_id: str, user_id: str) -> Membership | None:
    """Return a user's membership, or None."""
    row = await reader.fetch_row(_FIND_MEMBERSHIP, tenant_id, user_id)
    return None if row is None else _membership(row)


async def find_membership_by_email(reader: Reader, tenant_id: str, email: str) -> Membership | None:
    """Return the membership of the user with this e-mail address, or None."""
    row = await reader.fetch_row(_FIND_MEMBERSHIP_BY_EMAIL, tenant_id, fold_email(email))
    return None if row is None else _membership(row)


async def list_memberships(reader: Reader, tenant_id: str, *, after: str, limit: int) -> list[Membership]:
    """Return a tenant's members in the order of their user ids."""
    return [_membership(row) for row in await reader.fetch_rows(_LIST_MEMBERSHIPS, tenant_id, after, limit)]


async def insert_membership(
    transaction: Transaction, tenant_id: str, user_id: str, *, role: TenantRole, now_ms: int
) -> bool:
    """Make a user a member; False, and nothing changed, when the user is one already."""
    return await transaction.execute(_INSERT_MEMBERSHIP, tenant_id, user_id, role, now_ms) > 0


async def update_membership(transaction: Transaction, tenant_id: str, user_id: str, *, role: TenantRole) -> bool:
    """Give a member another role; False without such a member."""
    return await transaction.execute(_UPDATE_MEMBERSHIP, tenant_id, user_id, role) > 0


async def delete_membership(transaction: Transaction, tenant_id: str, user_id: str) -> bool:
    """End a membership; False without such a member."""
    return await transaction.execute(_DELETE_MEMBERSHIP, tenant_id, user_id) > 0


async def has_other_admin(reader: Reader, tenant_id: str, user_id: str) -> bool:
    """Say whether somebody else with an open account is tenant-admin."""
    return await reader.fetch_row(_FIND_OTHER_ADMIN, tenant_id, user_id) is not None


async def find_user_id(reader: Reader, email: str) -> str | None:
    """Return the id of the user with this e-mail address, open account or not, or None."""
    row = await reader.fetch_row(_FIND_USER_ID, fold_email(email))
    return None if row is None else str(row[0])


async def find_open_user_id(reader: Reader, email: str) -> str | None:
    """Return the id of the user with this e-mail address whose account is open, or None."""
    row = await reader.fetch_row(_FIND_OPEN_USER_ID, fold_email(email))
    return None if row is None else str(row[0])


async def confirm_email(transaction: Transaction, user_id: str, now_ms: int) -> None:
    """Record that the user reads letters sent to the account's address."""
    await transaction.execute(_CONFIRM_EMAIL, user_id, now_ms)


# Invitations


async def find_open_invitation(reader: Reader, code_hash: bytes, now_ms: int) -> Invitation | None:
    """Return the invitation of a code, if it is neither accepted nor past its end, or None."""
    row = await reader.fetch_row(_FIND_OPEN_INVITATION, code_hash, now_ms)
    return None if row is None else _invitation(row)


async def list_open_invitations(
    reader: Reader, tenant_id: str, *, after: str, limit: int, now_ms: int
) -> list[Invitation]:
    """Return a tenant's invitations that can still be accepted, in the order of their ids."""
    return [
        _invitation(row) for row in await reader.fetch_rows(_LIST_OPEN_INVITATIONS, tenant_id, after, now_ms, limit)
    ]


async def insert_invitation(transaction: Transaction, invitation: Invitation, code_hash: bytes) -> None:
    """Store a new invitation with the hash of its code."""
    await transaction.execute(
        _INSERT_INVITATION,
        invitation.id,
        invitation.tenant_id,
        invitation.email,
        fold_email(invitation.email),
        invitation.role,
        code_hash,
        invitation.invited_by,
        invitation.created_at_ms,
        invitation.expires_at_ms,
    )


async def delete_open_invitation(transaction: Transaction, tenant_id: str, invitation_id: str) -> Invitation | None:
    """Take an invitation back and return it; None when there is none that could still be accepted."""
    row = await transaction.fetch_row(_DELETE_OPEN_INVITATION, tenant_id, invitation_id)
    return None if row is None else _invitation(row)


async def delete_open_invitations_to(transaction: Transaction, tenant_id: str, email: str) -> None:
    """Take back whatever invitations an e-mail address has from this tenant."""
    await transaction.execute(_DELETE_OPEN_INVITATIONS_TO, tenant_id, fold_email(email))


async def spend_invitation(transaction: Transaction, invitation_id: str, now_ms: int) -> bool:
    """Mark an invitation accepted; False for all but the first who asks, and after its end."""
    return await transaction.execute(_SPEND_INVITATION, invitation_id, now_ms) > 0


def _settings_text(settings: TenantSettings) -> str:
    return msgspec.json.encode(settings).decode()


def _tenant(row: Row) -> Tenant:
    return Tenant(
        id=row[0],
        slug=row[1],
        name=row[2],
        plan=row[3],
        settings=msgspec.json.decode(row[4], type=TenantSettings),
        created_at_ms=row[5],
        updated_at_ms=row[6],
        disabled_at_ms=row[7],
    )


def _membership(row: Row) -> Membership:
    return Membership(
        tenant_id=row[0],
        user_id=row[1],
        email=row[2],
        name=row[3],
        role=row[4],
        created_at_ms=row[5],
        user_disabled_at_ms=row[6],
    )


def _invitation(row: Row) -> Invitation:
    return Invitation(
        id=row[0],
        tenant_id=row[1],
        email=row[2],
        role=row[3],
        invited_by=row[4],
        created_at_ms=row[5],
        expires_at_ms=row[6],
        accepted_at_ms=row[7],
    )
