"""The implicit grant (RFC 6749 §4.2), for old clients that an administrator gave it to: a token in the URL's fragment.

RFC 9700 §2.1.2 advises against it, so nobody has it unasked, the metadata does not offer it, each token leaves an event,
and there is never a refresh token.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.db.database import Database, Transaction
from watchword.oauth.authorization_codes import Authorized
from watchword.oauth.grants import Grants
from watchword.oauth.issue import TokenIssuer, Wanted
from watchword.oauth.models import OFFLINE_ACCESS, OAuthClient, StoredGrant
from watchword.oauth_errors import UnauthorizedClientError


class TokenResponse:
    """Answers ``response_type=token``."""

    def __init__(self, database: Database, grants: Grants, issuer: TokenIssuer, *, audit: AuditWriter) -> None:
        self._database = database
        self._grants = grants
        self._issuer = issuer
        self._audit = audit

    async def answer(self, client: OAuthClient, authorized: Authorized, now_ms: int) -> Mapping[str, str]:
        """Return an access token (RFC 6749 §4.2.2).

        Raises:
            UnauthorizedClientError: the client's tokens are bound to keys, which this way cannot prove.
            UnavailableError: the database cannot be asked.
        """
        if client.settings.dpop_bound:
            raise UnauthorizedClientError("This client may not use this response type", cause="its tokens are bound")
        scopes = tuple(scope for scope in authorized.scopes if scope != OFFLINE_ACCESS)

        async def work(tx: Transaction) -> StoredGrant:
            return await self._grants.start(
                tx,
                client,
                user_id=authorized.user_id,
                session_id=authorized.session_id,
                scopes=scopes,
                resources=authorized.resources,
                authenticated_at_ms=authorized.authenticated_at_ms,
                now_ms=now_ms,
            )

        grant = await self._database.transaction(work)
        wanted = Wanted(
            subject=authorized.user_id,
            scopes=scopes,
            audience=authorized.resources,
            grant_id=grant.id,
            authenticated_at_s=authorized.authenticated_at_ms // 1000,
            ends_at_s=grant.tokens_end_at_ms // 1000,
        )
        issued = await self._issuer.make(client, wanted, now_ms=now_ms)
        self._audit.record(
            Event.IMPLICIT_TOKEN_GIVEN,
            tenant_id=client.tenant_id,
            subject=authorized.user_id,
            credential_id=client.id,
            detail={"scope": issued.claims.scope},
            now_ms=now_ms,
        )
        return {
            "access_token": issued.text,
            "token_type": "Bearer",
            "expires_in": str(issued.expires_in),
            "scope": issued.claims.scope,
        }
