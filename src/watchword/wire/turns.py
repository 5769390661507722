"""Who is served first in a turn of the event loop: what changes something leaves room for what reads.

A turn takes every request that has come, and a read waits for all that stand before it: behind the tokens of a storm,
each of which is signed, ten times as long as by itself (``bench/oauth.py``). So once the POST requests of a turn have
had their time, further ones are put off, and the connections are looked at again before those go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

_TURN_NS: Final = 200_000
"""How long POST requests are begun in one turn: two or three signatures, so that looking again costs little beside."""

_WATCHED_SECONDS: Final = 1.0
"""How long the last read is held to be one of many: where nobody reads, nothing is put off."""


class Turns:
    """The turns of one event loop, shared by its connections."""

    def __init__(self, *, clock_ns: Callable[[], int] = perf_counter_ns) -> None:
        self._clock_ns = clock_ns
        self._waiting: deque[Callable[[], None]] = deque()
        self._turn = 0.0
        self._until_ns = 0
        self._watched_since = 0.0
        self._somebody_read = False
        self.sees_read = False

    def is_used_up(self, turn: float) -> bool:
        """Say whether a POST request that has come has to be put off; ``turn`` is the loop's own time in this turn."""
        now_ns = self._clock_ns()
        if turn != self._turn:
            self._turn, self._until_ns = turn, now_ns + _TURN_NS
            if turn - self._watched_since > _WATCHED_SECONDS:
                self._somebody_read, self.sees_read = self.sees_read, False
                self._watched_since = turn
        if self._waiting:
            return True
        return now_ns >= self._until_ns and self._leaves_room()

    def put_off(self, go_on: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Call in one of the next turns, in the order of coming; at least one in each, and all where nobody reads."""
        if not self._waiting:
            loop.call_soon(self._go_on, loop)
        self._waiting.append(go_on)

    def _leaves_room(self) -> bool:
        """Say whether somebody reads, for whom room is to be left."""
        return self.sees_read or self._somebody_read

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._turn, self._until_ns = loop.time(), self._clock_ns() + _TURN_NS
        try:
            while self._waiting:
                self._waiting.popleft()()
                if self._leaves_room() and self._clock_ns() >= self._until_ns:
                    break
        finally:
            if self._waiting:
                loop.call_soon(self._go_on, loop)
