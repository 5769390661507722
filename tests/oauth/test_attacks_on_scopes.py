"""A user's access token at the rooms that give out credentials: nothing that comes of it may do more than itself."""

from __future__ import annotations

import pytest

from oauth_users import grant_to
from oauth_world import add_client
from world import Api

NARROW = "clients:* products:read"
CLIENT = {"name": "C", "kind": "confidential", "grants": ["client_credentials"]}


@pytest.mark.parametrize(
    ("scopes", "status"), [(["products:read"], 201), (["products:*"], 403), (["orders:read"], 403), (None, 403)]
)
async def test_a_token_makes_no_client_that_has_more(
    api: Api, client_id: str, scopes: list[str] | None, status: int
) -> None:
    """A token for clients and products makes no client for anything else, which would get its tokens by itself."""
    granted = await grant_to(api, client_id, "admin_a", NARROW)
    made = await api.call("POST", "/api/clients", headers=granted.header, json={**CLIENT, "scopes": scopes})
    assert made.status_code == status, made.text
    if status == 403:
        assert made.json()["errors"][0]["extensions"]["code"] == "INSUFFICIENT_SCOPE"


async def test_a_token_widens_no_client(api: Api, client_id: str) -> None:
    """What a narrow token may make it may not widen afterwards."""
    granted = await grant_to(api, client_id, "admin_a", NARROW)
    body = {**CLIENT, "scopes": ["products:read"]}
    path = f"/api/clients/{(await api.call('POST', '/api/clients', headers=granted.header, json=body)).json()['doc']['id']}"
    for scopes in (["*:*"], ["products:write"], None):
        answer = await api.call("PATCH", path, headers=granted.header, json={"scopes": scopes})
        assert answer.status_code == 403, scopes
    assert (await api.call("PATCH", path, headers=granted.header, json={"name": "D"})).status_code == 200


async def test_a_token_takes_over_no_client_that_has_more(api: Api, client_id: str) -> None:
    """No secret of a wider client is shown to a narrow token, nor may it turn the client's answers elsewhere."""
    granted = await grant_to(api, client_id, "admin_a", NARROW)
    wide = f"/api/clients/{client_id}"
    for path in ("secrets", "rotate"):
        assert (await api.call("POST", f"{wide}/{path}", headers=granted.header)).status_code == 403, path
    body = {"redirect_uris": ["https://evil.example/"]}
    assert (await api.call("PATCH", wide, headers=granted.header, json=body)).status_code == 403


@pytest.mark.parametrize("room", ["keys", "clients"])
async def test_a_test_token_makes_nothing_live(api: Api, room: str) -> None:
    """A user's token through a test client gives out no credential for live data, and touches none that is there."""
    through = await add_client(api.application, api.world.tenants["a"], mode="test")
    granted = await grant_to(api, through, "admin_a", "*:*")
    body: dict[str, object] = {"name": "K", "kind": "secret"} if room == "keys" else {**CLIENT}
    live = {"keys": "{key_sk_live_a}", "clients": "{client_a}"}[room]
    tries: list[tuple[str, str, dict[str, object] | None]] = [
        ("POST", f"/api/{room}", {**body, "mode": "live"}),
        ("PATCH", f"/api/{room}/{live}", {"name": "Mine"}),
        ("POST", f"/api/{room}/{live}/rotate", {}),
        ("DELETE", f"/api/{room}/{live}", None),
    ]
    if room == "clients":
        tries.append(("POST", f"/api/clients/{live}/secrets", {}))
    for method, path, sent in tries:
        answer = await api.call(method, path, headers=granted.header, json=sent)
        assert answer.status_code == 403, (method, path, answer.text)
    made = await api.call("POST", f"/api/{room}", headers=granted.header, json=body)
    assert (made.status_code, made.json()["doc"]["mode"]) == (201, "test")


async def test_a_test_token_verifies_no_live_key(api: Api) -> None:
    """What a test token asks about is answered as for a test key: a live one is unknown."""
    through = await add_client(api.application, api.world.tenants["a"], mode="test")
    granted = await grant_to(api, through, "admin_a", "*:*")
    for name, code in (("sk_live_a", "NOT_FOUND"), ("sk_test_a", "VALID")):
        answer = await api.call("POST", "/api/keys/verify", headers=granted.header, json={"key": api.world.keys[name]})
        assert (answer.status_code, answer.json()["code"]) == (200, code), answer.text


@pytest.mark.parametrize(
    ("scopes", "role", "status"),
    [
        ("members:*", "tenant-viewer", 403),
        ("members:* *:read", "tenant-viewer", 201),
        ("members:* *:read", "tenant-editor", 403),
        ("members:* *:read *:write", "tenant-editor", 201),
        ("members:* *:read *:write", "tenant-admin", 403),
        ("*:*", "tenant-admin", 201),
    ],
)
async def test_a_token_invites_nobody_to_more(sqlite_api: Api, scopes: str, role: str, status: int) -> None:
    """A token for members lets nobody in who may do more than the token itself."""
    client_id = await add_client(sqlite_api.application, sqlite_api.world.tenants["a"])
    granted = await grant_to(sqlite_api, client_id, "admin_a", scopes)
    body = {"email": "accomplice@example.com", "role": role}
    invited = await sqlite_api.call("POST", "/api/tenants/{tenant_a}/invitations", headers=granted.header, json=body)
    assert invited.status_code == status, invited.text


async def test_a_token_raises_no_member(sqlite_api: Api) -> None:
    """A token for members makes nobody an administrator, and may still take a role away."""
    client_id = await add_client(sqlite_api.application, sqlite_api.world.tenants["a"])
    granted = await grant_to(sqlite_api, client_id, "admin_a", "members:* *:read")
    path = "/api/tenants/{tenant_a}/members/{user_editor_a}"
    raised = await sqlite_api.call("PATCH", path, headers=granted.header, json={"role": "tenant-admin"})
    assert (raised.status_code, raised.json()["errors"][0]["extensions"]["requiredScope"]) == (403, "*:*")
    assert (
        await sqlite_api.call("PATCH", path, headers=granted.header, json={"role": "tenant-viewer"})
    ).status_code == 200


async def test_a_test_token_lets_nobody_in(sqlite_api: Api) -> None:
    """A member stands in both modes, so that a token of test makes none, raises none and opens no door to others."""
    through = await add_client(sqlite_api.application, sqlite_api.world.tenants["a"], mode="test")
    granted = await grant_to(sqlite_api, through, "admin_a", "*:*")
    tries: list[tuple[str, str, dict[str, object]]] = [
        ("POST", "/api/tenants/{tenant_a}/invitations", {"email": "accomplice@example.com"}),
        ("PATCH", "/api/tenants/{tenant_a}/members/{user_editor_a}", {"role": "tenant-admin"}),
        ("PATCH", "/api/tenants/{tenant_a}", {"settings": {"registration": True}}),
    ]
    for method, path, body in tries:
        answer = await sqlite_api.call(method, path, headers=granted.header, json=body)
        assert answer.status_code == 403, path


async def test_a_token_changes_no_key_that_has_more(sqlite_api: Api) -> None:
    """A narrow token neither opens a wider key to other networks nor takes from it what others rely on."""
    client_id = await add_client(sqlite_api.application, sqlite_api.world.tenants["a"])
    granted = await grant_to(sqlite_api, client_id, "admin_a", "keys:* products:read")
    for body in ({"name": "Mine"}, {"scopes": ["products:read"], "allowed_networks": []}):
        answer = await sqlite_api.call("PATCH", "/api/keys/{key_sk_live_a}", headers=granted.header, json=body)
        assert answer.status_code == 403, body
