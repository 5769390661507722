"""The end of one session, or of all."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.session_token import SessionTokens
from watchword.db.database import Database, Transaction
from watchword.users.models import Done
from watchword.wire.cookies import cleared_session_cookie_line
from watchword.wire.response import Response, json_response


class Logout:
    """Signs users out."""

    def __init__(self, *, database: Database, tokens: SessionTokens, audit: AuditWriter) -> None:
        self._database = database
        self._tokens = tokens
        self._audit = audit

    async def logout(self, call: Call) -> Response:
        """End the session that asks, or with ``allSessions=true`` every session of its user."""
        await (self._end_all(call) if call.query.all_sessions else self._end_one(call))
        self._audit.record(
            Event.LOGGED_OUT,
            now_ms=call.now_ms,
            tenant_id=call.tenant_id,
            subject=call.known.subject,
            credential_id=call.known.credential_id,
            address=call.request.client_address,
        )
        return json_response(200, Done("Logout successful."), lines=cleared_session_cookie_line())

    async def _end_one(self, call: Call) -> None:
        async def work(transaction: Transaction) -> None:
            await self._tokens.end(transaction, call.known.credential_id, call.now_ms)

        await self._database.transaction(work)

    async def _end_all(self, call: Call) -> None:
        async def work(transaction: Transaction) -> None:
            await self._tokens.end_all(transaction, call.known.subject, call.now_ms)

        await self._database.transaction(work)
