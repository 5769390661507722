"""Records what the token endpoint refuses: the first refusals of a client in each minute, and how many more there were.

Anybody can name a public client, from any number of addresses, so that a line for each would let strangers write the
log full.
"""

from __future__ import annotations

from typing import Final

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.oauth.models import OAuthClient
from watchword.oauth_errors import OAuthError

RECORDED_PER_MINUTE: Final = 60
"""Refusals of one client that one process records in a minute: more than a person reads, and no burden to a log."""

_CLIENTS_MAX: Final = 10_000
"""Clients counted at a time; the ones whose refusals began first make room."""

_MINUTE_MS: Final = 60_000


class _Count:
    """The refusals of one client in one minute, and those of minutes before that are not told yet."""

    def __init__(self, minute: int, untold: int) -> None:
        self.minute = minute
        self.seen = 0
        self.untold = untold


class Refusals:
    """Counts refusals by client, in memory."""

    def __init__(self, *, audit: AuditWriter) -> None:
        self._audit = audit
        self._counts: dict[str, _Count] = {}

    def record(self, client: OAuthClient, error: OAuthError, *, address: str, now_ms: int) -> None:
        """Record a refusal, unless this minute has had enough of them; the next minute's first tells how many more."""
        count = self._count_of(client.id, now_ms // _MINUTE_MS)
        count.seen += 1
        if count.seen > RECORDED_PER_MINUTE:
            count.untold += 1
            return
        detail = {"error": error.oauth_code}
        if count.untold:
            detail["unrecorded"] = str(count.untold)
            count.untold = 0
        self._audit.record(
            Event.TOKEN_REFUSED,
            tenant_id=client.tenant_id,
            subject=client.id,
            credential_id=client.id,
            address=address,
            detail=detail,
            now_ms=now_ms,
        )

    def _count_of(self, client_id: str, minute: int) -> _Count:
        count = self._counts.get(client_id)
        if count is None or count.minute != minute:
            self._counts.pop(client_id, None)
            if len(self._counts) >= _CLIENTS_MAX:
                del self._counts[next(iter(self._counts))]
            count = self._counts[client_id] = _Count(minute, 0 if count is None else count.untold)
        return count
