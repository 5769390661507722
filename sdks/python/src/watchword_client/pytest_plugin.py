"""Fixtures of pytest: ``watchword_server`` is a real server on a free port, with a tenant, keys and a clock to set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from watchword_client.testing import Template, WatchwordServer

__all__ = ["watchword_server", "watchword_template"]


@pytest.fixture(scope="session")
def watchword_template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The data directory that each server gets a copy of; made once, since passwords take their time to hash."""
    from watchword_client.testing import make_template  # noqa: PLC0415 - a run that asks for no server loads none

    return make_template(tmp_path_factory.mktemp("watchword"))


@pytest.fixture
def watchword_server(watchword_template: Template, tmp_path: Path) -> Iterator[WatchwordServer]:
    """A server of this test's own."""
    from watchword_client.testing import serving  # noqa: PLC0415 - the same

    directory = tmp_path / "watchword"
    shutil.copytree(watchword_template.directory, directory)
    with serving(directory, watchword_template.names) as server:
        yield server
