"""Follows the server's feed of revocations in a thread of its own, for as long as the program runs."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

from watchword_client.errors import WatchwordError
from watchword_client.protect.ends import Ends, EventReader

_LOGGER: Final = logging.getLogger("watchword_client.protect")
_AGAIN_SECONDS: Final = (0.1, 0.5, 1.0, 3.0)
"""Pauses before the next try, each stretched by chance so that many programs do not come at once."""

OpenFeed = Callable[[str], AbstractContextManager[Iterator[bytes]]]
"""Opens the feed behind the id of the last event, and gives what comes in pieces."""


class FeedThread:
    """Follows the feed; ``ensure_running`` begins, also in a process that was forked meanwhile."""

    def __init__(self, ends: Ends, open_feed: OpenFeed) -> None:
        self._ends = ends
        self._open_feed = open_feed
        self._door = threading.Lock()
        self._stop = threading.Event()
        self._process = 0

    def ensure_running(self) -> None:
        """Begin to follow, if nobody does in this process."""
        if self._process == os.getpid():
            return
        with self._door:
            if self._process != os.getpid() and not self._stop.is_set():
                self._process = os.getpid()
                threading.Thread(target=self._follow_on, name="watchword revocations", daemon=True).start()

    def close(self) -> None:
        """Stop following, at the next event at the latest."""
        self._stop.set()

    def _follow_on(self) -> None:
        tries = 0
        while not self._stop.is_set():
            heard_of_all = False
            try:
                heard_of_all = self._follow()
            except WatchwordError as error:
                self._note(f"{error.code} {error.status or ''}")
            except Exception as error:  # noqa: BLE001 - whatever came, the feed is to be opened again
                self._note(type(error).__name__)
            tries = 0 if heard_of_all else tries + 1
            pause = _AGAIN_SECONDS[min(tries, len(_AGAIN_SECONDS) - 1)]
            self._stop.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, guards nothing

    def _note(self, what: str) -> None:
        if not self._stop.is_set():
            _LOGGER.warning("the feed of revocations is lost: %s", what)

    def _follow(self) -> bool:
        reader = EventReader()
        heard_of_all = False
        with self._open_feed(self._ends.last_id) as pieces:
            for piece in pieces:
                for event in reader.feed(piece):
                    self._ends.take(event)
                    heard_of_all = heard_of_all or event.name == "current"
                if self._stop.is_set():
                    break
        return heard_of_all
