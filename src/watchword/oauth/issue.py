"""Makes access tokens in the form that their client takes, with the claims of RFC 9068 §2.2."""

from __future__ import annotations

import msgspec

from watchword.credentials.access_token import (
    AccessClaims,
    AccessTokens,
    ActingParty,
    Confirmation,
    IssuerNames,
    make_jti,
)
from watchword.oauth.models import OAuthClient


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be made.

    Shapes: ``subject`` is the user's id, or the client's where it acts for itself; ``audience`` lists resources;
    ``grant_id`` is None for a token that hangs on its client alone; ``authenticated_at_s`` is when the user signed in;
    ``jkt`` binds it to a DPoP key; ``ends_at_s`` ends it earlier than the client's setting would.
    """

    subject: str
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    grant_id: str | None = None
    authenticated_at_s: int | None = None
    jkt: str | None = None
    act: ActingParty | None = None
    ends_at_s: int | None = None


class IssuedAccessToken(msgspec.Struct, frozen=True):
    """An access token just made."""

    text: str
    claims: AccessClaims

    @property
    def expires_in(self) -> int:
        """Its life in seconds."""
        return self.claims.exp - self.claims.iat

    def __repr__(self) -> str:
        return "IssuedAccessToken()"


class TokenIssuer:
    """Makes access tokens; a signed one needs no row, an opaque one is stored as its hash."""

    def __init__(self, tokens: AccessTokens, names: IssuerNames) -> None:
        self._tokens = tokens
        self._names = names

    async def make(self, client: OAuthClient, wanted: Wanted, *, now_ms: int) -> IssuedAccessToken:
        """Make a token.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        claims = self._claims(client, wanted, now_ms // 1000)
        settings = client.settings
        if settings.token_format == "jwt":  # noqa: S105 - the name of a form
            text = await self._tokens.sign(
                client.tenant_id, claims, algorithm=settings.signing_algorithm, now_ms=now_ms
            )
            return IssuedAccessToken(text, claims)
        return IssuedAccessToken(await self._tokens.store(claims, now_ms=now_ms), claims)

    def _claims(self, client: OAuthClient, wanted: Wanted, now_s: int) -> AccessClaims:
        ends_at_s = now_s + client.settings.access_ttl_seconds
        return AccessClaims(
            iss=self._names.issuer(client.tenant_slug),
            sub=wanted.subject,
            aud=wanted.audience,
            client_id=client.id,
            jti=make_jti(),
            iat=now_s,
            exp=ends_at_s if wanted.ends_at_s is None else min(ends_at_s, wanted.ends_at_s),
            scope=" ".join(wanted.scopes),
            mode=client.mode,
            grant=wanted.grant_id,
            auth_time=wanted.authenticated_at_s,
            cnf=None if wanted.jkt is None else Confirmation(jkt=wanted.jkt),
            act=wanted.act,
        )
