"""The tenant's ceiling at the endpoints that its OAuth clients call."""

from __future__ import annotations

import httpx
import pytest

from oauth_tenants import allow
from oauth_world import SECRET, add_client, basic
from support import SetClock
from world import Api

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def door(sqlite_api: Api) -> Api:
    """The door of an installation whose tenant a may send three requests a minute."""
    await allow(sqlite_api, requests_per_minute=3)
    return sqlite_api


async def post(api: Api, path: str, client: str, body: str, *, secret: str = SECRET) -> httpx.Response:
    return await api.call("POST", path, content=body.encode(), headers={**FORM, **basic(client, secret)})


async def ask(api: Api, client: str, *, secret: str = SECRET) -> httpx.Response:
    return await post(api, "/oauth/token", client, "grant_type=client_credentials", secret=secret)


async def test_many_clients_do_not_multiply_the_ceiling(door: Api, clock: SetClock) -> None:
    """All clients of a tenant share its minute, at every endpoint and with its API; the next minute is a new one."""
    one, other = [await add_client(door.application, door.world.tenants["a"]) for _ in range(2)]
    assert (await ask(door, one)).status_code == 200
    assert (await post(door, "/oauth/introspect", other, "token=x")).status_code == 200
    assert (await door.call("GET", "/api/products", who="sk_live_a")).status_code == 200
    for client in (one, other):
        refused = await ask(door, client)
        assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
        assert 0 < int(refused.headers["retry-after"]) <= 60
    assert (await door.call("GET", "/api/products", who="sk_live_a")).status_code == 429
    clock.advance(60_000)
    assert (await ask(door, one)).status_code == 200


async def test_nobody_else_uses_up_the_ceiling(door: Api) -> None:
    """Wrong secrets and names of public clients, which anybody can send, take nothing of it; nor do other tenants."""
    client = await add_client(door.application, door.world.tenants["a"])
    public = await add_client(door.application, door.world.tenants["a"], kind="public", grants=("authorization_code",))
    other = await add_client(door.application, door.world.tenants["b"])
    named = f"grant_type=authorization_code&code=x&client_id={public}".encode()
    for _ in range(4):
        assert (await ask(door, client, secret="wrong")).status_code == 401
        assert (await door.call("POST", "/oauth/token", content=named, headers=FORM)).status_code == 400
        assert (await ask(door, other)).status_code == 200
    assert [(await ask(door, client)).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_a_client_that_let_itself_in_uses_up_its_own_ceiling(door: Api) -> None:
    """Anybody may register where a tenant lets strangers, and prove that: it takes nothing from the tenant's own."""
    await allow(door, client_registration="open", requests_per_minute=3)
    metadata = {"redirect_uris": ["https://stranger.example/callback"]}
    stranger = (await door.call("POST", "/t/tenant-a/oauth/register", json=metadata)).json()
    client, secret = stranger["client_id"], stranger["client_secret"]
    asked = [await post(door, "/oauth/introspect", client, "token=x", secret=secret) for _ in range(4)]
    assert [answer.status_code for answer in asked] == [200, 200, 200, 429]
    assert (await door.call("GET", "/api/products", who="sk_live_a")).status_code == 200


@pytest.mark.parametrize("doors", ["sqlite"], indirect=True)
async def test_processes_hold_the_ceiling_together(doors: tuple[Api, Api]) -> None:
    """Whichever process is asked, there is one minute."""
    await allow(doors[0], requests_per_minute=3)
    client = await add_client(doors[0].application, doors[0].world.tenants["a"])
    statuses = [(await ask(doors[number % 2], client)).status_code for number in range(5)]
    assert statuses == [200] * 3 + [429] * 2
