"""The fixtures of the credentials' tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from credentials.world import MASTER_SECRET, Run, World
from support import START_MS
from watchword.credentials.key_ring import KeyRing
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.postgres import PostgresDatabase
from watchword.db.sqlite import SqliteDatabase


@pytest.fixture
def run() -> Iterator[Run[Any]]:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def world(tmp_path: Path, run: Run[Any], generations: Generations) -> Iterator[World]:
    """A world on SQLite."""
    database = SqliteDatabase(tmp_path / "main.db", generations=generations, synchronous="OFF")
    run(migrate(database, "main"))
    yield run(_build(database, generations))
    run(database.close())


@pytest.fixture
def postgres_world(postgres_url: str, run: Run[Any], generations: Generations) -> Iterator[World]:
    """A world on PostgreSQL."""
    database = run(PostgresDatabase.connect(postgres_url, generations=generations))
    yield run(_build(database, generations))
    run(database.close())


@pytest.fixture(params=["world", "postgres_world"], ids=["sqlite", "postgres"])
def each_world(request: pytest.FixtureRequest) -> World:
    """A world on each backend in turn."""
    built: World = request.getfixturevalue(request.param)
    return built


async def _build(database: Database, generations: Generations) -> World:
    return World(database, generations, await KeyRing.open(database, generations, MASTER_SECRET, START_MS))
