"""The house on a real database."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support import SetClock
from users_rig import House
from watchword.credentials.key_ring import KeyRing
from watchword.credentials.password import Passwords
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.sqlite import SqliteDatabase


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    """The cheapest Argon2 there is."""
    return Passwords(time_cost=1, memory_cost_kib=8, threads=2, queue_max=200)


@pytest.fixture
async def house(tmp_path: Path, passwords: Passwords) -> AsyncIterator[House]:
    """The house on SQLite."""
    generations = Generations(tmp_path / "generations")
    database = SqliteDatabase(tmp_path / "main.db", generations=generations, synchronous="OFF")
    clock = SetClock()
    await migrate(database, "main")
    key_ring = await KeyRing.open(database, secrets.token_bytes(32), clock.now_ms())
    house = House(database, generations, key_ring, clock, passwords)
    yield house
    await house.outbound.close()
    house.log.close()
    await database.close()
    generations.close()
