"""The installation that the suite shares: what is refused changes nothing."""

from __future__ import annotations

import pytest

from support import SetClock
from world import Api


@pytest.fixture
def shared(opened: Api, shared_clock: SetClock) -> Api:
    """The shared door, an hour later each time, so that no limit answers in the place of the guard."""
    shared_clock.advance(3_600_000)
    return opened
