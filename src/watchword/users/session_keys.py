"""The keys that sign session tokens, for the operator and for the hourly upkeep: which there are, and successors."""

from __future__ import annotations

from typing import Final

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.credentials.key_ring import KNOWN_AHEAD_MS, KeyRing, SessionKeys, SigningKey
from watchword.credentials.session_key_queries import prune_signing_keys
from watchword.credentials.session_token import SessionTokens
from watchword.db.database import Database

_DAY_MS: Final = 86_400_000
_UPKEEP: Final = "upkeep"
_OPERATOR: Final = "operator"


class SessionKeyRotation:
    """Lists and rotates.

    ``days`` is the age at which a key gets a successor by itself, 0 for never; ``session_seconds`` is how long a session
    may last, and so any token of it.
    """

    def __init__(
        self,
        database: Database,
        *,
        key_ring: KeyRing,
        tokens: SessionTokens,
        audit: AuditWriter,
        days: int,
        session_seconds: int,
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._tokens = tokens
        self._audit = audit
        self._days = days
        self._session_seconds = session_seconds

    async def list_all(self, now_ms: int) -> SessionKeys:
        """Return the keys, oldest first."""
        return await self._key_ring.look(self._database, now_ms)

    async def rotate(self, now_ms: int, *, subject: str = _OPERATOR) -> SigningKey:
        """Give the present key a successor, which signs once every process knows it, and return that.

        What the present key signed stays good until its own end.
        """
        made = await self._key_ring.rotate(now_ms, longest_life_seconds=self._session_seconds)
        self._record(Event.SIGNING_KEY_ROTATED, made, subject, now_ms)
        return made

    async def replace(self, now_ms: int) -> SigningKey:
        """Put a new key in place of those that somebody else may hold, and end all sessions: whoever stays logs in again."""
        made = await self._key_ring.replace(now_ms)
        self._record(Event.SIGNING_KEY_REPLACED, made, _OPERATOR, now_ms)
        await self._database.transaction(lambda tx: self._tokens.end_everyones(tx, now_ms))
        return made

    async def rotate_aged(self, now_ms: int) -> int:
        """Delete keys whose last token has ended, and give the present one a successor if it is of age; return how many."""
        count = await prune_signing_keys(self._database, now_ms)
        of_age_ms = now_ms - self._days * _DAY_MS + KNOWN_AHEAD_MS
        keys = await self.list_all(now_ms)
        if self._days == 0 or any(key.retired_at_ms is None and key.active_at_ms > of_age_ms for key in keys.all):
            return count
        await self.rotate(now_ms, subject=_UPKEEP)
        return count + 1

    def _record(self, event: Event, key: SigningKey, subject: str, now_ms: int) -> None:
        self._audit.record(event, subject=subject, detail={"key": key.id, "algorithm": "HS256"}, now_ms=now_ms)
