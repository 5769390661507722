"""The built package, Node and Chromium with it, and an installation whose clock is set and where the document's user lives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from sdk_typescript.installation import list_origin, serve_installation
from sdk_typescript.node_program import NodePrograms
from sdk_typescript.package import Package, install_package
from sdk_typescript.web_pages import WebPages, open_pages
from support import SetClock
from world import Api, World


@pytest.fixture(scope="session")
def package() -> Package:
    """The package, compiled, packed and installed."""
    return install_package()


@pytest.fixture
def directory(package: Package, tmp_path: Path) -> Path:
    """An empty project that has the package installed."""
    made = tmp_path / "project"
    made.mkdir()
    (made / "node_modules").symlink_to(package.modules)
    return made


@pytest.fixture
def node(directory: Path) -> NodePrograms:
    """Programs in Node that have the package."""
    return NodePrograms(directory)


@pytest.fixture
async def installation(template: tuple[Path, World], tmp_path: Path, clock: SetClock) -> AsyncIterator[Api]:
    """A served copy of the inhabited installation, with the user of the document's examples."""
    template_directory, world = template
    async with serve_installation(template_directory, world, tmp_path / "installation", clock) as api:
        yield api


@pytest.fixture
def environment(installation: Api) -> dict[str, str]:
    """What the document's programs find in their environment."""
    return {
        "WATCHWORD_URL": str(installation.client.base_url).rstrip("/"),
        "NEXT_PUBLIC_SOFTWARE_CLIENT_KEY": installation.world.keys["pk_live_a"],
        "SOFTWARE_SECRET_KEY": installation.world.keys["sk_live_a"],
    }


@pytest.fixture
async def pages(
    chromium: Browser, package: Package, directory: Path, installation: Api, environment: dict[str, str]
) -> AsyncIterator[WebPages]:
    """A browser at an application whose origin the tenant lists, built with the client key and the server's address."""
    async with open_pages(chromium, package, directory) as opened:
        opened.defined = {
            "NEXT_PUBLIC_SOFTWARE_CLIENT_KEY": environment["NEXT_PUBLIC_SOFTWARE_CLIENT_KEY"],
            "NEXT_PUBLIC_WATCHWORD_URL": environment["WATCHWORD_URL"],
        }
        await list_origin(installation, opened.origin)
        yield opened
