"""Servers of one's own, in processes of their own, gone when the test ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from served import Fleet, fleet


@pytest.fixture
def servers() -> Iterator[Fleet]:
    """Make servers; none of their processes outlives the test."""
    with fleet() as made:
        yield made
