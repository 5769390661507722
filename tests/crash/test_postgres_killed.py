"""kill -9 of the database under a running server: it answers 503 meanwhile, comes back by itself, and has lost nothing.

Three rounds; ``CRASH_ROUNDS`` (see ``test_server_killed.py``) plays a sixth of its number.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from crash.acknowledged import COUNTED, ROUNDS, SEED, STORED, Account, Crowd
from postgres_server import PostgresServer, run_elsewhere
from served import Fleet, Served, wait_for

KILLS = max(1, ROUNDS // 6)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A server that no other test is using."""
    server = PostgresServer()
    yield server
    server.close()


def require_sound(url: str) -> None:
    """Require the kept counters to be what counting gives."""

    async def compare() -> None:
        connection = await asyncpg.connect(url)
        try:
            found: list[Sequence[Any]] = [
                sorted(map(tuple, await connection.fetch(text))) for text in (STORED, COUNTED)
            ]
        finally:
            await connection.close()
        assert found[0] == found[1]

    run_elsewhere(compare())


def is_up(server: Served) -> bool:
    return server.call("GET", "/health/ready").status == 200


@pytest.mark.parametrize("how", ["kill", "kill_backend"])
def test_database_killed_under_mixed_writes(
    how: str, own_postgres: PostgresServer, servers: Fleet, tmp_path: Path
) -> None:
    """However often PostgreSQL is killed amid writes, the server loses nothing acknowledged and recovers by itself."""
    url = own_postgres.make_database(how)
    server = servers(
        tmp_path / "data", "--demo",
        WATCHWORD_DATABASE_URL=url,
        WATCHWORD_REFRESH_GRACE_SECONDS="0",
        WATCHWORD_LOGINS_PER_MINUTE_PER_ADDRESS="100000",
        WATCHWORD_PLANS='{"pro": {"requests_per_minute": null, "requests_per_hour": null}}',
    ).start()  # fmt: skip
    account = Account.sign_in(server)
    crowd = Crowd(account, SEED)
    moments = random.Random(SEED)
    for number in range(KILLS):
        enough = moments.randrange(1, 100)
        crowd.begin(server.connect)
        wait_for(
            lambda enough=enough: crowd.acknowledged >= enough or bool(crowd.wrong),  # type: ignore[misc]
            seconds=60,
            what="writes",
        )
        if how == "kill":
            own_postgres.kill()
            # Known a moment ago, and not let in by memory alone.
            wait_for(
                lambda: server.call("GET", "/api/users/me", bearer=account.admin_token).status == 503,
                seconds=1,
                what="a refusal",
            )
            assert not is_up(server)
            own_postgres.start()
        else:
            own_postgres.kill_backend(how)
        wait_for(lambda: is_up(server), seconds=10, what="a recovery")
        crowd.end()
        wait_for(lambda: is_up(server), seconds=10, what="a recovery")
        require_sound(url)
        connection = server.connect()
        crowd.check(connection, thorough=number == KILLS - 1)
        connection.close()
    assert server.stop() == 0
