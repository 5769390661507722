"""Tenants, members and invitations through their routes: who may, for which tenant, and what the answers hold."""

from __future__ import annotations

import pytest

from support import START_MS
from tenancy import (
    NO_ADMINISTRATORS,
    Door,
    ReadableAudit,
    insert_user,
    key_caller,
    make_member,
    make_tenant,
    user_caller,
)
from watchword.callers.caller import Caller, CallerKind, Role
from watchword.db.database import Database, Transaction
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import (
    ConflictError,
    ForbiddenError,
    InvalidFieldsError,
    NotAuthenticatedError,
    NotFoundError,
    SpentCodeError,
    WrongPasswordError,
)
from watchword.mail.letters import Site
from watchword.mail.sender import Letter
from watchword.tenants.invitations import InsertUser, Invitations
from watchword.tenants.manage import Tenants
from watchword.tenants.members import Members
from watchword.tenants.models import Tenant
from watchword.tenants.routes import make_routes


class Mailbox:
    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)


async def refuse_password(email: str, password: str, *, address: str, now_ms: int) -> None:
    raise WrongPasswordError


async def prepare_user(
    *, email: str, name: str, password: str, context_words: tuple[str, ...], now_ms: int
) -> InsertUser:
    async def insert(transaction: Transaction) -> str:
        return await insert_user(transaction, email)

    return insert


@pytest.fixture
def database(sqlite_database: SqliteDatabase) -> Database:
    """One backend is enough here: what the two could do differently, the services' tests ask of both."""
    return sqlite_database


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def door(database: Database, audit: ReadableAudit, mailbox: Mailbox) -> Door:
    invitations = Invitations(
        database,
        audit=audit.writer,
        sender=mailbox,
        prove_password=refuse_password,
        prepare_user=prepare_user,
        site=Site("https://watchword.test", "https://app.test"),
    )
    routes = make_routes(Tenants(database, audit=audit.writer), Members(database, audit=audit.writer), invitations)
    return Door(routes)


@pytest.fixture
async def acme(database: Database) -> Tenant:
    return await make_tenant(database, "acme")


@pytest.fixture
async def other(database: Database) -> Tenant:
    return await make_tenant(database, "other")


SUPER = user_caller("", Role.SUPER_ADMIN, user_id="usr_super")
MEMBER_PATHS = [
    ("GET", "", None),
    ("PATCH", "", {"name": "X"}),
    ("GET", "/members", None),
    ("GET", "/members/{user}", None),
    ("PATCH", "/members/{user}", {"role": "tenant-viewer"}),
    ("DELETE", "/members/{user}", None),
    ("POST", "/invitations", {"email": "new@acme.example"}),
    ("GET", "/invitations", None),
    ("DELETE", "/invitations/inv_00000000000000000000000000", None),
]


async def test_a_super_admin_makes_a_tenant(door: Door) -> None:
    """The answer is 201 with a message and the tenant, settings included."""
    body = {"name": "Shop", "slug": "shop", "plan": "basic", "settings": {"registration": True}}
    response = await door.send("POST", "/api/tenants", SUPER, body)
    assert response.status == 201
    answer = await door.json("GET", "/api/tenants", SUPER)
    (listed,) = answer["docs"]
    tenant = await door.json("GET", f"/api/tenants/{listed['id']}", SUPER)
    assert tenant == {
        "id": listed["id"],
        "slug": "shop",
        "name": "Shop",
        "plan": "basic",
        "disabled": False,
        "allowedOrigins": [],
        "settings": {
            "registration": True,
            "sessionCookie": False,
            "requireVerifiedEmail": False,
            "clientRegistration": "off",
            "clientMetadataDocuments": False,
            "dpopNonces": False,
            "requestsPerMinute": None,
            "requestsPerHour": None,
            "logoUrl": None,
        },
        "createdAt": "2026-01-07T10:00:00.000Z",
        "updatedAt": "2026-01-07T10:00:00.000Z",
    }


@pytest.mark.parametrize(("role", "kind"), NO_ADMINISTRATORS)
@pytest.mark.parametrize(("method", "path", "body"), MEMBER_PATHS)
async def test_others_than_administrators_are_refused(
    door: Door, acme: Tenant, method: str, path: str, body: object, role: Role | None, kind: CallerKind
) -> None:
    """Neither viewers, editors nor keys reach anything of the own tenant's administration."""
    caller = Caller(kind, acme.id, "live", "subject", role, None, "credential")
    with pytest.raises(ForbiddenError):
        await door.send(method, f"/api/tenants/{acme.id}{path.format(user='usr_1')}", caller, body)


@pytest.mark.parametrize(("method", "path", "body"), MEMBER_PATHS)
async def test_another_tenant_is_not_found(
    door: Door, database: Database, acme: Tenant, other: Tenant, mailbox: Mailbox, method: str, path: str, body: object
) -> None:
    """An administrator who names another tenant gets the answer of one that does not exist, and changes nothing."""
    victim = await make_member(database, other, "x@other.example", "tenant-admin")
    admin = user_caller(acme.id)
    for tenant_id in (other.id, "ten_00000000000000000000000000", "other", "%00", "..", other.id.upper()):
        with pytest.raises(NotFoundError):
            await door.send(method, f"/api/tenants/{tenant_id}{path.format(user=victim)}", admin, body)
    assert (await door.json("GET", f"/api/tenants/{other.id}", SUPER))["name"] == other.name
    assert (await door.json("GET", f"/api/tenants/{other.id}/members/{victim}", SUPER))["role"] == "tenant-admin"
    assert mailbox.letters == []


@pytest.mark.parametrize("path", ["members/{user}", "invitations/{user}"])
async def test_a_thing_of_another_tenant_under_the_own_path_is_not_found(
    door: Door, database: Database, acme: Tenant, other: Tenant, path: str
) -> None:
    """The own tenant's path does not lead to another tenant's member or invitation."""
    victim = await make_member(database, other, "x@other.example", "tenant-viewer")
    with pytest.raises(NotFoundError):
        await door.send("DELETE", f"/api/tenants/{acme.id}/{path.format(user=victim)}", user_caller(acme.id))


@pytest.mark.parametrize("role", [Role.TENANT_ADMIN, Role.TENANT_EDITOR, Role.TENANT_VIEWER, None])
async def test_only_a_super_admin_makes_tenants_or_adds_members(door: Door, acme: Tenant, role: Role | None) -> None:
    """A tenant's administrator neither makes tenants nor makes a stranger a member without asking."""
    caller = user_caller(acme.id, role)
    with pytest.raises(ForbiddenError):
        await door.send("POST", "/api/tenants", caller, {"name": "X", "slug": "xx"})
    with pytest.raises(ForbiddenError):
        await door.send("POST", f"/api/tenants/{acme.id}/members", caller, {"email": "a@b.c", "role": "tenant-viewer"})


@pytest.mark.parametrize(
    "change", [{"plan": "enterprise"}, {"disabled": False}, {"settings": {"requests_per_minute": 9}}]
)
async def test_an_administrator_does_not_raise_the_plan(door: Door, acme: Tenant, change: dict[str, object]) -> None:
    """Through the route too, plan and limits are the super-admin's."""
    with pytest.raises(ForbiddenError):
        await door.send("PATCH", f"/api/tenants/{acme.id}", user_caller(acme.id), change)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "X", "id": "ten_1"}, "id"),
        ({"settings": {"allowed_origins": ["https://a.example"]}}, "settings.allowed_origins"),
        ({"settings": {"requests_per_minute": 0}}, "settings.requests_per_minute"),
        ({"plan": "gold"}, "plan"),
        ({"name": 7}, "name"),
        ({"allowed_origins": "https://a.example"}, "allowed_origins"),
        ({"allowed_origins": ["https://a.example/"]}, "allowed_origins[0]"),
        ({"disabled": 1}, "disabled"),
    ],
)
async def test_wrong_fields_are_named(door: Door, acme: Tenant, body: dict[str, object], field: str) -> None:
    """Unknown, mistyped and impossible fields are refused by their path."""
    with pytest.raises(InvalidFieldsError) as refusal:
        await door.send("PATCH", f"/api/tenants/{acme.id}", SUPER, body)
    assert refusal.value.extensions["fields"][0]["path"] == field  # type: ignore[index]


async def test_a_user_lists_the_own_tenants(door: Door, database: Database, acme: Tenant, other: Tenant) -> None:
    """Any user lists the own tenants with the role there, and nothing of their settings."""
    user_id = await make_member(database, acme, "v@acme.example", "tenant-viewer")
    answer = await door.json("GET", "/api/tenants", user_caller(acme.id, Role.TENANT_VIEWER, user_id=user_id))
    assert answer == {
        "docs": [
            {
                "id": acme.id,
                "slug": "acme",
                "name": "Acme",
                "plan": "free",
                "disabled": False,
                "role": "tenant-viewer",
                "createdAt": "2026-01-07T10:00:00.000Z",
            }
        ],
        "limit": 10,
        "hasNextPage": False,
        "nextAfter": None,
    }


async def test_lists_are_paged(door: Door, database: Database, acme: Tenant) -> None:
    """A page tells where the next begins, and all pages together hold each member once."""
    ids = sorted([await make_member(database, acme, f"m{number}@acme.example", "tenant-viewer") for number in range(5)])
    seen: list[str] = []
    target = f"/api/tenants/{acme.id}/members?limit=2"
    after = ""
    while True:
        page = await door.json("GET", f"{target}&after={after}", user_caller(acme.id))
        seen += [doc["userId"] for doc in page["docs"]]
        if not page["hasNextPage"]:
            break
        after = str(page["nextAfter"])
    assert seen == ids
    assert page["nextAfter"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5"])
async def test_impossible_pages_are_refused(door: Door, acme: Tenant, query: str) -> None:
    """A page size outside of 1 to 100 is refused."""
    with pytest.raises(InvalidFieldsError):
        await door.send("GET", f"/api/tenants/{acme.id}/members?{query}", user_caller(acme.id))


async def test_the_last_administrator_stays(door: Door, database: Database, acme: Tenant) -> None:
    """Through the route too, an administrator cannot leave the tenant without one; a super-admin can."""
    user_id = await make_member(database, acme, "a@acme.example", "tenant-admin")
    target = f"/api/tenants/{acme.id}/members/{user_id}"
    with pytest.raises(ConflictError):
        await door.send("DELETE", target, user_caller(acme.id, user_id=user_id))
    with pytest.raises(ConflictError):
        await door.send("PATCH", target, user_caller(acme.id, user_id=user_id), {"role": "tenant-editor"})
    assert await door.json("DELETE", target, SUPER) == {"message": "Deleted successfully.", "id": user_id}


@pytest.mark.parametrize("role", ["super-admin", "owner", "", None, "TENANT-ADMIN"])
async def test_no_other_role_can_be_given(door: Door, database: Database, acme: Tenant, role: object) -> None:
    """Nobody becomes super-admin, or anything unknown, by a member's change or an invitation."""
    user_id = await make_member(database, acme, "a@acme.example", "tenant-viewer")
    with pytest.raises(InvalidFieldsError):
        await door.send("PATCH", f"/api/tenants/{acme.id}/members/{user_id}", SUPER, {"role": role})
    with pytest.raises(InvalidFieldsError):
        await door.send("POST", f"/api/tenants/{acme.id}/invitations", SUPER, {"email": "n@a.example", "role": role})


async def test_an_invitation_walks_from_letter_to_member(
    door: Door, acme: Tenant, other: Tenant, mailbox: Mailbox
) -> None:
    """The answer to the inviter has no code; the code of the letter makes its reader a member of that tenant only."""
    admin = user_caller(acme.id)
    body = {"email": "new@acme.example", "role": "tenant-editor"}
    invited = await door.json("POST", f"/api/tenants/{acme.id}/invitations", admin, body)
    code = mailbox.letters[0].text.partition("#code=")[2].split()[0]
    listed = await door.json("GET", f"/api/tenants/{acme.id}/invitations", admin)
    assert code not in str(invited) + str(listed)
    assert listed["docs"] == [invited["doc"]]
    joined = await door.json("POST", "/api/invitations/accept", None, {"code": code, "password": "correct horse"})
    assert joined["message"] == "Invitation accepted."
    assert joined["doc"]["tenantId"] == acme.id
    assert (await door.json("GET", f"/api/tenants/{other.id}/members", SUPER))["docs"] == []
    with pytest.raises(SpentCodeError):
        await door.send("POST", "/api/invitations/accept", None, {"code": code, "password": "correct horse"})


async def test_a_key_is_no_signed_in_user(door: Door, database: Database, acme: Tenant, mailbox: Mailbox) -> None:
    """A key that comes with a code proves no account: the invited user's own is needed."""
    await door.send("POST", f"/api/tenants/{acme.id}/invitations", user_caller(acme.id), {"email": "u@acme.example"})
    user_id = await database.transaction(lambda transaction: insert_user(transaction, "u@acme.example"))
    code = mailbox.letters[0].text.partition("#code=")[2].split()[0]
    with pytest.raises(NotAuthenticatedError):
        await door.send("POST", "/api/invitations/accept", key_caller(acme.id, key_id=user_id), {"code": code})
    with pytest.raises(NotAuthenticatedError):
        await door.send("POST", "/api/invitations/accept", None, {"code": code})
    signed_in = user_caller("", None, user_id=user_id)
    assert (await door.send("POST", "/api/invitations/accept", signed_in, {"code": code})).status == 200


async def test_nothing_but_acceptance_is_open_to_strangers(door: Door) -> None:
    """Every route but the acceptance of an invitation wants a signed-in user."""
    assert {route.path for route in door.table.routes if route.callers != "user"} == {"/api/invitations/accept"}
    for route in door.table.routes:
        if route.callers == "user":
            with pytest.raises(NotAuthenticatedError):
                await door.send(route.method, route.path, None, now_ms=START_MS)
