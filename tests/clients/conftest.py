"""A served instance over TLS that the standard clients of both languages call, one for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.application import Application, serve_application
from clients.instance import Instance, open_instance
from clients.npm_clients import Node


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The inhabited installation behind ``watchword serve``, with tenant a as the default tenant."""
    with open_instance(tmp_path_factory.mktemp("instance") / "data") as served:
        yield served


@pytest.fixture(autouse=True)
def around(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let requests trust the development authority in the way that its users do, and close what a test opened."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(instance.authority))
    yield
    instance.clear()


@pytest.fixture(scope="session")
def node(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """The npm clients, which trust the instance's development authority and none other of this machine."""
    return Node(tmp_path_factory.mktemp("node"), instance.authority)


@pytest.fixture
def application(instance: Instance) -> Iterator[Application]:
    """The server of a client's own application, which the instance may reach and trusts."""
    with serve_application(instance.server.data / "server.pem") as served:
        yield served
