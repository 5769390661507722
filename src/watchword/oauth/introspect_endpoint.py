"""Token introspection (RFC 7662): what a presented token stands for now, told to clients of its own tenant and mode."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.callers.call import Call
from watchword.credentials.access_token import AccessProof, AccessTokens, has_access_token_shape
from watchword.credentials.refresh_token import RefreshTokens, has_refresh_token_shape
from watchword.db.database import Database
from watchword.errors import NotAuthenticatedError
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.grants import Grants
from watchword.oauth.models import IntrospectionAnswer, OAuthClient, PresentedToken
from watchword.oauth_errors import InvalidGrantError, InvalidOAuthRequestError
from watchword.wire.response import Response, written_json_response

_INACTIVE: Final = msgspec.json.encode(IntrospectionAnswer(active=False))
_TOLD: Final = "introspection"
"""Under which name the answer about a token is kept, written, beside what the token proves."""


class IntrospectEndpoint:
    """Answers the root's introspection endpoint and each tenant's."""

    def __init__(
        self,
        database: Database,
        clients: ClientAuthentication,
        grants: Grants,
        *,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
    ) -> None:
        self._database = database
        self._clients = clients
        self._grants = grants
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens

    async def answer(self, call: Call) -> Response:
        """Tell a client of a token; whatever it may not know of is inactive, as is what was never a token."""
        presented: PresentedToken = call.body
        # Anyone can name a public client, and a guessed token must not be tried here by anyone (RFC 7662 §2.1, §4).
        client = await self._clients.require_confidential_client(call, presented)
        if presented.token is None:
            raise InvalidOAuthRequestError("The parameter token is missing")
        return written_json_response(200, await self._introspect(client, presented.token, call.now_ms))

    async def _introspect(self, client: OAuthClient, token: str, now_ms: int) -> bytes:
        # Its shape says what a token is, so that the hint (RFC 7662 §2.1) is not needed.
        if has_access_token_shape(token):
            return await self._introspect_access(client, token, now_ms)
        if has_refresh_token_shape(token):
            return await self._introspect_refresh(client, token, now_ms)
        return _INACTIVE

    async def _introspect_access(self, client: OAuthClient, token: str, now_ms: int) -> bytes:
        tokens = self._access_tokens
        try:
            proof = tokens.recall(token, now_ms) or await tokens.prove(token, now_ms)
        except NotAuthenticatedError:
            return _INACTIVE
        if (proof.tenant_id, proof.mode) != (client.tenant_id, client.mode):
            return _INACTIVE
        if client.source != "administrator" and proof.client_id != client.id:
            # Who let itself in is no API of the tenant's: it must not try here what it came by (RFC 7662 §4).
            return _INACTIVE
        told = proof.derived.get(_TOLD)
        if not isinstance(told, bytes):
            told = proof.derived[_TOLD] = _tell_access(proof)
        return told

    async def _introspect_refresh(self, client: OAuthClient, token: str, now_ms: int) -> bytes:
        # To its own client alone: an API that asks about what was sent as an access token must hear no.
        stored = await self._refresh_tokens.find(self._database, token, now_ms)
        if stored is None or stored.used_at_ms is not None or stored.client_id != client.id:
            return _INACTIVE
        try:
            grant = await self._grants.get_living(self._database, client, stored.grant_id, now_ms)
        except InvalidGrantError:
            return _INACTIVE
        told = IntrospectionAnswer(
            active=True,
            scope=" ".join(grant.scopes),
            client_id=client.id,
            sub=grant.user_id,
            iat=stored.created_at_ms // 1000,
            exp=stored.expires_at_ms // 1000,
        )
        return msgspec.json.encode(told)


def _tell_access(proof: AccessProof) -> bytes:
    claims = proof.claims
    told = IntrospectionAnswer(
        active=True,
        scope=" ".join(proof.scopes),
        client_id=claims.client_id,
        token_type="Bearer" if proof.jkt is None else "DPoP",
        exp=claims.exp,
        iat=claims.iat,
        sub=claims.sub,
        aud=claims.aud,
        iss=claims.iss,
        jti=claims.jti,
        auth_time=claims.auth_time,
        cnf=claims.cnf,
        act=claims.act,
        mode="test" if claims.mode == "test" else "live",
    )
    return msgspec.json.encode(told)
