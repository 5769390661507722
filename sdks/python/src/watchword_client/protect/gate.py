"""What every middleware has: the application behind it, who may come in, and the paths that are open to all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from watchword_client.protect.protection import Protection

Application = TypeVar("Application")


class Gate(Generic[Application]):
    """An application that only those reach who may."""

    def __init__(
        self, app: Application, protection: Protection, *, scopes: Iterable[str] = (), open_paths: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._protection = protection
        self._scopes = tuple(scopes)
        self._open_paths = frozenset(open_paths)
