"""Tickets for a logout that came as a form: what its ID token proved, for the request by which the browser comes back.

A ticket is worth what its ID token was, and shorter: the end of one session, in the browser that has that session.
"""

from __future__ import annotations

import hmac
from typing import Final

from watchword.credentials.compact_jws import encode_segment, mac
from watchword.credentials.sealing import derive

TICKET_SECONDS: Final = 60
"""A browser comes back at once."""

_TICKET_CHARACTERS_MAX: Final = 80
"""Bounds what is compared for a stranger; ours have 57 characters."""


class LogoutTickets:
    """Makes and checks tickets, with a key that every process of the installation has."""

    def __init__(self, master_secret: bytes) -> None:
        self._key = derive(master_secret, b"watchword tickets of posted logouts", 32)

    def make(self, session_id: str, client_id: str, now_ms: int) -> str:
        """Return the ticket of a client that has shown an ID token of a session."""
        return self._signed(session_id, client_id, now_ms // 1000 + TICKET_SECONDS)

    def is_good(self, ticket: str, session_id: str, client_id: str, now_ms: int) -> bool:
        """Say whether a client has shown an ID token of this session a moment ago."""
        until_s, separator, _ = ticket.partition(".")
        if not separator or len(ticket) > _TICKET_CHARACTERS_MAX or not (until_s.isascii() and until_s.isdigit()):
            return False
        wanted = self._signed(session_id, client_id, int(until_s))
        is_ours = hmac.compare_digest(ticket.encode("utf-8", "surrogatepass"), wanted.encode())
        return is_ours and now_ms < int(until_s) * 1000

    def _signed(self, session_id: str, client_id: str, until_s: int) -> str:
        digest = mac(f"{until_s} {session_id} {client_id}".encode(), self._key)
        return f"{until_s}.{encode_segment(digest).decode('ascii')}"
