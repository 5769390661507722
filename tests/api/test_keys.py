"""API keys through the HTTP door: what a key may after each change, on its very next request."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from world import SHOP_ORIGIN, Api

SECRET = {"name": "Till", "kind": "secret", "mode": "live"}


async def status_with(api: Api, key: str, path: str = "/api/products", **headers: str) -> int:
    answer = await api.call("GET", path, headers={"x-api-key": key, **headers})
    return answer.status_code


async def make(api: Api, body: Mapping[str, object], who: str = "admin_a") -> dict[str, str]:
    made = await api.call("POST", "/api/keys", who=who, json=body)
    assert made.status_code == 201, made.text
    doc: dict[str, str] = made.json()["doc"]
    return doc


async def test_a_key_lives_from_its_making_to_its_revocation(api: Api) -> None:
    """A new key reads at once, a disabled one is refused, an enabled one reads, a revoked one never again."""
    made = await make(api, SECRET)
    target = f"/api/keys/{made['id']}"
    assert await status_with(api, made["key"]) == 200
    for disabled, status in ((True, 401), (False, 200)):
        assert (await api.call("PATCH", target, who="admin_a", json={"disabled": disabled})).status_code == 200
        assert await status_with(api, made["key"]) == status
    assert (await api.call("DELETE", target, who="admin_a")).json()["doc"]["status"] == "revoked"
    assert await status_with(api, made["key"]) == 401
    assert (await api.call("PATCH", target, who="admin_a", json={"disabled": False})).status_code == 409
    assert await status_with(api, made["key"]) == 401
    assert made["key"] not in api.log_text()


async def test_a_rotation_ends_the_old_key_now(api: Api) -> None:
    """With an overlap of 0 the old key is refused and the new one reads."""
    made = await make(api, SECRET)
    assert await status_with(api, made["key"]) == 200
    body = {"overlap_seconds": 0}
    rotated = await api.call("POST", f"/api/keys/{made['id']}/rotate", who="admin_a", json=body)
    assert await status_with(api, made["key"]) == 401
    assert await status_with(api, rotated.json()["doc"]["key"]) == 200


async def test_scopes_narrow_a_key(api: Api) -> None:
    """A key with a scope for reading does not write, and the answer names the scope."""
    made = await make(api, {**SECRET, "scopes": ["products:read"]})
    body = {"name": "X", "price": 1}
    refused = await api.call("POST", "/api/products", headers={"x-api-key": made["key"]}, json=body)
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    assert await status_with(api, made["key"]) == 200


async def test_a_key_is_held_to_its_networks_and_origins(api: Api) -> None:
    """A secret key from another network and a publishable key on another site are refused."""
    elsewhere = await make(api, {**SECRET, "allowed_networks": ["198.51.100.0/24"]})
    here = await make(api, {**SECRET, "allowed_networks": ["127.0.0.0/8"]})
    assert await status_with(api, elsewhere["key"]) == 403
    assert await status_with(api, here["key"]) == 200
    body = {"name": "Shop", "kind": "publishable", "allowed_origins": ["https://one.example"]}
    bound = await make(api, body)
    assert await status_with(api, bound["key"], origin="https://one.example") == 200
    assert await status_with(api, bound["key"], origin=SHOP_ORIGIN) == 403
    assert await status_with(api, bound["key"]) == 403


async def test_a_found_key_is_stopped_without_an_account(api: Api) -> None:
    """A stranger with the text of a secret key ends it; the second try, and a publishable key, are refused."""
    key = api.world.keys["sk_live_b"]
    assert (await api.call("POST", "/api/keys/self-revoke", json={"key": key})).status_code == 200
    assert await status_with(api, key) == 401
    assert (await api.call("POST", "/api/keys/self-revoke", json={"key": key})).status_code == 401
    public = api.world.keys["pk_live_b"]
    assert (await api.call("POST", "/api/keys/self-revoke", json={"key": public})).status_code == 403
    assert (await api.call("POST", "/api/keys/self-revoke", who="pk_live_b")).status_code == 403
    assert await status_with(api, public) == 200
    assert (await api.call("POST", "/api/keys/self-revoke", who="sk_test_b")).status_code == 200
    assert (await api.call("GET", "/api/products", who="sk_test_b")).status_code == 401


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("sk_live_a", "VALID"),
        ("admin_a", "VALID"),
        ("sk_test_a", "NOT_FOUND"),
        ("sk_live_b", "NOT_FOUND"),
        ("admin_b", "NOT_FOUND"),
    ],
)
async def test_verdicts_stay_within_tenant_and_mode(api: Api, who: str, code: str) -> None:
    """Only the tenant's own, and a key of the same mode, learn that a key is good."""
    key = (await make(api, SECRET))["key"]
    answer = await api.call("POST", "/api/keys/verify", who=who, json={"key": key, "scopes": ["orders:read"]})
    assert (answer.status_code, answer.json()["code"]) == (200, code)


@pytest.mark.parametrize(
    ("who", "status"), [("nobody", 401), ("pk_live_a", 403), ("viewer_a", 403), ("editor_a", 403), ("outsider", 403)]
)
async def test_others_get_no_verdict(api: Api, who: str, status: int) -> None:
    """Strangers, publishable keys and members without the right are refused."""
    answer = await api.call("POST", "/api/keys/verify", who=who, json={"key": "sk_live_x"})
    assert answer.status_code == status
