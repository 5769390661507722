"""One's own sessions: which there are, and ending one of them."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.clock import iso_timestamp
from watchword.credentials.session_token import SessionTokens
from watchword.db.database import Database, Transaction
from watchword.errors import NotFoundError
from watchword.ids import is_id
from watchword.tenants.models import PageQuery
from watchword.users import queries
from watchword.users.models import SessionAnswer, SessionEnded, SessionPage, StoredSession
from watchword.wire.cookies import cleared_session_cookie_line
from watchword.wire.response import Response, json_response


class Sessions:
    """Shows and ends a user's sessions."""

    def __init__(self, *, database: Database, tokens: SessionTokens, audit: AuditWriter) -> None:
        self._database = database
        self._tokens = tokens
        self._audit = audit

    async def list(self, call: Call) -> Response:
        """List the caller's living sessions, the newest first."""
        query: PageQuery = call.query
        found = await queries.list_sessions(
            self._database, call.known.subject, after=query.after, limit=query.limit + 1, now_ms=call.now_ms
        )
        shown = found[: query.limit]
        has_next_page = len(found) > query.limit
        page = SessionPage(
            docs=[_answer(session, call.known.credential_id) for session in shown],
            limit=query.limit,
            has_next_page=has_next_page,
            next_after=shown[-1].id if has_next_page else None,
        )
        return json_response(200, page)

    async def end(self, call: Call) -> Response:
        """End one of the caller's sessions, also the one that asks."""
        session_id = call.parameters["id"]
        await self._end(call.known.subject, session_id, call.now_ms)
        self._audit.record(
            Event.SESSION_ENDED,
            now_ms=call.now_ms,
            tenant_id=call.tenant_id,
            subject=call.known.subject,
            credential_id=session_id,
            address=call.request.client_address,
        )
        is_own = session_id == call.known.credential_id
        lines = cleared_session_cookie_line() if is_own else b""
        return json_response(200, SessionEnded("Session ended.", session_id), lines=lines)

    async def _end(self, user_id: str, session_id: str, now_ms: int) -> None:
        async def work(transaction: Transaction) -> None:
            if not is_id(session_id, "session") or not await queries.has_session(transaction, user_id, session_id):
                raise NotFoundError
            await self._tokens.end(transaction, session_id, now_ms)

        await self._database.transaction(work)


def _answer(session: StoredSession, current_id: str) -> SessionAnswer:
    return SessionAnswer(
        id=session.id,
        current=session.id == current_id,
        address=session.address,
        user_agent=session.user_agent,
        created_at=iso_timestamp(session.created_at_ms),
        refreshed_at=iso_timestamp(session.refreshed_at_ms),
        expires_at=iso_timestamp(session.expires_at_ms),
        ends_at=iso_timestamp(session.ends_at_ms),
    )
