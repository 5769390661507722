"""Who learns, in every process of this node, that something remembered is no longer true.

A file of 64-bit slots that all processes map. A subject (``session:…``, ``user:…``) hashes to a slot; a change writes
a fresh random number there. Random, so that two processes writing at once cannot both arrive at a number that a third
has already seen. Reading a slot takes some 0.1 µs; a collision of two subjects costs one needless look-up.
"""

from __future__ import annotations

import math
import mmap
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zlib import crc32

_SLOTS: Final = 4096
_ANY: Final = 0
"""The slot that every change writes: a reader that saw it unchanged around its look-up saw one state of the store."""


EVERYTHING: Final = "*"
"""The subject that stands for all others."""


class Generations:
    """The shared slots. Open one per process; ``close`` when the process ends."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._trusted_until = math.inf
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < _SLOTS * 8:
                os.ftruncate(descriptor, _SLOTS * 8)
            self._map = mmap.mmap(descriptor, _SLOTS * 8)
        finally:
            os.close(descriptor)
        self._slots = memoryview(self._map).cast("Q")

    def slot(self, subject: str) -> int:
        """Return the number of the slot that a subject shares with a few others."""
        return 1 + crc32(subject.encode()) % (_SLOTS - 1)

    def read(self, slot: int) -> int:
        """Return what stands in a slot."""
        return self._slots[slot]

    def read_any(self) -> int:
        """Return a number that changes with every change of any slot."""
        return self._slots[_ANY]

    def is_trusted(self) -> bool:
        """Say whether news from all other nodes is arriving; while not, nothing remembered may be used."""
        # Where trust has no end, as with one node, the clock need not be asked.
        return self._trusted_until == math.inf or self._monotonic() < self._trusted_until

    def set_trusted(self, trusted: bool) -> None:  # noqa: FBT001 - the listener reports a state, not an option
        """Record whether news from other nodes arrives, until told otherwise."""
        self._trusted_until = math.inf if trusted else -math.inf

    def trust_until(self, monotonic_seconds: float) -> None:
        """Record that news arrives, up to a time of the monotonic clock.

        So trust ends by itself, also in a process that was stopped for a while and has not yet noticed.
        """
        self._trusted_until = monotonic_seconds

    def bump(self, subjects: tuple[str, ...]) -> None:
        """Make all processes of this node forget what they remember of these subjects; call it after the commit."""
        if EVERYTHING in subjects:
            self.bump_all()
            return
        # The general slot first: a reader that saw it unchanged on both sides of its look-up then holds either a
        # state read after the commit or a subject slot that is about to change under it. And last: a reader that
        # looks at subjects only when the general slot has changed then looks again at what it may have seen too early.
        self._slots[_ANY] = secrets.randbits(64)
        for subject in subjects:
            self._slots[self.slot(subject)] = secrets.randbits(64)
        self._slots[_ANY] = secrets.randbits(64)

    def bump_all(self) -> None:
        """Make all processes of this node forget everything remembered (a worker died, a listener came back)."""
        for slot in (_ANY, *range(_SLOTS), _ANY):
            self._slots[slot] = secrets.randbits(64)

    def close(self) -> None:
        """Unmap the file."""
        self._slots.release()
        self._map.close()
