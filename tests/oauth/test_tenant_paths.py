"""A tenant's API under its own path, for every kind of caller."""

from __future__ import annotations

import pytest

from scenario import Scenario, name_of, run
from world import OPERATOR, Api

ROWS = [
    Scenario(name="a key reads", path="/t/tenant-a/api/products?limit=1", who="sk_live_a", status=200, wanted="live a"),
    Scenario(name="a publishable key reads", path="/t/tenant-a/api/products?limit=1", who="pk_test_a", status=200, wanted="test a"),
    Scenario(name="a member reads", path="/t/tenant-a/api/products?limit=1", who="viewer_a", status=200, wanted="live a"),
    Scenario(name="a member writes", method="POST", path="/t/tenant-a/api/products", who="editor_a", json={"name": "x", "price": 1}, status=201),
    Scenario(name="a super-admin acts in the tenant of the path", path="/t/tenant-b/api/products?limit=1", who="super", status=200, wanted="live b"),
    Scenario(name="an account is the same everywhere", path="/t/tenant-a/api/users/me", who="viewer_a", status=200),
    Scenario(name="whoever is public stays so", path="/t/tenant-a/api/health", status=200),
    Scenario(name="the header may agree", path="/t/tenant-a/api/products", who="viewer_a", headers={"x-tenant-id": "tenant-a"}, status=200),
    Scenario(name="the header may not differ", path="/t/tenant-a/api/products", who="super", headers={"x-tenant-id": "tenant-b"}, status=400, wanted="The path names the tenant"),
    Scenario(name="nor name it by its id", path="/t/tenant-a/api/products", who="viewer_a", headers={"x-tenant-id": "{tenant_a}"}, status=400),
    Scenario(name="another tenant's member", path="/t/tenant-b/api/products", who="admin_a", status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="another tenant's key", path="/t/tenant-b/api/products", who="sk_live_a", status=403, wanted="TENANT_MISMATCH"),
    Scenario(name="another tenant's publishable key", path="/t/tenant-b/api/products", who="pk_live_a", status=403, wanted="TENANT_MISMATCH"),
    Scenario(name="another tenant's publishable key beside a member's token", path="/t/tenant-a/api/products", who="viewer_a", headers={"x-publishable-key": "{secret_pk_live_b}"}, status=403),
    Scenario(name="no such tenant, for a member", path="/t/no-such/api/products", who="admin_a", status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="no such tenant, for a super-admin", path="/t/no-such/api/products", who="super", status=403),
    Scenario(name="a slug within", path="/t/tenant-a/api/t/tenant-b/api/products", who="super", status=404),
    Scenario(name="nothing behind it", path="/t/tenant-a/api", who="viewer_a", status=404),
    Scenario(name="a path that is none", path="/t/tenant-a/api/nothing", who="viewer_a", status=404),
    Scenario(name="a tenant by its id", path="/t/{tenant_a}/api/products", who="viewer_a", status=404),
]  # fmt: skip


@pytest.mark.parametrize("scenario", ROWS, ids=name_of)
async def test_a_tenants_path_is_its_api(api: Api, scenario: Scenario) -> None:
    """The path stands for the header, with the same rules for who may act where."""
    await run(api, scenario)


async def test_the_same_headers_mean_the_tenant_of_each_path(api: Api) -> None:
    """On one connection, with the very same headers, each path is answered for its own tenant, in every order."""
    members, later_ms = api.application.members, api.application.clock.now_ms() + 1
    await members.add(
        api.world.tenants["b"], "viewer.a@example.com", role="tenant-viewer", actor=OPERATOR, now_ms=later_ms
    )
    paths = {"/api": "live a", "/t/tenant-b/api": "live b", "/t/tenant-a/api": "live a"}
    for path in [*paths, *reversed(paths), *paths, *paths]:
        answer = await api.call("GET", f"{path}/products?limit=1", who="viewer_a")
        assert answer.status_code == 200
        assert answer.json()["docs"][0]["name"].startswith(paths[path]), path


async def test_a_tenants_path_answers_preflights(api: Api) -> None:
    """Browsers may ask there as they may at the root."""
    headers = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = await api.call("OPTIONS", "/t/tenant-a/api/products", headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    plain = await api.call("OPTIONS", "/t/tenant-a/api/products")
    assert plain.headers["allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "slug", ["%ED%95%9C", "%0a", "a%22b", "a%3Fb", "%5Cevil.example", "tenant-a%2F", "tenant-a;x", "A"]
)
async def test_a_path_that_names_no_tenant_leads_nowhere(sqlite_api: Api, slug: str) -> None:
    """What no tenant can be called is not found, whatever would have been written of it into an answer's headers."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    for method, page in (
        ("GET", "account"),
        ("GET", "device"),
        ("GET", "logout"),
        ("POST", "sign-out"),
        ("POST", "device"),
    ):
        body = None if method == "GET" else b"user_code=BCDF-GHJK"
        answer = await sqlite_api.call(method, f"/t/{slug}/oauth/{page}", content=body, headers=form if body else {})
        assert (answer.status_code, "location" in answer.headers) == (404, False), page
