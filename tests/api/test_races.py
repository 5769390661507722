"""Fifty at once, through two processes' doors, on both databases: what is spent once is spent by one."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from scenario import code_of
from watchword.db.database import Statement
from world import PASSWORD, Api

MANY = 50
Doors = tuple[Api, Api]


async def at_once(doors: Doors, send: Callable[[Api, int], object], count: int = MANY) -> list[httpx.Response]:
    """Send so many requests at the same time, half of them through each door."""
    await asyncio.gather(*(door.call("GET", "/health/live") for door in doors for _ in range(count // 2)))
    return await asyncio.gather(*(send(doors[number % 2], number) for number in range(count)))  # type: ignore[call-overload, no-any-return]


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    return Counter(answer.status_code for answer in answers)


def mailed_code(doors: Doors) -> str:
    found = re.findall(r"#?code=([A-Za-z0-9_-]+)|#?token=([A-Za-z0-9_-]+)", doors[0].log_text())
    assert found
    return str(found[-1][0] or found[-1][1])


async def scalar(door: Api, text: str) -> int:
    row = await door.application.database.fetch_row(Statement(text))
    assert row is not None
    return int(row[0])


async def test_a_refresh_gives_one_new_token(doors: Doors) -> None:
    """Fifty refreshes of one token give one and the same new token, which is good."""
    answers = await at_once(doors, lambda door, _: door.call("POST", "/api/users/refresh-token", who="admin_a"))
    assert statuses(answers) == {200: MANY}
    tokens = {answer.json()["token"] for answer in answers}
    assert len(tokens) == 1
    fresh = {"authorization": f"Bearer {tokens.pop()}"}
    for door in doors:
        assert (await door.call("GET", "/api/users/me", headers=fresh)).status_code == 200


async def test_a_refresh_that_meets_a_logout_leaves_nothing_alive(doors: Doors) -> None:
    """Whatever a refresh gives while its session is being ended is dead when the logout has answered."""

    def send(door: Api, number: int) -> object:
        path = "/api/users/logout" if number == 20 else "/api/users/refresh-token"
        return door.call("POST", path, who="editor_a")

    answers = await at_once(doors, send)
    assert answers[20].status_code == 200
    tokens = {answer.json().get("token", "") for answer in answers} - {""}
    tokens.add(doors[0].world.tokens["editor_a"])
    for door in doors:
        for token in tokens:
            await dead_within_a_second(door, token)


async def dead_within_a_second(door: Api, token: str) -> None:
    """Ask until the token is refused, which another process may hear of a second late on PostgreSQL."""
    until = time.monotonic() + 1
    bearer = {"authorization": f"Bearer {token}"}
    while (await door.call("GET", "/api/users/me", headers=bearer)).status_code != 401:
        assert door.application.database.dialect == "postgres"
        assert time.monotonic() < until
        await asyncio.sleep(0.02)


async def test_a_reset_code_is_spent_once(doors: Doors) -> None:
    """Of fifty resets with one code one sets its password; the others are refused and theirs opens nothing."""
    email = {"email": "viewer.a@example.com"}
    assert (await doors[0].call("POST", "/api/users/forgot-password", json=email)).status_code == 200
    await doors[0].application._foundation.outbound.drain()
    code = mailed_code(doors)
    answers = await at_once(
        doors,
        lambda door, number: door.call(
            "POST", "/api/users/reset-password", json={"token": code, "password": f"a new password number {number}"}
        ),
    )
    counted = statuses(answers)
    assert counted[200] == 1
    assert set(counted) <= {200, 400, 429}
    winner = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    for number in (winner, (winner + 1) % MANY):
        login = await doors[1].call(
            "POST", "/api/users/login", json={**email, "password": f"a new password number {number}"}
        )
        assert login.status_code == (200 if number == winner else 401)


async def test_an_invitation_is_accepted_once(doors: Doors) -> None:
    """Of fifty acceptances of one invitation one makes the account and its membership."""
    invited = await doors[0].call(
        "POST", "/api/tenants/{tenant_a}/invitations", who="admin_a", json={"email": "new@example.com"}
    )
    assert invited.status_code == 201
    code = mailed_code(doors)
    answers = await at_once(
        doors,
        lambda door, number: door.call(
            "POST", "/api/invitations/accept", json={"code": code, "password": PASSWORD, "name": f"N{number}"}
        ),
    )
    counted = statuses(answers)
    assert counted[200] == 1
    assert set(counted) <= {200, 400, 401, 409, 429}
    assert await scalar(doors[0], "SELECT count(*) FROM users WHERE email_folded = 'new@example.com'") == 1


async def test_a_key_is_rotated_once(doors: Doors) -> None:
    """Of fifty rotations of one key one makes a new key; the others conflict."""
    before = await scalar(doors[0], "SELECT count(*) FROM api_keys")
    answers = await at_once(
        doors,
        lambda door, _: door.call(
            "POST", "/api/keys/{key_sk_live_a}/rotate", who="admin_a", json={"overlap_seconds": 0}
        ),
    )
    assert statuses(answers) == {201: 1, 409: MANY - 1}
    assert await scalar(doors[0], "SELECT count(*) FROM api_keys") == before + 1


async def test_a_number_is_taken_once(doors: Doors) -> None:
    """Of fifty products with one sku one is made, and the count grows by one."""
    answers = await at_once(
        doors,
        lambda door, number: door.call(
            "POST", "/api/products", who="sk_live_a", json={"name": f"P{number}", "price": 1, "sku": "ONE"}
        ),
    )
    assert statuses(answers) == {201: 1, 409: MANY - 1}
    count = await doors[1].call("GET", "/api/products/count", who="sk_live_a")
    assert count.json() == {"totalDocs": 13}


async def test_an_idempotency_key_makes_one(doors: Doors) -> None:
    """Fifty of the same request under one Idempotency-Key make one product and get one answer."""
    body = {"name": "Once", "price": 1}
    answers = await at_once(
        doors,
        lambda door, _: door.call(
            "POST", "/api/products", who="sk_live_a", json=body, headers={"idempotency-key": "one"}
        ),
    )
    assert statuses(answers) == {201: MANY}
    assert len({answer.json()["doc"]["id"] for answer in answers}) == 1
    other = await doors[1].call(
        "POST", "/api/products", who="sk_live_a", json={**body, "price": 2}, headers={"idempotency-key": "one"}
    )
    assert other.status_code == 409
    elsewhere = await doors[1].call(
        "POST", "/api/products", who="sk_test_a", json=body, headers={"idempotency-key": "one"}
    )
    assert elsewhere.json()["doc"]["id"] != answers[0].json()["doc"]["id"]


async def test_one_change_of_a_version_wins(doors: Doors) -> None:
    """Of fifty changes with one If-Match one is made; the others are 412 and leave nothing behind."""
    read = await doors[0].call("GET", "/api/products/{product_live_a}", who="sk_live_a")
    answers = await at_once(
        doors,
        lambda door, number: door.call(
            "PATCH",
            "/api/products/{product_live_a}",
            who="sk_live_a",
            json={"price": number},
            headers={"if-match": read.headers["etag"]},
        ),
    )
    assert statuses(answers) == {200: 1, 412: MANY - 1}
    winner = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    for door in doors:
        now = await door.call("GET", "/api/products/{product_live_a}", who="sk_live_a")
        assert now.json()["price"] == winner


async def test_changes_without_a_version_all_count(doors: Doors) -> None:
    """Fifty changes without If-Match are all made, one after the other: fifty versions."""
    before = await doors[0].call("GET", "/api/products/{product_live_a}", who="sk_live_a")
    answers = await at_once(
        doors,
        lambda door, number: door.call(
            "PATCH", "/api/products/{product_live_a}", who="sk_live_a", json={"stock": number}
        ),
    )
    assert statuses(answers) == {200: MANY}
    assert len({answer.headers["etag"] for answer in answers} - {before.headers["etag"]}) == MANY


async def test_a_document_is_deleted_once(doors: Doors) -> None:
    """Of fifty deletions one finds the document, and the count shrinks by one."""
    answers = await at_once(
        doors, lambda door, _: door.call("DELETE", "/api/products/{product_live_a}", who="sk_live_a")
    )
    assert statuses(answers) == {200: 1, 404: MANY - 1}
    assert (await doors[0].call("GET", "/api/products/count", who="sk_live_a")).json() == {"totalDocs": 11}


async def test_a_limit_of_twenty_lets_twenty_pass(doors: Doors) -> None:
    """Of fifty requests of a key with a limit of 20 exactly 20 pass, through both doors together."""
    made = await doors[0].call(
        "POST", "/api/keys", who="admin_a", json={"name": "Twenty", "kind": "secret", "rate_limit": 20}
    )
    key = {"x-api-key": made.json()["doc"]["key"]}
    answers = await at_once(doors, lambda door, _: door.call("GET", "/api/products?limit=1", headers=key))
    assert statuses(answers) == {200: 20, 429: MANY - 20}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (code_of(refused), refused.headers["x-ratelimit-remaining"]) == ("RATE_LIMIT_EXCEEDED", "0")
    assert int(refused.headers["retry-after"]) == refused.json()["errors"][0]["extensions"]["retryAfter"]


async def test_a_verdict_counts_like_a_request(doors: Doors) -> None:
    """Of fifty verdicts about a key with a limit of 20 exactly 20 are good."""
    made = await doors[0].call(
        "POST", "/api/keys", who="admin_a", json={"name": "Twenty", "kind": "secret", "rate_limit": 20}
    )
    key = made.json()["doc"]["key"]
    answers = await at_once(
        doors, lambda door, _: door.call("POST", "/api/keys/verify", who="sk_live_a", json={"key": key})
    )
    assert Counter(answer.json()["code"] for answer in answers) == {"VALID": 20, "RATE_LIMITED": MANY - 20}


@pytest.mark.parametrize("email", ["editor.a@example.com", "nobody@example.com"])
async def test_ten_guesses_are_hashed_and_no_more(doors: Doors, email: str) -> None:
    """Of fifty wrong passwords ten are tried, for an account that exists and for one that does not; then all wait."""
    answers = await at_once(
        doors,
        lambda door, number: door.call(
            "POST", "/api/users/login", json={"email": email, "password": f"wrong {number}"}
        ),
    )
    assert statuses(answers) == {401: 10, 429: MANY - 10}
    right = await doors[0].call("POST", "/api/users/login", json={"email": email, "password": PASSWORD})
    assert right.status_code == 429


async def test_fifty_right_passwords_all_sign_in(doors: Doors) -> None:
    """A burst of right passwords locks nobody out."""
    login = {"email": "editor.b@example.com", "password": PASSWORD}
    answers = await at_once(doors, lambda door, _: door.call("POST", "/api/users/login", json=login), 20)
    assert statuses(answers) == {200: 20}
    assert len({answer.json()["token"] for answer in answers}) == 20


async def test_one_slug_is_given_once(doors: Doors) -> None:
    """Of fifty tenants with one slug one is made."""
    answers = await at_once(
        doors,
        lambda door, number: door.call(
            "POST", "/api/tenants", who="super", json={"name": f"T{number}", "slug": "the-one"}
        ),
    )
    assert statuses(answers) == {201: 1, 409: MANY - 1}


async def test_the_last_administrators_do_not_remove_each_other(doors: Doors) -> None:
    """Two administrators who remove each other at the same time leave one."""
    target = "/api/tenants/{tenant_a}/members/{user_editor_a}"
    made = await doors[0].call("PATCH", target, who="admin_a", json={"role": "tenant-admin"})
    assert made.status_code == 200
    answers = await asyncio.gather(
        doors[0].call("DELETE", target, who="admin_a"),
        doors[1].call("DELETE", "/api/tenants/{tenant_a}/members/{user_admin_a}", who="editor_a"),
    )
    assert 200 in statuses(list(answers))
    admins = (
        f"SELECT count(*) FROM memberships WHERE role = 'tenant-admin' AND tenant_id = '{doors[0].world.tenants['a']}'"
    )
    assert await scalar(doors[0], admins) == 1
