"""The inhabited installation behind its HTTP door, in both lanes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support import SetClock
from world import Api, World, build_world, open_api


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """The installation that each test gets a copy of."""
    directory = tmp_path_factory.mktemp("world")
    worlds: list[World] = []
    builder = threading.Thread(target=lambda: worlds.append(asyncio.run(build_world(directory, SetClock()))))
    builder.start()
    builder.join()
    return directory, worlds[0]


@pytest.fixture
def clock() -> SetClock:
    """The clock of the installation; it stands still until a test moves it."""
    return SetClock()


@pytest.fixture(params=["fast", "asgi"])
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


@pytest.fixture(scope="module")
def shared_clock() -> SetClock:
    """The clock of the installation that a module shares."""
    return SetClock()


@pytest.fixture(scope="module", params=["fast", "asgi"])
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
