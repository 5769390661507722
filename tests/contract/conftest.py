"""Every guarantee runs on both backends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.backends import Backend, make_tables
from watchword.db.database import Database
from watchword.db.generations import Generations


@pytest.fixture(params=["sqlite", "postgres"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path, generations: Generations) -> AsyncIterator[Backend]:
    dialect = request.param
    place = str(tmp_path / "contract.db") if dialect == "sqlite" else request.getfixturevalue("postgres_url")
    backend = Backend(dialect, place, tmp_path, generations)
    yield backend
    await backend.close()


@pytest.fixture
async def database(backend: Backend) -> Database:
    """A database with the tables above."""
    database = await backend.open()
    await make_tables(database)
    return database
