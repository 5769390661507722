"""kill -9 of the server at any moment: what was acknowledged stands, what was ended stays ended.

Twenty rounds, shared out among four stories that can run side by side. ``CRASH_ROUNDS=500 pytest tests/crash`` plays
more of them; ``CRASH_SEED`` chooses other moments.
"""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from crash.acknowledged import COUNTED, ROUNDS, SEED, STORED, Account, Crowd
from served import Fleet, is_alive, wait_for

STORIES = 4


def require_sound(data: Path) -> None:
    """Require both files to be whole, and the kept counters to be what counting gives."""
    for name in ("watchword.db", "bookkeeping.db"):
        connection = apsw.Connection(str(data / name), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(5000)
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            if name == "watchword.db":
                assert sorted(connection.execute(STORED)) == sorted(connection.execute(COUNTED))
        finally:
            connection.close()


@pytest.mark.parametrize("story", range(STORIES))
def test_killed_under_mixed_writes(story: int, servers: Fleet, tmp_path: Path) -> None:
    """However often the server is killed amid writes, nothing acknowledged is lost and nothing ended comes back."""
    rounds = ROUNDS // STORIES + (story < ROUNDS % STORIES)
    moments = random.Random(SEED * STORIES + story)
    # The last story has two workers, which die together with their parent.
    workers = "2" if story == STORIES - 1 else "1"
    server = servers(
        tmp_path / "data", "--demo", "--workers", workers,
        WATCHWORD_REFRESH_GRACE_SECONDS="0", WATCHWORD_PLANS='{"pro": {"requests_per_minute": null, "requests_per_hour": null}}',
    )  # fmt: skip
    server.start()
    account = Account.sign_in(server)
    crowd = Crowd(account, SEED * STORIES + story)
    for number in range(rounds):
        enough = moments.randrange(1, 200)
        crowd.begin(server.connect)
        wait_for(
            lambda enough=enough: crowd.acknowledged >= enough or bool(crowd.wrong),  # type: ignore[misc]
            seconds=60,
            what="writes",
        )
        server.kill()
        crowd.end()
        server.start()
        require_sound(server.data)
        connection = server.connect()
        crowd.check(connection, thorough=number == rounds - 1)
        connection.close()
    assert server.stop() == 0
    require_sound(server.data)


@pytest.mark.parametrize("moment", ["secret", "watchword.db", "demo.env", "WATCHWORD_SECRET_KEY", "OAUTH"])
def test_killed_during_the_first_start(moment: str, servers: Fleet, tmp_path: Path) -> None:
    """A first start that is killed on its way is made good by the next one: all that demo.env names works."""
    server = servers(tmp_path / "data", "--demo")
    server.launch()

    def has_come() -> bool:
        demo_env = server.data / "demo.env"
        if (server.data / moment).exists():
            return True
        return (demo_env.exists() and moment in demo_env.read_text()) or not is_alive(server.process.pid)

    wait_for(has_come, seconds=60, what=moment)
    server.kill()
    server.start()
    require_sound(server.data)
    env = server.env()
    account = Account.sign_in(server)
    assert server.call("GET", "/api/users/me", bearer=account.admin_token).json["user"]["email"] == account.email
    totals = {
        name: server.call("GET", "/api/products", key=env[f"WATCHWORD_{name}"]).json["totalDocs"]
        for name in ("CLIENT_KEY", "SECRET_KEY", "TEST_CLIENT_KEY", "TEST_SECRET_KEY")
    }
    assert totals == {"CLIENT_KEY": 180, "SECRET_KEY": 200, "TEST_CLIENT_KEY": 180, "TEST_SECRET_KEY": 200}
