"""The house on a real database of either kind."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from support import SetClock
from users_rig import House
from watchword.credentials.key_ring import KeyRing
from watchword.credentials.password import Passwords
from watchword.db.database import Database
from watchword.db.generations import Generations


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    """The cheapest Argon2 there is."""
    cheap = Passwords(time_cost=1, memory_cost_kib=8, threads=2, queue_max=200)
    yield cheap
    cheap.close()


@pytest.fixture
async def house(database: Database, generations: Generations, passwords: Passwords) -> AsyncIterator[House]:
    """The house, once on each backend."""
    clock = SetClock()
    key_ring = await KeyRing.open(database, generations, secrets.token_bytes(32), clock.now_ms())
    house = House(database, generations, key_ring, clock, passwords)
    yield house
    await house.outbound.close()
    house.log.close()
