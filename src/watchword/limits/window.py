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

    __slots__ = ("_from_ms", "_taken", "_until_ms", "window_ms")

    def __init__(self, window_seconds: int) -> None:
        self.window_ms = window_seconds * 1000
        self._from_ms = self._until_ms = 0
        self._taken: dict[str, int] = {}

    def take(self, subject: str, limit: int, now_ms: int) -> int:
        """Take one of ``limit`` and return how many are left, or -1 when none was."""
        if not self._from_ms <= now_ms < self._until_ms:
            self._begin(now_ms)
        taken = self._taken.get(subject)
        if taken is None:
            if len(self._taken) >= ENTRIES_MAX:
                subject = f"shared {hash(subject) % _SHARED_COUNTERS}"
            taken = self._taken.get(subject, 0)
        if taken >= limit:
            return -1
        self._taken[subject] = taken + 1
        return limit - taken - 1

    def _begin(self, now_ms: int) -> None:
        """Begin the window of this moment; a clock that steps back by less than a window stays in the one it had."""
        began_ms = now_ms - now_ms % self.window_ms
        self._from_ms, self._until_ms = began_ms - self.window_ms, began_ms + self.window_ms
        self._taken = {}

    def ends_at_s(self, now_ms: int) -> int:
        """Return the Unix second in which the present window ends; windows are of whole seconds."""
        return (now_ms - now_ms % self.window_ms + self.window_ms) // 1000

    def seconds_left(self, now_ms: int) -> int:
        """Return the seconds until the present window ends, at least 1."""
        return max(1, -(-(self.window_ms - now_ms % self.window_ms) // 1000))
