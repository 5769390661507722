"""What a connection may cost: time for headers, a body that moves, answers that are read, connections per address."""

from __future__ import annotations

import asyncio
from typing import Final

from watchword.wire.answering import Answering
from watchword.wire.client_address import address_bucket
from watchword.wire.turn_taking import TurnTakingProtocol

_CHECK_SECONDS: Final = 1.0
"""How often a connection looks whether its client stalls."""

_BODY_SECONDS_MAX: Final = 60.0
"""How long a whole body may take, so that a client cannot hold a request by a byte now and then. What is sent on
after the answer was given is read for so long and thrown away: hanging up at once would take the answer along."""

_UNENDED_BYTES_MAX: Final = 65_536
"""Bytes that may come without ending anything: no target, no header, no part of a body."""


class BoundedProtocol(TurnTakingProtocol):
    """One connection, counted while it lasts and looked at now and then; whatever reads it notes how far it has come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and start to watch it."""
        super().connection_made(transport)
        self._application: Answering = self.config.loaded_app
        self.turns = self._application.turns
        self._peer = self.client[0] if self.client else ""
        self._bucket = address_bucket(self._peer)
        self._head_is_complete = False
        self._head_bytes = self._body_bytes = 0
        self._unended_bytes = 0
        self._seen = (0.0, 0, 0)
        self._waiting_since: float | None = self.loop.time()
        self._began = self._idle_since = self._read_at = self._waiting_since
        self._unread_bytes = 0
        self._application.connections[self._bucket] += 1
        self._watch = self.loop.call_later(_CHECK_SECONDS, self._look)
        # A trusted proxy stands for many clients; it bounds them itself.
        too_many = self._application.connections[self._bucket] > self._application.connections_per_address
        if too_many and not self._application.is_trusted_proxy(self._peer):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the connection off the count."""
        self._watch.cancel()
        counts = self._application.connections
        counts[self._bucket] -= 1
        if counts[self._bucket] <= 0:
            del counts[self._bucket]
        super().connection_lost(exc)

    def _goes_on_without_end(self, length: int) -> bool:
        """Say whether a header, or whatever else the parser gathers, goes on and on."""
        seen = (self._began, self._head_bytes, self._body_bytes)
        if seen != self._seen:
            self._seen, self._unended_bytes = seen, 0
            return False
        self._unended_bytes += length
        return self._unended_bytes > _UNENDED_BYTES_MAX

    def _look(self) -> None:
        self._watch = self.loop.call_later(_CHECK_SECONDS, self._look)
        now = self.loop.time()
        if self._is_left_unread(now):
            self.transport.abort()
        elif not self.transport.is_closing() and self._stands_still(now):
            self.transport.close()

    def _is_left_unread(self, now: float) -> bool:
        """Say whether the client has taken nothing for long of what waits for it, be it only the end."""
        unread = self.transport.get_write_buffer_size()
        if unread < self._unread_bytes or (unread == 0 and not self.transport.is_closing()):
            self._read_at = now
        self._unread_bytes = unread
        return now - self._read_at > self._application.body_seconds

    def _stands_still(self, now: float) -> bool:
        if self.cycle is not None and not self.cycle.response_complete:
            self._idle_since = now
        if self._waiting_since is None:
            return now - self._idle_since > self.timeout_keep_alive
        if self.flow.read_paused:
            # It is we who do not read on.
            self._waiting_since = now
            return False
        if self._head_is_complete:
            slow = now - self._began > _BODY_SECONDS_MAX
            return slow or now - self._waiting_since > self._application.body_seconds
        return now - self._waiting_since > self._application.header_seconds
