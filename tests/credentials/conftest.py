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
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.sqlite import SqliteDatabase


@pytest.fixture
def run() -> Iterator[Run[Any]]:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def world(tmp_path: Path, run: Run[Any]) -> Iterator[World]:
    generations = Generations(tmp_path / "generations")
    database = SqliteDatabase(tmp_path / "main.db", generations=generations, synchronous="OFF")

    async def build() -> World:
        await migrate(database, "main")
        return World(database, generations, await KeyRing.open(database, MASTER_SECRET, START_MS))

    yield run(build())
    run(database.close())
    generations.close()
