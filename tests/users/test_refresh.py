"""Refreshing: which token gets a new one, and where it goes."""

from __future__ import annotations

import asyncio

import pytest

from users_rig import TTL_SECONDS, House

pytestmark = pytest.mark.anyio


async def test_the_answer_has_the_documents_fields_and_payloads(house: House) -> None:
    """A refresh answers token, refreshedAt and exp as the document prints them, and Payload's fields beside them."""
    tenant = await house.make_tenant()
    user = await house.make_user()
    await house.join(tenant, user)
    old = await house.token()
    house.clock.advance(5000)
    answer = await house.call("POST", "refresh-token", token=old)
    assert answer.status == 200
    token = answer.body.pop("token")
    assert token == answer.body.pop("refreshedToken") != old
    assert answer.body == {
        "message": "Token refresh successful.",
        "refreshedAt": "2026-01-07T10:00:05.000Z",
        "user": {
            "id": user.id,
            "email": "ann@example.com",
            "name": "",
            "role": "tenant-admin",
            "tenants": [tenant.id],
            "collection": "users",
        },
        "exp": house.clock.now_ms() // 1000 + TTL_SECONDS,
        "collection": "users",
        "strategy": "local-jwt",
        "setCookie": False,
    }
    assert (await house.call("GET", "me", token=token)).status == 200


async def test_a_token_from_the_cookie_goes_back_into_the_cookie(house: House) -> None:
    """Who came with the cookie gets the new token there and nowhere else."""
    await house.make_user()
    old = await house.token()
    answer = await house.call("POST", "refresh-token", cookie=old)
    fresh = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert answer.body["setCookie"] is True
    assert fresh not in str(answer.body)
    assert not {"token", "refreshedToken"} & set(answer.body)
    assert (await house.call("GET", "me", cookie=fresh)).status == 200


async def test_without_a_token_nothing_is_refreshed(house: House) -> None:
    """No credential is 401, not 419."""
    assert (await house.call("POST", "refresh-token")).status == 401


async def test_an_expired_token_is_419_and_of_an_ended_session_401(house: House) -> None:
    """At its last second a token can be refreshed, then it is told to be expired, unless its session has ended."""
    user = await house.make_user()
    token, ended = await house.token(), await house.token()
    await house.call("POST", "logout", token=ended)
    house.clock.advance(TTL_SECONDS * 1000)
    assert (await house.call("POST", "refresh-token", token=token)).status == 419
    assert (await house.call("POST", "refresh-token", token=ended)).status == 401
    await house.users.disable_user(user.id, house.clock.now_ms())
    assert (await house.call("POST", "refresh-token", token=token)).status == 401


async def test_fifty_parallel_refreshes_make_one_token(house: House) -> None:
    """However many ask at once with one token, all get the same new one."""
    await house.make_user()
    old = await house.token()
    house.clock.advance(1000)
    answers = await asyncio.gather(*(house.call("POST", "refresh-token", token=old) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["token"] for answer in answers}) == 1
