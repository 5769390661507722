"""Waiting for what another process or thread brings about, and no longer than it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def eventually(condition: Callable[[], bool], *, seconds: float) -> None:
    """Return as soon as the condition holds; fail when it does not within so many seconds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} seconds"
        await asyncio.sleep(0.005)
