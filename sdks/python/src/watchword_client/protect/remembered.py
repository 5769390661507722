"""Callers that the server vouched for a moment ago."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from watchword_client.protect.caller import Caller
from watchword_client.protect.ends import Event
from watchword_client.protect.presented import Presented

_ENTRIES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    caller: Caller
    ends_at: float
    names: frozenset[str]


class Remembered:
    """Callers by the digest of what they presented; safe to be used by any number of threads.

    ``seconds`` is how long the server's word counts when nothing ends before.
    """

    def __init__(self, *, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._door = threading.Lock()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def find(self, presented: Presented) -> Caller | None:
        """Return who presented the same from the same place a moment ago."""
        entry = self._entries.get(_digest(presented))
        return None if entry is None or self._monotonic() >= entry.ends_at else entry.caller

    def keep(
        self,
        presented: Presented,
        caller: Caller,
        *,
        names: frozenset[str],
        until: float | None,
        still_counts: Callable[[], bool],
    ) -> None:
        """Keep the server's word; ``names`` are the ids with which it ends, ``until`` is when, in seconds from now.

        ``still_counts`` says that nothing has ended since the server was asked: looked at behind the door, so that what
        ends at this very moment finds the word here and forgets it, or is seen.
        """
        seconds = self._seconds if until is None else min(self._seconds, until)
        with self._door:
            if seconds <= 0 or not still_counts():
                return
            if len(self._entries) >= _ENTRIES_MAX:
                self._entries.popitem(last=False)
            self._entries[_digest(presented)] = _Entry(caller, self._monotonic() + seconds, names)

    def forget(self, event: Event) -> None:
        """Forget whom an end or a change concerns."""
        named = {str(event.data.get(name)) for name in ("id", "user") if event.data.get(name)}
        with self._door:
            if event.name == "reset" or event.data.get("kind") in {"tenant", "all_sessions"} or not named:
                self._entries.clear()
                return
            for digest in [digest for digest, entry in self._entries.items() if entry.names & named]:
                del self._entries[digest]


def _digest(presented: Presented) -> bytes:
    # All that the server's word, or ours before it is asked, hangs on.
    way = f"{presented.is_bound} {presented.is_from_browser}"
    parts = (presented.form, presented.text, way, presented.origin or "", presented.address or "")
    return sha256("\x00".join(parts).encode()).digest()
