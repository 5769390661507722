"""Arithmetic of fixed windows: takes the time, does no I/O.

One of the places that may be less plain for speed (``bench/answer.py``). Windows are aligned to Unix time, so that
every process and node agrees where one begins, and a whole window's counters are dropped in one step.
"""

from __future__ import annotations

from typing import Final

ENTRIES_MAX: Final = 200_000
"""Subjects counted one by one in a window. Further subjects share counters, which is stricter and never forgets."""

_SHARED_COUNTERS: Final = 4_096


class WindowCounter:
    """Counts takes per subject in windows of one length."""

    __slots__ = ("_taken", "_window", "window_ms")

    def __init__(self, window_seconds: int) -> None:
        self.window_ms = window_seconds * 1000
        self._window = -1
        self._taken: dict[str, int] = {}

    def take(self, subject: str, limit: int, now_ms: int) -> int:
        """Take one of ``limit`` and return how many are left, or -1 when none was."""
        window = now_ms // self.window_ms
        if window != self._window and (window > self._window or self._window - window > 1):
            # A clock that steps back a little stays in the window it had; one set back for good begins a new one.
            self._window = window
            self._taken = {}
        taken = self._taken.get(subject)
        if taken is None:
            if len(self._taken) >= ENTRIES_MAX:
                subject = f"shared {hash(subject) % _SHARED_COUNTERS}"
            taken = self._taken.get(subject, 0)
        if taken >= limit:
            return -1
        self._taken[subject] = taken + 1
        return limit - taken - 1

    def seconds_left(self, now_ms: int) -> int:
        """Return the seconds until the present window ends, at least 1."""
        return max(1, -(-(self.window_ms - now_ms % self.window_ms) // 1000))
