"""How an exchanged token ends: narrowed with what it was made from, and dead with it, in every process."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from oauth_exchange import (
    ACCESS_TOKEN,
    API_KEY,
    EXCHANGE,
    FORM,
    HELD,
    JWT,
    NOT_ACCEPTED,
    bearer,
    exchange,
    exchanged,
    reads,
)
from oauth_users import end_grant, grant_to
from oauth_world import add_client, basic, disable_client
from support import SetClock
from world import Api


async def test_it_dies_with_the_session(api: Api, service: str) -> None:
    """After logout the token that was made from the session is refused, and no new one is made."""
    token = await exchanged(api, service, api.world.tokens["viewer_a"], JWT)
    assert await reads(api, token) == 200
    assert (await api.call("POST", "/api/users/logout", who="viewer_a")).status_code == 200
    assert await reads(api, token) == 401
    assert (await exchange(api, service, api.world.tokens["viewer_a"], JWT)).json() == NOT_ACCEPTED


@pytest.mark.parametrize("how", ["revoked", "disabled", "expires"])
async def test_it_dies_with_the_key(api: Api, service: str, clock: SetClock, how: str) -> None:
    """After the key is revoked or disabled, or when its end is moved up, its tokens are refused."""
    token = await exchanged(api, service, api.world.keys["sk_live_a"], API_KEY)
    assert await reads(api, token) == 200
    path = "/api/keys/{key_sk_live_a}"
    if how == "revoked":
        await api.call("DELETE", path, who="admin_a")
    elif how == "disabled":
        await api.call("PATCH", path, who="admin_a", json={"disabled": True})
    else:
        soon = {"expires_at": "2026-01-07T10:00:30Z"}
        assert (await api.call("PATCH", path, who="admin_a", json=soon)).status_code == 200
        assert await reads(api, token) == 200
        clock.advance(30_000)
    assert await reads(api, token) == 401


async def writes(api: Api, token: str) -> int:
    return (await api.call("POST", "/t/tenant-a/api/products", headers=bearer(token), json={})).status_code


async def test_it_is_narrowed_with_the_key(api: Api, service: str) -> None:
    """A key whose scopes are cut down narrows on the next request what was made of it, and says so."""
    body = {"name": "K", "kind": "secret"}
    key = (await api.call("POST", "/api/keys", who="admin_a", json=body)).json()["doc"]
    token = await exchanged(api, service, key["key"], API_KEY)
    assert (await reads(api, token), await writes(api, token)) == (200, 400)
    path = f"/api/keys/{key['id']}"
    assert (await api.call("PATCH", path, who="admin_a", json={"scopes": ["products:read"]})).status_code == 200
    assert (await reads(api, token), await writes(api, token)) == (200, 403)
    answer = await api.call(
        "POST", "/oauth/introspect", content=urlencode({"token": token}).encode(), headers={**FORM, **basic(service)}
    )
    assert answer.json()["scope"] == "products:read"
    assert (await api.call("PATCH", path, who="admin_a", json={"scopes": ["orders:read"]})).status_code == 200
    assert await reads(api, token) == 403


@pytest.mark.parametrize("held", HELD)
async def test_it_dies_with_a_key_that_is_held(api: Api, service: str, held: dict[str, object]) -> None:
    """A key that may no longer be sent from everywhere, or as often, takes along what could be."""
    token = await exchanged(api, service, api.world.keys["sk_live_a"], API_KEY)
    assert await reads(api, token) == 200
    assert (await api.call("PATCH", "/api/keys/{key_sk_live_a}", who="admin_a", json=held)).status_code == 200
    assert await reads(api, token) == 401


async def test_it_is_narrowed_with_each_client_in_its_line(api: Api, service: str) -> None:
    """A client that may do less narrows its own tokens, and what other clients made of them."""
    first = await add_client(api.application, api.world.tenants["a"])
    granted = await grant_to(api, first, "editor_a", "products:*")
    token = await exchanged(api, service, granted.token, ACCESS_TOKEN)
    assert [await writes(api, one) for one in (granted.token, token)] == [400, 400]
    path = f"/api/clients/{first}"
    assert (await api.call("PATCH", path, who="admin_a", json={"scopes": ["*:read"]})).status_code == 200
    assert [await writes(api, one) for one in (granted.token, token)] == [403, 403]
    assert [await reads(api, one) for one in (granted.token, token)] == [200, 200]
    assert (await api.call("PATCH", f"/api/clients/{service}", who="admin_a", json={"scopes": []})).status_code == 200
    assert [await reads(api, one) for one in (granted.token, token)] == [200, 403]


async def test_it_is_narrowed_with_the_role(api: Api, service: str) -> None:
    """An editor who becomes a viewer writes no more, through any token made before."""
    token = await exchanged(api, service, api.world.tokens["editor_a"], JWT)
    assert await writes(api, token) == 400
    path = "/api/tenants/{tenant_a}/members/{user_editor_a}"
    assert (await api.call("PATCH", path, who="admin_a", json={"role": "tenant-viewer"})).status_code == 200
    assert (await reads(api, token), await writes(api, token)) == (200, 403)


async def test_it_dies_with_the_grant_before_it(api: Api, service: str) -> None:
    """When the user withdraws the first grant, tokens made of its tokens are refused, to the last in the line."""
    first = await add_client(api.application, api.world.tenants["a"])
    granted = await grant_to(api, first, "viewer_a", "products:read")
    second = await exchanged(api, service, granted.token, ACCESS_TOKEN)
    third_client = await add_client(api.application, api.world.tenants["a"], grants=(EXCHANGE,))
    third = await exchanged(api, third_client, second, ACCESS_TOKEN)
    assert (await reads(api, second), await reads(api, third)) == (200, 200)
    await end_grant(api, granted.grant_id)
    assert (await reads(api, second), await reads(api, third)) == (401, 401)


async def test_it_dies_with_a_client_in_its_line(api: Api, service: str) -> None:
    """When any client that the token came through is disabled, it is refused."""
    first = await add_client(api.application, api.world.tenants["a"])
    granted = await grant_to(api, first, "viewer_a", "products:read")
    token = await exchanged(api, service, granted.token, ACCESS_TOKEN)
    assert await reads(api, token) == 200
    await disable_client(api.application, first)
    assert await reads(api, token) == 401


async def test_it_dies_with_the_token_before_it(api: Api, service: str) -> None:
    """When the subject token is revoked, what was made of it is refused (RFC 7009 §2.1)."""
    granted = await grant_to(api, service, "viewer_a", "products:read")
    token = await exchanged(api, service, granted.token, ACCESS_TOKEN)
    assert await reads(api, token) == 200
    tokens = api.application._foundation.access_tokens
    proof = await tokens.prove(granted.token, api.application.clock.now_ms())
    await api.application.database.transaction(lambda tx: tokens.revoke(tx, proof.tenant_id, proof.mode, proof.claims))
    assert await reads(api, token) == 401


async def test_it_dies_with_the_user(api: Api, service: str) -> None:
    """When the user is disabled, every token on the user's behalf is refused at once."""
    token = await exchanged(api, service, api.world.tokens["viewer_a"], JWT)
    assert await reads(api, token) == 200
    await api.application.users.disable_user(api.world.users["viewer_a"], now_ms=api.application.clock.now_ms())
    assert await reads(api, token) == 401


async def test_it_dies_in_every_process_and_on_each_database(doors: tuple[Api, Api]) -> None:
    """What one process remembers as good ends there too, when another ends the session behind it."""
    first, second = doors
    client = await add_client(first.application, first.world.tenants["a"], grants=(EXCHANGE,))
    token = await exchanged(first, client, first.world.tokens["viewer_a"], JWT)
    assert (await reads(first, token), await reads(second, token)) == (200, 200)
    assert (await second.call("POST", "/api/users/logout", who="viewer_a")).status_code == 200
    assert await reads(first, token) == 401
