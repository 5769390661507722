"""The tokens that hang on a user's grant: access token, refresh token, ID token; whichever way the grant came about."""

from __future__ import annotations

from watchword.credentials.refresh_token import RefreshTokens
from watchword.db.database import Database, Transaction
from watchword.oauth.claims import OPENID
from watchword.oauth.grant import GrantContext
from watchword.oauth.id_token import IdTokens
from watchword.oauth.issue import TokenIssuer, Wanted
from watchword.oauth.models import OAuthClient, StoredGrant, TokenAnswer
from watchword.oauth_errors import InvalidGrantError
from watchword.users.queries import find_user


class GrantTokens:
    """Makes the tokens of a grant."""

    def __init__(
        self, database: Database, *, issuer: TokenIssuer, refresh_tokens: RefreshTokens, id_tokens: IdTokens
    ) -> None:
        self._database = database
        self._issuer = issuer
        self._refresh_tokens = refresh_tokens
        self._id_tokens = id_tokens

    async def begin_refresh(
        self, tx: Transaction, client: OAuthClient, grant: StoredGrant, context: GrantContext
    ) -> str | None:
        """Store the grant's first refresh token and return it; None for a client that may not refresh."""
        if "refresh_token" not in client.grants:
            return None
        return await self._refresh_tokens.begin(
            tx,
            grant_id=grant.id,
            client_id=client.id,
            # A public client proves nothing of itself, so its token is held to the key (RFC 9449 §5).
            jkt=context.jkt if client.kind == "public" else None,
            expires_at_ms=refresh_end_ms(client, grant, context.now_ms),
            now_ms=context.now_ms,
        )

    async def answer(
        self,
        client: OAuthClient,
        grant: StoredGrant,
        context: GrantContext,
        *,
        scopes: tuple[str, ...],
        audience: tuple[str, ...],
        refresh_token: str | None,
        nonce: str | None = None,
    ) -> TokenAnswer:
        """Make the access token and, where ``openid`` was allowed, the ID token, and answer with them.

        Raises:
            InvalidGrantError: the user is gone.
            UnavailableError: the database cannot be asked.
        """
        wanted = Wanted(
            subject=grant.user_id or client.id,
            scopes=scopes,
            audience=audience,
            grant_id=grant.id,
            authenticated_at_s=None if grant.authenticated_at_ms is None else grant.authenticated_at_ms // 1000,
            jkt=context.jkt,
            ends_at_s=grant.tokens_end_at_ms // 1000,
        )
        issued = await self._issuer.make(client, wanted, now_ms=context.now_ms)
        id_token = None
        if OPENID in scopes and grant.user_id is not None:
            user = await find_user(self._database, grant.user_id)
            if user is None:
                raise InvalidGrantError(cause="the user is gone")
            id_token = await self._id_tokens.make(
                client,
                user=user,
                grant=grant,
                scopes=scopes,
                nonce=nonce,
                access_token=issued.text,
                now_ms=context.now_ms,
            )
        return context.answer(issued, refresh_token=refresh_token, id_token=id_token)


def refresh_end_ms(client: OAuthClient, grant: StoredGrant, now_ms: int) -> int:
    """Return when a refresh token made now ends: it slides, up to the end of its grant."""
    return min(now_ms + client.settings.refresh_ttl_seconds * 1000, grant.expires_at_ms)
