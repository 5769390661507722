"""A served instance over TLS, and clients of it that are closed behind each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.instance import Instance, open_instance
from watchword_client import Client, ServerClient, create_client, create_server_client


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The inhabited installation behind ``watchword serve``, with tenant a as the default tenant."""
    with open_instance(tmp_path_factory.mktemp("instance") / "data") as served:
        yield served


@pytest.fixture
def people(instance: Instance) -> Iterator[None]:
    """Close the browsers that a test opened."""
    yield
    instance.clear()


@pytest.fixture
def client(instance: Instance) -> Iterator[Client]:
    """A person's client of tenant a."""
    key = instance.world.keys["pk_live_a"]
    with create_client(key, base_url=instance.url, ca_file=instance.authority) as made:
        yield made


@pytest.fixture
def server_client(instance: Instance) -> Iterator[ServerClient]:
    """A server's client of tenant a, on test data."""
    keys = instance.world.keys
    with create_server_client(
        keys["pk_test_a"], keys["sk_test_a"], base_url=instance.url, ca_file=instance.authority
    ) as made:
        yield made
