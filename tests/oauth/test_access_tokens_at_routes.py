"""Which routes an access token opens: where a scope stands for the permission, and never the account or its sessions."""

from __future__ import annotations

import pytest

from oauth_users import end_grant, grant_to
from oauth_world import add_client
from route_calls import Victim, calls_of
from world import Api

EVERYTHING = "*:*"


async def test_a_users_token_opens_what_role_and_scope_hold(api: Api, client_id: str) -> None:
    """An administrator's token with ``keys:read`` lists keys and does nothing else with them."""
    granted = await grant_to(api, client_id, "admin_a", "keys:read")
    listed = await api.call("GET", "/api/keys", headers=granted.header)
    assert listed.status_code == 200
    assert api.world.key_ids["sk_live_a"] in listed.text
    made = await api.call("POST", "/api/keys", headers=granted.header, json={"name": "K", "kind": "secret"})
    assert (made.status_code, made.json()["errors"][0]["extensions"]["requiredScope"]) == (403, "keys:write")


@pytest.mark.parametrize("who", ["viewer_a", "editor_a"])
async def test_a_scope_never_widens_a_role(api: Api, client_id: str, who: str) -> None:
    """Whatever the scopes say, a token does no more than its user may."""
    granted = await grant_to(api, client_id, who, EVERYTHING)
    for path in ("/api/keys", "/api/tenants/{tenant_a}", "/api/tenants/{tenant_a}/members"):
        answer = await api.call("GET", path, headers=granted.header)
        assert (answer.status_code, answer.headers.get("www-authenticate")) == (403, None), path


async def test_no_access_token_opens_the_account(api: Api, client_id: str) -> None:
    """Account, sessions and sign-in, and whatever else asks for no permission, are for a session alone."""
    granted = await grant_to(api, client_id, "admin_a", EVERYTHING)
    tried = 0
    for call in calls_of(api, Victim("a")):
        if call.route.callers == "user" and call.route.permission is None:
            answer = await api.call(call.route.method, call.path, headers=granted.header, json=call.body)
            assert answer.status_code == 403, call.name
            tried += 1
    assert tried >= 6


async def test_an_access_token_is_refreshed_nowhere_but_by_its_client(api: Api, client_id: str) -> None:
    """The door that renews session tokens does not know an access token."""
    granted = await grant_to(api, client_id, "admin_a", EVERYTHING)
    answer = await api.call("POST", "/api/users/refresh-token", headers=granted.header)
    assert answer.status_code in {401, 403}


async def test_a_client_for_itself_manages_nothing(api: Api, client_id: str) -> None:
    """A client without a user has no role, so that no scope opens keys, members or the tenant."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = (
        f"grant_type=client_credentials&client_id={client_id}&client_secret=a-secret-of-forty-three-characters-made-up1"
    )
    answer = await api.call("POST", "/oauth/token", content=body.encode(), headers=form)
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await api.call("GET", "/api/products", headers=bearer)).status_code == 200
    for path in ("/api/keys", "/api/tenants/{tenant_a}", "/api/tenants", "/api/users/me"):
        assert (await api.call("GET", path, headers=bearer)).status_code == 403, path


async def test_what_a_token_makes_has_no_more_than_the_token(api: Api, client_id: str) -> None:
    """A token for keys and products makes no key for anything else: a scope cannot be widened by way of a key."""
    granted = await grant_to(api, client_id, "admin_a", "keys:* products:read")
    for scopes, status in ((["products:read"], 201), (["products:*"], 403), (["orders:read"], 403), (None, 403)):
        body = {"name": "K", "kind": "secret", "scopes": scopes}
        made = await api.call("POST", "/api/keys", headers=granted.header, json=body)
        assert made.status_code == status, scopes


async def test_a_token_takes_over_no_key_that_has_more(api: Api, client_id: str) -> None:
    """Neither is a wider key rotated, which would show a new one, nor a key widened."""
    granted = await grant_to(api, client_id, "admin_a", "keys:* products:read")
    rotated = await api.call("POST", "/api/keys/{key_sk_live_a}/rotate", headers=granted.header, json={})
    assert rotated.status_code == 403
    body = {"name": "K", "kind": "secret", "scopes": ["products:read"]}
    made = (await api.call("POST", "/api/keys", headers=granted.header, json=body)).json()["doc"]["id"]
    path = f"/api/keys/{made}"
    assert (await api.call("PATCH", path, headers=granted.header, json={"scopes": ["*:*"]})).status_code == 403
    assert (await api.call("PATCH", path, headers=granted.header, json={"scopes": None})).status_code == 403
    assert (await api.call("PATCH", path, headers=granted.header, json={"name": "L"})).status_code == 200
    assert (await api.call("POST", f"{path}/rotate", headers=granted.header, json={})).status_code == 201


async def test_a_token_of_an_ended_grant_opens_nothing(api: Api, client_id: str) -> None:
    """Once its user has withdrawn the grant, the token is refused by the next request."""
    granted = await grant_to(api, client_id, "admin_a", EVERYTHING)
    assert (await api.call("GET", "/t/tenant-a/api/products", headers=granted.header)).status_code == 200
    await end_grant(api, granted.grant_id)
    assert (await api.call("GET", "/t/tenant-a/api/products", headers=granted.header)).status_code == 401


async def test_a_token_is_of_its_own_tenant_everywhere(api: Api) -> None:
    """No way of naming another tenant moves a token there, not by header, by path or by the id in a path."""
    client_id = await add_client(api.application, api.world.tenants["b"])
    granted = await grant_to(api, client_id, "admin_b", EVERYTHING, tenant="b")
    assert (await api.call("GET", "/t/tenant-b/api/keys", headers=granted.header)).status_code == 200
    tries = [
        ("/t/tenant-a/api/keys", {}, 403),
        ("/api/keys", {"x-tenant-id": "tenant-a"}, 403),
        ("/api/tenants/{tenant_a}", {}, 404),
        ("/api/tenants/{tenant_a}/members", {}, 404),
        ("/api/keys/{key_sk_live_a}", {}, 404),
    ]
    for path, headers, status in tries:
        answer = await api.call("GET", path, headers={**granted.header, **headers})
        assert answer.status_code == status, path
        assert api.world.key_ids["sk_live_a"] not in answer.text


async def test_a_token_for_another_resource_is_refused(api: Api, client_id: str) -> None:
    """A token whose audience is another API does not open this one (RFC 8707 §2, RFC 9068 §4)."""
    granted = await grant_to(api, client_id, "admin_a", EVERYTHING, audience=("https://files.example",))
    assert (await api.call("GET", "/t/tenant-a/api/products", headers=granted.header)).status_code == 401
