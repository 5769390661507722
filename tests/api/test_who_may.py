"""The permission table of the product: each kind of caller against reading and writing each kind of thing."""

from __future__ import annotations

import pytest

from scenario import Scenario, code_of, name_of, run
from world import Api

CALLERS = ("nobody", "pk_live_a", "sk_live_a", "viewer_a", "editor_a", "admin_a", "super", "outsider")

# Writes carry a body that is refused with 400 by whoever may write, so that asking changes nothing.
YES, WRONG, NO, WHO = 200, 400, 403, 401
NOT_FOUND, CONFLICT = 404, 409

TABLE: dict[str, tuple[str, str, object, dict[str, int]]] = {
    "list products": ("GET", "/api/products", None, dict(zip(CALLERS, (WHO, YES, YES, YES, YES, YES, YES, NO), strict=True))),
    "count products": ("GET", "/api/products/count", None, dict(zip(CALLERS, (WHO, YES, YES, YES, YES, YES, YES, NO), strict=True))),
    "read a product": ("GET", "/api/products/{product_live_a}", None, dict(zip(CALLERS, (WHO, YES, YES, YES, YES, YES, YES, NO), strict=True))),
    "create a product": ("POST", "/api/products", {}, dict(zip(CALLERS, (WHO, NO, WRONG, NO, WRONG, WRONG, WRONG, NO), strict=True))),
    "change a product": ("PATCH", "/api/products/{product_live_a}", {"x": 1}, dict(zip(CALLERS, (WHO, NO, WRONG, NO, WRONG, WRONG, WRONG, NO), strict=True))),
    "delete a product": ("DELETE", "/api/products/none", None, dict(zip(CALLERS, (WHO, NO, NOT_FOUND, NO, NOT_FOUND, NOT_FOUND, NOT_FOUND, NO), strict=True))),
    "list orders": ("GET", "/api/orders", None, dict(zip(CALLERS, (WHO, NO, YES, YES, YES, YES, YES, NO), strict=True))),
    "count orders": ("GET", "/api/orders/count", None, dict(zip(CALLERS, (WHO, NO, YES, YES, YES, YES, YES, NO), strict=True))),
    "read an order": ("GET", "/api/orders/{order_live_a}", None, dict(zip(CALLERS, (WHO, NO, YES, YES, YES, YES, YES, NO), strict=True))),
    "read an order by number": ("GET", "/api/orders/by-number/{number_live_a}", None, dict(zip(CALLERS, (WHO, NO, YES, YES, YES, YES, YES, NO), strict=True))),
    "place an order": ("POST", "/api/orders", {}, dict(zip(CALLERS, (WHO, NO, WRONG, NO, WRONG, WRONG, WRONG, NO), strict=True))),
    "change an order": ("PATCH", "/api/orders/{order_live_a}", {"x": 1}, dict(zip(CALLERS, (WHO, NO, WRONG, NO, WRONG, WRONG, WRONG, NO), strict=True))),
    "change an order by number": ("PATCH", "/api/orders/by-number/{number_live_a}", {"x": 1}, dict(zip(CALLERS, (WHO, NO, WRONG, NO, WRONG, WRONG, WRONG, NO), strict=True))),
    "list keys": ("GET", "/api/keys", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "read a key": ("GET", "/api/keys/{key_pk_live_a}", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "make a key": ("POST", "/api/keys", {}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "change a key": ("PATCH", "/api/keys/{key_pk_live_a}", {"kind": 1}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "rotate a key": ("POST", "/api/keys/{key_pk_live_a}/rotate", {"overlap_seconds": -1}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "revoke a key": ("DELETE", "/api/keys/none", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NOT_FOUND, NOT_FOUND, NO), strict=True))),
    "list clients": ("GET", "/api/clients", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "read a client": ("GET", "/api/clients/{client_a}", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "make a client": ("POST", "/api/clients", {}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "change a client": ("PATCH", "/api/clients/{client_a}", {"kind": 1}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "delete a client": ("DELETE", "/api/clients/none", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NOT_FOUND, NOT_FOUND, NO), strict=True))),
    "add a secret": ("POST", "/api/clients/{client_a}/secrets", {"x": 1}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "rotate a secret": ("POST", "/api/clients/{client_a}/rotate", {"overlap_seconds": -1}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "revoke a secret": ("DELETE", "/api/clients/{client_a}/secrets/none", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NOT_FOUND, NOT_FOUND, NO), strict=True))),
    "list grants": ("GET", "/api/grants", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "end a grant": ("DELETE", "/api/grants/none", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NOT_FOUND, NOT_FOUND, NO), strict=True))),
    "list one's grants": ("GET", "/api/users/grants", None, dict(zip(CALLERS, (WHO, NO, NO, YES, YES, YES, YES, YES), strict=True))),
    "take back what one allowed": ("DELETE", "/api/users/grants/none", None, dict(zip(CALLERS, (WHO, NO, NO, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND), strict=True))),
    "follow what ends": ("GET", "/api/revocations?follow=false", None, dict(zip(CALLERS, (WHO, NO, YES, NO, NO, YES, YES, NO), strict=True))),
    "list members": ("GET", "/api/tenants/{tenant_a}/members", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "read a member": ("GET", "/api/tenants/{tenant_a}/members/{user_viewer_a}", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "add a member": ("POST", "/api/tenants/{tenant_a}/members", {}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NO, WRONG, NO), strict=True))),
    "change a member": ("PATCH", "/api/tenants/{tenant_a}/members/{user_viewer_a}", {"role": "king"}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "remove a member": ("DELETE", "/api/tenants/{tenant_a}/members/none", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NOT_FOUND, NOT_FOUND, NO), strict=True))),
    "list invitations": ("GET", "/api/tenants/{tenant_a}/invitations", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "invite": ("POST", "/api/tenants/{tenant_a}/invitations", {}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "take an invitation back": ("DELETE", "/api/tenants/{tenant_a}/invitations/none", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NOT_FOUND, NOT_FOUND, NO), strict=True))),
    "read a tenant": ("GET", "/api/tenants/{tenant_a}", None, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, YES, YES, NO), strict=True))),
    "change a tenant": ("PATCH", "/api/tenants/{tenant_a}", {"name": 1}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, WRONG, WRONG, NO), strict=True))),
    "create a tenant": ("POST", "/api/tenants", {}, dict(zip(CALLERS, (WHO, NO, NO, NO, NO, NO, WRONG, NO), strict=True))),
    "list one's tenants": ("GET", "/api/tenants", None, dict(zip(CALLERS, (WHO, NO, NO, YES, YES, YES, YES, YES), strict=True))),
    "verify a key": ("POST", "/api/keys/verify", {}, dict(zip(CALLERS, (WHO, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG), strict=True))),
    "read one's account": ("GET", "/api/users/me", None, dict(zip(CALLERS, (WHO, NO, NO, YES, YES, YES, YES, YES), strict=True))),
    "change one's account": ("PATCH", "/api/users/me", {"role": 1}, dict(zip(CALLERS, (WHO, NO, NO, WRONG, WRONG, WRONG, WRONG, WRONG), strict=True))),
    "list one's sessions": ("GET", "/api/users/sessions", None, dict(zip(CALLERS, (WHO, NO, NO, YES, YES, YES, YES, YES), strict=True))),
}  # fmt: skip

ROWS = [
    Scenario(
        name=f"{caller}: {what}",
        method=method,
        path=path,
        who=caller,
        # A super-admin belongs to no tenant and says which one is meant.
        headers={"x-tenant-id": "tenant-a"} if caller == "super" else {},
        json=body,
        status=status,
    )
    for what, (method, path, body, statuses) in TABLE.items()
    for caller, status in statuses.items()
]


@pytest.mark.parametrize("scenario", ROWS, ids=name_of)
async def test_a_caller_may_what_the_table_says(shared: Api, scenario: Scenario) -> None:
    """Each caller gets what the permission table gives, 403 where it gives nothing, 401 without proof."""
    response = await run(shared, scenario)
    if scenario.status == NO:
        assert code_of(response) == "FORBIDDEN"


def test_the_table_has_every_route_that_asks_for_a_permission(shared_routes: set[tuple[str, str]]) -> None:
    """A route that is added with a permission is added here too."""
    named = {
        (
            method,
            "/".join(
                "{}" if part.startswith("{") or part == "none" else part for part in path.partition("?")[0].split("/")
            ),
        )
        for method, path, _, _ in TABLE.values()
    }
    assert shared_routes <= named


@pytest.fixture
def shared_routes(shared: Api) -> set[tuple[str, str]]:
    """Method and path of each route with a permission."""
    return {
        (route.method, "/".join("{}" if part.startswith("{") else part for part in route.path.split("/")))
        for route in shared.application.routes
        if route.permission is not None
    }


WRITES = [
    ("POST", "/api/products", {"name": "x", "price": 1}),
    ("PATCH", "/api/products/{product_live_a}", {"name": "x"}),
    ("DELETE", "/api/products/{product_live_a}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=[write[0] for write in WRITES])
@pytest.mark.parametrize("who", ["pk_live_a", "pk_test_a", "viewer_a", "outsider", "nobody"])
async def test_who_may_not_write_changes_nothing(shared: Api, who: str, method: str, path: str, body: object) -> None:
    """A well-formed write of a caller without the right is refused and leaves the product as it is."""
    before = await shared.call("GET", "/api/products", who="sk_live_a")
    refused = await shared.call(method, path, who=who, json=body)
    assert refused.status_code == (401 if who == "nobody" else 403)
    after = await shared.call("GET", "/api/products", who="sk_live_a")
    assert after.content == before.content


SCOPES: list[tuple[str, list[str] | None, dict[str, int]]] = [
    ("secret", None, {"read": 200, "write": 201}),
    ("secret", ["products:read"], {"read": 200, "write": 403}),
    ("secret", ["products:write"], {"read": 403, "write": 201}),
    ("secret", ["products:*"], {"read": 200, "write": 201}),
    ("secret", ["*:read"], {"read": 200, "write": 403}),
    ("secret", ["*:*"], {"read": 200, "write": 201}),
    ("secret", ["orders:*"], {"read": 403, "write": 403}),
    ("secret", ["keys:write", "product:read"], {"read": 403, "write": 403}),
    ("secret", [], {"read": 403, "write": 403}),
    ("publishable", ["products:*"], {"read": 200, "write": 403}),
    ("publishable", ["*:*"], {"read": 200, "write": 403}),
    ("publishable", ["orders:read"], {"read": 403, "write": 403}),
]


async def test_scopes_narrow_and_never_widen(api: Api) -> None:
    """A key may what its kind may and its scopes leave; no scope gives keys, members or tenants to a key."""
    for kind, scopes, statuses in SCOPES:
        made = await api.call("POST", "/api/keys", who="admin_a", json={"name": "K", "kind": kind, "scopes": scopes})
        headers = {"x-api-key": made.json()["doc"]["key"]}
        read = await api.call("GET", "/api/products", headers=headers)
        write = await api.call("POST", "/api/products", headers=headers, json={"name": "x", "price": 1})
        assert {"read": read.status_code, "write": write.status_code} == statuses, (kind, scopes)
        for refusal, scope in ((read, "products:read"), (write, "products:write")):
            if refusal.status_code == 403 and kind == "secret":
                extensions = refusal.json()["errors"][0]["extensions"]
                assert extensions == {"code": "INSUFFICIENT_SCOPE", "requiredScope": scope}
        for path in ("/api/keys", "/api/tenants/{tenant_a}", "/api/tenants/{tenant_a}/members", "/api/tenants"):
            assert (await api.call("GET", path, headers=headers)).status_code == 403
