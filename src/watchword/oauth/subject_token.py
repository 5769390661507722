"""The credential that is brought to a token exchange, proved and read (RFC 8693 §2.1, §3).

A session token, an OAuth access token or a secret key. Whatever is wrong with it, the answer is the same.
"""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.access_token import (
    AccessProof,
    AccessTokens,
    ActingParty,
    has_access_token_shape,
)
from watchword.credentials.api_key import ApiKeyProver
from watchword.credentials.session_token import SessionTokens
from watchword.errors import ExpiredSessionTokenError, NotAuthenticatedError
from watchword.oauth.models import OAuthClient
from watchword.oauth_errors import InvalidOAuthRequestError

ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type, not a secret
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
"""A session token: a JWT of ours that is no OAuth access token."""

API_KEY: Final = "urn:watchword:params:oauth:token-type:api_key"
"""A secret key, for which the protocol has no name."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf a token is asked for, as the credential proves it.

    Shapes: ``sub`` names the user, client or key; ``user_id`` is None where it is no user; ``scopes`` is None when
    nothing narrows it and ``audience`` None when it is for the tenant's API; ``ends_at_s`` is None for a key without an
    end; ``act`` is who acted for it last, and before; ``subjects`` are what must live for it to live.
    """

    sub: str
    user_id: str | None
    session_id: str | None = None
    scopes: tuple[str, ...] | None = None
    audience: tuple[str, ...] | None = None
    ends_at_s: int | None = None
    authenticated_at_s: int | None = None
    jkt: str | None = None
    act: ActingParty | None = None
    subjects: tuple[str, ...] = ()


class SubjectTokens:
    """Reads the credentials of each kind."""

    def __init__(self, *, session_tokens: SessionTokens, access_tokens: AccessTokens, api_keys: ApiKeyProver) -> None:
        self._session_tokens = session_tokens
        self._access_tokens = access_tokens
        self._api_keys = api_keys

    async def read(self, client: OAuthClient, token: str, token_type: str, now_ms: int) -> Subject:
        """Prove a credential and return on whose behalf it speaks in the client's tenant.

        Raises:
            InvalidOAuthRequestError: it is of a kind that is not taken, or it proves nothing here (RFC 8693 §2.2.2).
            UnavailableError: the database cannot be asked.
        """
        try:
            if token_type == ACCESS_TOKEN:
                return await self._of_access_token(client, token, now_ms)
            if token_type == JWT:
                return await self._of_session(client, token, now_ms)
            if token_type == API_KEY:
                return await self._of_key(client, token, now_ms)
        except (NotAuthenticatedError, ExpiredSessionTokenError) as error:
            raise InvalidOAuthRequestError("The token is not accepted", cause=error.cause) from None
        raise InvalidOAuthRequestError("Tokens of this type are not taken")

    async def _of_access_token(self, client: OAuthClient, token: str, now_ms: int) -> Subject:
        if not has_access_token_shape(token):
            raise NotAuthenticatedError(reason="no access token")
        proof = await self._access_tokens.prove(token, now_ms)
        if (proof.tenant_id, proof.mode) != (client.tenant_id, client.mode):
            raise NotAuthenticatedError(reason="the access token is of another tenant or mode")
        claims = proof.claims
        return Subject(
            sub=claims.sub,
            user_id=proof.user_id,
            scopes=proof.scopes,
            audience=claims.aud,
            ends_at_s=proof.good_until_ms // 1000,
            authenticated_at_s=claims.auth_time,
            jkt=proof.jkt,
            act=_acting(proof),
            # Tenant and user stand behind the new token too, and are asked for themselves.
            subjects=tuple(one for one in proof.subjects if not one.startswith(("tenant:", "user:"))),
        )

    async def _of_session(self, client: OAuthClient, token: str, now_ms: int) -> Subject:
        if has_access_token_shape(token):
            raise NotAuthenticatedError(reason="an access token is no session")
        proof = await self._session_tokens.prove(token, now_ms)
        if not any(membership.tenant_id == client.tenant_id for membership in proof.memberships):
            raise NotAuthenticatedError(reason="the user is no member of the client's tenant")
        return Subject(
            sub=proof.user_id,
            user_id=proof.user_id,
            session_id=proof.session_id,
            ends_at_s=proof.good_until_ms // 1000,
            subjects=(f"session:{proof.session_id}",),
        )

    async def _of_key(self, client: OAuthClient, key: str, now_ms: int) -> Subject:
        proof = await self._api_keys.prove(key, now_ms)
        if (proof.kind, proof.tenant_id, proof.mode) != ("secret_key", client.tenant_id, client.mode):
            raise NotAuthenticatedError(reason="the key is publishable, or of another tenant or mode")
        if proof.allowed_networks:
            # What comes out could be sent from anywhere.
            raise NotAuthenticatedError(reason="the key is held to networks, which a token is not")
        if proof.rate_limit_per_minute is not None:
            # What comes out counts for its client, and there could be many of it.
            raise NotAuthenticatedError(reason="the key has a limit of its own, which a token has not")
        return Subject(
            sub=proof.key_id,
            user_id=None,
            scopes=proof.scopes,
            ends_at_s=None if proof.expires_at_ms is None else proof.expires_at_ms // 1000,
            jkt=proof.jkt,
            subjects=(f"key:{proof.key_id}",),
        )


def _acting(proof: AccessProof) -> ActingParty | None:
    claims = proof.claims
    if claims.act is not None or claims.sub == claims.client_id:
        return claims.act
    return ActingParty(sub=claims.client_id, client_id=claims.client_id)
