"""What time it is, and how time passes: passed in, so that tests need not wait."""

from __future__ import annotations

import time
from typing import Protocol

import anyio


class Clock(Protocol):
    """A clock; seconds everywhere."""

    def now(self) -> float:
        """Return the Unix time."""

    def sleep(self, seconds: float) -> None:
        """Let time pass in this thread."""

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass in this task."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Return the Unix time."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let time pass in this thread."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass in this task."""
        await anyio.sleep(seconds)
