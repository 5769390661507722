"""The package as it is installed."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files

import watchword_client


def test_version_is_the_packages() -> None:
    """The version that the module tells is the one that was installed."""
    assert watchword_client.__version__ == version("watchword-client")


def test_types_come_along() -> None:
    """Type checkers of applications see the package's types."""
    assert files("watchword_client").joinpath("py.typed").is_file()
