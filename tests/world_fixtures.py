"""Fixtures of every room that tests through the HTTP door: the inhabited installation, in both lanes, on both databases."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postgres_server import PostgresServer, run_elsewhere
from raw_http import Wire
from support import RunningClock, SetClock
from world import Api, World, build_world, open_api, open_door

WORLD_DATABASE = "world"

BOTH_LANES = ["fast"] if os.environ.get("TEST_LANES") == "fast" else ["fast", "asgi"]
"""A second run on another Python goes through one: what differs between lanes does not differ between Pythons."""

_copies = itertools.count()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """The installation that each test gets a copy of."""
    directory = tmp_path_factory.mktemp("world")
    worlds: list[World] = []
    builder = threading.Thread(target=lambda: worlds.append(asyncio.run(build_world(directory, SetClock()))))
    builder.start()
    builder.join()
    return directory, worlds[0]


@pytest.fixture(scope="session")
def postgres_template(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, World, str]:
    """The same installation on PostgreSQL: its directory, and the database that each test gets a copy of."""
    directory = tmp_path_factory.mktemp("postgres_world")
    url = postgres_server.make_database(WORLD_DATABASE)
    worlds: list[World] = []

    async def build() -> None:
        worlds.append(await build_world(directory, SetClock(), WATCHWORD_DATABASE_URL=url))

    run_elsewhere(build())
    return directory, worlds[0], WORLD_DATABASE


@pytest.fixture
def clock() -> SetClock:
    """The clock of the installation; it stands still until a test moves it."""
    return SetClock()


@pytest.fixture(params=BOTH_LANES)
def lane(request: pytest.FixtureRequest) -> str:
    """Each test runs through both lanes."""
    name: str = request.param
    return name


@pytest.fixture
async def api(template: tuple[Path, World], lane: str, clock: SetClock, tmp_path: Path) -> AsyncIterator[Api]:
    """The door of a fresh copy."""
    directory, world = template
    async with open_api(directory, world, tmp_path / "data", lane, clock) as door:
        yield door


@pytest.fixture
async def sqlite_api(template: tuple[Path, World], clock: SetClock, tmp_path: Path) -> AsyncIterator[Api]:
    """The door of a fresh copy on SQLite, in the fast lane."""
    directory, world = template
    async with open_api(directory, world, tmp_path / "data", "fast", clock) as door:
        yield door


@pytest.fixture
async def postgres_api(
    postgres_template: tuple[Path, World, str],
    postgres_server: PostgresServer,
    clock: SetClock,
    tmp_path: Path,
) -> AsyncIterator[Api]:
    """The door of a fresh copy on PostgreSQL, in the fast lane."""
    directory, world, database = postgres_template
    name = f"world_{next(_copies)}"
    url = postgres_server.make_database(name, template=database)
    async with open_api(directory, world, tmp_path / "data", "fast", clock, WATCHWORD_DATABASE_URL=url) as door:
        yield door
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"])
def stored_api(request: pytest.FixtureRequest) -> Api:
    """The door of a fresh copy, once on each database."""
    door: Api = request.getfixturevalue(f"{request.param}_api")
    return door


@pytest.fixture(params=["sqlite", "postgres"])
async def doors(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> AsyncIterator[tuple[Api, Api]]:
    """Two processes' doors to one fresh copy, on each database."""
    changes = {"WATCHWORD_WORKERS": "2"}
    if request.param == "sqlite":
        directory, world = request.getfixturevalue("template")
    else:
        directory, world, database = request.getfixturevalue("postgres_template")
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = f"world_{next(_copies)}"
        changes["WATCHWORD_DATABASE_URL"] = server.make_database(name, template=database)
    own = tmp_path / "data"
    async with (
        open_api(directory, world, own, "fast", clock, **changes) as first,
        open_door(world, own, "fast", clock, **changes) as second,
    ):
        yield first, second
    if request.param == "postgres":
        server.drop_database(name)


@pytest.fixture(params=["fast", "slow"])
async def wire(
    request: pytest.FixtureRequest, template: tuple[Path, World], clock: SetClock, tmp_path: Path
) -> AsyncIterator[Wire]:
    """The port of a fresh copy, for bytes of any shape; once with the fast lane and once without."""
    directory, world = template
    switch = "on" if request.param == "fast" else "off"
    async with open_api(directory, world, tmp_path / "data", "fast", clock, WATCHWORD_FAST_LANE=switch) as door:
        yield Wire(door.client.base_url.port or 0, door.application, world)


@pytest.fixture(scope="module")
def shared_clock() -> SetClock:
    """The clock of the installation that a module shares."""
    return SetClock()


@pytest.fixture(scope="module", params=BOTH_LANES)
def shared_lane(request: pytest.FixtureRequest) -> str:
    """Each test runs through both lanes."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
async def opened(
    template: tuple[Path, World], shared_lane: str, shared_clock: SetClock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """The door of a copy that a whole module shares."""
    directory, world = template
    async with open_api(directory, world, tmp_path_factory.mktemp("shared"), shared_lane, shared_clock) as door:
        yield door


@pytest.fixture
def shared(opened: Api, shared_clock: SetClock) -> Api:
    """The shared door, for tests that change nothing; a minute later each time, so that no limit of a minute bites."""
    shared_clock.advance(60_000)
    return opened


@pytest.fixture(scope="module", params=["fast", "slow"])
async def shared_wire(
    request: pytest.FixtureRequest, template: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Wire]:
    """The port of a copy that a whole module shares; its clock moves on, so that no limit of a minute bites."""
    directory, world = template
    switch = "on" if request.param == "fast" else "off"
    own = tmp_path_factory.mktemp("wire")
    async with open_api(directory, world, own, "fast", RunningClock(), WATCHWORD_FAST_LANE=switch) as door:
        yield Wire(door.client.base_url.port or 0, door.application, world)
