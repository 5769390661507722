"""API keys through their routes: who may, and what the answers hold."""

from __future__ import annotations

import pytest

from support import START_MS
from tenancy import NO_ADMINISTRATORS, Door, key_caller, user_caller
from watchword.api_keys.manage import ApiKeyManager, PublicKeyError
from watchword.api_keys.routes import make_routes
from watchword.api_keys.verify import KeyVerifier
from watchword.callers.caller import Caller, CallerKind, Role
from watchword.credentials.api_key import ApiKeyProver, make_key
from watchword.db.database import Database
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import (
    ConflictError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidFieldsError,
    MalformedRequestError,
    NotAuthenticatedError,
    NotFoundError,
)
from watchword.tenants.models import Tenant

SECRET = {"name": "Till", "kind": "secret", "mode": "live"}
MANAGING = [
    ("POST", "/api/keys", SECRET),
    ("GET", "/api/keys", None),
    ("GET", "/api/keys/{id}", None),
    ("PATCH", "/api/keys/{id}", {"name": "X"}),
    ("POST", "/api/keys/{id}/rotate", {"overlap_seconds": 0}),
    ("DELETE", "/api/keys/{id}", None),
]


@pytest.fixture
def database(sqlite_database: SqliteDatabase) -> Database:
    """One backend is enough here: what the two could do differently, the services' tests ask of both."""
    return sqlite_database


@pytest.fixture
def door(keys: ApiKeyManager, verifier: KeyVerifier) -> Door:
    return Door(make_routes(keys, verifier))


async def test_a_key_is_shown_once(door: Door, acme: Tenant) -> None:
    """The answer that makes a key is 201 and has its text; no later answer has it."""
    admin = user_caller(acme.id)
    body = {**SECRET, "scopes": ["products:read"], "expires_at": "2027-01-01T00:00:00Z", "rate_limit": 60}
    response = await door.send("POST", "/api/keys", admin, {**body, "name": "First"})
    assert response.status == 201
    assert b"no-store" in response.lines
    made = (await door.json("POST", "/api/keys", admin, body))["doc"]
    text = made.pop("key")
    assert made == {
        "id": made["id"],
        "name": "Till",
        "kind": "secret",
        "mode": "live",
        "status": "active",
        "disabled": False,
        "firstCharacters": text[:12],
        "lastCharacters": text[-4:],
        "scopes": ["products:read"],
        "allowedOrigins": [],
        "allowedNetworks": [],
        "rateLimit": 60,
        "createdBy": "usr_admin",
        "createdAt": "2026-01-07T10:00:00.000Z",
        "updatedAt": "2026-01-07T10:00:00.000Z",
        "expiresAt": "2027-01-01T00:00:00.000Z",
        "revokedAt": None,
        "rotatedTo": None,
        "dpopJkt": None,
    }
    target = f"/api/keys/{made['id']}"
    assert await door.json("GET", target, admin) == {**made, "lastUsedAt": None}
    later = [
        await door.json("GET", "/api/keys", admin),
        await door.json("PATCH", target, admin, {"name": "New"}),
        await door.json("POST", f"{target}/rotate", admin),
        await door.json("DELETE", target, admin),
        await door.json("DELETE", target, admin),
    ]
    assert text not in str(later)
    assert [answer["doc"]["status"] for answer in later[3:]] == ["revoked", "revoked"]


async def test_a_rotation_shows_the_new_key_and_the_old_ones_end(door: Door, acme: Tenant) -> None:
    """Without a body the old key goes on for a day."""
    admin = user_caller(acme.id)
    made = (await door.json("POST", "/api/keys", admin, SECRET))["doc"]
    answer = await door.json("POST", f"/api/keys/{made['id']}/rotate", admin)
    assert answer["doc"]["key"].startswith("sk_live_")
    assert answer["oldDoc"]["rotatedTo"] == answer["doc"]["id"]
    assert answer["oldDoc"]["expiresAt"] == "2026-01-08T10:00:00.000Z"
    assert "key" not in answer["oldDoc"]
    with pytest.raises(ConflictError):
        await door.send("POST", f"/api/keys/{made['id']}/rotate", admin)


@pytest.mark.parametrize(("role", "kind"), NO_ADMINISTRATORS)
@pytest.mark.parametrize(("method", "path", "body"), MANAGING)
async def test_others_than_administrators_manage_nothing(
    door: Door, acme: Tenant, method: str, path: str, body: object, role: Role | None, kind: CallerKind
) -> None:
    """Neither viewers, editors nor keys manage keys, whatever the key's scopes say."""
    caller = Caller(kind, acme.id, "live", "subject", role, ("*:*", "keys:write"), "credential")
    with pytest.raises(ForbiddenError):
        await door.send(method, path.format(id="key_1"), caller, body)


@pytest.mark.parametrize(("method", "path", "body"), MANAGING[2:])
async def test_another_tenants_key_is_not_found(
    door: Door, prover: ApiKeyProver, acme: Tenant, other: Tenant, method: str, path: str, body: object
) -> None:
    """A key of another tenant answers as one that does not exist, and stays good."""
    made = (await door.json("POST", "/api/keys", user_caller(other.id), SECRET))["doc"]
    for key_id in (made["id"], "key_00000000000000000000000000", "x"):
        with pytest.raises(NotFoundError):
            await door.send(method, path.format(id=key_id), user_caller(acme.id), body)
    assert (await prover.prove(made["key"], START_MS)).tenant_id == other.id
    assert (await door.json("GET", "/api/keys", user_caller(acme.id)))["docs"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "secret"}, "name"),
        ({"name": "A"}, "kind"),
        ({"name": "A", "kind": "root"}, "kind"),
        ({"name": "A", "kind": "secret", "mode": "prod"}, "mode"),
        ({"name": "A", "kind": "secret", "scopes": "products:read"}, "scopes"),
        ({"name": "A", "kind": "secret", "scopes": ["products"]}, "scopes[0]"),
        ({"name": "A", "kind": "secret", "expires_at": 1.5}, "expires_at"),
        ({"name": "A", "kind": "secret", "expires_at": True}, "expires_at"),
        ({"name": "A", "kind": "secret", "expires_at": "soon"}, "expires_at"),
        ({"name": "A", "kind": "secret", "rate_limit": 0}, "rate_limit"),
        ({"name": "A", "kind": "secret", "rate_limit": -1}, "rate_limit"),
        ({"name": "A", "kind": "secret", "rate_limit": "60"}, "rate_limit"),
        ({"name": "A", "kind": "secret", "tenant_id": "ten_1"}, "tenant_id"),
        ({"name": "A", "kind": "secret", "key": "sk_live_chosen"}, "key"),
        ({"name": "A", "kind": "secret", "allowed_origins": ["https://a.example"]}, "allowed_origins"),
        ({"name": "A", "kind": "publishable", "allowed_networks": ["10.0.0.0/8"]}, "allowed_networks"),
    ],
)
async def test_wrong_fields_are_named(door: Door, acme: Tenant, body: dict[str, object], field: str) -> None:
    """Missing, unknown, mistyped and impossible fields are refused by their path."""
    with pytest.raises(InvalidFieldsError) as refusal:
        await door.send("POST", "/api/keys", user_caller(acme.id), body)
    assert refusal.value.extensions["fields"][0]["path"] == field  # type: ignore[index]


@pytest.mark.parametrize("seconds", [-1, 7_776_001, "60", 1.5, None])
async def test_an_impossible_overlap_is_refused(door: Door, acme: Tenant, seconds: object) -> None:
    """An overlap is a whole number of seconds within the bound."""
    made = (await door.json("POST", "/api/keys", user_caller(acme.id), SECRET))["doc"]
    with pytest.raises(InvalidFieldsError):
        await door.send("POST", f"/api/keys/{made['id']}/rotate", user_caller(acme.id), {"overlap_seconds": seconds})


@pytest.mark.parametrize("mode", ["live", "test"])
async def test_the_mode_left_out_is_the_callers(door: Door, acme: Tenant, mode: str) -> None:
    """Without a mode in the body the new key has the mode that the caller acts in."""
    caller = user_caller(acme.id, mode="test" if mode == "test" else "live")
    made = await door.json("POST", "/api/keys", caller, {"name": "A", "kind": "publishable"})
    assert made["doc"]["key"].startswith(f"pk_{mode}_")


async def test_a_caller_without_a_tenant_is_told_so(door: Door) -> None:
    """A super-admin who names no tenant is asked for one, and gets no list of nobody's keys."""
    caller = user_caller("", Role.SUPER_ADMIN)
    for method, path, body in MANAGING:
        with pytest.raises(MalformedRequestError):
            await door.send(method, path.format(id="key_1"), caller, body)


async def test_a_key_is_revoked_by_its_holder(door: Door, prover: ApiKeyProver, acme: Tenant) -> None:
    """A secret key is revoked by its text in the body without any proof, or by itself in the headers."""
    first = (await door.json("POST", "/api/keys", user_caller(acme.id), SECRET))["doc"]
    second = (await door.json("POST", "/api/keys", user_caller(acme.id), SECRET))["doc"]
    assert (await door.send("POST", "/api/keys/self-revoke", None, {"key": first["key"]})).status == 200
    assert (await door.send("POST", "/api/keys/self-revoke", key_caller(acme.id, key_id=second["id"]))).status == 200
    for made in (first, second):
        with pytest.raises(NotAuthenticatedError):
            await prover.prove(made["key"], START_MS)


async def test_the_body_names_the_key_to_revoke(door: Door, prover: ApiKeyProver, acme: Tenant) -> None:
    """A key in the body is the one that is revoked, not the one that the request came with."""
    own = (await door.json("POST", "/api/keys", user_caller(acme.id), SECRET))["doc"]
    found = (await door.json("POST", "/api/keys", user_caller(acme.id), SECRET))["doc"]
    await door.send("POST", "/api/keys/self-revoke", key_caller(acme.id, key_id=own["id"]), {"key": found["key"]})
    assert (await prover.prove(own["key"], START_MS)).key_id == own["id"]


async def test_nobody_else_revokes_a_key(door: Door, prover: ApiKeyProver, acme: Tenant) -> None:
    """Without a key, with an unknown one, by its id, as a user, or by a public key's text nothing is revoked."""
    made = (await door.json("POST", "/api/keys", user_caller(acme.id), SECRET))["doc"]
    public = (await door.json("POST", "/api/keys", user_caller(acme.id), {**SECRET, "kind": "publishable"}))["doc"]
    target = "/api/keys/self-revoke"
    with pytest.raises(InvalidFieldsError):
        await door.send("POST", target, None)
    with pytest.raises(InvalidFieldsError):
        await door.send("POST", target, user_caller(acme.id, user_id=made["id"]))
    for key in (make_key("secret_key", "live"), made["id"], made["firstCharacters"]):
        with pytest.raises(NotAuthenticatedError):
            await door.send("POST", target, None, {"key": key})
    with pytest.raises(PublicKeyError):
        await door.send("POST", target, None, {"key": public["key"]})
    with pytest.raises(PublicKeyError):
        await door.send("POST", target, key_caller(acme.id, CallerKind.PUBLISHABLE_KEY, key_id=public["id"]))
    for key in (made, public):
        await prover.prove(key["key"], START_MS)


async def test_a_verdict_is_given_to_the_tenants_own(door: Door, acme: Tenant, other: Tenant) -> None:
    """A secret key or an administrator of the tenant learns all, those of another tenant or mode that nothing is there."""
    made = (await door.json("POST", "/api/keys", user_caller(acme.id), {**SECRET, "scopes": ["orders:read"]}))["doc"]
    body = {"key": made["key"], "scopes": ["orders:read"]}
    full = {
        "valid": True,
        "code": "VALID",
        "keyId": made["id"],
        "kind": "secret",
        "mode": "live",
        "scopes": ["orders:read"],
        "expiresAt": None,
    }
    for caller in (key_caller(acme.id), key_caller(acme.id, scopes=("keys:read",)), user_caller(acme.id)):
        assert await door.json("POST", "/api/keys/verify", caller, body) == full
    testers = (key_caller(acme.id, mode="test"), user_caller(acme.id, mode="test"))
    for caller in (key_caller(other.id), user_caller(other.id), *testers):
        assert await door.json("POST", "/api/keys/verify", caller, body) == {"valid": False, "code": "NOT_FOUND"}
    await door.send("DELETE", f"/api/keys/{made['id']}", user_caller(acme.id))
    ended = await door.json("POST", "/api/keys/verify", key_caller(acme.id), body)
    assert ended == {"valid": False, "code": "DISABLED", "keyId": made["id"]}


@pytest.mark.parametrize(
    ("caller", "refusal"),
    [
        (None, NotAuthenticatedError),
        (key_caller("ten_1", CallerKind.PUBLISHABLE_KEY), ForbiddenError),
        (key_caller("ten_1", scopes=("orders:*",)), InsufficientScopeError),
        (key_caller("ten_1", scopes=()), InsufficientScopeError),
        (user_caller("ten_1", Role.TENANT_VIEWER), ForbiddenError),
        (user_caller("ten_1", Role.TENANT_EDITOR), ForbiddenError),
        (user_caller("", None), ForbiddenError),
    ],
)
async def test_others_get_no_verdict(door: Door, caller: Caller | None, refusal: type[Exception]) -> None:
    """Strangers, publishable keys, narrowed keys and members without the right learn nothing of any key."""
    with pytest.raises(refusal):
        await door.send("POST", "/api/keys/verify", caller, {"key": "sk_live_x"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"key": 7},
        {"key": "x" * 1001},
        {"key": "x", "scopes": "orders:read"},
        {"key": "x", "scopes": ["orders"]},
        {"key": "x", "tenant_id": "ten_1"},
    ],
)
async def test_a_question_that_cannot_be_read_is_refused(door: Door, acme: Tenant, body: object) -> None:
    """A body that does not say which key, or says more than is known, is refused by field."""
    with pytest.raises(InvalidFieldsError):
        await door.send("POST", "/api/keys/verify", key_caller(acme.id), body)


async def test_only_a_holder_needs_no_proof(door: Door) -> None:
    """Self-revocation alone is open to anyone, and managing wants a signed-in user."""
    assert {route.path: route.callers for route in door.table.routes if route.callers != "user"} == {
        "/api/keys/self-revoke": "anyone",
        "/api/keys/verify": "any caller",
    }
    assert all(
        route.permission in {"keys:read", "keys:write"} for route in door.table.routes if route.callers == "user"
    )
