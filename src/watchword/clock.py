"""The time, as a value that is passed in: nothing else in the product asks the system for it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time to the product; a test passes one that it can set."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds that never jump or run backwards, for intervals within one process."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds that never jump or run backwards, for intervals within one process."""
        return time.monotonic_ns() // 1_000_000


def iso_timestamp(unix_ms: int) -> str:
    """Write Unix milliseconds as ISO 8601 in UTC with milliseconds: ``2026-01-07T10:00:00.000Z``."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03d}Z"
