"""Fifty at once, through two processes' doors, on both databases: codes and refresh tokens have one winner."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from oauth_flow import Flow, require_refused, scalar
from support import SetClock
from world import Api

MANY = 50
Doors = tuple[Api, Api]


async def at_once(doors: Doors, flow: Flow, send: Callable[[Flow], Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Send fifty requests at the same time, half of them through each door."""
    flows = [flow.at(door) for door in doors]
    return await asyncio.gather(*(send(flows[number % 2]) for number in range(MANY)))


async def dead(doors: Doors, flow: Flow, access_token: str) -> None:
    """Ask until no process takes the token; on PostgreSQL one may hear of its end up to a second late."""
    until = time.monotonic() + 1
    for door in doors:
        while await flow.at(door).reads(access_token) != 401:
            assert door.application.database.dialect == "postgres"
            assert time.monotonic() < until
            await asyncio.sleep(0.02)


async def test_a_code_has_one_winner(doors: Doors) -> None:
    """One of fifty spends of a code gets tokens, and since the others came second, those end (RFC 6749 §4.1.2)."""
    flow = await Flow.begin(doors[0])
    code = await flow.code()
    answers = await at_once(doors, flow, lambda one: one.exchange(code))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    for answer in answers:
        if answer is not won[0]:
            require_refused(answer)
    assert await scalar(doors[0], "SELECT count(*) FROM oauth_refresh_tokens") == 1
    await dead(doors, flow, won[0].json()["access_token"])
    require_refused(await flow.refresh(won[0].json()["refresh_token"]))


async def test_a_refresh_token_has_one_successor(doors: Doors) -> None:
    """Fifty refreshes of one token, as of an impatient client, all get the one successor, and that is good."""
    flow = await Flow.begin(doors[0])
    first = await flow.tokens()
    answers = await at_once(doors, flow, lambda one: one.refresh(first["refresh_token"]))
    assert {answer.status_code for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert await scalar(doors[0], "SELECT count(*) FROM oauth_refresh_tokens") == 2
    assert (await flow.refresh(successors.pop())).status_code == 200


async def test_a_reused_refresh_token_has_no_winner(doors: Doors, clock: SetClock) -> None:
    """Fifty thieves with a token from before get nothing, and the family ends in every process."""
    flow = await Flow.begin(doors[0])
    first = await flow.tokens()
    second = (await flow.refresh(first["refresh_token"])).json()
    clock.advance(30_000)
    answers = await at_once(doors, flow, lambda one: one.refresh(first["refresh_token"]))
    for answer in answers:
        require_refused(answer)
    await dead(doors, flow, second["access_token"])
    require_refused(await flow.refresh(second["refresh_token"]))


async def test_a_refresh_that_meets_the_end_of_its_grant_leaves_nothing_alive(doors: Doors) -> None:
    """Whatever is refreshed while the grant is being ended is dead when the end is acknowledged."""
    flow = await Flow.begin(doors[0])
    first = await flow.tokens()
    grants = doors[0].application.oauth.grants
    now_ms = doors[0].application.clock.now_ms()
    tenant_id = flow.client.tenant_id

    async def end() -> None:
        await asyncio.sleep(0.02)
        user_id = doors[0].world.users["editor_a"]
        await doors[0].application.database.transaction(
            lambda tx: grants.withdraw_consent(tx, tenant_id, user_id, flow.client.id, now_ms)
        )

    answers, _ = await asyncio.gather(at_once(doors, flow, lambda one: one.refresh(first["refresh_token"])), end())
    for answer in answers:
        if answer.status_code == 200:
            await dead(doors, flow, answer.json()["access_token"])
            require_refused(await flow.refresh(answer.json()["refresh_token"]))
    require_refused(await flow.refresh(first["refresh_token"]))
