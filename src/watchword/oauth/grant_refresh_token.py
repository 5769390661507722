"""New tokens for a refresh token (RFC 6749 §6), which is used once and whose reuse ends the grant (RFC 9700 §4.14)."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.concealed import Concealed
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.refresh_queries import StoredRefreshToken
from watchword.credentials.refresh_token import RefreshTokens
from watchword.db.database import Database, Transaction
from watchword.oauth.grant import GrantContext
from watchword.oauth.grant_tokens import GrantTokens, refresh_end_ms
from watchword.oauth.grants import Grants
from watchword.oauth.models import OAuthClient, StoredGrant, TokenAnswer, TokenRequest
from watchword.oauth.resources import narrow_resources
from watchword.oauth.scopes import narrow_scopes
from watchword.oauth_errors import InvalidGrantError, InvalidOAuthRequestError


class _Refreshed(Concealed, frozen=True):
    """What the refresh token's transaction leaves to be done after it."""

    grant: StoredGrant
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    refresh_token: str | None


class RefreshTokenGrant:
    """Answers ``grant_type=refresh_token``."""

    grant_type = "refresh_token"

    def __init__(
        self,
        database: Database,
        grants: Grants,
        refresh_tokens: RefreshTokens,
        tokens: GrantTokens,
        names: IssuerNames,
        *,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._grants = grants
        self._refresh_tokens = refresh_tokens
        self._tokens = tokens
        self._names = names
        self._audit = audit

    async def answer(self, client: OAuthClient, request: TokenRequest, context: GrantContext) -> TokenAnswer:
        """Give the client new tokens of a grant, as wide as it was allowed or narrower.

        Raises:
            InvalidOAuthRequestError: there is no refresh token.
            InvalidGrantError: it is not good, not this client's, or bound to another key; used before, and then its
                whole grant has ended.
            InvalidScopeError, InvalidTargetError: more is asked for than was allowed; the token stays good.
        """
        token = _require_token(request)

        async def work(tx: Transaction) -> _Refreshed | None:
            return await self._refresh(tx, client, token, request, context)

        refreshed = await self._database.transaction(work)
        if refreshed is None:
            self._record_reuse(client, context)
            raise InvalidGrantError(cause="the refresh token was used before; its grant has ended")
        return await self._tokens.answer(
            client,
            refreshed.grant,
            context,
            scopes=refreshed.scopes,
            audience=refreshed.audience,
            refresh_token=refreshed.refresh_token,
        )

    async def _refresh(
        self, tx: Transaction, client: OAuthClient, token: str, request: TokenRequest, context: GrantContext
    ) -> _Refreshed | None:
        now_ms = context.now_ms
        stored = _require_own(await self._refresh_tokens.find(tx, token, now_ms), client, context)
        grant = await self._grants.get_living(tx, client, stored.grant_id, now_ms)
        scopes = narrow_scopes(client, grant.scopes, request.scope)
        audience = narrow_resources(self._names, client, grant.resources, request.resource)
        ends_at_ms = refresh_end_ms(client, grant, now_ms)
        if client.settings.profile == "fapi2" and stored.used_at_ms is None:
            # A confidential client's bound token gains nothing by rotation (FAPI 2.0 Security Profile §5.3.2.1).
            await self._refresh_tokens.prolong(tx, stored, ends_at_ms)
            return _Refreshed(grant, scopes, audience, None)
        successor = await self._refresh_tokens.succeed(tx, token, stored, expires_at_ms=ends_at_ms, now_ms=now_ms)
        if successor is None:
            await self._grants.end(tx, client.tenant_id, grant.id, now_ms)
            return None
        return _Refreshed(grant, scopes, audience, successor)

    def _record_reuse(self, client: OAuthClient, context: GrantContext) -> None:
        self._audit.record(
            Event.REFRESH_TOKEN_REUSED,
            tenant_id=client.tenant_id,
            subject=client.id,
            credential_id=client.id,
            address=context.address,
            now_ms=context.now_ms,
        )


def _require_token(request: TokenRequest) -> str:
    if request.refresh_token is None:
        raise InvalidOAuthRequestError("The parameter refresh_token is missing")
    return request.refresh_token


def _require_own(stored: StoredRefreshToken | None, client: OAuthClient, context: GrantContext) -> StoredRefreshToken:
    if stored is None or stored.client_id != client.id:
        raise InvalidGrantError(cause="no living refresh token of this client")
    if stored.jkt is not None and stored.jkt != context.jkt:
        raise InvalidGrantError(cause="the refresh token is bound to another DPoP key")
    return stored
