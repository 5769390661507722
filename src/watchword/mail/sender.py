"""A letter, and what delivers it: ``smtp.py``, or in development ``outbox.py``."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Letter(msgspec.Struct, frozen=True):
    """One letter to one address; the text holds secrets and never reaches a log outside development."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return f"Letter(subject={self.subject!r})"


class Sender(Protocol):
    """What delivers letters."""

    async def send(self, letter: Letter) -> None:
        """Hand one letter over.

        Raises:
            UnavailableError: it was not accepted; sending it again may help.
        """
        ...
