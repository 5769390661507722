"""Token revocation (RFC 7009): a client gives back a token of its own; a refresh token takes its whole grant along."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.access_token import AccessTokens, has_access_token_shape
from watchword.credentials.refresh_token import RefreshTokens, has_refresh_token_shape
from watchword.db.database import Database, Transaction
from watchword.errors import NotAuthenticatedError
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.grants import Grants
from watchword.oauth.models import OAuthClient, PresentedToken
from watchword.oauth_errors import InvalidGrantError, InvalidOAuthRequestError
from watchword.wire.response import NO_STORE, Response


class RevokeEndpoint:
    """Answers the root's revocation endpoint and each tenant's."""

    def __init__(
        self,
        database: Database,
        clients: ClientAuthentication,
        grants: Grants,
        *,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._clients = clients
        self._grants = grants
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._audit = audit

    async def answer(self, call: Call) -> Response:
        """End a token; what is none, or has ended already, is as ended as was wanted (RFC 7009 §2.2)."""
        presented: PresentedToken = call.body
        client = await self._clients.require_client(call, presented)
        if presented.token is None:
            raise InvalidOAuthRequestError("The parameter token is missing")
        if await self._revoke(client, presented.token, call.now_ms):
            self._audit.record(
                Event.TOKEN_REVOKED,
                tenant_id=client.tenant_id,
                subject=client.id,
                credential_id=client.id,
                address=call.request.client_address,
                now_ms=call.now_ms,
            )
        return Response(200, b"", NO_STORE)

    async def _revoke(self, client: OAuthClient, token: str, now_ms: int) -> bool:
        if has_access_token_shape(token):
            return await self._revoke_access(client, token, now_ms)
        if has_refresh_token_shape(token):
            return await self._revoke_refresh(client, token, now_ms)
        return False

    async def _revoke_access(self, client: OAuthClient, token: str, now_ms: int) -> bool:
        # Not whether it counts just now: who is no member today may be one tomorrow, and the token must stay dead.
        try:
            claims = (await self._access_tokens.open(token, now_ms)).claims
        except NotAuthenticatedError:
            return False
        if claims.iss != self._access_tokens.names.issuer(client.tenant_slug):
            return False
        _require_own(client, claims.client_id)

        async def work(tx: Transaction) -> bool:
            return await self._access_tokens.revoke(tx, client.tenant_id, client.mode, claims)

        return await self._database.transaction(work)

    async def _revoke_refresh(self, client: OAuthClient, token: str, now_ms: int) -> bool:
        async def work(tx: Transaction) -> bool:
            stored = await self._refresh_tokens.find(tx, token, now_ms)
            if stored is None or await self._grants.find(tx, client.tenant_id, stored.grant_id) is None:
                return False
            _require_own(client, stored.client_id)
            # All tokens of the grant, access tokens too (RFC 7009 §2.1).
            return await self._grants.end(tx, client.tenant_id, stored.grant_id, now_ms)

        return await self._database.transaction(work)


def _require_own(client: OAuthClient, client_id: str) -> None:
    if client_id != client.id:
        # RFC 7009 §2.1: another client of the tenant is refused and told so.
        raise InvalidGrantError(cause="the token is another client's")
