"""A node whose clock is a day off, beside one that is right, on one PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from inhabited import inhabit
from support import SetClock
from world import Api, open_door

DAY_MS = 86_400_000
SECRET = "one master secret that both of the nodes are given"
ME = "/api/users/me"


class Pair(NamedTuple):
    """A node that is right, and one that is a day off."""

    right: Api
    off: Api


@pytest.fixture(params=["fast", "asgi"])
def lane(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=[-1, 1], ids=["behind", "ahead"])
def days(request: pytest.FixtureRequest) -> int:
    """How far off the second node's clock is."""
    number: int = request.param
    return number


@pytest.fixture
async def pair(days: int, lane: str, postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    changes = {
        "WATCHWORD_DATABASE_URL": postgres_url,
        "WATCHWORD_SECRET": SECRET,
        # Less than a day, so that a day makes the difference.
        "WATCHWORD_TOKEN_EXPIRATION": "3600",
    }
    world = inhabit(tmp_path / "right", **changes)
    now_ms = time.time_ns() // 1_000_000
    async with (
        open_door(world, tmp_path / "right", lane, SetClock(now_ms), **changes) as right,
        open_door(world, tmp_path / "off", lane, SetClock(now_ms + days * DAY_MS), **changes) as off,
    ):
        yield Pair(right, off)


async def test_token_of_the_right_node(pair: Pair, days: int) -> None:
    """A node ahead takes a token that is good elsewhere for expired, one behind takes it for one of the future."""
    assert (await pair.right.call("GET", ME, who="viewer_a")).status_code == 200
    answer = await pair.off.call("GET", ME, who="viewer_a")
    assert answer.status_code == (419 if days > 0 else 401)
    refreshed = await pair.off.call("POST", "/api/users/refresh-token", who="viewer_a")
    assert refreshed.status_code == (419 if days > 0 else 401)
    # What the wrong clock refused, it has not harmed.
    assert (await pair.right.call("GET", ME, who="viewer_a")).status_code == 200


async def test_token_of_the_wrong_node(pair: Pair, days: int) -> None:
    """A token issued a day ahead is refused as one of the future, one issued a day behind as expired."""
    body = {"email": "editor.a@example.com", "password": "correct horse battery staple 7"}
    issued = (await pair.off.call("POST", "/api/users/login", json=body)).json()["token"]
    headers = {"authorization": f"Bearer {issued}"}
    assert (await pair.off.call("GET", ME, headers=headers)).status_code == 200
    answer = await pair.right.call("GET", ME, headers=headers)
    assert answer.status_code == (401 if days > 0 else 419)


async def test_what_the_wrong_node_ends(pair: Pair, days: int) -> None:
    """A session ended and a key revoked at a wrong time are ended and revoked now, on every node."""
    body = {"email": "admin.a@example.com", "password": "correct horse battery staple 7"}
    issued = (await pair.off.call("POST", "/api/users/login", json=body)).json()["token"]
    headers = {"authorization": f"Bearer {issued}"}
    assert (await pair.off.call("DELETE", "/api/keys/{key_sk_live_a}", headers=headers)).status_code == 200
    ended = await pair.off.call("POST", "/api/users/logout?allSessions=true", headers=headers)
    assert ended.status_code == 200
    assert (await pair.right.call("GET", "/api/products", who="sk_live_a")).status_code == 401
    assert (await pair.right.call("GET", ME, who="admin_a")).status_code == 401
    assert (await pair.off.call("GET", ME, headers=headers)).status_code == 401


async def test_key_that_has_an_end(pair: Pair, days: int) -> None:
    """A key ends by the clock of the node that is asked: a day too early at worst, or a day too late, and not for ever."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    made = await pair.right.call(
        "POST", "/api/keys", who="admin_a", json={"name": "ends", "kind": "secret", "expires_at": end}
    )
    headers = {"x-api-key": made.json()["doc"]["key"]}
    assert (await pair.right.call("GET", "/api/products", headers=headers)).status_code == 200
    assert (await pair.off.call("GET", "/api/products", headers=headers)).status_code == (401 if days > 0 else 200)
