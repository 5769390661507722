"""Fixtures that many rooms' tests share: the kind of event loop, and real databases."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from measured_rows import MeasuredRows
from postgres_server import TEMPLATE, PostgresServer, run_elsewhere
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.postgres import PostgresDatabase
from watchword.db.sqlite import SqliteDatabase

# httpcore asks for this package at every request, and Python then looks through all directories for what is not there.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

# How long an example takes says more of the machine than of us.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

pytest_plugins = ["world_fixtures", "chromium_fixture", "watchword_client.pytest_plugin"]


def pytest_configure(config: pytest.Config) -> None:
    """Look for no garbage while tests are collected: what comes then stays until the end."""
    gc.disable()
    if config.pluginmanager.hasplugin("_cov"):
        config.pluginmanager.register(MeasuredRows(distributes=bool(config.getoption("numprocesses", None))))


def pytest_collection_finish() -> None:
    """Look for garbage from here on, and only among what the tests make."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture
def generations(tmp_path: Path) -> Iterator[Generations]:
    """The memory of withdrawals that all processes of one node share."""
    shared = Generations(tmp_path / "generations")
    yield shared
    shared.close()


@pytest.fixture
async def sqlite_database(tmp_path: Path, generations: Generations) -> AsyncIterator[SqliteDatabase]:
    """A migrated SQLite database; not flushed to the disk, which no test of another room needs."""
    database = SqliteDatabase(tmp_path / "watchword.db", generations=generations, synchronous="OFF")
    await _migrate_all(database)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One PostgreSQL server per test process, with a migrated database to copy."""
    server = PostgresServer()
    server.make_database(TEMPLATE)
    run_elsewhere(_fill_template(server, tmp_path_factory.mktemp("template")))
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty migrated PostgreSQL database."""
    name = postgres_server.lend_database()
    yield postgres_server.url(name)
    postgres_server.take_back(name)


@pytest.fixture
async def postgres_database(postgres_url: str, generations: Generations) -> AsyncIterator[PostgresDatabase]:
    """A migrated PostgreSQL database."""
    database = await PostgresDatabase.connect(postgres_url, generations=generations)
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database, once on each backend."""
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened


async def _fill_template(server: PostgresServer, directory: Path) -> None:
    generations = Generations(directory / "generations")
    database = await PostgresDatabase.connect(server.url(TEMPLATE), generations=generations)
    await _migrate_all(database)
    await database.close()
    generations.close()


async def _migrate_all(database: Database) -> None:
    await migrate(database, "main")
    await migrate(database, "bookkeeping")
