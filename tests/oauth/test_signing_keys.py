"""What clients and verifiers see while a tenant's signing keys change, in two processes and on both databases."""

from __future__ import annotations

from typing import Any

import httpx
from joserfc import jws

from oauth_world import add_client, basic
from support import SetClock
from watchword.credentials.issuer_keys import PUBLISHED_AHEAD_MS
from world import Api

FORM = {"content-type": "application/x-www-form-urlencoded"}
DAY_MS = 86_400_000
MINUTE_MS = 60_000


async def token_of(door: Api, client_id: str) -> str:
    headers = {**FORM, **basic(client_id)}
    answer = await door.call("POST", "/oauth/token", content=b"grant_type=client_credentials", headers=headers)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def kid_of(token: str) -> str:
    kid: str = jws.extract_compact(token.encode()).headers()["kid"]
    return kid


async def published(door: Api) -> list[str]:
    answer = await door.call("GET", "/t/tenant-a/oauth/jwks")
    keys: list[dict[str, Any]] = answer.json()["keys"]
    return [key["kid"] for key in keys]


async def read(door: Api, token: str) -> httpx.Response:
    return await door.call("GET", "/api/products?limit=1", headers={"authorization": f"Bearer {token}"})


async def test_rotation_interrupts_nobody(doors: tuple[Api, Api], clock: SetClock) -> None:
    """Through a rotation each process signs with a key that all have published, and takes tokens of both keys."""
    first, second = doors
    tenant_id = first.world.tenants["a"]
    client_id = await add_client(first.application, tenant_id)
    old = kid_of(await token_of(second, client_id))
    [made] = await first.application.oauth.signing_keys.rotate(tenant_id, None, now_ms=clock.now_ms())
    assert await published(second) == [old, made.id]
    clock.advance(PUBLISHED_AHEAD_MS - 1)
    last = await token_of(second, client_id)
    assert kid_of(last) == old
    clock.advance(1)
    newest = await token_of(second, client_id)
    assert kid_of(newest) == made.id
    for door in doors:
        assert [(await read(door, token)).status_code for token in (last, newest)] == [200, 200]
    clock.advance(DAY_MS)
    assert await published(first) == [made.id]
    assert "signing_key.rotated" in {event["event"] for event in first.events()}


async def test_replaced_key_verifies_nothing_more(doors: tuple[Api, Api], clock: SetClock) -> None:
    """What a compromised key signed is refused by the next request in every process, remembered or not (RFC 9700)."""
    first, second = doors
    tenant_id = first.world.tenants["a"]
    client_id = await add_client(first.application, tenant_id)
    token = await token_of(second, client_id)
    assert [(await read(door, token)).status_code for door in doors] == [200, 200]
    [made] = await first.application.oauth.signing_keys.replace(tenant_id, "EdDSA", now_ms=clock.now_ms())
    assert [(await read(door, token)).status_code for door in doors] == [401, 401]
    assert await published(second) == [made.id]
    assert (await read(first, await token_of(second, client_id))).status_code == 200
    assert "signing_key.replaced" in {event["event"] for event in first.events()}


async def test_upkeep_rotates_keys_of_age(doors: tuple[Api, Api], clock: SetClock) -> None:
    """A key gets its successor on the 90th day by the hourly upkeep of whichever process comes first, and once."""
    first, second = doors
    client_id = await add_client(first.application, first.world.tenants["a"])
    old = kid_of(await token_of(first, client_id))
    clock.advance(90 * DAY_MS - PUBLISHED_AHEAD_MS - MINUTE_MS)
    assert (await first.application.upkeep.run_once())["signing_keys"] == 0
    clock.advance(MINUTE_MS)
    deleted = [await door.application.upkeep.run_once() for door in doors]
    assert [one["signing_keys"] for one in deleted] == [1, 0]
    clock.advance(PUBLISHED_AHEAD_MS)
    now = kid_of(await token_of(second, client_id))
    assert now != old
    assert await published(first) == [old, now]
