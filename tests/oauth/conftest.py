"""Fixtures of the authorization server's tests: the inhabited installation with a client of tenant a, or a small one."""

from __future__ import annotations

import pytest

from browser import Browser
from grants_rig import GrantsRig
from oauth_exchange import EXCHANGE
from oauth_world import add_client
from watchword.db.database import Database
from world import Api


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
async def rig(database: Database) -> GrantsRig:
    """A tenant with a member and clients, on each database."""
    return await GrantsRig.build(database)
