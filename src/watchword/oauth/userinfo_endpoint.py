"""UserInfo (OpenID Connect Core §5.3): what an access token's scopes tell of its user."""

from __future__ import annotations

from watchword.callers.call import Call
from watchword.credentials.access_token import AccessProof
from watchword.db.database import Database
from watchword.errors import InsufficientScopeError, NotAuthenticatedError
from watchword.oauth.claims import OPENID, claims_of
from watchword.users.queries import find_user
from watchword.wire.response import Response, json_response


class UserinfoEndpoint:
    """Answers the root's UserInfo endpoint and each tenant's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answer(self, call: Call) -> Response:
        """Tell a client of the user who allowed it ``openid``.

        Raises:
            NotAuthenticatedError: what proves the caller is no access token, or another tenant's.
            InsufficientScopeError: it is not about a user, or without ``openid``.
        """
        access = _require_access(call)
        if access.user_id is None or OPENID not in access.scopes:
            raise InsufficientScopeError(OPENID)
        user = await find_user(self._database, access.user_id)
        if user is None:
            raise NotAuthenticatedError(reason="the user is gone")
        return json_response(200, claims_of(user, access.scopes))


def _require_access(call: Call) -> AccessProof:
    access = call.access
    if access is None:
        raise NotAuthenticatedError(reason="no access token")
    if call.parameters.get("tenant", access.tenant_slug) != access.tenant_slug:
        raise NotAuthenticatedError(reason="the access token is another tenant's")
    return access
