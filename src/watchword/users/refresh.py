"""Session token in, a new one of the same session out."""

from __future__ import annotations

from msgspec import UNSET

from watchword.callers.call import Call
from watchword.callers.presented import read_credentials
from watchword.clock import iso_timestamp
from watchword.credentials.session_token import IssuedToken, SessionProof, SessionTokens
from watchword.errors import NotAuthenticatedError
from watchword.users.answers import answer_for_session, cookie_line
from watchword.users.models import RefreshAnswer
from watchword.wire.response import Response, json_response


class Refresh:
    """Renews session tokens."""

    def __init__(self, *, tokens: SessionTokens) -> None:
        self._tokens = tokens

    async def refresh(self, call: Call) -> Response:
        """Give a new token for one that has not expired; it goes back the way it came unless asked otherwise."""
        presented = read_credentials(call.request)
        if presented.session_token is None:
            raise NotAuthenticatedError
        issued = await self._tokens.refresh(presented.session_token, call.now_ms)
        session = await self._tokens.prove(issued.token, call.now_ms)
        in_cookie = presented.from_cookie if call.query.cookie is None else call.query.cookie
        return _response(call, issued, session, in_cookie=in_cookie)


def _response(call: Call, issued: IssuedToken, session: SessionProof, *, in_cookie: bool) -> Response:
    tenant_id = "" if call.caller is None else call.caller.tenant_id
    answer = RefreshAnswer(
        message="Token refresh successful.",
        token=UNSET if in_cookie else issued.token,
        refreshed_token=UNSET if in_cookie else issued.token,
        refreshed_at=iso_timestamp(call.now_ms),
        user=answer_for_session(session, tenant_id),
        exp=issued.expires_at_s,
        set_cookie=in_cookie,
    )
    return json_response(200, answer, lines=cookie_line(issued, call.now_ms) if in_cookie else b"")
