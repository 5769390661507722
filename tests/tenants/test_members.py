"""Members: one role each, and never a tenant without an administrator."""

from __future__ import annotations

import asyncio

import pytest

from support import START_MS
from tenancy import ADMIN, SUPER_ADMIN, ReadableAudit, close_user, make_member, make_tenant, make_user
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.errors import ConflictError, InvalidFieldsError, NotFoundError
from watchword.tenants.members import Members
from watchword.tenants.models import Membership


@pytest.fixture
def members(database: Database, audit: ReadableAudit) -> Members:
    return Members(database, audit=audit.writer)


async def test_members_are_listed_with_their_roles(members: Members, database: Database) -> None:
    """A tenant's list holds its own members only, in pages that follow each other."""
    acme = await make_tenant(database)
    ids = [await make_member(database, acme, f"{name}@acme.example", "tenant-viewer") for name in "abc"]
    await make_member(database, await make_tenant(database, "other"), "x@other.example", "tenant-admin")
    first = await members.list(acme.id, limit=2)
    rest = await members.list(acme.id, after=first[-1].user_id, limit=2)
    assert [member.user_id for member in (*first, *rest)] == sorted(ids)
    assert {member.role for member in first} == {"tenant-viewer"}


async def test_a_role_is_changed_and_withdrawn(
    members: Members, database: Database, generations: Generations, audit: ReadableAudit
) -> None:
    """A new role is stored, recorded, and ends what was remembered of the user."""
    acme = await make_tenant(database)
    user_id = await make_member(database, acme, "a@acme.example", "tenant-viewer")
    slot = generations.slot(f"user:{user_id}")
    before = generations.read(slot)
    changed = await members.change_role(acme.id, user_id, role="tenant-editor", actor=ADMIN, now_ms=START_MS)
    assert changed.role == (await members.get(acme.id, user_id)).role == "tenant-editor"
    assert generations.read(slot) != before
    assert audit.events() == ["member.changed"]


async def test_a_removed_member_is_gone_and_withdrawn(
    members: Members, database: Database, generations: Generations
) -> None:
    """Removal ends the membership and what was remembered of the user; a second removal finds nobody."""
    acme = await make_tenant(database)
    user_id = await make_member(database, acme, "a@acme.example", "tenant-viewer")
    slot = generations.slot(f"user:{user_id}")
    before = generations.read(slot)
    await members.remove(acme.id, user_id, actor=ADMIN, now_ms=START_MS)
    assert generations.read(slot) != before
    assert await members.list(acme.id) == []
    with pytest.raises(NotFoundError):
        await members.remove(acme.id, user_id, actor=ADMIN, now_ms=START_MS)


async def test_another_tenants_member_cannot_be_touched(members: Members, database: Database) -> None:
    """Reading, changing or removing a user who belongs to another tenant only is refused and changes nothing."""
    acme, other = await make_tenant(database), await make_tenant(database, "other")
    user_id = await make_member(database, other, "x@other.example", "tenant-viewer")
    with pytest.raises(NotFoundError):
        await members.get(acme.id, user_id)
    with pytest.raises(NotFoundError):
        await members.change_role(acme.id, user_id, role="tenant-admin", actor=SUPER_ADMIN, now_ms=START_MS)
    with pytest.raises(NotFoundError):
        await members.remove(acme.id, user_id, actor=SUPER_ADMIN, now_ms=START_MS)
    assert (await members.get(other.id, user_id)).role == "tenant-viewer"


async def test_the_last_administrator_stays(members: Members, database: Database) -> None:
    """The last tenant-admin can neither be removed nor lose the role; a super-admin may do both."""
    acme = await make_tenant(database)
    user_id = await make_member(database, acme, "a@acme.example", "tenant-admin")
    await make_member(database, acme, "e@acme.example", "tenant-editor")
    with pytest.raises(ConflictError):
        await members.remove(acme.id, user_id, actor=ADMIN, now_ms=START_MS)
    with pytest.raises(ConflictError):
        await members.change_role(acme.id, user_id, role="tenant-editor", actor=ADMIN, now_ms=START_MS)
    await members.change_role(acme.id, user_id, role="tenant-admin", actor=ADMIN, now_ms=START_MS)
    await members.change_role(acme.id, user_id, role="tenant-editor", actor=SUPER_ADMIN, now_ms=START_MS)
    await members.remove(acme.id, user_id, actor=ADMIN, now_ms=START_MS)


async def test_a_closed_account_is_no_administrator_left(members: Members, database: Database) -> None:
    """An administrator whose account is closed does not count as the one who is left."""
    acme = await make_tenant(database)
    user_id = await make_member(database, acme, "a@acme.example", "tenant-admin")
    await close_user(database, await make_member(database, acme, "b@acme.example", "tenant-admin"))
    with pytest.raises(ConflictError):
        await members.remove(acme.id, user_id, actor=ADMIN, now_ms=START_MS)


async def test_administrators_who_remove_each_other_leave_one(members: Members, database: Database) -> None:
    """When 50 administrators are removed at the same time, exactly one stays."""
    acme = await make_tenant(database)
    ids = [await make_member(database, acme, f"a{number}@acme.example", "tenant-admin") for number in range(50)]
    results = await asyncio.gather(
        *[members.remove(acme.id, user_id, actor=ADMIN, now_ms=START_MS) for user_id in ids], return_exceptions=True
    )
    assert sum(isinstance(result, Membership) for result in results) == 49
    assert sum(isinstance(result, ConflictError) for result in results) == 1
    assert len(await members.list(acme.id)) == 1


async def test_an_existing_user_is_added_once(members: Members, database: Database) -> None:
    """A user is added by e-mail in any case of letters; a second time, or unknown or closed, is refused."""
    acme = await make_tenant(database)
    user_id = await make_user(database, "Ann@Acme.example")
    await make_user(database, "closed@acme.example", disabled=True)
    added = await members.add(acme.id, "ann@acme.EXAMPLE", role="tenant-admin", actor=SUPER_ADMIN, now_ms=START_MS)
    assert (added.user_id, added.role) == (user_id, "tenant-admin")
    with pytest.raises(ConflictError):
        await members.add(acme.id, "ann@acme.example", role="tenant-viewer", actor=SUPER_ADMIN, now_ms=START_MS)
    for email in ("nobody@acme.example", "closed@acme.example"):
        with pytest.raises(InvalidFieldsError):
            await members.add(acme.id, email, role="tenant-viewer", actor=SUPER_ADMIN, now_ms=START_MS)
    assert (await members.get(acme.id, user_id)).role == "tenant-admin"


async def test_an_unknown_tenant_has_no_members(members: Members, database: Database) -> None:
    """Listing, or adding to, a tenant that does not exist is refused."""
    await make_user(database, "a@acme.example")
    with pytest.raises(NotFoundError):
        await members.list("ten_00000000000000000000000000")
    with pytest.raises(NotFoundError):
        await members.add("ten_x", "a@acme.example", role="tenant-viewer", actor=SUPER_ADMIN, now_ms=START_MS)
