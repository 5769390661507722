"""Fixtures of the authorization server's tests: the inhabited installation with a client of tenant a, or a small one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from browser import Browser
from grants_rig import GrantsRig
from https_site import Site, open_site
from oauth_exchange import EXCHANGE
from oauth_tenants import allow
from oauth_world import add_client
from support import SetClock
from watchword.db.database import Database
from world import Api, World, open_api


@pytest.fixture
async def client_id(api: Api) -> str:
    """A confidential client of tenant a that acts for itself."""
    return await add_client(api.application, api.world.tenants["a"])


@pytest.fixture
async def service(api: Api) -> str:
    """A client of tenant a that may exchange tokens."""
    return await add_client(api.application, api.world.tenants["a"], grants=(EXCHANGE,))


@pytest.fixture
def browser(api: Api) -> Browser:
    """A browser that nobody is signed in with."""
    return Browser(api)


@pytest.fixture
async def registering(api: Api) -> Api:
    """The door of an installation whose tenant a lets everybody register."""
    await allow(api, client_registration="open")
    return api


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A client's own site."""
    directory = tmp_path / "site"
    directory.mkdir()
    async with open_site(directory) as opened:
        yield opened


@pytest.fixture
async def fetching(template: tuple[Path, World], clock: SetClock, site: Site, tmp_path: Path) -> AsyncIterator[Api]:
    """The door of an installation that may fetch from this machine."""
    directory, world = template
    changes = {"WATCHWORD_FETCH_NETWORKS": "127.0.0.0/8", "WATCHWORD_FETCH_CA_FILE": str(site.ca_file)}
    async with open_api(directory, world, tmp_path / "data", "fast", clock, **changes) as door:
        yield door


@pytest.fixture
async def rig(database: Database) -> GrantsRig:
    """A tenant with a member and clients, on each database."""
    return await GrantsRig.build(database)
