"""Create, read and change tenants."""

from __future__ import annotations

import asyncio

import pytest

from support import START_MS
from tenancy import ADMIN, SUPER_ADMIN, ReadableAudit, make_member, make_tenant
from watchword.callers.origins import ORIGINS_SUBJECT
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.errors import ConflictError, ForbiddenError, InvalidFieldsError, NotFoundError
from watchword.tenants.manage import Tenants
from watchword.tenants.models import ChangeTenant, CreateTenant, SettingsChange, Tenant

LATER_MS = START_MS + 60_000


@pytest.fixture
def tenants(database: Database, audit: ReadableAudit) -> Tenants:
    return Tenants(database, audit=audit.writer)


async def make(tenants: Tenants, slug: str = "acme") -> Tenant:
    wanted = CreateTenant(name=" Acme ", slug=slug, plan="pro", allowed_origins=["https://acme.example"])
    return await tenants.create(wanted, actor=SUPER_ADMIN, now_ms=START_MS)


async def test_a_tenant_is_read_as_it_was_made(tenants: Tenants, audit: ReadableAudit) -> None:
    """What was made is found by id and by slug, and its making is recorded."""
    tenant = await make(tenants)
    assert await tenants.get(tenant.id) == tenant == await tenants.find_by_slug("acme")
    assert (tenant.name, tenant.settings.allowed_origins) == ("Acme", ("https://acme.example",))
    assert audit.events() == ["tenant.created"]


async def test_a_slug_belongs_to_one_tenant(tenants: Tenants) -> None:
    """Of 50 parallel creations with one slug exactly one succeeds."""
    results = await asyncio.gather(*[make(tenants) for _ in range(50)], return_exceptions=True)
    assert sum(isinstance(result, Tenant) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 49


@pytest.mark.parametrize(
    "wanted",
    [
        CreateTenant(name="", slug="ab"),
        CreateTenant(name="a\x07", slug="ab"),
        CreateTenant(name="A", slug="Ab"),
        CreateTenant(name="A", slug="ab\n"),
        CreateTenant(name="A", slug="ab", allowed_origins=["*"]),
    ],
)
async def test_wrong_fields_make_nothing(tenants: Tenants, wanted: CreateTenant) -> None:
    """A tenant with a wrong field is refused whole, also where no request was parsed before."""
    with pytest.raises(InvalidFieldsError):
        await tenants.create(wanted, actor=SUPER_ADMIN, now_ms=START_MS)
    assert await tenants.list_all() == []


async def test_a_change_leaves_the_rest(tenants: Tenants) -> None:
    """Only what a change names is changed."""
    tenant = await make(tenants)
    change = ChangeTenant(name="New", settings=SettingsChange(registration=True))
    changed = await tenants.change(tenant.id, change, actor=ADMIN, now_ms=LATER_MS)
    assert (changed.name, changed.settings.registration, changed.updated_at_ms) == ("New", True, LATER_MS)
    assert (changed.slug, changed.plan, changed.settings.allowed_origins) == (
        tenant.slug,
        tenant.plan,
        tenant.settings.allowed_origins,
    )
    assert await tenants.get(tenant.id) == changed


@pytest.mark.parametrize(
    "change",
    [
        ChangeTenant(plan="enterprise"),
        ChangeTenant(slug="other"),
        ChangeTenant(disabled=False),
        ChangeTenant(name="New", disabled=True),
        ChangeTenant(settings=SettingsChange(requests_per_minute=1_000_000)),
        ChangeTenant(settings=SettingsChange(requests_per_minute=None)),
        ChangeTenant(settings=SettingsChange(requests_per_hour=1_000_000)),
    ],
)
async def test_an_administrator_cannot_lift_its_own_limits(tenants: Tenants, change: ChangeTenant) -> None:
    """Slug, plan, limits and disabling are the super-admin's, and a mixed change changes nothing."""
    tenant = await make(tenants)
    with pytest.raises(ForbiddenError):
        await tenants.change(tenant.id, change, actor=ADMIN, now_ms=LATER_MS)
    assert await tenants.get(tenant.id) == tenant
    await tenants.change(tenant.id, change, actor=SUPER_ADMIN, now_ms=LATER_MS)


@pytest.mark.parametrize(
    "change", [ChangeTenant(name=" "), ChangeTenant(slug="A"), ChangeTenant(allowed_origins=["http://acme.example"])]
)
async def test_wrong_fields_change_nothing(tenants: Tenants, change: ChangeTenant) -> None:
    """A change with a wrong field is refused whole."""
    tenant = await make(tenants)
    with pytest.raises(InvalidFieldsError):
        await tenants.change(tenant.id, change, actor=SUPER_ADMIN, now_ms=LATER_MS)
    assert await tenants.get(tenant.id) == tenant


async def test_a_taken_slug_is_not_taken_over(tenants: Tenants) -> None:
    """A tenant cannot be renamed to another's slug."""
    await make(tenants, "acme")
    other = await make(tenants, "other")
    with pytest.raises(ConflictError):
        await tenants.change(other.id, ChangeTenant(slug="acme"), actor=SUPER_ADMIN, now_ms=LATER_MS)


async def test_an_unknown_tenant_is_not_found(tenants: Tenants) -> None:
    """Reading or changing a tenant that does not exist is refused."""
    with pytest.raises(NotFoundError):
        await tenants.get("ten_00000000000000000000000000")
    with pytest.raises(NotFoundError):
        await tenants.change("ten_x", ChangeTenant(name="A"), actor=SUPER_ADMIN, now_ms=START_MS)


async def test_disabling_keeps_its_time_and_can_be_lifted(tenants: Tenants) -> None:
    """A tenant disabled twice keeps the first time; enabling clears it."""
    tenant = await make(tenants)
    first = await tenants.change(tenant.id, ChangeTenant(disabled=True), actor=SUPER_ADMIN, now_ms=LATER_MS)
    again = await tenants.change(tenant.id, ChangeTenant(disabled=True), actor=SUPER_ADMIN, now_ms=LATER_MS + 1)
    assert first.disabled_at_ms == again.disabled_at_ms == LATER_MS
    lifted = await tenants.change(tenant.id, ChangeTenant(disabled=False), actor=SUPER_ADMIN, now_ms=LATER_MS)
    assert lifted.disabled_at_ms is None


async def test_a_change_withdraws_what_was_proved(tenants: Tenants, generations: Generations) -> None:
    """A change of a tenant ends what is remembered of its credentials and of the list of web origins."""
    tenant = await make(tenants)
    slots = [generations.slot(f"tenant:{tenant.id}"), generations.slot(ORIGINS_SUBJECT)]
    before = [generations.read(slot) for slot in slots]
    await tenants.change(tenant.id, ChangeTenant(disabled=True), actor=SUPER_ADMIN, now_ms=LATER_MS)
    after = [generations.read(slot) for slot in slots]
    assert all(one != other for one, other in zip(before, after, strict=True))


async def test_parallel_changes_of_settings_are_all_kept(tenants: Tenants) -> None:
    """Two settings changed at once are both changed: none is overwritten by what the other had read."""
    tenant = await make(tenants)
    changes = [
        ChangeTenant(settings=SettingsChange(registration=True)),
        ChangeTenant(settings=SettingsChange(session_cookie=True)),
        ChangeTenant(settings=SettingsChange(require_verified_email=True)),
        ChangeTenant(settings=SettingsChange(requests_per_minute=7)),
    ]
    await asyncio.gather(*[tenants.change(tenant.id, one, actor=SUPER_ADMIN, now_ms=LATER_MS) for one in changes])
    settings = (await tenants.get(tenant.id)).settings
    assert settings.registration
    assert settings.session_cookie
    assert settings.require_verified_email
    assert settings.requests_per_minute == 7


async def test_a_user_lists_the_own_tenants_only(tenants: Tenants, database: Database) -> None:
    """The list of a user has neither other tenants nor disabled ones, and pages follow each other."""
    mine = await make_tenant(database, "mine")
    user_id = await make_member(database, mine, "a@acme.example", "tenant-viewer")
    await make_member(database, await make_tenant(database, "other"), "b@other.example", "tenant-admin")
    await make_tenant(database, "closed", disabled=True)
    own = await tenants.list_of_user(user_id)
    assert [(entry.tenant.slug, entry.role) for entry in own] == [("mine", "tenant-viewer")]
    assert await tenants.list_of_user(user_id, after=mine.id) == []
    first = await tenants.list_all(limit=2)
    rest = await tenants.list_all(after=first[-1].id, limit=2)
    assert sorted(tenant.slug for tenant in first + rest) == ["closed", "mine", "other"]
