"""A server for each scenario."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdks.rig import Rig, open_rig
from world import World


@pytest.fixture
def rig(template: tuple[Path, World], tmp_path: Path) -> Iterator[Rig]:
    """The inhabited installation over TLS, with its control."""
    directory, world = template
    shutil.copytree(directory, tmp_path / "data")
    with open_rig(tmp_path / "data", world) as opened:
        yield opened


@pytest.fixture
def plain_rig(template: tuple[Path, World], tmp_path: Path) -> Iterator[Rig]:
    """The same over plain HTTP, for runtimes that do not take the development authority."""
    directory, world = template
    shutil.copytree(directory, tmp_path / "data")
    with open_rig(tmp_path / "data", world, speaks_tls=False) as opened:
        yield opened
