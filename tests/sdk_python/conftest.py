"""A served instance over TLS, clients of it, and guards of an API beside a server; all closed behind each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.instance import Instance, open_instance
from sdk_python.guarded import MakeGuard
from watchword_client import Client, ServerClient, create_client, create_server_client
from watchword_client.protect import Protection
from watchword_client.testing import WatchwordServer


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


@pytest.fixture
def make_guard(watchword_server: WatchwordServer) -> Iterator[MakeGuard]:
    """Make guards of an API beside the server."""
    made: list[Protection] = []

    def make_one(**changes: object) -> Protection:
        settings = {
            "issuer": watchword_server.url,
            "audience": watchword_server.audience,
            "secret_key": watchword_server.secret_key,
            "client_key": watchword_server.client_key,
            **changes,
        }
        made.append(Protection(**settings))  # type: ignore[arg-type] # a table of settings
        return made[-1]

    yield make_one
    for protection in made:
        protection.close()
