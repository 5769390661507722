"""What tests share: a clock that is set."""

from __future__ import annotations

START_MS = 1_767_780_000_000
"""2026-01-07T10:00:00Z, the hour of the first document's examples."""


class SetClock:
    """A clock that moves only when told."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._monotonic_ms = 1_000_000

    def now_ms(self) -> int:
        """Return the set Unix time in milliseconds."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """Return the set monotonic time in milliseconds."""
        return self._monotonic_ms

    def advance(self, ms: int) -> None:
        """Move both times on."""
        self._now_ms += ms
        self._monotonic_ms += ms

    def set_now(self, now_ms: int) -> None:
        """Set the wall clock alone, as an operator or a time server would."""
        self._now_ms = now_ms


class RunningClock(SetClock):
    """A clock that is a second later at each look."""

    def now_ms(self) -> int:
        """Move on by a second and return the Unix time in milliseconds."""
        self.advance(1_000)
        return super().now_ms()
