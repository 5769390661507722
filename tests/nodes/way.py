"""The way from one node to PostgreSQL, which can stand still: connections stay, and nothing arrives."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Way:
    """A listener on loopback that carries bytes to and from a server's socket, until it is told to hold them back."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._flowing = threading.Event()
        self._flowing.set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._admit, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where the node connects to."""
        port: int = self._door.getsockname()[1]
        return port

    def hold(self) -> None:
        """Let nothing arrive any more, in either direction."""
        self._flowing.clear()

    def let_go(self) -> None:
        """Deliver what was held back, and go on."""
        self._flowing.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._flowing.set()
        for end in (self._door, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(10)

    def _admit(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.socket(socket.AF_UNIX)
                self._ends += [near, far]
                try:
                    far.connect(self._socket_path)
                except OSError:
                    near.close()
                    continue
                for pair in ((near, far), (far, near)):
                    thread = threading.Thread(target=self._carry, args=pair, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, start: socket.socket, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := start.recv(65_536):
                self._flowing.wait()
                end.sendall(data)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_WR)
