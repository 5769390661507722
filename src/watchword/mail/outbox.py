"""Letters into a folder, for development."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from watchword.clock import Clock, iso_timestamp
from watchword.errors import UnavailableError
from watchword.mail.sender import Letter


class OutboxSender:
    """Keeps letters as files and shows them in the log: for development only, since they hold one-time codes."""

    def __init__(self, directory: Path, *, clock: Clock, log: Callable[[str], None]) -> None:
        self._directory = directory
        self._clock = clock
        self._log = log

    async def send(self, letter: Letter) -> None:
        """Write one letter into the folder.

        Raises:
            UnavailableError: the folder cannot be written.
        """
        written = iso_timestamp(self._clock.now_ms())
        path = self._directory / f"{written.replace(':', '-')}-{secrets.token_hex(4)}.txt"
        text = f"Date: {written}\nTo: {letter.to}\nSubject: {letter.subject}\n\n{letter.text}"
        try:
            await asyncio.to_thread(_write_private, path, text)
        except OSError as error:
            raise UnavailableError(cause=f"the outbox cannot be written: {error.strerror}") from None
        self._log(f"Letter to {letter.to}: {letter.subject}\n{letter.text}")


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
