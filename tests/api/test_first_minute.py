"""The document's own walk, through both lanes."""

from __future__ import annotations

from world import PASSWORD, Api


async def test_log_in_read_refresh_and_log_out(api: Api) -> None:
    """A session begins with a password, reads, is refreshed, and ends for every one of its tokens."""
    login = await api.call("POST", "/api/users/login", json={"email": "admin.a@example.com", "password": PASSWORD})
    assert login.status_code == 200, login.text
    bearer = {"authorization": f"Bearer {login.json()['token']}"}
    assert (await api.call("GET", "/api/products", headers=bearer)).json()["totalDocs"] == 12
    me = await api.call("GET", "/api/users/me", headers=bearer)
    assert me.json()["user"]["tenants"] == [api.world.tenants["a"]]
    refreshed = await api.call("POST", "/api/users/refresh-token", headers=bearer)
    fresh = {"authorization": f"Bearer {refreshed.json()['token']}"}
    assert (await api.call("POST", "/api/users/logout", headers=fresh)).status_code == 200
    for dead in (bearer, fresh):
        refusal = await api.call("GET", "/api/users/me", headers=dead)
        assert refusal.status_code == 401
        assert refusal.json()["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"


async def test_every_key_reads_products(api: Api) -> None:
    """Keys of each kind and mode read the products of their own mode."""
    for who in ("sk_live_a", "pk_live_a", "sk_test_a", "pk_test_a"):
        answer = await api.call("GET", "/api/products?limit=1", who=who)
        assert (answer.status_code, answer.json()["docs"][0]["name"]) == (200, f"{who[3:7]} a 12"), answer.text


async def test_publishable_key_never_writes(api: Api) -> None:
    """A publishable key's write is refused in the document's shape."""
    refusal = await api.call("POST", "/api/products", who="pk_live_a", json={"name": "x", "price": 1})
    assert refusal.status_code == 403
    assert refusal.json()["errors"][0]["name"] == "Forbidden"


async def test_the_bare_address_says_where_to_go_on(api: Api) -> None:
    """Whoever opens the address without a path is told what answers and where to read on, and not which version."""
    door = await api.call("GET", "/")
    assert door.status_code == 200
    paths = {"docs": "/docs", "openapi": "/api/openapi.json", "health": "/api/health"}
    assert door.json() == {"name": "Watchword", **paths}
    assert [(await api.call("GET", path)).status_code for path in paths.values()] == [200, 200, 200]
    assert (await api.call("POST", "/", json={})).status_code == 405
