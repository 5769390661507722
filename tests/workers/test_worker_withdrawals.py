"""Two workers on one SQLite file: what one withdraws, the other refuses on its very next request."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from inhabited import call_as, inhabit
from served import Connection, Served, fleet
from watchword.app import Application
from watchword.observe import Log
from withdrawals import EVERYWHERE, ME, PRODUCTS, Withdrawal
from world import World, make_settings


class Shop(NamedTuple):
    """A server with two workers, a connection to each, and who is known there."""

    server: Served
    world: World
    workers: list[Connection]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One installation for all tests of this file; each ends something of its own."""
    data = tmp_path_factory.mktemp("workers") / "data"
    world = inhabit(data)
    with fleet() as servers:
        server = servers(data, "--workers", "2").start()
        yield Shop(server, world, server.connect_to_each(2))


# In any order: each ends something of its own, and what others use too is given back.
WITHDRAWALS = (
    *EVERYWHERE,
    Withdrawal("session ended", "outsider", "DELETE /api/users/sessions/{session_outsider}", None, "outsider", ME, 200, 401),
    Withdrawal("key narrowed", "admin_a", "PATCH /api/keys/{key_sk_test_a}", {"scopes": ["keys:read"]}, "sk_test_a", PRODUCTS, 200, 403),
    Withdrawal("key rotated", "admin_a", "POST /api/keys/{key_pk_test_a}/rotate", {"overlap_seconds": 0}, "pk_test_a", PRODUCTS, 200, 401),
    Withdrawal("own key revoked", "sk_live_b", "POST /api/keys/self-revoke", None, "sk_live_b", PRODUCTS, 200, 401),
    Withdrawal("member removed", "admin_b", "DELETE /api/tenants/{tenant_b}/members/{user_viewer_b}", None, "viewer_b", PRODUCTS, 200, 403),
    Withdrawal("tenant disabled, its key", "super", "PATCH /api/tenants/{tenant_b}", {"disabled": True}, "pk_live_b", PRODUCTS, 200, 401, None, {"disabled": False}),
    Withdrawal("tenant disabled, its member", "super", "PATCH /api/tenants/{tenant_a}", {"disabled": True}, "admin_a", PRODUCTS, 200, 403, None, {"disabled": False}),
)  # fmt: skip


@pytest.mark.parametrize("row", WITHDRAWALS, ids=[row.name for row in WITHDRAWALS])
def test_withdrawn_by_the_other_worker(row: Withdrawal, shop: Shop) -> None:
    """What one worker has answered is in force in the other, on kept and on fresh connections, without any delay."""
    server, world, (one, other) = shop
    for connection in (one, other, one, other):
        answer = call_as(world, connection, row.ended, row.then, row.sent)
        assert answer.status == row.before, answer
    asked = call_as(world, one, row.who, row.request, row.body)
    assert asked.status in {200, 201}, asked
    assert call_as(world, other, row.ended, row.then, row.sent).status == row.after
    assert call_as(world, one, row.ended, row.then, row.sent).status == row.after
    fresh = [server.connect() for _ in range(20)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda to: call_as(world, to, row.ended, row.then, row.sent), fresh))
    for connection in fresh:
        connection.close()
    assert {answer.status for answer in answers} == {row.after}
    if row.undo is not None:
        assert call_as(world, one, row.who, row.request, row.undo).status == 200
        assert call_as(world, other, row.ended, row.then, row.sent).status == row.before


def test_withdrawn_by_a_third_process(shop: Shop) -> None:
    """A user whom the operator disables beside the running server is refused by every worker on the next request."""
    _, world, workers = shop
    for connection in (*workers, *workers):
        assert call_as(world, connection, "editor_b", ME).status == 200

    async def disable() -> None:
        application = await Application.open(make_settings(shop.server.data), log=Log(io.BytesIO()))
        try:
            await application.users.disable_user(world.users["editor_b"], time.time_ns() // 1_000_000)
        finally:
            await application.close()
            application.log.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, disable()).result()
    assert [call_as(world, connection, "editor_b", ME).status for connection in workers] == [401, 401]


def test_limit_is_one_for_both_workers(tmp_path: Path) -> None:
    """Of 60 parallel requests under a limit of 20, two workers together let exactly 20 pass."""
    data = tmp_path / "data"
    world = inhabit(data)
    with fleet() as servers:
        server = servers(data, "--workers", "2").start()
        workers = server.connect_to_each(2)
        # Counted in minutes of the clock: a try that meets the end of one says nothing.
        for number in range(3):
            body = {"name": f"limited {number}", "kind": "secret", "rate_limit": 20}
            key = call_as(world, workers[0], "admin_a", "POST /api/keys", body).json["doc"]["key"]
            connections = [*server.connect_to_each(2), *(server.connect() for _ in range(58))]
            minute = time.time() // 60
            with ThreadPoolExecutor(20) as threads:
                answers = list(threads.map(lambda to, key=key: to.call("GET", "/api/products", key=key), connections))
            for connection in connections:
                connection.close()
            if time.time() // 60 == minute:
                break
        assert sorted(answer.status for answer in answers) == [200] * 20 + [429] * 40
        assert len({answer.worker for answer in answers}) == 2
        assert server.stop() == 0
