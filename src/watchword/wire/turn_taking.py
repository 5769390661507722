"""Connections that take turns: a POST request for which a turn of the loop has no time left is read in a later one."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from watchword.wire.turns import Turns


class TurnTakingProtocol(HttpToolsProtocol):
    """One connection; ``turns`` is shared by all of its loop. What follows something put off finds it read."""

    turns: Turns
    _put_off = b""

    def data_received(self, data: bytes) -> None:
        """Read what came, or put it off."""
        if self._put_off:
            self._go_on()
        turns = self.turns
        if data[:5] != b"POST ":
            turns.sees_read = True
        elif turns.is_used_up(self.loop.time()):
            self._put_off = data
            turns.put_off(self._go_on, self.loop)
            return
        self.take(data)

    def take(self, data: bytes) -> None:
        """Read what came."""
        super().data_received(data)

    def eof_received(self) -> None:
        """Answer what came before its client stopped sending."""
        self._go_on()
        super().eof_received()

    def shutdown(self) -> None:
        """Answer what came before the server stops."""
        self._go_on()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Do what was asked for before its client left."""
        self._go_on()
        super().connection_lost(exc)

    def _go_on(self) -> None:
        if self._put_off:
            data, self._put_off = self._put_off, b""
            self.take(data)
