"""Fixtures of the authorization server's tests: the inhabited installation, and a client of tenant a."""

from __future__ import annotations

import pytest

from oauth_world import add_client
from world import Api


@pytest.fixture
async def client_id(api: Api) -> str:
    """A confidential client of tenant a that acts for itself."""
    return await add_client(api.application, api.world.tenants["a"])
